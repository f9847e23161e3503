//go:build failpoints

package main

import (
	"os"
	"syscall"
)

// failPoint kills this process the hard way at the step that ASSENT_FAIL names,
// if the file named by ASSENT_FAIL_ONCE is still there: a restarted agent goes on.
func failPoint(step string) {
	if step != os.Getenv("ASSENT_FAIL") {
		return
	}
	if os.Remove(os.Getenv("ASSENT_FAIL_ONCE")) != nil {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
