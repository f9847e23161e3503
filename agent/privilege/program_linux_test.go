package privilege

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// userFolder is a folder that users could write: its parents are not root's
// alone.
func userFolder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := RootOnly(dir); ok || err != nil {
		t.Skipf("the folder for tests is root's alone: %s, %v", dir, err)
	}
	return dir
}

// rootFolder is a folder that only root can write.
func rootFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/lib", "assent-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if ok, err := RootOnly(dir); !ok || err != nil {
		t.Skipf("%s is not root's alone: %v", dir, err)
	}
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestProgramsInUserFolders(t *testing.T) {
	trees := newTrees(t)
	dir, stage := userFolder(t), rootFolder(t)
	elfFile, script, other := filepath.Join(dir, "prog"), filepath.Join(dir, "script"), filepath.Join(dir, "other")
	write(t, elfFile, contentOf(t, "/bin/echo"))
	write(t, script, []byte("#!/bin/sh\necho \"$0\" \"$@\"\n"))
	write(t, other, []byte("echo hello\n"))

	t.Run("an ELF program runs from memory", func(t *testing.T) {
		s, out := spec(t, elfFile, "a")
		if text, code := run(t, trees, s, out); text != "a\n" || code != 0 {
			t.Errorf("wrote %q, exit %d", text, code)
		}
	})
	t.Run("as another user", func(t *testing.T) {
		s, out := spec(t, elfFile, "a")
		s.RunAs = asker()
		if text, code := run(t, trees, s, out); text != "a\n" || code != 0 {
			t.Errorf("wrote %q, exit %d", text, code)
		}
	})
	t.Run("a script runs from a copy", func(t *testing.T) {
		s, out := spec(t, script, "a")
		s.StageDir = stage
		want := filepath.Join(StagePath(stage, s.Grant), "script") + " a\n"
		if text, code := run(t, trees, s, out); text != want || code != 0 {
			t.Errorf("wrote %q, exit %d, want %q", text, code, want)
		}
	})
	t.Run("a script without a place for a copy", func(t *testing.T) {
		s, out := spec(t, script)
		refused(t, trees, s, out, ErrUnsafe)
	})
	t.Run("a place for copies that users can write", func(t *testing.T) {
		s, out := spec(t, script)
		s.StageDir = dir
		refused(t, trees, s, out, ErrUnsafe)
	})
	t.Run("neither program nor script", func(t *testing.T) {
		s, out := spec(t, other)
		s.StageDir = stage
		refused(t, trees, s, out, ErrUnsafe)
	})
	t.Run("a refused script leaves no copy", func(t *testing.T) {
		s, out := spec(t, script)
		s.StageDir, s.SHA256 = stage, digest(t, elfFile)
		refused(t, trees, s, out, ErrChanged)
		if _, err := os.Stat(StagePath(stage, s.Grant)); !errors.Is(err, os.ErrNotExist) {
			t.Error("a copy is left")
		}
	})
}

func TestAChangedProgramIsRefused(t *testing.T) {
	trees := newTrees(t)
	good, evil := contentOf(t, "/bin/echo"), contentOf(t, "/bin/true")
	for name, change := range map[string]func(t *testing.T, dir, file string){
		"rewritten in place": func(t *testing.T, _, file string) { write(t, file, evil) },
		"one byte":           func(t *testing.T, _, file string) { write(t, file, append(good[:len(good)-1:len(good)-1], 'x')) },
		"one byte more":      func(t *testing.T, _, file string) { write(t, file, append(good[:len(good):len(good)], 0)) },
		"renamed over": func(t *testing.T, dir, file string) {
			write(t, file+".new", evil)
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		},
		"a link in its place": func(t *testing.T, _, file string) {
			if err := errors.Join(os.Rename(file, file+".old"), os.Symlink(file+".old", file)); err != nil {
				t.Fatal(err)
			}
		},
		"its folder swapped": func(t *testing.T, dir, file string) {
			if err := errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755)); err != nil {
				t.Fatal(err)
			}
			write(t, file, evil)
		},
		"a link in its folder's place": func(t *testing.T, dir, _ string) {
			if err := errors.Join(os.Rename(dir, dir+".old"), os.Symlink(dir+".old", dir)); err != nil {
				t.Fatal(err)
			}
		},
		"a hard link to another file": func(t *testing.T, dir, file string) {
			write(t, file+".x", evil)
			if err := errors.Join(os.Remove(file), os.Link(file+".x", file)); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, _, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(userFolder(t), "d")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "prog")
			write(t, file, good)
			s, out := spec(t, file, "ran")
			change(t, dir, file)
			refused(t, trees, s, out, nil)
		})
	}
}

