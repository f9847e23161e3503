package standing

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// box is a machine's files in a folder of the test's own.
type box struct {
	t    *testing.T
	cfg  Config
	s    *Standing
	root string
}

// files are the accounts of every box; keeper is the administrator who stays.
func files(sudoers string, more map[string]string) map[string]string {
	out := map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/bash\nalice:x:1001:1001::/home/alice:/bin/bash\nbob:x:1002:1002::/home/bob:/bin/bash\n" +
			"carol:x:1003:27::/home/carol:/bin/bash\nkeeper:x:1004:1004::/home/keeper:/bin/bash\ntoor:x:0:0::/root:/bin/bash\n",
		"etc/shadow": "root:*:19000::::::\nalice:$6$x:19000::::::\nbob:!:19000::::::\nkeeper:$6$y:19000::::::\n",
		"etc/group": "root:x:0:\nsudo:x:27:alice,bob\ndocker:x:998:bob\ndevs:x:1100:alice,bob\nempty:x:1101:\nalice:x:1001:\nbob:x:1002:\n" +
			"keeper:x:1004:\n",
		"etc/gshadow":          "root:*::\nsudo:*::alice,bob\ndocker:!::bob\ndevs:!:alice:alice,bob\nempty:!::\n",
		"etc/sudoers":          sudoers,
		"etc/sudoers.d/keeper": "keeper ALL=(ALL:ALL) ALL\n",
	}
	maps.Copy(out, more)
	return out
}

