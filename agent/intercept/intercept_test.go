package intercept

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestMask(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"ordinary", "install -y vim", "install -y vim"},
		{"option with value", "--password=hunter2", "--password=***"},
		{"option, then value", "--password hunter2 x", "--password *** x"},
		{"one dash", "-password hunter2", "-password ***"},
		{"part of a name", "--db-password=x --api_key=y", "--db-password=*** --api_key=***"},
		{"variable", "PGPASSWORD=x MY_TOKEN=y", "PGPASSWORD=*** MY_TOKEN=***"},
		{"option without value", "--password --verbose", "--password --verbose"},
		{"address", "https://bob:secret@host/x", "https://bob:***@host/x"},
		{"address without password", "https://host/x", "https://host/x"},
		{"header", "Authorization:|Bearer|abc", "Authorization:|Bearer|***"},
		{"known tokens", "ghp_abcdefghijklmnopqrstuvwxyz AKIAABCDEFGHIJKLMNOP", "*** ***"},
		{"a path that has the word", "/etc/passwd /usr/share/token", "/etc/passwd /usr/share/token"},
		{"passwd program's argument", "bob", "bob"},
		{"no text", "a\xff", `a\xff`},
		{"behind the options", "-- --password /etc/x", "-- --password /etc/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, want := split(tt.in), split(tt.want)
			if d := cmp.Diff(want, Masking{}.Args(in)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestMaskHidesNoDeed: who approves must see what a program will do that does
// what its arguments say, however much it is made to look like a secret.
func TestMaskHidesNoDeed(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"code behind a variable", "-c token=1;|chmod|u+s|/bin/bash", "-c token=***;|chmod|u+s|/bin/bash"},
		{"code in a variable", "-c pwd=$(reboot)", "-c pwd=$(reboot)"},
		{"code on the next line", "-c token=1\nreboot", "-c token=***\nreboot"},
		{"code behind a header", "-c cookie:|x;|reboot|now", "-c cookie:|***;|reboot|now"},
		{"code in an address", "-c x://a:$(reboot)@", "-c x://a:$(reboot)@"},
		{"a path as a value", "--token /etc/sudoers.d/x", "--token /etc/sudoers.d/x"},
		{"a path in a variable", "token=/etc/sudoers", "token=/etc/sudoers"},
		{"an option as a value", "--token -exec", "--token -exec"},
		{"still a secret", "PGPASSWORD=x psql --password hunter2", "PGPASSWORD=*** psql --password ***"},
		{"a header", "-H Authorization:|Bearer|abc", "-H Authorization:|Bearer|***"},
		{"an address", "https://bob:secret@host/x", "https://bob:***@host/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(split(tt.want), Masking{Acts: true}.Args(split(tt.in))); d != "" {
				t.Error(d)
			}
		})
	}
}

// split takes | for a blank inside an argument.
func split(s string) []string {
	f := strings.Split(s, " ")
	for i := range f {
		f[i] = strings.ReplaceAll(f[i], "|", " ")
	}
	return f
}

func FuzzMask(f *testing.F) {
	f.Add("--password", "x")
	f.Add("a\xff\x00", "TOKEN=abc")
	f.Add("https://a:b@c", "Authorization: Basic x")
	f.Fuzz(func(t *testing.T, a, b string) {
		got := append(Masking{}.Args([]string{a, b}), Masking{Acts: true, Program: "curl"}.Args([]string{a, b})...)
		if len(got) != 4 {
			t.Fatalf("%d arguments", len(got))
		}
		for _, s := range got {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("%q %q became %q", a, b, got)
			}
		}
	})
}

func TestArgsDigest(t *testing.T) {
	salt := bytes.Repeat([]byte{1}, 32)
	base := ArgsDigest(salt, "x", []string{"a", "b"})
	if len(base) != 32 || !bytes.Equal(base, ArgsDigest(salt, "x", []string{"a", "b"})) {
		t.Fatal("not stable")
	}
	others := [][]byte{
		ArgsDigest(salt, "x", []string{"a b"}), ArgsDigest(salt, "x", []string{"ab"}), ArgsDigest(salt, "x", []string{"b", "a"}),
		ArgsDigest(salt, "x", []string{"a", "b", ""}), ArgsDigest(salt, "x", nil), ArgsDigest(salt, "x", []string{""}),
		ArgsDigest(salt, "y", []string{"a", "b"}), ArgsDigest(salt, "xa", []string{"b"}), ArgsDigest(salt, "", []string{"x", "a", "b"}),
		ArgsDigest(bytes.Repeat([]byte{2}, 32), "x", []string{"a", "b"}),
	}
	for i, a := range others {
		for j, b := range append(others[:i:i], base) {
			if bytes.Equal(a, b) {
				t.Errorf("%d and %d are equal", i, j)
			}
		}
	}
}

