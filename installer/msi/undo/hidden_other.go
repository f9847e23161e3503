//go:build !windows

package main

import "syscall"

func hidden() *syscall.SysProcAttr { return nil }

func forget() error { return nil }
