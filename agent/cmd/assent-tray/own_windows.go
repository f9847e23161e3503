package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

const usualRuntime = `C:\ProgramData\Assent\run`

// errNoSockets is how a Windows before 2018 says that it has no sockets in folders.
const errNoSockets = windows.WSAEAFNOSUPPORT

// fromMenu is how a request by the verb came here: by the menu of the Explorer.
const fromMenu = true

// ownFolder is a folder that is this person's alone: Windows lets nobody else into
// a profile.
func ownFolder() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder of your own: %w", err)
	}
	return filepath.Join(dir, "Assent"), nil
}

func private(string) error { return nil }

// same: whoever can open the socket is in the folder of this person.
func same(net.Conn) bool { return true }

// hold takes a lock until it is closed or the program ends: nobody else may open
// the file meanwhile.
func hold(path string) (io.Closer, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// apart: this program is built without a console.
func apart() (bool, int) { return false, 0 }
