package privilege

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Way is how somebody is administrator on this system.
const Way = AdminConsole

// Console is the program that is opened in the window of an administrator. It is
// the system's oldest shell, as it can be told (/d) not to run what the registry of
// the person, who could write there before, wants run with it; PowerShell reads
// files of theirs.
func Console() (path string, args []string, err error) {
	root, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return "", nil, fmt.Errorf("find the system's folder: %w", err)
	}
	return root + `\System32\cmd.exe`, []string{"/d", "/k", "title", "Administrator", "for", "a", "while", "-", "Assent"}, nil
}
