package main

import "github.com/assent-epm/assent/agent/keep"

// reaperProgram is what the reaper is run from: a copy, because Windows replaces no
// program that runs, and the reaper goes on through an upgrade.
func reaperProgram(set *settings, own string) (string, error) { return keep.Program(set.data, own) }
