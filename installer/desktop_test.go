package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// trayProgram is the tray as packages have it.
func trayProgram(t *testing.T, j *job) []byte {
	t.Helper()
	if exec.Command("pkg-config", "--exists", "ayatana-appindicator3-0.1", "gtk+-3.0").Run() != nil {
		t.Skip("needs libayatana-appindicator3-dev and libgtk-3-dev")
	}
	raw, err := j.compile(desktop().programs[0], linux, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestD3TrayLibraries: what the tray is linked with comes with the packages that
// its own names, and with what those can not be without; the C library is named in
// the version that it needs.
func TestD3TrayLibraries(t *testing.T) {
	j := testJob(t, "1.2.3")
	raw := trayProgram(t, j)
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil || !slices.Contains(libraries, "libgtk-3.so.0") || !slices.Contains(libraries, "libayatana-appindicator3.so.1") {
		t.Fatalf("%v %v", libraries, err)
	}
	for _, library := range libraries {
		if !slices.Contains(strings.Fields("libgtk-3.so.0 libayatana-appindicator3.so.1 libgobject-2.0.so.0 libglib-2.0.so.0 libgio-2.0.so.0 libc.so.6 libpthread.so.0"), library) {
			t.Errorf("nothing brings %s", library)
		}
	}
	if sections := f.Section(".debug_info"); sections != nil || bytes.Contains(raw, []byte(j.work)) {
		t.Error("it carries what is of the machine that built it")
	}
	p, err := desktop().linked([]entry{{path: "/usr/bin/assent-tray", raw: raw}})
	if err != nil {
		t.Fatal(err)
	}
	deb, rpm := strings.Join(j.needed(p, "deb"), ", "), strings.Join(j.needed(p, "rpm"), ", ")
	if !strings.Contains(deb, "assent-agent (= 1.2.3)") || !strings.Contains(deb, "libc6 (>= 2.") || !strings.Contains(rpm, "assent-agent = 1.2.3-1") || !strings.Contains(rpm, "libc.so.6(GLIBC_2.") {
		t.Errorf("%s\n%s", deb, rpm)
	}
	if len(desktop().needs["deb"]) == len(p.needs["deb"]) {
		t.Error("the C library is not named")
	}
	for _, wrong := range [][]byte{nil, []byte("#!/bin/sh\n")} {
		if _, err := desktop().linked([]entry{{path: "/usr/bin/assent-tray", raw: wrong}}); err == nil {
			t.Errorf("%q is taken for a program", wrong)
		}
	}
}

// TestD3TraySameBytes: a program that C is part of is the same each time, too.
func TestD3TraySameBytes(t *testing.T) {
	first, second := trayProgram(t, testJob(t, "1.2.3")), trayProgram(t, testJob(t, "1.2.3"))
	if !bytes.Equal(first, second) {
		t.Error("the tray differs from build to build")
	}
}

// TestD3TrayForeign: there is no tray for an architecture whose desktop is not
// here; a line says so, and the other packages are made.
func TestD3TrayForeign(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	j := testJob(t, "1.2.3")
	if _, err := j.compile(desktop().programs[0], linux, other); !errors.Is(err, errForeign) {
		t.Errorf("%v", err)
	}
	trayProgram(t, j)
	var said bytes.Buffer
	j.say, j.arches, j.formats = &said, []string{other}, []string{"deb"}
	if made, err := j.product(desktop()); err != nil || len(made) != 0 || !strings.Contains(said.String(), "not made: assent-tray for "+other) {
		t.Errorf("%v %v %s", made, err, said.String())
	}
	if left, err := os.ReadDir(j.out); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
	if _, err := os.Stat(filepath.Join("..", desktop().files[0].from)); err != nil {
		t.Error(err)
	}
}
