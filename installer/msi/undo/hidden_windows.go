package main

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// hidden starts a program without a console.
func hidden() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}
