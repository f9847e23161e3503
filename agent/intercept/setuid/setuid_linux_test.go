package setuid

import (
	"slices"
	"strings"
	"testing"
)

func TestMarked(t *testing.T) {
	for _, tt := range []struct {
		f        Found
		elevates bool
		marked   bool
	}{
		{Found{Path: "/usr/bin/su", Setuid: true}, true, true},
		{Found{Path: "/usr/bin/newgrp", Setuid: true}, true, true},
		{Found{Path: "/opt/x/doas", Setuid: true}, true, true},
		{Found{Path: "/usr/bin/sudo", Setuid: true}, true, false},
		{Found{Path: "/usr/bin/passwd", Setuid: true}, true, false},
		{Found{Path: "/usr/lib/dbus-1.0/dbus-daemon-launch-helper", Setuid: true}, true, false},
		{Found{Path: "/usr/lib/polkit-1/polkit-agent-helper-1", Setuid: true}, true, false},
		{Found{Path: "/usr/sbin/unix_chkpwd", Setgid: true}, true, false},
		{Found{Path: "/usr/bin/ping", Caps: 1 << 13}, false, false},
		{Found{Path: "/usr/bin/python3.11", Caps: 1 << 7}, true, true},
		{Found{Path: "/usr/bin/tool", Caps: 1 << 21}, true, true},
		{Found{Path: "/usr/bin/cat"}, false, false},
	} {
		if got := tt.f.elevates(); got != tt.elevates {
			t.Errorf("%s elevates: %v", tt.f.Path, got)
		}
		if got := tt.f.marked(); got != tt.marked {
			t.Errorf("%s is marked: %v", tt.f.Path, got)
		}
	}
}

func TestFileCaps(t *testing.T) {
	v2 := "\x01\x00\x00\x02" + "\x80\x00\x00\x00" + "\x00\x00\x00\x00" + "\x01\x00\x00\x00" + "\x00\x00\x00\x00"
	if got, err := fileCaps([]byte(v2)); err != nil || got != 1<<7|1<<32 {
		t.Errorf("%x, %v", got, err)
	}
	v3 := "\x01\x00\x00\x03" + v2[4:] + "\xe8\x03\x00\x00"
	if got, err := fileCaps([]byte(v3)); err != nil || got != 1<<7|1<<32 {
		t.Errorf("%x, %v", got, err)
	}
	for n := range len(v2) {
		if got, err := fileCaps([]byte(v2[:n])); err == nil {
			t.Errorf("cut at %d: %x", n, got)
		}
	}
	if _, err := fileCaps([]byte("\x00\x00\x00\x09" + v2[4:])); err == nil {
		t.Error("an unknown form is read")
	}
}

func TestLocalMounts(t *testing.T) {
	const mountinfo = `22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/x
23 22 0:21 / /proc rw,nosuid,nodev - proc proc rw
24 22 8:1 / /home rw,nosuid - ext4 /dev/sda1 rw
25 22 8:2 / /srv/my\040data rw,relatime - xfs /dev/sdb1 rw
26 22 0:30 / /net rw,relatime - nfs4 host:/x rw
27 22 0:31 / /cloud rw,relatime - fuse.sshfs host rw
28 22 8:2 / /srv/my\040data rw,relatime - xfs /dev/sdb1 rw
broken line
`
	if got, want := localMounts(mountinfo), []string{"/", "/srv/my data"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Who is held is read from the kernel's own numbers, and whatever is not plainly a
// person is not: no log-in waits for us.
func TestPerson(t *testing.T) {
	for status, want := range map[string]uint32{
		"Uid:\t1001\t1001\t1001\t1001\n":                         1001,
		"Uid:\t0\t0\t0\t0\n":                                     0,
		"Uid:\t1001\t0\t0\t0\n":                                  0, // a program of root's already, such as sshd before it gives up its rights
		"Uid:\t999\t999\t999\t999\n":                             0,
		"Uid:\t65534\t65534\t65534\t65534\n":                     0,
		"Uid:\t4294967295\t4294967295\t4294967295\t4294967295\n": 0,
		"Uid:\t4294968297\t1\t1\t1\n":                            0,
		"Uid:\t-1\t1\t1\t1\n":                                    0,
		"Uid:\t1001\n":                                           0,
		"Name:\tUid: 5 5 5 5\nUid:\t1002\t1002\t1002\t1002\n":    0, // five fields with another name in front are no Uid line
		"": 0,
	} {
		uid, ok := person(status)
		if strings.HasPrefix(status, "Name") {
			want = 1002
		}
		if uid != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v", status, uid, ok)
		}
	}
}

func TestFresh(t *testing.T) {
	now := []Found{{Path: "/a", Setuid: true}, {Path: "/b", Setuid: true}, {Path: "/c", Caps: 1 << 13}}
	if got := fresh(now, []string{"/a", ""}); !slices.Equal(got, []string{"/b"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add("25 22 8:2 / /srv/my\\040data rw,relatime - xfs /dev/sdb1 rw\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range localMounts(s) {
			if len(p) > len(s) {
				t.Fatalf("%q of %q", p, s)
			}
		}
	})
}