func newBox(t *testing.T, all map[string]string) *box {
	t.Helper()
	testgroup.Need(t, "root")
	b := &box{t: t, root: t.TempDir()}
	if err := os.Chmod(b.root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range all {
		path := filepath.Join(b.root, name)
		mode := os.FileMode(0o644)
		if strings.Contains(name, "sudoers") {
			mode = 0o440
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	b.cfg = Config{Data: t.TempDir(), Root: b.root}
	b.open()
	return b
}

// open opens the ledger as a start of the agent does.
func (b *box) open() {
	b.t.Helper()
	s, err := Open(b.t.Context(), b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.s = s
}

// all reads every file with its mode.
func (b *box) all() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(b.root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".pwd.lock") {
			return err
		}
		out[strings.TrimPrefix(path, b.root+"/")] = fmt.Sprintf("%v\n%s", info.Mode(), raw)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *box) same(before map[string]string) {
	b.t.Helper()
	if d := cmp.Diff(before, b.all()); d != "" {
		b.t.Errorf("the files are not as they were (-before +now):\n%s", d)
	}
}

// short is a right as the tables write it.
func short(r elevation.Right) string {
	words := []string{string(r.Kind), "user=" + r.User, "group=" + r.Group, r.Source}
	if r.NoAsk {
		words = append(words, "noask")
	}
	if r.All {
		words = append(words, "all")
	}
	if r.Fixed != "" {
		words = append(words, "fixed")
	}
	return strings.Join(words, " ")
}

// of are the rights that sudoers itself gives, without keeper's.
func (b *box) of(kind elevation.RightKind) (out []string) {
	for _, r := range b.s.Scan().Rights {
		if r.Kind == kind && r.User != "keeper" {
			out = append(out, short(r))
		}
	}
	return out
}

const include = "@includedir sudoers.d\n"

// table is what sudoers give whom.
func table() map[string]struct {
	text string
	want []string
} {
	return map[string]struct {
		text string
		want []string
	}{
		"plain":          {"root ALL=(ALL:ALL) ALL\nalice ALL=(ALL:ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:2 all"}},
		"one command":    {"alice ALL=(root) NOPASSWD: /usr/bin/id\n", []string{"sudoers user=alice group= /etc/sudoers:1 noask"}},
		"not as root":    {"alice ALL=(bob) ALL\nbob ALL=(ALL, !root) ALL\n", nil},
		"group to run":   {"alice ALL=(:docker) /bin/sh\nbob ALL=(:bob) /bin/sh\n", []string{"sudoers user=alice group= /etc/sudoers:1"}},
		"list":           {"alice, bob ALL=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:1 all", "sudoers user=bob group= /etc/sudoers:1 all"}},
		"continued":      {"alice, \\\n  bob \\\n ALL = \\\n (ALL) ALL # why\nDefaults env_reset\n", []string{"sudoers user=alice group= /etc/sudoers:1 all", "sudoers user=bob group= /etc/sudoers:1 all"}},
		"tags":           {"alice ALL=(root) PASSWD: /bin/a, NOPASSWD: SETENV: /bin/b, (bob) /bin/c\n", []string{"sudoers user=alice group= /etc/sudoers:1 noask"}},
		"sticky":         {"alice ALL=(bob) NOPASSWD: /bin/a, /bin/b\n", nil},
		"several hosts":  {"alice other=(ALL) ALL : ALL=(root) /bin/a\n", []string{"sudoers user=alice group= /etc/sudoers:1"}},
		"other host":     {"alice elsewhere=(ALL) ALL\n", nil},
		"host alias":     {"Host_Alias HERE = ALL, !elsewhere\nalice HERE=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:2 all"}},
		"user alias":     {"User_Alias ADMINS = alice, bob : OTHERS = carol\nADMINS ALL=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:2 all", "sudoers user=bob group= /etc/sudoers:2 all"}},
		"except":         {"User_Alias ADMINS = alice, bob\nADMINS, !bob ALL=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:2 all"}},
		"command alias":  {"Cmnd_Alias ANY = /bin/a, ALL\nalice ALL = ANY\n", []string{"sudoers user=alice group= /etc/sudoers:2 all"}},
		"runas alias":    {"Runas_Alias DB = bob, root\nalice ALL = (DB) /bin/a\n", []string{"sudoers user=alice group= /etc/sudoers:2"}},
		"number":         {"#1001 ALL=(#0) ALL # not a comment before\n", []string{"sudoers user=alice group= /etc/sudoers:1 all"}},
		"group":          {"%devs ALL=(ALL) NOPASSWD:ALL\n%#1100 ALL=/bin/a\n", []string{"sudoers user= group=devs /etc/sudoers:1 noask all", "sudoers user= group=devs /etc/sudoers:2"}},
		"nobody":         {"%empty ALL=(ALL) ALL\n%absent ALL=(ALL) ALL\nghost ALL=(ALL) ALL\n", nil},
		"elsewhere":      {"+netadmins ALL=(ALL) ALL\n%:nonunix ALL=(ALL) ALL\n", []string{"sudoers user= group=+netadmins /etc/sudoers:1 all fixed", "sudoers user= group=nonunix /etc/sudoers:2 all fixed"}},
		"everybody":      {"ALL ALL=(ALL) NOPASSWD: /usr/bin/true\n", []string{"sudoers user=ALL group= /etc/sudoers:1 noask"}},
		"not asked":      {"Defaults:alice !authenticate\nalice ALL=(ALL) ALL\nbob ALL=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:2 noask all", "sudoers user=bob group= /etc/sudoers:3 all"}},
		"target":         {"Defaults targetpw\nALL ALL=(ALL) ALL\n", []string{"sudoers user=ALL group= /etc/sudoers:2 all fixed"}},
		"quoted":         {"\"alice\" ALL=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:1 all"}},
		"arguments":      {"alice ALL=(root) /bin/sh -c echo\\ a\\,b\\:c\\=d, sudoedit /etc/motd\n", []string{"sudoers user=alice group= /etc/sudoers:1"}},
		"digest":         {"alice ALL=(root) sha256:aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd28= /bin/a\n", []string{"sudoers user=alice group= /etc/sudoers:1"}},
		"no end of line": {include + "alice ALL=(ALL) ALL", []string{"sudoers user=alice group= /etc/sudoers:2 all"}},
		"twice":          {"alice ALL=(ALL) ALL\n# between\nalice ALL=(ALL) ALL\n", []string{"sudoers user=alice group= /etc/sudoers:1 all", "sudoers user=alice group= /etc/sudoers:3 all"}},
	}
}

// TestScanAndBothWays: each text gives exactly these rights; each of them alone and
// all together are taken and come back, in any order, to the same bytes.
func TestScanAndBothWays(t *testing.T) {
	testgroup.Need(t, "sudo")
	for name, c := range table() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := c.text
			if strings.HasSuffix(text, "\n") {
				text += include
			}
			b := newBox(t, files(text, nil))
			if d := cmp.Diff(c.want, b.of(elevation.RightSudoers)); d != "" {
				t.Fatalf("-want +got:\n%s\nfaults %v", d, b.s.Scan().Faults)
			}
			before := b.all()
			b.bothWays(before)
		})
	}
}

