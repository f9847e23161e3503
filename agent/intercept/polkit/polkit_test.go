package polkit

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

var update = flag.Bool("update", false, "write the golden files")

func parts(more ...string) []string {
	return append([]string{version, "org.freedesktop.policykit.exec", "42", "alice", "true", "false", "unix-group:sudo,unix-user:0"}, more...)
}

func TestParse(t *testing.T) {
	q, err := parse(parts("user", "root", "program", "/usr/bin/id", "command_line", "/usr/bin/id -u"))
	if err != nil {
		t.Fatal(err)
	}
	if q.pid != 42 || q.user != "alice" || !q.local || q.active || !slices.Equal(q.admins, []string{"unix-group:sudo", "unix-user:0"}) ||
		q.lookup("program") != "/usr/bin/id" || q.lookup("nothing") != "" || q.details[0].key != "command_line" {
		t.Errorf("got %+v", q)
	}
	set := func(i int, s string) []string { p := parts(); p[i] = s; return p }
	for name, bad := range map[string][]string{
		"nothing":         nil,
		"short":           parts()[:5],
		"another version": set(0, "2"),
		"no action":       set(1, ""),
		"action of text":  set(1, "a b"),
		"long action":     set(1, strings.Repeat("a", maxName+1)),
		"pid -1":          set(2, "-1"),
		"pid 2^31":        set(2, "2147483648"),
		"pid 2^32":        set(2, "4294967296"),
		"pid 0x1":         set(2, "0x1"),
		"pid with blank":  set(2, " 1"),
		"no user":         set(3, ""),
		"user of lines":   set(3, "a\nb"),
		"user of passwd":  set(3, "a:b"),
		"admins":          set(6, strings.Repeat("x", maxAdmins+1)),
		"odd":             parts("key"),
		"no key":          parts("", "v"),
		"NUL":             parts("key", "a\x00b"),
		"not text":        parts("key", "\xff"),
		"twice":           parts("key", "1", "key", "2"),
		"many":            parts(slices.Repeat([]string{"k", "v"}, maxDetails+1)...),
	} {
		if q, err := parse(bad); err == nil {
			t.Errorf("%s is taken: %+v", name, q)
		}
	}
}

