package privilege

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/acl"
)

// winEnded is the exit code of what is ended.
const winEnded = 137

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// winPlace is a Windows for [contractOfWindows], as others than the agent see it.
type winPlace interface {
	// spec is an approved program in a folder that users can change, with a place for
	// copies. With "tell" it ends with 7, with "stay" it is to be ended.
	spec(t *testing.T, args ...string) Spec
	write(path, text string) error
	remove(path string) error
	rename(from, to string) error
	openToWrite(path string) (close func(), err error)
	there(path string) bool
	clean(t *testing.T) // nothing that was started or opened is left
	// split has somebody in place of the person whose token UAC has split.
	split(Spec) Spec
	lacks() map[string]string // parts of the contract that it can not keep, and why
}

// can is a part of the contract that some places lack.
func can(t *testing.T, place winPlace, what string, part func(*testing.T)) {
	t.Run(what, func(t *testing.T) {
		if why := place.lacks()[what]; why != "" {
			t.Skip(why)
		}
		part(t)
	})
}

// contractOfWindows is what a Windows does for the start of a program, this machine's
// or one of memory.
func contractOfWindows(t *testing.T, at func(t *testing.T) (winStart, winPlace)) {
	for name, part := range map[string]func(*testing.T, winStart, winPlace){
		"a held file": contractOfHolding, "folders and copies": contractOfFolders, "paths": contractOfPaths,
		"tokens": contractOfTokens, "a stopped process": contractOfStopped, "starts": contractOfStarts, "refusals": contractOfRefusals,
	} {
		t.Run(name, func(t *testing.T) {
			w, place := at(t)
			part(t, w, place)
			place.clean(t)
		})
	}
}

// From when a file is held nobody else writes to it, removes it or gives its name away.
func contractOfHolding(t *testing.T, w winStart, place winPlace) {
	path := place.spec(t).Path
	done, err := place.openToWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.sys.hold(path); !errors.Is(err, errInUse) {
		t.Errorf("held while somebody may write to it: %v", err)
	}
	done()
	held, err := w.sys.hold(path)
	if err != nil {
		t.Fatal(err)
	}
	other := folderOf(path) + `\other.exe`
	if err := place.write(other, "MZ"); err != nil {
		t.Fatal(err)
	}
	_, opened := place.openToWrite(path)
	for what, err := range map[string]error{"write": place.write(path, "evil"), "open": opened, "remove": place.remove(path),
		"rename": place.rename(path, path+".old"), "replace": place.rename(other, path)} {
		if err == nil {
			t.Errorf("%s: done while the file is held", what)
		}
	}
	again, err := w.sys.hold(path)
	if err != nil {
		t.Fatalf("two may read: %v", err)
	}
	seen, err := w.sys.look(path)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := w.sys.look(other)
	if err != nil {
		t.Fatal(err)
	}
	id := func(f winFile) winFileID {
		t.Helper()
		id, err := f.id()
		if err != nil {
			t.Error(err)
		}
		return id
	}
	if id(held) != id(seen) || id(held) != id(again) || id(held) == id(beside) {
		t.Error("files are not told apart")
	}
	if real, err := seen.real(); err != nil || !strings.EqualFold(real, path) {
		t.Errorf("it is %s, %v", real, err)
	}
	head := make([]byte, 2)
	if n, err := held.ReadAt(head, 0); n != 2 || err != nil || string(head) != "MZ" {
		t.Errorf("read %q, %v", head, err)
	}
	for _, f := range []winFile{held, again, seen, beside} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := place.remove(path); err != nil || place.there(path) {
		t.Errorf("it is held still: %v", err)
	}
	if _, err := w.sys.hold(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is held: %v", err)
	}
	if _, err := w.sys.look(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is looked at: %v", err)
	}
}

