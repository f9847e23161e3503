package privilege

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/e2e/testgroup"
)

func accountsIn(t *testing.T, group string) Membership {
	t.Helper()
	testgroup.Need(t, "root")
	dir := t.TempDir()
	for name, text := range map[string]string{"passwd": "root:x:0:0::/root:/bin/sh\nbob:x:1002:1002::/home/bob:/bin/sh\nwendy:x:1003:27::/:/bin/sh\n",
		"group": group, "gshadow": "sudo:*:root:\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return Membership{File: filepath.Join(dir, "group"), Group: "sudo", GID: 27, User: "bob", UID: 1002}
}

// Every other byte of the files stays as it was, also where they are odd.
func TestMembershipChangesOneLine(t *testing.T) {
	for name, row := range map[string][3]string{
		"the first":          {"sudo:x:27:\n", "sudo:x:27:bob\n", "sudo:x:27:\n"},
		"one more":           {"a:x:1:bob\nsudo:x:27:eve,joe\nz:x:9:bob\n", "a:x:1:bob\nsudo:x:27:eve,joe,bob\nz:x:9:bob\n", "a:x:1:bob\nsudo:x:27:eve,joe\nz:x:9:bob\n"},
		"no end of line":     {"# odd\n\n:::\nsudo:x:27:eve", "# odd\n\n:::\nsudo:x:27:eve,bob", "# odd\n\n:::\nsudo:x:27:eve"},
		"a name that begins": {"sudoers:x:28:\nsudo:x:27:bobby\n", "sudoers:x:28:\nsudo:x:27:bobby,bob\n", "sudoers:x:28:\nsudo:x:27:bobby\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := accountsIn(t, row[0])
			was, err := os.Stat(m.File)
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			if err := m.Join(func() error { asked++; return nil }); err != nil || asked != 1 {
				t.Fatal(err, asked)
			}
			if raw, _ := os.ReadFile(m.File); string(raw) != row[1] {
				t.Errorf("joined: %q", raw)
			}
			if kept, err := m.Leave(); err != nil || kept != "" {
				t.Fatal(kept, err)
			}
			if raw, _ := os.ReadFile(m.File); string(raw) != row[2] {
				t.Errorf("left: %q", raw)
			}
			is, err := os.Stat(m.File)
			if err != nil || is.Mode() != was.Mode() || is.Sys().(*syscall.Stat_t).Uid != was.Sys().(*syscall.Stat_t).Uid {
				t.Errorf("%v %v", err, is.Mode())
			}
			if kept, err := m.Leave(); err != nil || kept != "" {
				t.Errorf("a second time: %q %v", kept, err)
			}
		})
	}
}

