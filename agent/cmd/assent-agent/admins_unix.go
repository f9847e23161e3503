//go:build !windows

package main

import (
	"errors"
	"os"
)

// mayGiveBack refuses whoever is not root.
func mayGiveBack() error {
	if os.Geteuid() != 0 {
		return hinted{errors.New("standing rights are given back by root"), "run it as root"}
	}
	return nil
}
