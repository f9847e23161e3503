package local

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// Caller is the program that asks, as the kernel knows it.
type Caller struct {
	PID     int
	Started uint64 // in clock ticks since boot
	User    string // see elevation.User's UID
	Session uint32 // Windows: where they sit
}

// Opened says what came of a session.
type Opened struct {
	Request  elevation.RequestID `json:"request"`
	Until    time.Time           `json:"until"`
	Terminal bool                `json:"terminal"` // of the caller; otherwise the job that the caller becomes
}

// Sessions puts into force what is for no one program. After an error nothing is,
// and the permit is given back or used up.
type Sessions interface {
	OpenSession(ctx context.Context, permit intercept.Permit, caller Caller) (Opened, error)
	// MayBecome says why a user can not be made administrator, before anybody is asked.
	MayBecome(ctx context.Context, user string) error
	// AdminWay is how somebody is administrator on this system.
	AdminWay() privilege.AdminWay
	// Admin makes the caller's user administrator and starts their login shell, or
	// what is in the window of an administrator.
	Admin(ctx context.Context, permit intercept.Permit, caller Caller, spec privilege.Spec, say func(string)) (*privilege.Running, error)
	// AdminHere makes the caller's user administrator in their terminal.
	AdminHere(ctx context.Context, permit intercept.Permit, caller Caller) (Opened, error)
	// SessionOf finds the session in force in which a process of a user is, "" = in
	// none; Admit lets one command through inside of it, unless a rule denies it.
	SessionOf(user string, pid int, started uint64) elevation.GrantID
	Admit(ctx context.Context, id elevation.GrantID, attempt elevation.Attempt) (intercept.Permit, error)
}

// Session is one `assent session` or, with Admin, one `assent admin`. Run with it
// returns [SessionOpen] with what was opened.
type Session struct {
	Admin bool
	Job   []string // the command line that the session is for, none for the terminal
}

// FindOwn finds a program as a person's own shell would.
func FindOwn(command string) (string, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "windows" { // what is a program is told by its name
		return findTyped(command, cwd, os.Getenv("PATH"), os.Getenv("PATHEXT"))
	}
	return intercept.Find(command, cwd, os.Getenv("PATH"))
}

// usualPrograms are the endings of programs of Windows where the person's own list of
// them is not known.
const usualPrograms = ".COM;.EXE;.BAT;.CMD"

// findTyped finds a program of Windows as it is typed, with its ending or without, in
// the folders of a search path. The present folder is none of them, unlike in cmd:
// what lies around in it is not what somebody means.
func findTyped(command, cwd, path, endings string) (string, error) {
	known := strings.Split(strings.ToLower(cmp.Or(endings, usualPrograms)), ";")
	try := func(dir string) (string, bool) {
		for _, ending := range append([]string{""}, known...) {
			at := filepath.Join(dir, command) + ending
			if filepath.IsAbs(command) {
				at = command + ending
			}
			info, err := os.Stat(at)
			if err == nil && info.Mode().IsRegular() && slices.Contains(known, strings.ToLower(filepath.Ext(at))) {
				return at, true
			}
		}
		return "", false
	}
	dirs := []string{cwd}
	if !strings.ContainsAny(command, `\/`) {
		dirs = filepath.SplitList(path)
	}
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) || command == "" {
			continue
		}
		if at, ok := try(dir); ok {
			return at, nil
		}
	}
	return "", fmt.Errorf("%w: %s", intercept.ErrNoProgram, command)
}
