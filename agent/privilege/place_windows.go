package privilege

import (
	"strings"

	"golang.org/x/sys/windows"
)

func resolve(path string) (real string, only bool, err error) {
	return resolveWindows(windowsFiles{}, path)
}

// ownedByRoot reports whether only the system and administrators can change what
// has the path.
func ownedByRoot(path string) (bool, error) { return privilegedAlone(windowsFiles{}, path, false) }

func rootOnly(path string) (bool, error) { return privilegedPlace(windowsFiles{}, path) }

// openFor opens a file or folder that is there, following links.
func openFor(path string, access, share, flags uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	return windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, flags, 0)
}

// finalPath is where an open file really is, as people write it.
func finalPath(h windows.Handle) (string, error) {
	buf := make([]uint16, 1024)
	for {
		n, err := windows.GetFinalPathNameByHandle(h, &buf[0], uint32(len(buf)), 0)
		if err != nil {
			return "", err
		}
		if int(n) < len(buf) {
			return strings.TrimPrefix(windows.UTF16ToString(buf[:n]), `\\?\`), nil
		}
		buf = make([]uint16, n+1)
	}
}
