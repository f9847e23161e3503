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

// placesContract is what every disk of macOS says: a path is as the disk writes it,
// through every link. link leads to /bin/zsh, and owned is a folder of somebody who is
// not root, or that others can write.
func placesContract(t *testing.T, of macPlaces, link, owned string) {
	t.Helper()
	for _, path := range []string{"/bin/zsh", "/bin/ZSH", "/BIN/../bin/zsh", link} {
		if real, err := of.real(path); err != nil || real != "/bin/zsh" {
			t.Errorf("%s is %s, %v", path, real, err)
		}
	}
	if only, err := of.owned("/bin/zsh"); err != nil || !only {
		t.Errorf("the shell is root's: %v, %v", only, err)
	}
	if only, err := of.owned(owned); err != nil || only {
		t.Errorf("%s is root's: %v, %v", owned, only, err)
	}
	if real, err := of.real("/none/of/this"); err == nil {
		t.Errorf("what is not there is %s", real)
	}
	if only, err := of.owned("/none/of/this"); err == nil || only {
		t.Errorf("what is not there is root's: %v, %v", only, err)
	}
}

func TestMacDisk(t *testing.T) {
	d := newMacDisk()
	d.link("/tmp/link", "/bin/zsh")
	d.put("/tmp", 501, 0o755)
	placesContract(t, d, "/tmp/link", "/tmp")
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
	name  string
	over  func() // when nothing more comes
}

type frontStep struct {
	became, forked, ended bool
	name                  string // of the program from then on
	err                   error
}

func (f *frontTold) called() string { return f.name }

func (f *frontTold) next() (became, forked, ended bool, err error) {
	if len(f.steps) == 0 {
		f.over()
		return false, false, false, nil
	}
	s := f.steps[0]
	f.steps, f.name = f.steps[1:], s.name
	return s.became, s.forked, s.ended, s.err
}

func TestBegins(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		steps []frontStep
		want  error
	}{
		"sudo starts it":           {[]frontStep{{}, {became: true, name: "sudo"}, {}, {forked: true, name: "sudo"}}, nil},
		"sudo becomes it":          {[]frontStep{{became: true, name: "sudo"}, {became: true, name: "id"}}, nil},
		"sudo has become it":       {[]frontStep{{became: true, name: "id"}}, nil},
		"it is not known what":     {[]frontStep{{became: true}, {ended: true}}, ErrNotBegun},
		"what came before started": {[]frontStep{{forked: true}, {became: true, name: "sudo"}, {ended: true, name: "sudo"}}, ErrNotBegun},
		"sudo refuses":             {[]frontStep{{became: true}, {ended: true}}, ErrNotBegun},
		"nothing comes":            {[]frontStep{{}, {became: true}}, ErrNotBegun},
		"not to be known":          {[]frontStep{{became: true}, {err: broken}}, broken},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := begins(ctx, &frontTold{steps: row.steps, over: cancel}); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if err := checkSame(7, 7, nil); err != nil {
		t.Error(err)
	}
	if !errors.Is(checkSame(8, 7, nil), ErrNotBegun) || !errors.Is(checkSame(7, 7, broken), broken) {
		t.Error("another process is taken for it")
	}
}

func TestSeated(t *testing.T) {
	if s, ok := seated(Seat{Leader: 70}, nil); !ok || s.Leader != 70 {
		t.Error("somebody sits there and is not seen")
	}
	for _, leader := range []int{0, 1} {
		if _, ok := seated(Seat{Leader: leader}, nil); ok {
			t.Errorf("process %d sits there", leader)
		}
	}
	if _, ok := seated(Seat{Leader: 70}, ErrSeat); ok {
		t.Error("it is not known who sits there, and somebody does")
	}
	for state := range int8(7) { // SIDL to SZOMB, and beyond
		if hasEnded(state) != (state == 5) {
			t.Errorf("state %d", state)
		}
	}
}

// Only what goes on can be hung up.
func TestHang(t *testing.T) {
	for _, over := range []bool{false, true} {
		r := &Running{over: over}
		if r.hang(); r.HungUp() == over {
			t.Errorf("over %v, hung up %v", over, r.HungUp())
		}
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