func TestFrame(t *testing.T) {
	want := parts("program", "/bin/x;$(reboot)`id`", "empty", "", "quote", "\"'\\\n")
	raw, err := appendFrame(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readFrame(bytes.NewReader(raw))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := appendFrame(nil, []string{strings.Repeat("x", maxFrame)}); err == nil {
		t.Error("a frame that is too long is written")
	}
	if _, err := appendFrame(nil, make([]string, maxParts+1)); err == nil {
		t.Error("a frame of too many parts is written")
	}
	for n := range raw {
		if _, err := readFrame(bytes.NewReader(raw[:n])); err == nil {
			t.Errorf("a frame cut at %d is read", n)
		}
	}
	for name, bad := range map[string]string{"huge": "\xff\xff\xff\xff", "part too long": "\x00\x00\x00\x04\x00\x00\x00\x01", "rest": "\x00\x00\x00\x01x"} {
		if _, err := readFrame(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	raw, _ := appendFrame(nil, parts("program", "/usr/bin/id"))
	f.Add(raw)
	f.Add([]byte("\x00\x00\x00\x04\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := readFrame(bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, err := appendFrame(nil, got)
		if err != nil || !bytes.HasPrefix(raw, again) {
			t.Fatalf("another frame: %v", err)
		}
		q, err := parse(got)
		if err != nil {
			return
		}
		if !actionID(q.action) || q.pid < 0 || q.user == "" || len(q.details) > maxDetails {
			t.Fatalf("taken: %+v", q)
		}
		shown, bound := q.arguments()
		if shown[0] != q.action || len(bound) != 1+2*len(q.details) {
			t.Fatalf("arguments %q %q", shown, bound)
		}
	})
}

// What is approved for one detail must not be used for another, also where the
// text beside each other is the same.
func TestArgumentsAreKeyed(t *testing.T) {
	bound := func(more ...string) string {
		q, err := parse(parts(more...))
		if err != nil {
			t.Fatal(err)
		}
		_, b := q.arguments()
		return strings.Join(b, "\x00")
	}
	seen := map[string]bool{}
	for _, d := range [][]string{{}, {"unit", "a.service"}, {"unit", "a.service", "verb", "start"}, {"unit", "b.service", "verb", "start"},
		{"unit", "a.service", "verb", "start", "polkit.message", "start transient unit"}, {"unit=a", "b"}, {"unit", "a=b"}} {
		if b := bound(d...); seen[b] {
			t.Errorf("%q is like another", d)
		} else {
			seen[b] = true
		}
	}
	if bound("verb", "start", "unit", "a") != bound("unit", "a", "verb", "start") {
		t.Error("the order of details counts")
	}
}

func TestBounded(t *testing.T) {
	for _, tt := range []struct {
		action  string
		details []string
		want    bool
	}{
		{"org.freedesktop.systemd1.manage-units", []string{"unit", "nginx.service", "verb", "restart"}, true},
		{"org.freedesktop.systemd1.manage-units", nil, false},
		{"org.freedesktop.systemd1.manage-units", []string{"unit", "x.service", "verb", "set-property"}, false},
		{"org.freedesktop.systemd1.manage-units", []string{"unit", "x.service", "verb", "start", "polkit.message", "start transient unit '$(unit)'"}, false},
		{"org.freedesktop.systemd1.manage-unit-files", nil, false},
		{"org.freedesktop.login1.reboot", nil, true},
		{"org.freedesktop.login1x", nil, false},
		{"org.example.anything", []string{"a", "b"}, false},
	} {
		p := parts(tt.details...)
		p[1] = tt.action
		q, err := parse(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := bounded(q); got != tt.want {
			t.Errorf("%s %q: %v", tt.action, tt.details, got)
		}
	}
}

func TestRuleText(t *testing.T) {
	got, err := Rule{Program: "/usr/bin/assent-agent", Socket: "/run/assent/polkit.sock"}.text()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "zz-assent.rules")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s", got)
	}
	for _, bad := range []string{"", "relative", "/a\"b", "/a\\b", "/a\nb", "/é"} {
		if text, err := (Rule{Program: bad, Socket: "/s"}).text(); err == nil {
			t.Errorf("%q makes the rule %s", bad, text)
		}
		if _, err := (Rule{Program: "/p", Socket: bad}).text(); err == nil {
			t.Errorf("%q is a socket", bad)
		}
	}
}

func TestInstallRule(t *testing.T) {
	testgroup.Need(t, "root")
	dir := t.TempDir()
	r := Rule{Program: "/bin/sh", Socket: "/run/s", Path: filepath.Join(dir, "zz-assent.rules")}
	want, err := r.text()
	if err != nil {
		t.Fatal(err)
	}
	is := func(when, want string) {
		t.Helper()
		raw, err := os.ReadFile(r.Path)
		if string(raw) != want || want == "" && !os.IsNotExist(err) {
			t.Errorf("%s: %q, %v", when, raw, err)
		}
	}
	if err := InstallRule(r); err != nil {
		t.Fatal(err)
	}
	is("installed", want)
	// killed while it wrote, and an older text
	if err := os.WriteFile(r.Path, []byte(ruleMark+"\nold"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := InstallRule(r); err != nil {
		t.Fatal(err)
	}
	is("healed", want)
	if info, err := os.Stat(r.Path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("polkitd can not read it: %v, %v", info.Mode(), err)
	}
	for range 2 {
		if err := RemoveRule(r); err != nil {
			t.Fatal(err)
		}
		is("removed", "")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := os.WriteFile(r.Path, []byte("// mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if InstallRule(r) == nil || RemoveRule(r) == nil {
		t.Error("somebody else's rule is touched")
	}
	is("somebody else's", "// mine")
	if err := InstallRule(Rule{Program: "/bin/sh", Socket: "/s", Path: filepath.Join(dir, "none", "x.rules")}); err == nil {
		t.Error("without polkit it is installed")
	}
	mine := filepath.Join(dir, "program")
	if err := os.WriteFile(mine, nil, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mine, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := InstallRule(Rule{Program: mine, Socket: "/s", Path: filepath.Join(dir, "y.rules")}); err == nil {
		t.Error("a program that anybody can change is put into the rule")
	}
}

func TestParsePolicy(t *testing.T) {
	const text = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC "-//x//DTD x//EN" "http://x.example/x.dtd">
<policyconfig>
  <action id="org.example.one">
    <description>Do one</description><description xml:lang="de">Eins tun</description>
    <defaults><allow_any>auth_admin</allow_any><allow_inactive>auth_admin_keep</allow_inactive><allow_active>yes</allow_active></defaults>
  </action>
  <action id="org.example.two"><defaults><allow_active>auth_self</allow_active></defaults></action>
  <action id="not an id"><defaults><allow_any>yes</allow_any></defaults></action>
</policyconfig>`
	got, err := parsePolicy(strings.NewReader(text))
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	one := got["org.example.one"]
	if one.implied(true, true) != "yes" || one.implied(true, false) != "auth_admin_keep" || one.implied(false, true) != "auth_admin" || one.description != "Do one" {
		t.Errorf("got %+v", one)
	}
	for _, implied := range []string{"", "no", "yes", "auth_self", "auth_self_keep"} {
		if asksAdministrator(implied) {
			t.Errorf("%q asks an administrator", implied)
		}
	}
	if _, err := parsePolicy(strings.NewReader("<policyconfig><action id='a")); err == nil {
		t.Error("a cut file is read")
	}
}

// A folder that changes is read again, and a stronger folder counts.
func TestActionsFollowTheFolders(t *testing.T) {
	strong, weak := t.TempDir(), t.TempDir()
	write := func(dir, name, answer string) {
		t.Helper()
		text := `<policyconfig><action id="a.b"><defaults><allow_any>` + answer + `</allow_any></defaults></action></policyconfig>`
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := &actions{dirs: []string{strong, weak}}
	if _, ok := a.of("a.b"); ok {
		t.Error("found in nothing")
	}
	write(weak, "x.policy", "auth_admin")
	if act, ok := a.of("a.b"); !ok || act.any != "auth_admin" {
		t.Errorf("got %+v", act)
	}
	write(strong, "y.policy", "yes")
	if act, ok := a.of("a.b"); !ok || act.any != "yes" {
		t.Errorf("got %+v", act)
	}
	if err := os.WriteFile(filepath.Join(strong, "z.policy"), []byte("<broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if act, ok := a.of("a.b"); !ok || act.any != "yes" {
		t.Errorf("beside a broken file: %+v", act)
	}
}
