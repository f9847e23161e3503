package privilege

import (
	"context"
	"errors"
	"io/fs"
	slash "path"
	"strings"
	"testing"
	"time"
)

// macDisk is a disk of macOS: it takes small letters for capital ones and keeps how a
// name was written. What is here has run on no Mac.
type macDisk map[string]macNode // by path in small letters

type macNode struct {
	path, link string
	uid, mode  uint32
}

func newMacDisk() macDisk {
	d := macDisk{}
	for _, path := range []string{"/", "/bin", "/bin/zsh", "/usr", "/usr/local", "/Library", "/Library/Assent", "/Library/Assent/bin"} {
		d.put(path, 0, 0o755)
	}
	d.put("/usr/local/bin", 501, 0o755)
	d.put("/usr/local/bin/tool", 0, 0o755)
	return d
}

func (d macDisk) put(path string, uid, mode uint32) {
	d[strings.ToLower(path)] = macNode{path: path, uid: uid, mode: mode}
}

func (d macDisk) link(path, to string) {
	d[strings.ToLower(path)] = macNode{path: path, link: to, mode: 0o777}
}

func (d macDisk) real(path string) (string, error) {
	real := "/"
	for _, part := range strings.Split(strings.Trim(slash.Clean(path), "/"), "/") {
		n, ok := d[strings.ToLower(slash.Join(real, part))]
		if !ok {
			return "", fs.ErrNotExist
		}
		if real = n.path; n.link != "" {
			to, err := d.real(n.link)
			if err != nil {
				return "", err
			}
			real = to
		}
	}
	return real, nil
}

func (d macDisk) owned(path string) (bool, error) {
	n, ok := d[strings.ToLower(path)]
	if !ok {
		return false, fs.ErrNotExist
	}
	return RootsOwn(n.uid, n.mode), nil
}

// A program of macOS is what its disk calls it, and is root's only where nobody else
// could change a folder or put a link on the way.
func TestResolveMac(t *testing.T) {
	d := newMacDisk()
	d.link("/tmp", "/private/tmp")
	d.put("/private", 0, 0o755)
	d.put("/private/tmp", 0, 0o1777)
	d.put("/private/tmp/x", 501, 0o755)
	d.link("/bin/sh2", "/bin/zsh")
	for path, want := range map[string]struct {
		real string
		only bool
	}{
		"/bin/zsh":              {"/bin/zsh", true},
		"/bin/ZSH":              {"/bin/zsh", false}, // a rule for the one is one for the other
		"/bin/../bin/zsh":       {"/bin/zsh", true},
		"/bin/sh2":              {"/bin/zsh", false},
		"/usr/local/bin/tool":   {"/usr/local/bin/tool", false},
		"/tmp/x":                {"/private/tmp/x", false},
		"/Library/Assent/bin":   {"/Library/Assent/bin", true},
		"/LIBRARY/Assent/bin":   {"/Library/Assent/bin", false},
		"/private/tmp/../tmp/x": {"/private/tmp/x", false},
	} {
		if real, only, err := resolveMac(d, path); err != nil || real != want.real || only != want.only {
			t.Errorf("%s: %s, %v, %v", path, real, only, err)
		}
	}
	for _, path := range []string{"bin/zsh", "", "/none"} {
		if real, only, err := resolveMac(d, path); err == nil || only || real != "" {
			t.Errorf("%q: %s, %v", path, real, only)
		}
	}
	delete(d, "/bin")
	if _, only, _ := resolveMac(d, "/bin/zsh"); only {
		t.Error("a folder that can not be looked at is root's")
	}
	for mode, want := range map[uint32]bool{0o755: true, 0o775: false, 0o757: false, 0o1777: false, 0o700: true} {
		if RootsOwn(0, mode) != want || RootsOwn(501, mode) {
			t.Errorf("mode %o", mode)
		}
	}
}

// frontTold tells what it was given, and then nothing.
type frontTold struct {
	steps []frontStep
	over  func() // when nothing more comes
}

type frontStep struct {
	became, begun, ended bool
	err                  error
}

func (f *frontTold) next() (became, begun, ended bool, err error) {
	if len(f.steps) == 0 {
		f.over()
		return false, false, false, nil
	}
	s := f.steps[0]
	f.steps = f.steps[1:]
	return s.became, s.begun, s.ended, s.err
}

func TestBegins(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		steps []frontStep
		want  error
	}{
		"sudo starts it":  {[]frontStep{{}, {became: true}, {}, {begun: true}}, nil},
		"sudo refuses":    {[]frontStep{{became: true}, {ended: true}}, ErrNotBegun},
		"nothing comes":   {[]frontStep{{}, {became: true}}, ErrNotBegun},
		"not to be known": {[]frontStep{{became: true}, {err: broken}}, broken},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := begins(ctx, &frontTold{row.steps, cancel}); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if err := stillIs(7, 7, nil); err != nil {
		t.Error(err)
	}
	if !errors.Is(stillIs(8, 7, nil), ErrNotBegun) || !errors.Is(stillIs(7, 7, broken), broken) {
		t.Error("another process is taken for it")
	}
}

func TestMacProcess(t *testing.T) {
	is := macProcess{pid: 70, parent: 60, started: 5, leader: 60, device: 16777216, uid: 501, real: 501, was: 501}
	if k, err := is.kin(70); err != nil || k != (kin{parent: 60, started: 5, leader: 60, tty: 16777216, user: "501"}) {
		t.Errorf("%+v, %v", k, err)
	}
	for name, change := range map[string]func(*macProcess){
		"saved as another": func(p *macProcess) { p.was = 0 }, "really another": func(p *macProcess) { p.real = 0 }, "root for now": func(p *macProcess) { p.uid = 0 },
	} {
		several := is
		change(&several)
		if k, err := several.kin(70); err != nil || k.user != "" {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
	none := is
	none.device = -1
	if k, err := none.kin(70); err != nil || k.tty != 0 {
		t.Errorf("without a terminal: %+v, %v", k, err)
	}
	gone := is
	gone.zombie = true
	if _, err := gone.kin(70); err == nil {
		t.Error("a process that has ended is one")
	}
	if _, err := is.kin(71); err == nil {
		t.Error("another process is this one")
	}
}

func TestGoneAfter(t *testing.T) {
	looks := 0
	if err := goneAfter(t.Context(), func() bool { looks++; return looks < 3 }, time.Millisecond); err != nil || looks != 3 {
		t.Errorf("%d looks, %v", looks, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := goneAfter(ctx, func() bool { return true }, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