func TestMembershipRefusals(t *testing.T) {
	for name, row := range map[string]struct {
		group  string
		change func(m *Membership)
		want   error
	}{
		"a member already":     {"sudo:x:27:bob\n", nil, ErrMember},
		"by the primary group": {"sudo:x:27:\n", func(m *Membership) { m.User, m.UID = "wendy", 1003 }, ErrMember},
		"another number":       {"sudo:x:27:\n", func(m *Membership) { m.UID = 1009 }, ErrAccount},
		"nobody":               {"sudo:x:27:\n", func(m *Membership) { m.User = "zoe" }, ErrAccount},
		"root":                 {"sudo:x:27:\n", func(m *Membership) { m.User, m.UID = "root", 0 }, ErrAccount},
		"no such group":        {"wheel:x:27:\n", nil, ErrGroup},
		"another group number": {"sudo:x:28:\n", nil, ErrGroup},
		"a name of two":        {"sudo:x:27:\n", func(m *Membership) { m.User = "bob,eve" }, ErrAccount},
	} {
		t.Run(name, func(t *testing.T) {
			m := accountsIn(t, row.group)
			if row.change != nil {
				row.change(&m)
			}
			err := m.Join(func() error { t.Error("it was written down"); return nil })
			if !errors.Is(err, row.want) {
				t.Errorf("got %v", err)
			}
			if raw, _ := os.ReadFile(m.File); string(raw) != row.group {
				t.Errorf("the file is %q", raw)
			}
		})
	}
	m := accountsIn(t, "sudo:x:27:\n")
	stop := errors.New("the disk is full")
	if err := m.Join(func() error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if in, err := m.Holds(); in || err != nil {
		t.Error("it was given without being written down")
	}
	if err := os.Chmod(m.File, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := m.Join(func() error { return nil }); err == nil {
		t.Error("a file that anybody can write was believed")
	}
}

// A link in the place of a file is not followed.
func TestMembershipFollowsNoLink(t *testing.T) {
	m := accountsIn(t, "sudo:x:27:\n")
	elsewhere := filepath.Join(t.TempDir(), "group")
	if err := errors.Join(os.Rename(m.File, elsewhere), os.Symlink(elsewhere, m.File)); err != nil {
		t.Fatal(err)
	}
	if err := m.Join(func() error { return nil }); err == nil {
		t.Error("it was followed")
	}
}

// The lock is the one that every tool takes: nobody's change is lost.
func TestMembershipsAtOnce(t *testing.T) {
	m := accountsIn(t, "sudo:x:27:\n")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := m.Join(func() error { return nil }); err != nil && !errors.Is(err, ErrMember) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if raw, _ := os.ReadFile(m.File); string(raw) != "sudo:x:27:bob\n" {
		t.Errorf("%q", raw)
	}
}

func TestFirstGroupThatIsHere(t *testing.T) {
	m := accountsIn(t, "ops:x:50:\n")
	full := []string{"sudo", "ops"}
	if got, err := RightsGroup(m.File, full, "bob", 1002); err != nil || got.Directory || got.Group != "ops" || got.GID != 50 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := RightsGroup(m.File, full, "dir-user", 20001); err != nil || !got.Directory || got.Group != "ops" {
		t.Errorf("an account of a directory: %+v %v", got, err)
	}
	if _, err := RightsGroup(m.File, full, "dir-user", 1003); !errors.Is(err, ErrAccount) {
		t.Errorf("with the number of an account of this machine: %v", err)
	}
	if _, err := RightsGroup(m.File, full, "bob", 20001); !errors.Is(err, ErrAccount) {
		t.Errorf("with the name of an account of this machine: %v", err)
	}
	if _, err := RightsGroup(m.File, full, "dir user", 20001); !errors.Is(err, ErrAccount) {
		t.Errorf("a name that does not fit into the file: %v", err)
	}
	if _, err := RightsGroup(m.File, nil, "bob", 1002); !errors.Is(err, ErrGroup) {
		t.Errorf("no group: %v", err)
	}
}

// Somebody of a directory gets a place in a group of this machine, and loses it
// also when the name is one of this machine's by then.
func TestMembershipOfADirectory(t *testing.T) {
	m := accountsIn(t, "sudo:x:27:wendy\n")
	passwd := filepath.Join(filepath.Dir(m.File), "passwd")
	m.User, m.UID, m.Directory = `EXAMPLE\dora`, 20001, true
	if !m.Same() {
		t.Error("an account of a directory is not the one")
	}
	if err := m.Join(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if raw, _ := os.ReadFile(m.File); string(raw) != "sudo:x:27:wendy,EXAMPLE\\dora\n" {
		t.Errorf("joined: %q", raw)
	}
	if err := m.Join(func() error { return nil }); !errors.Is(err, ErrMember) {
		t.Errorf("a second time: %v", err)
	}
	for _, line := range []string{"EXAMPLE\\dora:x:1009:1009::/:/bin/sh\n", "dora:x:20001:20001::/:/bin/sh\n"} {
		if err := os.WriteFile(passwd, []byte(line), 0o640); err != nil {
			t.Fatal(err)
		}
		if m.Same() {
			t.Errorf("%q is taken for the directory's", line)
		}
		if kept, err := m.Leave(); err != nil || kept != "" {
			t.Errorf("%q %v", kept, err)
		}
		if raw, _ := os.ReadFile(m.File); string(raw) != "sudo:x:27:wendy\n" {
			t.Errorf("left: %q", raw)
		}
		if err := m.Join(func() error { t.Error("it was written down"); return nil }); !errors.Is(err, ErrAccount) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestSeatIsAProcess(t *testing.T) {
	me := os.Getpid()
	started, err := Started(me)
	if err != nil {
		t.Fatal(err)
	}
	self := UserOf(uint32(os.Getuid()))
	seat, err := SeatOf(me, started, self)
	if err != nil {
		t.Fatal(err)
	}
	session, err := unix.Getsid(me)
	if err != nil {
		t.Fatal(err)
	}
	if seat.Leader != 0 && seat.Leader != session {
		t.Errorf("%+v", seat)
	}
	for name, try := range map[string]func() error{
		"another start":     func() error { _, err := SeatOf(me, started+1, self); return err },
		"another user":      func() error { _, err := SeatOf(me, started, "4242"); return err },
		"a user of Windows": func() error { _, err := SeatOf(me, started, "S-1-5-21-1-2-3-1001"); return err },
		"nobody's place":    func() error { return Seat{}.Gone(t.Context()) },
	} {
		if err := try(); !errors.Is(err, ErrSeat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if (Seat{Leader: me, Started: started}).Holds(me, started) {
		t.Error("without a terminal there is no place in one")
	}
	if (Seat{Leader: me, Started: started + 1, TTY: 5}).Alive() {
		t.Error("a reused number counts as alive")
	}
	if got := sessionOfPath("/org/freedesktop/login1/session/_312"); got != "12" {
		t.Errorf("session %q", got)
	}
	if got := sessionOfPath("/org/freedesktop/login1/session/c4"); got != "c4" {
		t.Errorf("session %q", got)
	}
}
