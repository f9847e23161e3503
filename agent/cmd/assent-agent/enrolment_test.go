package main

import (
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// A profile may say more than we ask it, but what it says to us is text.
func TestReadProfile(t *testing.T) {
	for name, c := range map[string]struct {
		keys map[string]any
		want leftover
		ok   bool
	}{
		"all":            {map[string]any{"ControllerURL": " https://c ", "EnrollToken": "asn1_x", "Labels": "a=b", "Other": int64(1)}, leftover{"https://c", "asn1_x", "a=b"}, true},
		"nothing of us":  {map[string]any{"Other": "x"}, leftover{}, true},
		"another type":   {map[string]any{"EnrollToken": int64(1)}, leftover{}, false},
		"a list of URLs": {map[string]any{"ControllerURL": []any{"https://c"}}, leftover{}, false},
	} {
		raw, err := mactool.WritePlist(c.keys)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readProfile(raw); got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if _, err := readProfile([]byte("bplist00")); err == nil {
		t.Error("what is no list is read")
	}
}
