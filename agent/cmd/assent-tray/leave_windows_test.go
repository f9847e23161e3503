package main

import (
	"testing"

	"golang.org/x/sys/windows"
)

// TestLogOffIsTaken: Windows takes the call from a program without any privilege.
// The Wine of tests has no screen, so no window is there that it could close: what a
// real Windows closes, and what keeps unsaved work open, can not be shown here.
func TestLogOffIsTaken(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("only under Wine: a real Windows would log off whoever tests")
	}
	if err := logOff()(); err != nil {
		t.Error(err)
	}
}
