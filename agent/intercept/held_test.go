package intercept

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// shelf holds files as Windows does, in a folder of a test.
type shelf struct {
	t       *testing.T
	held    map[string]*os.File
	marks   map[string]uint32
	kind    uint32
	others  map[string]bool // paths that others can change
	broken  string          // what can not be asked
	refused error
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{t: t, held: map[string]*os.File{}, marks: map[string]uint32{}, others: map[string]bool{}, kind: ofDisk, refused: errors.New("refused")}
	t.Cleanup(func() {
		for path, f := range s.held {
			if _, err := f.Stat(); err == nil {
				t.Errorf("%s is held still", filepath.Base(path))
			}
		}
	})
	return s
}

func (s *shelf) hold(path string) (*os.File, error) {
	if s.broken == "hold" {
		return nil, s.refused
	}
	f, err := os.Open(path)
	if err == nil {
		s.held[path] = f
	}
	return f, err
}

func (s *shelf) about(f *os.File) (a about, err error) {
	if s.broken == "about" {
		return a, s.refused
	}
	info, err := f.Stat()
	if err != nil {
		return a, err
	}
	a = about{kind: s.kind, marks: s.marks[f.Name()], volume: 7, size: info.Size()}
	for _, c := range f.Name() { // another file, another number
		a.index = a.index*31 + uint64(c)
	}
	if info.IsDir() {
		a.marks |= isFolder
	}
	return a, nil
}

func (s *shelf) rootOnly(path string) (bool, error) {
	if s.broken == "place" {
		return true, s.refused
	}
	return !s.others[path], nil
}

// write changes a file as somebody else would.
func (s *shelf) write(path, text string) error {
	if f := s.held[path]; f != nil {
		if _, err := f.Stat(); err == nil {
			return os.ErrPermission
		}
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// holdingContract is what Windows does with programs that are looked at.
func holdingContract(t *testing.T, sys holding, write func(path, text string) error) {
	t.Helper()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a.exe"), filepath.Join(dir, "b.exe")
	for _, p := range []string{path, other} {
		if err := os.WriteFile(p, []byte("approved"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, id, err := openHeld(sys, path)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(f); string(raw) != "approved" || err != nil || id.Size != int64(len(raw)) {
		t.Errorf("read %q of %d, %v", raw, id.Size, err)
	}
	if write(path, "another") == nil {
		t.Error("it was written to while it was held")
	}
	again, same, err := openHeld(sys, path)
	if err != nil || same.Ino != id.Ino || same.Dev != id.Dev {
		t.Errorf("the same file: %+v, then %+v, %v", id, same, err)
	}
	g, different, err := openHeld(sys, other)
	if err != nil || different.Ino == id.Ino {
		t.Errorf("another file: %+v, %v", different, err)
	}
	if err := errors.Join(f.Close(), again.Close(), g.Close()); err != nil {
		t.Error(err)
	}
	if err := write(path, "another"); err != nil {
		t.Errorf("it is held after it was closed: %v", err)
	}
	if f, _, err := openHeld(sys, filepath.Join(dir, "none.exe")); err == nil {
		t.Error("what is not there was opened", f.Close())
	}
	if f, _, err := openHeld(sys, dir); err == nil {
		t.Error("a folder was opened", f.Close())
	}
}

func TestHoldingInMemory(t *testing.T) {
	s := newShelf(t)
	holdingContract(t, s, s.write)
}

// What can not be looked at, and what is no file of a disk, is not held: nothing
// stays open. Who else could change it is part of what it is.
func TestNothingElseIsHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.exe")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*shelf){
		"not opened":           func(s *shelf) { s.broken = "hold" },
		"not asked":            func(s *shelf) { s.broken = "about" },
		"its place is unknown": func(s *shelf) { s.broken = "place" },
		"a link":               func(s *shelf) { s.marks[path] = isLink },
		"a pipe":               func(s *shelf) { s.kind = 3 },
		"it is not told what":  func(s *shelf) { s.kind = 0 },
	} {
		s := newShelf(t)
		spoil(s)
		if f, id, err := openHeld(s, path); err == nil || f != nil || id != (Identity{}) {
			t.Errorf("%s: %v %+v", name, f, id)
		}
	}
	for _, others := range []bool{false, true} {
		s := newShelf(t)
		s.others[path] = others
		f, id, err := openHeld(s, path)
		if err != nil || id.rootOnly == others {
			t.Fatalf("others: %v, %+v %v", others, id, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
