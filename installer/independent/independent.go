// Package independent reads packages with programs that others wrote, for tests: what
// dpkg, rpm, msitools, bsdtar and 7z say of a package does not follow from the code
// that made it. It keeps what they say in golden files, so that a change of a package
// is one that somebody has looked at. It knows nothing of any format.
package independent

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Needs skips a test where a program of others is missing; brings says what has it.
// No part of the build wants these.
func Needs(t testing.TB, brings string, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s (Debian/Ubuntu: %s)", name, brings)
		}
	}
}

// Says is what a program prints, run in a folder, in one language and at one time of
// the world. One that fails, or that has nothing to say, fails the test: two empty
// listings would be the same.
func Says(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	out := run(t, dir, name, args...)
	if len(bytes.TrimSpace(out)) == 0 {
		t.Fatalf("%s %v says nothing", name, args)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// Does is Says of a program that may be silent, such as one that unpacks.
func Does(t testing.TB, dir, name string, args ...string) {
	t.Helper()
	run(t, dir, name, args...)
}

func run(t testing.TB, dir, name string, args ...string) []byte {
	t.Helper()
	var said, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &errs
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, &said, &errs)
	}
	return said.Bytes()
}

// Golden holds a text against a file below testdata, or writes it anew.
func Golden(t testing.TB, update bool, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is another; look at it, then go test with -update rewrites it:\n%s", path, got)
	}
}
