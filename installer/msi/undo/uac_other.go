//go:build !windows

package main

// nowhere is the policy of a system that has none.
type nowhere struct{}

func uac() policy { return nowhere{} }

func (nowhere) changed() (*uint32, bool, error) { return nil, false, nil }
func (nowhere) now() (*uint32, error)           { return nil, nil }
func (nowhere) set(*uint32) error               { return nil }
func (nowhere) forget() error                   { return nil }