// bothWays takes everything that can be taken, one by one, and gives it back in
// three orders.
func (b *box) bothWays(before map[string]string) {
	b.t.Helper()
	for _, order := range []string{"as taken", "newest first", "all"} {
		var ids []string
		for _, r := range b.s.Scan().Rights {
			if r.Fixed == "" && r.User != "keeper" {
				ids = append(ids, r.ID)
			}
		}
		done, refused := b.s.TakeOver(b.t.Context(), "ro_1", ids)
		if len(done) != len(ids) || len(refused) > 0 {
			b.t.Fatalf("taken %v of %v, refused %v", done, ids, refused)
		}
		found := b.s.Scan()
		for _, r := range found.Rights {
			if slices.Contains(ids, r.ID) {
				b.t.Errorf("%s is still there", short(r))
			}
		}
		if len(found.Taken) != len(ids) {
			b.t.Errorf("%d are listed as taken, not %d", len(found.Taken), len(ids))
		}
		if err := b.s.visudo(b.t.Context(), ""); err != nil {
			b.t.Errorf("after taking: %v", err)
		}
		b.give(order, ids)
		b.same(before)
		if again, err := b.s.GiveBack(b.t.Context(), nil); err != nil || len(again) > 0 {
			b.t.Errorf("a second giving back gives %v, %v", again, err)
		}
	}
}

func (b *box) give(order string, ids []string) {
	b.t.Helper()
	ids = slices.Clone(ids)
	if order == "newest first" {
		slices.Reverse(ids)
	}
	lots := [][]string{nil}
	if order != "all" {
		lots = nil
		for _, id := range ids {
			lots = append(lots, []string{id})
		}
	}
	for _, lot := range lots {
		out, err := b.s.GiveBack(b.t.Context(), lot)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, r := range out {
			if r.Err != nil || r.Said != "" {
				b.t.Errorf("giving back %s (%s): %v, says %q", short(r.Right), order, r.Err, r.Said)
			}
		}
		if err := b.s.visudo(b.t.Context(), ""); err != nil {
			b.t.Errorf("after giving back: %v", err)
		}
	}
}

// TestGroups: members of groups of administrators and of groups that are root.
func TestGroups(t *testing.T) {
	b := newBox(t, files("%sudo ALL=(ALL:ALL) ALL\n"+include, nil))
	want := []string{"group user=alice group=sudo /etc/group:2 all", "group user=bob group=sudo /etc/group:2 all", "group user=carol group=sudo /etc/group:2 all fixed"}
	if d := cmp.Diff(want, b.of(elevation.RightGroup)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"root_group user=bob group=docker /etc/group:3 noask all"}, b.of(elevation.RightRootGroup)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"uid0 user=toor group= /etc/passwd:6 all fixed"}, b.of(elevation.RightUID0)); d != "" {
		t.Error(d)
	}
	b.bothWays(b.all())
}

// TestIncludes: files with dots and tildes, Assent's own and missing ones.
func TestIncludes(t *testing.T) {
	b := newBox(t, files("@include extra\n#includedir sudoers.d\n", map[string]string{
		"etc/extra":                    "@include more/deep\nalice ALL=(ALL) ALL\n",
		"etc/more/deep":                "bob ALL=(ALL) NOPASSWD: ALL\n",
		"etc/sudoers.d/x.bak":          "bob ALL=(ALL) ALL\n",
		"etc/sudoers.d/x~":             "bob ALL=(ALL) ALL\n",
		"etc/sudoers.d/zz-assent-1-gr": "bob ALL=(ALL) ALL\n",
	}))
	want := []string{"sudoers user=alice group= /etc/extra:2 all", "sudoers user=bob group= /etc/more/deep:1 noask all"}
	if d := cmp.Diff(want, b.of(elevation.RightSudoers)); d != "" {
		t.Error(d)
	}
	b.bothWays(b.all())
}

