package local

import "syscall"

// sudoPath is the external program.
const sudoPath = "/usr/bin/sudo"

// ownSudo is that of macOS.
func ownSudo() sudoer { return sudoer{path: sudoPath, become: syscall.Exec} }
