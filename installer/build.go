package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// stamp is the package that carries the version; the Makefile names it too.
const stamp = "github.com/assent-epm/assent/shared/version"

// shimFlags are those of the Makefile, without what debuggers need.
const shimFlags = "-std=c11 -O2 -fPIC -shared -Wall -Wextra -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now -s"

const shimFolder = "agent/intercept/sudo/shim"

// pamFlags are those of the Makefile, in the same way.
const pamFlags = "-std=c11 -O2 -fPIE -pie -Wall -Wextra -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now -s"

const pamFolder = "agent/privilege/pam"

// build compiles the programs of a product, and the plugin where it belongs to it.
func (j *job) build(p product, arch string) ([]entry, error) {
	if _, err := os.Stat(filepath.Join(j.root, "controller/console/dist/index.html")); p.console && err != nil {
		return nil, errors.New("the console was not built, make build needs node and npm for it")
	}
	var all []entry
	for _, prog := range p.programs {
		raw, err := j.compile(prog, linux, arch)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{path: "/usr/bin/" + prog.name, kind: isFile, mode: 0o755, raw: raw})
	}
	if !p.shim {
		return all, nil
	}
	raw, err := j.shim(arch)
	if err != nil {
		return nil, err
	}
	all = append(all, entry{path: pluginPath, kind: isFile, mode: 0o644, raw: raw})
	if raw, err = j.pam(arch); err != nil {
		return nil, err
	}
	return append(all, entry{path: pamPath, kind: isFile, mode: 0o755, raw: raw}), nil
}

// The systems that packages are for, by Go's names.
const (
	linux   = "linux"
	windows = "windows"
	darwin  = "darwin"
)

// programPath is where a compiled program is kept while packages are made.
func (j *job) programPath(name, system, arch string) string {
	return filepath.Join(j.work, system, arch, name)
}

func (j *job) compile(prog program, system, arch string) ([]byte, error) {
	out := j.programPath(prog.name, system, arch)
	if raw, err := os.ReadFile(out); err == nil {
		return raw, nil
	}
	flags := fmt.Sprintf("-s -w -buildid= -X %s.number=%s -X %s.commit=%s", stamp, j.version, stamp, j.commit)
	if prog.windowless && system == windows {
		flags += " -H windowsgui"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", out, "./"+prog.folder)
	cmd.Dir, cmd.Env = j.root, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	if prog.icon && system == linux {
		if err := withIcon(cmd, arch); err != nil {
			return nil, err
		}
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", prog.name, err, text)
	}
	return os.ReadFile(out)
}

// compilers of each architecture, and what brings the one of another.
func compiler(arch string) (name, brings string) {
	if arch == runtime.GOARCH {
		return "cc", "gcc libc6-dev"
	}
	if arch == "arm64" {
		return "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	}
	return "x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"
}

// shim compiles the plugin of sudo. A package without it would install an agent
// that sees no sudo, so there is none then.
func (j *job) shim(arch string) ([]byte, error) {
	header, err := sudoHeader()
	if err != nil {
		return nil, err
	}
	// Alone in a folder: the other headers beside it are of this machine.
	include := filepath.Join(j.work, "include")
	if err := errors.Join(os.MkdirAll(include, 0o755), os.WriteFile(filepath.Join(include, "sudo_plugin.h"), header, 0o644)); err != nil {
		return nil, err
	}
	return j.native("the plugin of sudo", shimFolder, arch, append(strings.Fields(shimFlags), "-isystem", include))
}

// pam compiles the program that asks PAM for passwords of a directory. It needs no
// header: PAM is looked for when it runs.
func (j *job) pam(arch string) ([]byte, error) {
	return j.native("the program that asks PAM", pamFolder, arch, strings.Fields(pamFlags), "-ldl")
}

// native compiles the C files of a folder.
func (j *job) native(what, folder, arch string, flags []string, libraries ...string) ([]byte, error) {
	cc, brings := compiler(arch)
	if _, err := exec.LookPath(cc); err != nil {
		return nil, fmt.Errorf("%s needs the C compiler %s (Debian/Ubuntu: apt-get install %s)", what, cc, brings)
	}
	sources, err := filepath.Glob(filepath.Join(j.root, folder, "*.c"))
	if err != nil || len(sources) == 0 {
		return nil, fmt.Errorf("there is no source of %s in %s: %w", what, folder, errors.Join(err, os.ErrNotExist))
	}
	out := filepath.Join(j.work, arch+"-"+filepath.Base(folder))
	args := slices.Concat(flags, []string{"-ffile-prefix-map=" + j.root + "=.", "-o", out}, sources, libraries)
	if text, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile %s with %s (Debian/Ubuntu: apt-get install %s): %w\n%s", what, cc, brings, err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	if err := checkMachine(raw, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return raw, nil
}

func sudoHeader() ([]byte, error) {
	for _, path := range []string{"/usr/include/sudo_plugin.h", "/usr/local/include/sudo_plugin.h"} {
		if raw, err := os.ReadFile(path); err == nil {
			return raw, nil
		}
	}
	return nil, errors.New("the plugin of sudo needs sudo_plugin.h (Debian/Ubuntu: apt-get install sudo)")
}

// checkMachine makes sure that a file is for an architecture: a plugin of another
// one would leave sudo unusable. Programs are position independent, too.
func checkMachine(raw []byte, arch string) error {
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read what was compiled: %w", err)
	}
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if f.Machine != want || f.Type != elf.ET_DYN {
		return fmt.Errorf("it is for %s, not for %s", f.Machine, arch)
	}
	return nil
}
