package main

import (
	"fmt"
	"os"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/privilege"
)

// configIsOurs refuses a configuration that others than administrators can change:
// everybody may make folders in C:\ProgramData, and the file is read before the
// folder is claimed.
func configIsOurs(path string) error {
	only, err := privilege.RootOnly(path)
	if err != nil {
		return fmt.Errorf("look whose %s is: %w", path, err)
	}
	if !only {
		return hinted{fmt.Errorf("%s can be changed by others than administrators", path), "look who made it, and take their rights off the file and its folder"}
	}
	return nil
}

// closeFile is what takes others' rights off a file: those of the system and of
// administrators stay.
func closeFile(name string) string {
	return `icacls "` + name + `" /inheritance:r /grant:r *S-1-5-18:F *S-1-5-32-544:F`
}

// readAlone reports whether nobody but the system and administrators can do anything
// with a file.
func readAlone(f *os.File) (bool, error) {
	list, err := acl.Of(f.Name())
	return err == nil && list.For(acl.Windows{}.Self()).Exclusive(), err
}
