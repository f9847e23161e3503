package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// errForeign says that a program of the desktop can not be linked for another
// architecture: that needs its whole desktop here.
var errForeign = errors.New("it is linked with libraries of the desktop, which are here for " + runtime.GOARCH + " alone")

// withIcon has a program linked with the libraries that show an icon.
func withIcon(cmd *exec.Cmd, arch string) error {
	if arch != runtime.GOARCH {
		return errForeign
	}
	if err := exec.Command("pkg-config", "--exists", "ayatana-appindicator3-0.1", "gtk+-3.0").Run(); err != nil {
		return errors.New("the icon needs a C compiler and libraries of the desktop (Debian/Ubuntu: apt-get install gcc pkg-config libayatana-appindicator3-dev libgtk-3-dev)")
	}
	at := slices.Index(cmd.Args, "-ldflags") + 1
	cmd.Args[at] += " -linkmode=external -extldflags '-Wl,--build-id=none -Wl,--as-needed -Wl,-z,relro,-z,now'"
	cmd.Args = slices.Insert(cmd.Args, at+1, "-tags", "tray")
	cmd.Env = append(cmd.Env, "CGO_ENABLED=1", "CGO_CFLAGS=-O2", "CGO_LDFLAGS=-O2")
	return nil
}

// libc is what a program needs of the C library, by the names of a format.
func libc(raw []byte, format string) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return "", fmt.Errorf("read what was compiled: %w", err)
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return "", fmt.Errorf("read what it needs: %w", err)
	}
	newest := 0
	for _, s := range symbols {
		text, ok := strings.CutPrefix(s.Version, "GLIBC_2.")
		if n, err := strconv.Atoi(text); ok && err == nil {
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return "", errors.New("it names no version of the C library")
	}
	if format == "rpm" {
		return fmt.Sprintf("libc.so.6(GLIBC_2.%d)(64bit)", newest), nil
	}
	return fmt.Sprintf("libc6 (>= 2.%d)", newest), nil
}

// linked is a product that also needs the C library that its programs were linked
// with.
func (p product) linked(built []entry) (product, error) {
	for _, prog := range p.programs {
		at := slices.IndexFunc(built, func(e entry) bool { return e.path == "/usr/bin/"+prog.name })
		if !prog.icon || at < 0 {
			continue
		}
		needs := map[string][]string{}
		for format, list := range p.needs {
			need, err := libc(built[at].raw, format)
			if err != nil {
				return p, fmt.Errorf("%s: %w", prog.name, err)
			}
			needs[format] = append(slices.Clone(list), need)
		}
		p.needs = needs
	}
	return p, nil
}

// needed are what a package needs, with its own version where that is named.
func (j *job) needed(p product, format string) []string {
	version := packageVersion(j.version)
	if r := release(format); r != "" {
		version += "-" + r
	}
	var out []string
	for _, need := range p.needs[format] {
		out = append(out, strings.ReplaceAll(need, "{{version}}", version))
	}
	return out
}
