package sudo

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/durable"
)

// badAgent answers the plugin's calls, one after the other, with the given
// bytes, and is gone after the last. A call with no bytes is left alone. end waits
// until it is gone, whatever was left to answer.
func badAgent(t *testing.T, answers ...[]byte) (end func()) {
	t.Helper()
	must(t, durable.Remove(testSocket))
	must(t, os.MkdirAll("/run/assent", 0o755))
	l, err := net.Listen("unix", testSocket)
	must(t, err)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer l.Close()
		for _, a := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := readCall(c); err != nil {
				t.Errorf("the plugin said something wrong: %v", err)
			}
			if len(a) == 0 {
				defer c.Close()
				go io.Copy(io.Discard, c)
				continue
			}
			c.Write(a)
			c.Close()
		}
	}()
	return func() { l.Close(); <-gone }
}

// TestPluginAgainstABadAgent gives the plugin everything that an agent could do
// wrong. Bob has a right of his own to id, and keeps it unless somebody else's
// yes could have been behind it.
func TestPluginAgainstABadAgent(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	write(t, "/etc/sudoers.d/bob", 0o440, "bob ALL=(root) NOPASSWD: /usr/bin/id -u\n")
	long := "D" + strings.Repeat("x", 9000)
	tests := []struct {
		name    string
		answers [][]byte
		rule    bool
		code    int
		text    string
		most    time.Duration
	}{
		{"let on, then gone", [][]byte{raw("H", "A")}, false, 1, "does not answer", time.Second},
		{"own right, then gone", [][]byte{raw("H", "Aown")}, false, 0, "0\n", time.Second},
		{"own right, then gone with a rule left", [][]byte{raw("H", "Aown")}, true, 1, "does not answer", time.Second},
		{"gone at once with a rule left", nil, true, 1, "does not answer", time.Second},
		{"says nothing", [][]byte{nil, nil}, false, 0, "0\n", 5 * time.Second},
		{"half a frame", [][]byte{{'D', 9}, {'D', 9}}, false, 0, "0\n", time.Second},
		{"unknown frames", [][]byte{raw("Zx"), raw("Zx")}, false, 0, "0\n", time.Second},
		{"too long a frame", [][]byte{raw(long), raw(long)}, false, 0, "0\n", time.Second},
		{"gone while it waits", [][]byte{raw("H", "Lkept as req_x\n", "T...", "H")}, false, 1, "kept as req_x", time.Second},
		{"denied before", [][]byte{raw("Dno %s%n\n")}, false, 1, "no %s%n\n", time.Second},
		{"denied after", [][]byte{raw("A"), raw("Mlook\n", "Dno\n")}, false, 1, "look\nno\n", time.Second},
		{"allowed twice", [][]byte{raw("A"), raw("A")}, false, 0, "0\n", time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.rule {
				write(t, "/etc/sudoers.d/zz-assent-61502-x", 0o440, "# a rule\n")
				defer os.Remove("/etc/sudoers.d/zz-assent-61502-x")
			}
			within(t, tt.most, func() result {
				defer badAgent(t, tt.answers...)()
				if len(tt.answers) == 0 {
					must(t, durable.Remove(testSocket))
				}
				r := sudo(t, bob, "id", "-u")
				r.expect(t, tt.code, tt.text)
				return r
			})
		})
	}
}

// TestLostBeforeAndAfterSomebodyElsesRule: whoever makes the agent hang up on
// their sudo twice (a call that is too large, a stop with Ctrl-Z) must not
// follow the rule of another sudo of theirs: it is gone again by the time the
// plugin looks, and nothing but the folder tells that it was there.
func TestLostBeforeAndAfterSomebodyElsesRule(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	rule := filepath.Join(sudoersDir, "zz-assent-61502-gr_x")
	must(t, os.MkdirAll("/run/assent", 0o755))
	l, err := net.Listen("unix", testSocket)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for _, act := range []func(){
			func() { write(t, rule, 0o440, "#61502 ALL=(#0) NOPASSWD: NOSETENV: /usr/bin/touch /run/a /run/b\n") },
			func() { os.Remove(rule) },
		} {
			c, err := l.Accept()
			if err != nil {
				return
			}
			readCall(c)
			act()
			c.Close()
		}
	}()
	sudo(t, bob, "touch", "/run/a", "/run/b").expect(t, 1, "does not answer")
	if _, err := os.Stat("/run/a"); err == nil {
		t.Error("it ran by the rule of another sudo")
	}
}
