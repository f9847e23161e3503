package acl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// contract is what every machine does. lists says that it keeps them: Wine has the
// modes of the system below in their place.
func contract(t *testing.T, sys System, lists bool) {
	t.Helper()
	if sys.Self() == "" {
		t.Error("it is nobody")
	}
	path := filepath.Join(t.TempDir(), "Assent")
	if _, err := sys.List(path); err == nil {
		t.Error("what is not there has a list")
	}
	if sys.Set(path, true) == nil {
		t.Error("what is not there was given one")
	}
	if err := sys.Make(path); err != nil {
		t.Fatal(err)
	}
	if err := sys.Make(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if err := sys.Make(filepath.Join(path, "none", "below")); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("below nothing: %v", err)
	}
	is := func(what, at string, secret bool) {
		t.Helper()
		l, err := sys.List(at)
		if err != nil || l.Owner == "" || l.Missing {
			t.Errorf("%s: %+v, %v", what, l, err)
		}
		if lists && l.secret() != secret {
			t.Errorf("%s: %+v", what, l)
		}
	}
	is("a new folder", path, true)
	file := filepath.Join(path, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	is("a new file", file, false)
	for _, protected := range []bool{false, true} {
		for _, at := range []string{path, file} {
			if err := sys.Set(at, protected); err != nil {
				t.Fatal(err)
			}
			is("set", at, protected)
		}
	}
	below := filepath.Join(path, "run", "below")
	if err := errors.Join(os.Mkdir(filepath.Dir(below), 0o700), os.WriteFile(below, nil, 0o600), sys.Set(path, false)); err != nil {
		t.Fatal(err)
	}
	if err := Claim(sys, path); err != nil {
		t.Error(err)
	}
	for _, at := range []string{path, file, filepath.Dir(below), below} {
		is("claimed", at, true)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "kept" {
		t.Errorf("%q, %v", raw, err)
	}
}
