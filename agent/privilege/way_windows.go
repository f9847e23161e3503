package privilege

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Way is how somebody is administrator on this system.
const Way = AdminConsole

// Console is the program that is opened in the window of an administrator.
func Console() (path string, args []string, err error) {
	root, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return "", nil, fmt.Errorf("find the system's folder: %w", err)
	}
	path, args = consoleBelow(root)
	return path, args, nil
}
