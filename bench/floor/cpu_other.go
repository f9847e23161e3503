//go:build !unix

package main

import "time"

// cpu is not known here; benches run on Linux.
func cpu() time.Duration { return 0 }
