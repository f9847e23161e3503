package main

import (
	"os"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/privilege"
)

func configIsOurs(path string) error {
	only, err := privilege.RootOnly(path)
	return oursAlone(path, only, err)
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
	return closed(list.For(acl.Windows{}.Self()), err)
}
