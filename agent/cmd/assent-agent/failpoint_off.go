//go:build !failpoints

package main

// failPoint is where crash tests stop the agent; a release has none.
var failPoint func(step string)
