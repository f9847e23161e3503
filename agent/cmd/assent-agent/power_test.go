package main

import "testing"

func TestResumes(t *testing.T) {
	for kind, want := range map[uint32]bool{0: false, 4: false, resumeCritical: true, resumeByPerson: true, powerChanged: false, resumeAutomatic: true, 0x8013: false} {
		if resumes(kind) != want {
			t.Errorf("event %#x: %v", kind, !want)
		}
	}
}
