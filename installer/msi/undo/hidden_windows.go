package main

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// hidden starts a program without a console.
func hidden() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}

// forget removes what the package left for an enrolment that never came.
func forget() error { return remove(`SOFTWARE\Assent\Enroll`) }