// TestUntrusted: what others than root can write is said and neither read nor
// written.
func TestUntrusted(t *testing.T) {
	b := newBox(t, files("@include open/rules\n"+include, map[string]string{"etc/open/rules": "bob ALL=(ALL) ALL\n"}))
	if err := os.Chown(filepath.Join(b.root, "etc/open"), 1002, 1002); err != nil {
		t.Fatal(err)
	}
	if got := b.of(elevation.RightSudoers); got != nil {
		t.Errorf("rights %v", got)
	}
	if f := b.s.Scan().Faults; len(f) != 1 || !strings.Contains(f[0], "whoever can has every right") {
		t.Errorf("faults %v", f)
	}
}

// TestStableID: a line that moves is the same right; another text is another one.
func TestStableID(t *testing.T) {
	b := newBox(t, files("alice ALL=(ALL) ALL\n", nil))
	id := b.id("alice", elevation.RightSudoers)
	b.write("etc/sudoers", "# a line above\n\nalice    ALL=(ALL)   ALL\n")
	if got := b.id("alice", elevation.RightSudoers); got != id {
		t.Errorf("the moved line has id %s, not %s", got, id)
	}
	b.write("etc/sudoers", "alice ALL=(ALL) NOPASSWD: ALL\n")
	if got := b.id("alice", elevation.RightSudoers); got == id {
		t.Error("another rule has the same id")
	}
}

func (b *box) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.root, name), []byte(text), 0o440); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	b.t.Helper()
	raw, err := os.ReadFile(filepath.Join(b.root, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(raw)
}

// id is of the one right of a user.
func (b *box) id(user string, kind elevation.RightKind) string {
	b.t.Helper()
	for _, r := range b.s.Scan().Rights {
		if r.User == user && r.Kind == kind {
			return r.ID
		}
	}
	b.t.Fatalf("%s has no right of kind %s", user, kind)
	return ""
}

// takes takes one right; why is in the refusal, "" = it is done.
func (b *box) takes(id, why string) {
	b.t.Helper()
	done, refused := b.s.TakeOver(b.t.Context(), "ro_1", []string{id})
	switch {
	case why == "" && len(done) != 1:
		b.t.Fatalf("not taken: %v", refused)
	case why != "" && (len(refused) != 1 || !strings.Contains(refused[0].Why, why)):
		b.t.Fatalf("taken %v, refused %v, want %q", done, refused, why)
	}
}

// TestNever: root, the last administrator, the break-glass group, primary groups,
// unknown ids, links, and files that somebody edits.
func TestNever(t *testing.T) {
	b := newBox(t, files("root ALL=(ALL) ALL\n%sudo ALL=(ALL) ALL\n%devs ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) NOPASSWD: ALL\n", nil))
	group := "devs"
	b.cfg.BreakGlass = func() string { return group }
	b.open()
	b.takes("0123456789abcdef", "not there any more")
	b.takes(b.id("carol", elevation.RightGroup), "primary group")
	b.takes(b.id("toor", elevation.RightUID0), "root itself")
	b.takes(b.id("", elevation.RightSudoers), "break-glass")
	b.takes(b.id("bob", elevation.RightSudoers), "")
	b.takes(b.id("bob", elevation.RightGroup), "")
	b.takes(b.id("alice", elevation.RightGroup), "") // alice has a password and is in devs
	group = ""
	b.takes(b.id("", elevation.RightSudoers), "last administrator")
	group = "sudo"
	if _, err := b.s.GiveBack(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	b.takes(b.id("alice", elevation.RightGroup), "break-glass")
	if err := os.Rename(filepath.Join(b.root, "etc/sudoers"), filepath.Join(b.root, "etc/real")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(b.root, "etc/sudoers")); err != nil {
		t.Fatal(err)
	}
	b.takes(b.id("bob", elevation.RightSudoers), "a link")
}

// TestChangedMeanwhile: only what was removed comes back, and that is said.
func TestChangedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct{ before, change, after, said string }{
		"line above": {"bob ALL=(ALL) ALL\n", "# new\n*", "# new\nbob ALL=(ALL) ALL\n", "changed meanwhile"},
		"list":       {"bob, alice ALL=(ALL) ALL\n", "carol, alice ALL=(ALL) ALL\n", "bob ALL=(ALL) ALL\ncarol, alice ALL=(ALL) ALL\n", "on a line of its own"},
		"gone":       {"bob ALL=(ALL) ALL\n", "alice ALL=(ALL) /bin/a", "alice ALL=(ALL) /bin/a\nbob ALL=(ALL) ALL\n", "on a line of its own"},
		"there":      {"bob ALL=(ALL) ALL\n", "bob   ALL=(ALL) ALL # mine\n", "bob   ALL=(ALL) ALL # mine\n", "there already"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, files(include, map[string]string{"etc/sudoers.d/x": c.before}))
			b.takes(b.id("bob", elevation.RightSudoers), "")
			b.write("etc/sudoers.d/x", strings.Replace(c.change, "*", b.read("etc/sudoers.d/x"), 1))
			b.said(c.said)
			if got := b.read("etc/sudoers.d/x"); got != c.after {
				t.Errorf("the file reads\n%s", got)
			}
		})
	}
	t.Run("removed", func(t *testing.T) {
		b := newBox(t, files(include, map[string]string{"etc/sudoers.d/x": "bob, alice ALL=(ALL) ALL\n"}))
		b.takes(b.id("bob", elevation.RightSudoers), "")
		if err := os.Remove(filepath.Join(b.root, "etc/sudoers.d/x")); err != nil {
			t.Fatal(err)
		}
		b.said("removed meanwhile")
		if got := b.read("etc/sudoers.d/x"); got != "bob ALL=(ALL) ALL\n" {
			t.Errorf("the file reads\n%s", got)
		}
	})
	t.Run("group", func(t *testing.T) {
		b := newBox(t, files(include, nil))
		b.takes(b.id("alice", elevation.RightGroup), "")
		b.write("etc/group", strings.Replace(b.read("etc/group"), "sudo:x:27:bob", "sudo:x:27:bob,carol", 1))
		b.said("")
		if got := b.read("etc/group"); !strings.Contains(got, "sudo:x:27:alice,bob,carol\n") {
			t.Errorf("the file reads\n%s", got)
		}
	})
}

