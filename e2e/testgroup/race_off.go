//go:build !race

package testgroup

// Race reports whether this test was built with the race detector. A search that
// is eight times as slow with it does little there; `make test` runs all of it
// in a pass without (e2e/cmd/testall/wide.go).
const Race = false
