//go:build race

package testgroup

// Race reports whether this test was built with the race detector.
const Race = true
