package main

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// logOff ends the session of this process, which is the person's own: Windows lets
// nobody name another one here, and wants no privilege for it. A program with unsaved
// work may still keep the session.
func logOff() func() error {
	return func() error {
		const planned = 0x80000000 // SHTDN_REASON_FLAG_PLANNED; the kind is other
		if err := windows.ExitWindowsEx(windows.EWX_LOGOFF, planned); err != nil {
			return fmt.Errorf("log off: %w", err)
		}
		return nil
	}
}
