package main

import (
	"os/exec"
	"syscall"
)

// withParent ends a program also when this process is killed.
func withParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