// Whatever a writer does while programs are started: only approved bytes run.
func TestOnlyApprovedBytesRun(t *testing.T) {
	trees := newTrees(t)
	good, evil := contentOf(t, "/bin/true"), contentOf(t, "/bin/false")
	file := filepath.Join(userFolder(t), "prog")
	write(t, file, good)
	approved := digest(t, file)
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		f, err := os.OpenFile(file, os.O_WRONLY, 0) // held open all the time
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			content := [][]byte{good, evil}[i%2]
			if _, err := f.WriteAt(content, 0); err != nil {
				t.Error(err)
			}
			if err := f.Truncate(int64(len(content))); err != nil {
				t.Error(err)
			}
		}
	})
	for range 60 {
		s, _ := spec(t, file)
		s.SHA256 = approved
		r, err := trees.Start(t.Context(), s)
		if err != nil {
			continue
		}
		if code, err := r.Wait(); code != 0 || err != nil {
			t.Errorf("other bytes ran: exit %d, %v", code, err)
		}
		if err := trees.End(t.Context(), r.Tree, 0); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writer.Wait()
}

// What was approved is copied before anything else: a change after that does
// not reach it, and nobody can write the copy.
func TestTheCopyIsSealed(t *testing.T) {
	testgroup.Need(t, "root")
	file := filepath.Join(userFolder(t), "prog")
	write(t, file, contentOf(t, "/bin/true"))
	s, _ := spec(t, file)
	defer closeFiles(s.Files[:])
	p, err := prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	write(t, file, contentOf(t, "/bin/false"))
	if got := digest(t, "/proc/self/fd/"+strconv.Itoa(int(p.memory.Fd()))); got != s.SHA256 {
		t.Error("the copy changed")
	}
	if _, err := p.memory.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("the copy can be written: %v", err)
	}
	if err := p.memory.Truncate(1); !errors.Is(err, syscall.EPERM) {
		t.Errorf("the copy can be cut: %v", err)
	}
}

// A user who could write the file once may still hold it open, also by another
// name: root's ownership alone is not enough.
func TestAnOpenWriterIsRefused(t *testing.T) {
	trees := newTrees(t)
	dir := rootFolder(t)
	for name, openName := range map[string]string{"by its name": "prog", "by a hard link": "link"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "prog")
			write(t, file, contentOf(t, "/bin/echo"))
			if err := os.Link(file, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(filepath.Join(dir, "link"))
			w, err := os.OpenFile(filepath.Join(dir, openName), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			s, out := spec(t, file, "ran")
			refused(t, trees, s, out, ErrChanged)
			w.Close()
			s, out = spec(t, file, "ran")
			if text, code := run(t, trees, s, out); text != "ran\n" || code != 0 {
				t.Errorf("without a writer: %q, exit %d", text, code)
			}
		})
	}
}

func TestRootOnly(t *testing.T) {
	testgroup.Need(t, "root")
	dir, users := rootFolder(t), userFolder(t)
	for _, n := range []string{"mine", "group", "all", "other"} {
		write(t, filepath.Join(dir, n), nil)
	}
	if err := errors.Join(os.Chmod(filepath.Join(dir, "group"), 0o775), os.Chmod(filepath.Join(dir, "all"), 0o757),
		os.Chown(filepath.Join(dir, "other"), 41000, 0), os.Mkdir(filepath.Join(dir, "open"), 0o755),
		os.Chmod(filepath.Join(dir, "open"), 0o777), os.Symlink(users, filepath.Join(dir, "out")),
		os.Symlink(filepath.Join(dir, "mine"), filepath.Join(users, "in"))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "open", "x"), nil)
	write(t, filepath.Join(users, "x"), nil)
	for name, want := range map[string]bool{
		"mine": true, "group": false, "all": false, "other": false, "open/x": false, "out/x": false, "out": false,
	} {
		if got, err := RootOnly(filepath.Join(dir, name)); got != want || err != nil {
			t.Errorf("RootOnly(%s) = %v, %v", name, got, err)
		}
	}
	if got, err := RootOnly(filepath.Join(users, "in")); got || err != nil {
		t.Errorf("a link that users can change: %v, %v", got, err)
	}
	if got, err := RootOnly(filepath.Join(dir, "none")); got || err == nil {
		t.Errorf("a file that is not there: %v, %v", got, err)
	}
	if got, err := RootOnly("/usr/bin/env"); !got || err != nil {
		t.Errorf("/usr/bin/env: %v, %v", got, err)
	}
}