func TestInterprets(t *testing.T) {
	for name, want := range map[string]bool{"bash": true, "/usr/bin/python3.11": true, "perl5.36.0": true, "dash": true, "/bin/ZSH": true, "/bin/zſh": true, "/usr/bin/Ruby2.6": true, "R": true, "7z": false, "cat": false, "": false, "/usr/bin/id": false} {
		if got := interprets(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestParsePasswd(t *testing.T) {
	text := "root:x:0:0:root:/root:/bin/bash\n+nis:x:7:7::/:/bin/sh\nshort:x:7\nbad:x:seven:7::/:/bin/sh\n" +
		"alice:x:1001:1002:Alice Ö,Room 1,,:/home/alice:/bin/zsh\nagain:x:1001:1::/:/bin/sh\n"
	got, ok := parsePasswd(text, func(a Account) bool { return a.UID == 1001 })
	want := Account{Name: "alice", Display: "Alice Ö", UID: 1001, GID: 1002, Home: "/home/alice", Shell: "/bin/zsh"}
	if d := cmp.Diff(want, got); d != "" || !ok {
		t.Error(d)
	}
	if a, ok := parsePasswd(text, func(a Account) bool { return a.UID == 7 }); ok {
		t.Errorf("found %+v", a)
	}
}

func TestParseGroups(t *testing.T) {
	text := "root:x:0:\nsudo:x:27:bob,alice\nadm:x:4:alicex,xalice\nown:x:1002:\nalso:x:1002:\nbad:x:x:alice\nstaff:x:50:alice\n"
	want := []Group{{"own", 1002}, {"sudo", 27}, {"staff", 50}}
	if d := cmp.Diff(want, parseGroups(text, "alice", 1002)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Group{{"77", 77}}, parseGroups("", "x", 77)); d != "" {
		t.Error(d)
	}
}

func TestOnlyFiles(t *testing.T) {
	tests := []struct {
		conf string
		want bool
	}{
		{"", true},
		{"passwd: files systemd", true},
		{"passwd:\tfiles # sss", true},
		{"passwd: files [NOTFOUND=return] systemd", true},
		{"passwd: sss files", false},
		{"passwd: compat", false}, // may read NIS
		{"group: sss\npasswd: files", true},
		{"passwd: ldap", false},
	}
	for _, tt := range tests {
		if got := onlyFiles(tt.conf, "passwd"); got != tt.want {
			t.Errorf("%q: got %v", tt.conf, got)
		}
	}
}

func TestLookupRefuses(t *testing.T) {
	for _, bad := range []string{"#-1", "#4294967295", "#4294967296", "#x", "#", "-x", "a:b", "a\nb", "no-such-user-here"} {
		if a, err := LookupRunAs(bad); err == nil {
			t.Errorf("%q is %+v", bad, a)
		}
	}
	if a, err := LookupUID(1<<32 - 1); !errors.Is(err, ErrNoUser) {
		t.Errorf("uid -1 is %+v, %v", a, err)
	}
}

func TestCheckRaw(t *testing.T) {
	salt := make([]byte, 16)
	ok := Raw{Command: "id", Cwd: t.TempDir(), Salt: salt}
	tests := []struct {
		name   string
		change func(*Raw)
		want   error
	}{
		{"good", func(*Raw) {}, nil},
		{"no salt", func(r *Raw) { r.Salt = salt[:15] }, elevation.ErrInvalid},
		{"no command", func(r *Raw) { r.Command = "" }, elevation.ErrInvalid},
		{"a NUL", func(r *Raw) { r.Command = "i\x00d" }, elevation.ErrInvalid},
		{"a long command", func(r *Raw) { r.Command = strings.Repeat("x", elevation.MaxPath+1) }, elevation.ErrInvalid},
		{"no folder", func(r *Raw) { r.Cwd = "" }, elevation.ErrInvalid},
		{"a relative folder", func(r *Raw) { r.Cwd = "x" }, elevation.ErrInvalid},
		{"many arguments", func(r *Raw) { r.Args = make([]string, elevation.MaxArgs+1) }, ErrTooLong},
		{"long arguments", func(r *Raw) { r.Args = []string{strings.Repeat("x", elevation.MaxArgsBytes)} }, ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ok
			tt.change(&r)
			if err := checkRaw(r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// The controller files requests ahead that the endpoint's own must match.
func TestElevated(t *testing.T) {
	if want := elevation.ElevatedOn(runtime.GOOS); Elevated != want {
		t.Errorf("%q here, %q at the controller", Elevated, want)
	}
}
