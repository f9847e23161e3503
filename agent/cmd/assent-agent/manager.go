package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/shared/rules"
)

// What the service decides on Windows and macOS; run_windows.go and os_*.go have the calls.

// manager is the program of the service manager.
const manager = "services.exe"

// byManager reports whether the program that started this one has the name of the
// service manager. The manager itself is asked next, so a name alone makes nothing a
// service; where nothing is known, it is asked as well. In which session this is says
// nothing certain about it.
func byManager(parent string, err error) bool {
	return err != nil || strings.EqualFold(parent, manager)
}

// Kinds of events of power that a service of Windows is told (PBT_APM…).
const (
	resumeCritical  = 0x06 // it had no power
	resumeByPerson  = 0x07
	powerChanged    = 0x0a
	resumeAutomatic = 0x12
)

// resumes reports whether an event of power says that the machine has slept.
func resumes(kind uint32) bool {
	return kind == resumeCritical || kind == resumeByPerson || kind == resumeAutomatic
}

// administrator refuses whoever can not do what the agent does: who is no
// administrator, or is one only when they are asked.
func administrator(is bool, err error) error {
	if is && err == nil {
		return nil
	}
	return hinted{errors.Join(errors.New("the agent needs the rights of an administrator"), err), "run it as administrator, or install the service"}
}

// asRoot refuses whoever can not do what the agent does on macOS.
func asRoot(uid int) error {
	if uid != 0 {
		return hinted{errors.New("the agent needs root"), "run it as root, or install the service"}
	}
	return nil
}

// oursAlone refuses a configuration that others than administrators can change:
// everybody may make folders in C:\ProgramData, and the file is read before the
// folder is claimed.
func oursAlone(path string, only bool, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("look whose %s is: %w", path, err)
	case !only:
		return hinted{fmt.Errorf("%s can be changed by others than administrators", path), "look who made it, and take their rights off the file and its folder"}
	}
	return nil
}

// closed reports whether nobody but the system and administrators can do anything
// with what has the list.
func closed(list acl.List, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	return list.Exclusive(), nil
}

// confirms is what an endpoint can do whose people can show who they are.
func confirms(possible bool) []string {
	if !possible {
		return nil
	}
	return []string{rules.CanConfirm}
}