func TestInterpreters(t *testing.T) {
	testgroup.Need(t, "root")
	users := userFolder(t)
	write(t, filepath.Join(users, "sh"), contentOf(t, "/bin/sh"))
	for name, c := range map[string]struct {
		line string
		ok   bool
	}{
		"a shell":                   {"#!/bin/sh\n", true},
		"with an option":            {"#! /bin/sh -eu\n", true},
		"without a newline":         {"#!/bin/sh", true},
		"env with a name":           {"#!/usr/bin/env sh\n", true},
		"env with a root-only path": {"#!/usr/bin/env /bin/sh\n", true},
		"env with options":          {"#!/usr/bin/env -S sh -x\n", false},
		"env with a variable":       {"#!/usr/bin/env PATH=/tmp sh\n", false},
		"env with an unknown name":  {"#!/usr/bin/env no-such-program\n", false},
		"env with a users' path":    {"#!/usr/bin/env " + users + "/sh\n", false},
		"a users' interpreter":      {"#!" + users + "/sh\n", false},
		"a relative interpreter":    {"#!sh\n", false},
		"none":                      {"#!\n", false},
		"blanks":                    {"#!   \n", false},
		"a line that is too long":   {"#!/bin/sh " + string(bytes.Repeat([]byte("x"), 300)), false},
	} {
		t.Run(name, func(t *testing.T) {
			head := []byte(c.line)
			if len(head) > 256 {
				head = head[:256]
			}
			if err := checkInterpreter(head); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}

func TestCheckELF(t *testing.T) {
	testgroup.Need(t, "root")
	plain := contentOf(t, "/bin/true")
	swap := func(old, new string) []byte {
		if len(old) != len(new) || !bytes.Contains(plain, []byte(old)) {
			t.Skipf("this machine's /bin/true has no %q", old)
		}
		return bytes.ReplaceAll(plain, []byte(old), []byte(new))
	}
	for name, c := range map[string]struct {
		raw []byte
		ok  bool
	}{
		"plain":                           {plain, true},
		"an interpreter in /tmp":          {swap("/lib64/ld-", "/tmp/x/ld-"), false},
		"a relative interpreter":          {swap("/lib64/ld-", "lib64//ld-"), false},
		"a library in /tmp":               {swap("libc.so.6", "/tmp/so.6"), false},
		"a library beside it":             {swap("libc.so.6", "./ic.so.6"), false},
		"library folder $ORIGIN":          {withRunpath(t, plain, "$ORIGIN"), false},
		"library folder in /tmp":          {withRunpath(t, plain, "/tmp/x"), false},
		"library folder that is relative": {withRunpath(t, plain, "lib"), false},
		"library folder of the system":    {withRunpath(t, plain, "/usr/lib"), true},
		"cut":                             {plain[:100], false},
		"only the magic":                  {[]byte("\x7fELF"), false},
		"empty":                           {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkELF(bytes.NewReader(c.raw))
			if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrUnsafe) {
				t.Error(err)
			}
		})
	}
}

// withRunpath turns the debugger's entry of the dynamic part into a library
// folder whose name replaces some symbol's.
func withRunpath(t *testing.T, plain []byte, dir string) []byte {
	t.Helper()
	raw := bytes.Clone(plain)
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names, dyn := f.Section(".dynstr"), f.SectionByType(elf.SHT_DYNAMIC)
	at := bytes.Index(raw[names.Offset:names.Offset+names.Size], []byte("__libc_start_main"))
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || at < 0 {
		t.Skip("this machine's /bin/true has another form")
	}
	copy(raw[int(names.Offset)+at:], dir+"\x00")
	for o := dyn.Offset; o < dyn.Offset+dyn.Size; o += 16 {
		if elf.DynTag(binary.LittleEndian.Uint64(raw[o:])) == elf.DT_DEBUG {
			binary.LittleEndian.PutUint64(raw[o:], uint64(elf.DT_RUNPATH))
			binary.LittleEndian.PutUint64(raw[o+8:], uint64(at))
			return raw
		}
	}
	t.Skip("this machine's /bin/true has no entry for debuggers")
	return nil
}

func FuzzCheckELF(f *testing.F) {
	for _, path := range []string{"/bin/true", "/bin/sh"} {
		if r, err := os.Open(path); err == nil {
			if head, err := io.ReadAll(io.LimitReader(r, 4096)); err == nil {
				f.Add(head)
			}
			r.Close()
		}
	}
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = checkELF(bytes.NewReader(raw)) // must not panic or take memory without end
		_ = checkInterpreter(raw[:min(len(raw), 256)])
	})
}