func contractOfFolders(t *testing.T, w winStart, place winPlace) {
	s := place.spec(t)
	if err := w.sys.makeFolder(s.StageDir); err != nil {
		t.Fatal(err)
	}
	if err := w.sys.makeFolder(s.StageDir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if err := w.sys.makeFolder(s.StageDir + `\a\b`); err == nil {
		t.Error("made in none")
	}
	path := s.StageDir + `\copy.exe`
	to, err := w.sys.newFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Write([]byte("MZ")); err != nil {
		t.Error(err)
	}
	if _, err := w.sys.hold(path); !errors.Is(err, errInUse) {
		t.Errorf("held while it is written: %v", err)
	}
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.sys.newFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if list, err := w.sys.list(path); err != nil || list.Owner == "" {
		t.Errorf("its list: %+v, %v", list, err)
	}
	if _, err := w.sys.list(path + ".none"); err == nil {
		t.Error("what is not there has a list")
	}
	if err := w.sys.removeAll(s.StageDir); err != nil || place.there(s.StageDir) {
		t.Errorf("left: %v", err)
	}
	if err := w.sys.removeAll(s.StageDir); err != nil {
		t.Errorf("nothing can not be removed: %v", err)
	}
}

func contractOfPaths(t *testing.T, w winStart, place winPlace) {
	path := place.spec(t).Path
	real, _, err := resolveWindows(w.sys, strings.ReplaceAll(strings.ToUpper(path), `\`, "/"))
	if err != nil || real != path {
		t.Errorf("%s, %v", real, err)
	}
	for _, path := range []string{path + ".none", "", "setup.exe", `C:setup.exe`, `\\server\share\setup.exe`, "//server/share/setup.exe", `\\?\` + path} {
		if real, only, err := resolveWindows(w.sys, path); err == nil || only {
			t.Errorf("%s leads to %s, %v", path, real, only)
		}
	}
}

func contractOfTokens(t *testing.T, w winStart, place winPlace) {
	s := place.spec(t)
	can(t, place, "a session of nobody", func(t *testing.T) {
		if _, err := w.sys.sessionToken(9999); err == nil {
			t.Error("nobody has a token")
		}
	})
	can(t, place, "a split token", func(t *testing.T) {
		s := place.split(s)
		session, err := w.sys.sessionToken(s.Requester.Session)
		if err != nil {
			t.Fatal(err)
		}
		half, err := session.read()
		if err != nil || half.elevation != elevationLimited || half.facts().admin {
			t.Errorf("%+v, %v", half, err)
		}
		other, err := session.linked()
		if err != nil {
			t.Fatal(err)
		}
		if whole, err := other.read(); err != nil || whole.elevation != elevationFull || s.checkToken(whole.facts()) != nil {
			t.Errorf("%+v, %v", whole, err)
		}
		if err := errors.Join(other.close(), session.close()); err != nil {
			t.Error(err)
		}
	})
	session, err := w.sys.sessionToken(s.Requester.Session)
	if err != nil {
		t.Fatal(err)
	}
	is, err := session.read()
	if err != nil || is.user != s.Requester.SID || is.session != s.Requester.Session || len(is.groups) == 0 || is.elevation < elevationDefault || is.elevation > elevationLimited {
		t.Errorf("%+v, %v", is, err)
	}
	can(t, place, "a log-on without a password", func(t *testing.T) {
		token, err := w.logOn(session, is)
		if err != nil {
			t.Fatal(err)
		}
		if is, err := token.read(); err != nil || !is.facts().admin {
			t.Errorf("%+v, %v", is, err)
		}
		if err := token.close(); err != nil {
			t.Error(err)
		}
		if _, err := w.sys.logOn(winLogOn{pack: packageLocal, kind: logonNetwork, account: "nobody", domain: "nowhere"}); err == nil {
			t.Error("nobody is logged on")
		}
	})
	made, err := session.primary()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(made.moveTo(is.session), made.guardNew(acl.Guarded)); err != nil {
		t.Error(err)
	}
	if now, err := made.read(); err != nil || now.facts() != is.facts() {
		t.Errorf("a copy is %+v, %v", now, err)
	}
	of, err := w.sys.facts(made)
	if err != nil || !ofThisMachine(of.Root) || !ofThisMachine(of.Profile) || of.User == "" || of.Computer == "" || of.Machine == "" || of.Temp != "" {
		t.Errorf("%+v, %v", of, err)
	}
	if err := errors.Join(made.close(), session.close()); err != nil {
		t.Error(err)
	}
	if made.close() == nil {
		t.Error("closed twice")
	}
}

// A process that was made does nothing until it is let go, and is what was asked for.
func contractOfStopped(t *testing.T, w winStart, place winPlace) {
	s := place.spec(t, "tell")
	held, err := w.holdImage(s)
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.tokenFor(s)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := w.trees.Plan(string(s.Grant), 0)
	if err != nil {
		t.Fatal(err)
	}
	make := func() winChild {
		t.Helper()
		p, err := w.processOf(s, held, token, plan)
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.sys.create(p)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	over := func(c winChild, want int) {
		t.Helper()
		if err := c.wait(); err != nil {
			t.Error(err)
		}
		if code, err := c.code(); code != want || err != nil {
			t.Errorf("exit %d, %v, want %d", code, err, want)
		}
		c.close()
	}
	c := make()
	ref := plan
	ref.PID = c.pid()
	if ref, err = c.contain(ref); err != nil || ref.Started == 0 {
		t.Errorf("%+v, %v", ref, err)
	}
	if err := w.checkRuns(held, c); err != nil {
		t.Error(err)
	}
	if other, err := w.sys.hold(s.Path); err != nil || !errors.Is(w.checkRuns(&winImage{file: other}, c), ErrChanged) {
		t.Errorf("what runs is taken for another file: %v", err)
	} else if err := other.Close(); err != nil {
		t.Error(err)
	}
	if got, err := c.token(); err != nil || s.verifyToken(got) != nil {
		t.Errorf("its token: %v", err)
	} else if err := got.close(); err != nil {
		t.Error(err)
	}
	if lists, err := c.lists(); err != nil || len(lists) != 2 || checkGuarded(c) != nil {
		t.Errorf("others can open it: %+v, %v", lists, err)
	}
	second := make()
	if _, err := second.contain(ref); err == nil {
		t.Error("a job that was there is used")
	}
	if err := second.end(); err != nil {
		t.Error(err)
	}
	over(second, winEnded)
	if err := w.trees.End(t.Context(), ref, 0); err != nil {
		t.Error(err)
	}
	over(c, winEnded)
	third := make()
	if err := third.resume(); err != nil {
		t.Error(err)
	}
	over(third, 7)
	if err := token.close(); err != nil {
		t.Error(err)
	}
	if err := held.discard(w.sys); err != nil || place.there(held.stage) {
		t.Errorf("the copy is left: %v", err)
	}
}

func contractOfStarts(t *testing.T, w winStart, place winPlace) {
	s := place.spec(t, "tell")
	contained := false
	s.Contained = func() error { contained = true; return nil }
	run, err := w.start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := run.Wait(); code != 7 || err != nil || !contained {
		t.Errorf("exit %d, %v, contained %v", code, err, contained)
	}
	if err := run.unlessOver(func() error { return errRefused }); err != nil {
		t.Error("it is ended after its end")
	}
	if err := errors.Join(w.trees.End(t.Context(), run.Tree, 0), w.sys.removeAll(StagePath(s.StageDir, s.Grant))); err != nil {
		t.Error(err)
	}
	s = place.spec(t, "stay")
	s.Own, s.StageDir, s.Follow = true, "", true
	if run, err = w.start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := run.unlessOver(func() error { return errRefused }); !errors.Is(err, errRefused) {
		t.Errorf("it lives and is not ended: %v", err)
	}
	if err := w.trees.End(t.Context(), run.Tree, 0); err != nil {
		t.Error(err)
	}
	if code, err := run.Wait(); code != winEnded || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
	run.Births.Close()
}

var errRefused = errors.New("refused by the caller")

// Nothing is left of what is refused.
func contractOfRefusals(t *testing.T, w winStart, place winPlace) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		change func(s *Spec)
		ctx    context.Context
		want   error
	}{
		"another hash":             {func(s *Spec) { s.SHA256 = strings.Repeat("0", 64) }, t.Context(), ErrChanged},
		"no place for a copy":      {func(s *Spec) { s.StageDir = "" }, t.Context(), ErrUnsafe},
		"a place of the person's":  {func(s *Spec) { s.StageDir = folderOf(s.Path) + `\mine` }, t.Context(), ErrUnsafe},
		"kept alone":               {func(s *Spec) { s.Alone = true }, t.Context(), ErrNotContained},
		"somebody else's session":  {func(s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-21-9-9-9-1", "S-1-5-21-9-9-9-1" }, t.Context(), ErrIdentity},
		"as somebody else":         {func(s *Spec) { s.RunAs.SID = "S-1-5-21-9-9-9-1" }, t.Context(), ErrIdentity},
		"nobody's session":         {func(s *Spec) { s.Requester.Session = 9999 }, t.Context(), ErrIdentity},
		"not wanted any more":      {func(*Spec) {}, over, context.Canceled},
		"refused once it is there": {func(s *Spec) { s.Contained = func() error { return errRefused } }, t.Context(), errRefused},
		"a line with a quote":      {func(s *Spec) { s.Called = `a"b` }, t.Context(), ErrArguments},
	} {
		s := place.spec(t, "stay")
		row.change(&s)
		if run, err := w.start(row.ctx, s); run != nil || !errors.Is(err, row.want) {
			t.Errorf("%s: %+v, %v", name, run, err)
		}
		if place.there(StagePath(s.StageDir, s.Grant)) {
			t.Errorf("%s: a copy is left", name)
		}
		place.clean(t)
	}
}
