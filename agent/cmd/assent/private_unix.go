//go:build unix

package main

import (
	"os"
	"syscall"
)

// private reports whether a folder is the user's own and nobody else's.
func private(dir string, uid int) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}
