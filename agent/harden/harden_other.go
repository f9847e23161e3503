//go:build !windows

package harden

func process() error { return nil }
