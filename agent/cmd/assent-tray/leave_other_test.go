//go:build !windows

package main

import "testing"

// Nothing is offered where no log-on keeps rights that are over.
func TestNobodyIsLoggedOffElsewhere(t *testing.T) {
	if logOff() != nil {
		t.Error("logging off is offered on this system")
	}
}
