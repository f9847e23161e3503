//go:build !windows

package main

import "syscall"

func hidden() *syscall.SysProcAttr { return nil }
