//go:build !windows

package main

import "io/fs"

// machine has no registry.
type machine struct{}

func (machine) read(string, string) (uint32, bool, error) { return 0, false, fs.ErrNotExist }
func (machine) write(string, string, uint32) error        { return fs.ErrNotExist }
func (machine) drop(string, string) error                 { return fs.ErrNotExist }
func (machine) remove(string) error                       { return fs.ErrNotExist }
