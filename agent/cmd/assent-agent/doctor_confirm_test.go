package main

import (
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestConfirmCheck(t *testing.T) {
	if c := confirmCheck(false); c.Level != checkFail || c.Hint == "" {
		t.Errorf("no way to check: %+v", c)
	}
	if c := confirmCheck(true); c.Level != checkOK {
		t.Errorf("a way: %+v", c)
	}
	set := &settings{data: t.TempDir()}
	for confirm, want := range map[elevation.Confirm]int{elevation.ConfirmNone: 0, elevation.ConfirmPasskey: 0, elevation.ConfirmPassword: 1} {
		if err := keep.Write(filepath.Join(set.data, "policy"), elevation.Policy{Confirm: string(confirm)}); err != nil {
			t.Fatal(err)
		}
		if all := lookAtConfirm(t.Context(), set, file{}); len(all) != want {
			t.Errorf("%s: %+v", confirm, all)
		}
	}
}
