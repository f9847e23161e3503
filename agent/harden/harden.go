// Package harden makes a process of ours less easy to lead astray, before it does
// anything else: on Windows libraries are then loaded from the system's folder
// alone, not from beside the program, the folder that it was started in or PATH.
// On other systems nothing is needed: our programs are static. It decides nothing
// and can be called by every program.
package harden

// Process is the first call of main. An error means that it is as it was.
func Process() error { return process() }