// said gives everything back and wants these words about each.
func (b *box) said(want string) {
	b.t.Helper()
	out, err := b.s.GiveBack(b.t.Context(), nil)
	if err != nil || len(out) == 0 {
		b.t.Fatal(out, err)
	}
	for _, r := range out {
		if r.Err != nil || !strings.Contains(r.Said, want) || want == "" && r.Said != "" {
			b.t.Errorf("%s: %v, says %q, want %q", short(r.Right), r.Err, r.Said, want)
		}
	}
}

// TestA14UidReusedGetsNothing: an account or a group that is gone, or another one
// now, gets no right of its predecessor, and no trace stays.
func TestA14UidReusedGetsNothing(t *testing.T) {
	for name, c := range map[string]struct{ file, old, new, said string }{
		"gone":        {"etc/passwd", "bob:x:1002:1002::/home/bob:/bin/bash\n", "", "no account bob"},
		"reused name": {"etc/passwd", "bob:x:1002:", "bob:x:2002:", "another one now"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, files(include, map[string]string{"etc/sudoers.d/x": "bob, alice ALL=(ALL) ALL\nbob ALL=(ALL) NOPASSWD: ALL\n"}))
			b.takes(b.id("bob", elevation.RightSudoers), "")
			b.takes(b.id("bob", elevation.RightSudoers), "")
			b.takes(b.id("alice", elevation.RightSudoers), "")
			b.takes(b.id("bob", elevation.RightGroup), "")
			b.write(c.file, strings.Replace(b.read(c.file), c.old, c.new, 1))
			out, err := b.s.GiveBack(t.Context(), nil)
			if err != nil || len(out) != 4 {
				t.Fatal(out, err)
			}
			for _, r := range out {
				if r.Err != nil || r.Right.User == "bob" && !strings.Contains(r.Said, c.said) {
					t.Errorf("%s: %v, says %q", short(r.Right), r.Err, r.Said)
				}
			}
			if got := b.read("etc/sudoers.d/x"); got != "alice ALL=(ALL) ALL\n\n" {
				t.Errorf("the rules read %q", got)
			}
			if got := b.read("etc/group"); !strings.Contains(got, "sudo:x:27:alice\n") {
				t.Errorf("the groups read %q", got)
			}
			if left := b.s.Scan().Taken; len(left) > 0 {
				t.Errorf("still taken: %v", left)
			}
		})
	}
}
