package privilege

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestContractOfWindowsByTheOffice(t *testing.T) {
	contractOfWindows(t, func(*testing.T) (winStart, winPlace) {
		o := newOffice()
		return o.start(), o
	})
}

// Nothing is let go before all that is looked at was looked at, and each look is at
// what the one before has fixed.
func TestOrderOfAStart(t *testing.T) {
	o := newOffice()
	s := o.spec(t, "tell")
	s.Follow = true
	s.Contained = func() error {
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.resumed) > 0 || len(o.jobs) != 1 {
			t.Errorf("it ran %v in %v", o.resumed, o.jobs)
		}
		return o.call("ledger")
	}
	run, err := o.start().start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = run.Wait()
	var got []string
	for _, call := range o.calls {
		if slices.Contains([]string{"hold", "new file", "session token", "log on", "primary token", "move token", "guard token", "create", "contain", "births", "image", "token", "lists", "ledger", "resume"}, call) {
			got = append(got, call)
		}
	}
	want := []string{"hold", "new file", "hold", "session token", "log on", "primary token", "move token", "guard token", "create", "contain", "births", "image", "token", "lists", "ledger", "resume"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// kindsOfStarts are starts by every way.
var kindsOfStarts = map[string]func(t *testing.T, o *office) Spec{
	"a copy, logged on": func(t *testing.T, o *office) Spec { return o.spec(t, "stay") },
	"in its place, by the other half": func(t *testing.T, o *office) Spec {
		return byBob(o.specAt(t, `C:\Program Files\Tool\tool.exe`, "stay"))
	},
	"as the administrator that they are": func(t *testing.T, o *office) Spec {
		o.people[windowsBob].split = false
		return byBob(o.specAt(t, `C:\Program Files\Tool\tool.exe`, "stay"))
	},
	"their own": func(t *testing.T, o *office) Spec {
		s := o.spec(t, "stay")
		s.Own = true
		return s
	},
}

// Whatever fails on the way: no process, no tree, no open handle and no copy is left,
// and nothing has run.
func TestEveryStepThatFails(t *testing.T) {
	for name, kind := range kindsOfStarts {
		t.Run(name, func(t *testing.T) {
			for failing := 1; ; failing++ {
				o := newOffice()
				s := kind(t, o)
				s.Follow = true
				failed, n := "", 0
				o.fails = func(call string) bool {
					if n++; n == failing {
						failed = call
					}
					return n == failing
				}
				s.Contained = func() error {
					o.mu.Lock()
					defer o.mu.Unlock()
					return o.call("ledger")
				}
				run, err := o.start().start(t.Context(), s)
				if failed == "" { // all have failed once
					if err != nil || len(o.resumed) != 1 || failing < 20 {
						t.Fatalf("%d calls: %v", failing, err)
					}
					return
				}
				if run != nil || !errors.Is(err, errFault) || len(o.resumed) > 0 {
					t.Errorf("%s, call %d: %+v, %v, ran %v", failed, failing, run, err, o.resumed)
				}
				o.clean(t)
			}
		})
	}
}

// A process that can not even be ended never runs, and that is said.
func TestWhatCanNotBeEnded(t *testing.T) {
	o := newOffice()
	o.fails = func(call string) bool { return call == "contain" || call == "end" }
	run, err := o.start().start(t.Context(), o.spec(t, "stay"))
	if run != nil || !errors.Is(err, ErrNotContained) || !strings.Contains(err.Error(), "end: ") || len(o.resumed) > 0 {
		t.Errorf("%+v, %v, ran %v", run, err, o.resumed)
	}
	if o.handles != 0 {
		t.Errorf("%d handles are left", o.handles)
	}
}

// A step that is said to have failed and was done leaves nothing either.
func TestStepsThatFailLate(t *testing.T) {
	for _, step := range []string{"contain", "resume"} {
		o := newOffice()
		o.late = step
		run, err := o.start().start(t.Context(), o.spec(t, "stay"))
		if run != nil || !errors.Is(err, errFault) {
			t.Errorf("%s: %+v, %v", step, run, err)
		}
		o.clean(t)
	}
}

// What was made is looked at itself: another file, person, session or right, or a
// process that others can open, does not run.
func TestWhatWasMadeIsLookedAt(t *testing.T) {
	open := acl.List{Owner: windowsAlice, Allow: []acl.Entry{{SID: windowsAlice, Mask: everything}}}
	for name, row := range map[string]struct {
		made func(o *office, p *officeProcess)
		want error
		own  error // of a program of their own
	}{
		"as it should be": {func(*office, *officeProcess) {}, nil, nil},
		"another file": {func(o *office, p *officeProcess) {
			p.file.release()
			o.put(`C:\Users\alice\evil.exe`, open).text = []byte("MZ evil")
			p.file, _ = o.open(`C:\Users\alice\evil.exe`, toRead, toRead)
		}, ErrChanged, ErrChanged},
		"the system's":       {func(_ *office, p *officeProcess) { p.data.user = "S-1-5-18" }, ErrIdentity, ErrIdentity},
		"in another session": {func(_ *office, p *officeProcess) { p.data.session = 3 }, ErrIdentity, ErrIdentity},
		"without the right":  {func(_ *office, p *officeProcess) { p.data.groups = nil }, ErrIdentity, nil},
		"of low integrity":   {func(_ *office, p *officeProcess) { p.data.integrity = 0x2000 }, ErrIdentity, nil},
		"open to the person": {func(_ *office, p *officeProcess) { p.mine = open }, ErrIdentity, nil},
		"its thread is open": {func(_ *office, p *officeProcess) { p.thread = open }, ErrIdentity, nil},
		"without any list": {func(_ *office, p *officeProcess) {
			p.mine = acl.List{Owner: localgroup.AdministratorsSID, Missing: true}
		}, ErrIdentity, nil},
		"a job is there before": {func(o *office, _ *officeProcess) { o.jobs["assent-office-gr_1"] = nil }, ErrNotContained, ErrNotContained},
	} {
		for own, want := range map[bool]error{false: row.want, true: row.own} {
			o := newOffice()
			s := o.spec(t, "tell")
			s.Own = own
			o.made = func(p *officeProcess) { row.made(o, p) }
			run, err := o.start().start(t.Context(), s)
			if !errors.Is(err, want) || (run == nil) != (want != nil) || len(o.resumed) > 0 != (want == nil) {
				t.Errorf("%s, own %v: %+v, %v, ran %v", name, own, run, err, o.resumed)
			}
			if want != nil {
				o.clean(t)
			} else {
				_, _ = run.Wait()
			}
		}
	}
}

// Who ends the wait ends the start, also while it goes on.
func TestStartThatIsNotWantedAnyMore(t *testing.T) {
	o := newOffice()
	ctx, cancel := context.WithCancel(t.Context())
	o.before["contain"] = cancel
	if run, err := o.start().start(ctx, o.spec(t, "stay")); run != nil || !errors.Is(err, context.Canceled) || len(o.resumed) > 0 {
		t.Errorf("%+v, %v", run, err)
	}
	o.clean(t)
}

// What a process with rights is given, and what one of a person's own.
func TestProcessOf(t *testing.T) {
	o := newOffice()
	s := o.spec(t, "a b")
	s.Env = []string{"MINE=1"}
	held, token := &winImage{path: `C:\x.exe`, stage: officeStage + `\gr_1`}, o.token(tokenData{user: windowsAlice})
	p, err := o.start().processOf(s, held, token, TreeRef{Name: "t"})
	if err != nil || p.program != `C:\x.exe` || p.line != `"`+s.Path+`" "a b"` || p.folder != `C:\Windows\System32` || p.token != winToken(token) || len(p.files) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if list := listOf(p.guard); !list.Exclusive() || list.Owner != localgroup.AdministratorsSID || p.mitigations != 1<<32|1<<52|1<<56|1<<60 {
		t.Errorf("it is open: %s, %#x", p.guard, p.mitigations)
	}
	if slices.Contains(p.env, "MINE=1") || !slices.Contains(p.env, `TEMP=`+officeStage+`\gr_1\temp`) || slices.ContainsFunc(p.env, func(v string) bool { return strings.HasPrefix(v, "ProgramFiles(x86)") }) {
		t.Errorf("environment %q", p.env)
	}
	held.stage, s.Own = "", true
	s.Files = [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	p, err = o.start().processOf(s, held, token, TreeRef{Name: "t"})
	if err != nil || p.folder != s.Cwd || p.guard != "" || p.mitigations != 0 || !slices.Equal(p.files, s.Files[:]) {
		t.Errorf("of their own: %+v, %v", p, err)
	}
	if !slices.Contains(p.env, "MINE=1") || !slices.Contains(p.env, `TEMP=C:\Windows\Temp`) {
		t.Errorf("environment of their own %q", p.env)
	}
}

// A token is the person's, in their session, with the right, or there is none.
func TestTokenFor(t *testing.T) {
	alice := func(o *office) Spec { return aliceSpec() }
	bob := func(o *office) Spec { return byBob(aliceSpec()) }
	for name, row := range map[string]struct {
		change func(o *office)
		spec   func(o *office) Spec
		admin  bool
		calls  string // beside reads
		want   error
	}{
		"who is none is logged on":               {func(*office) {}, alice, true, "session token, facts, log on, primary token, move token, guard token", nil},
		"who is none, for their own":             {func(*office) {}, func(o *office) Spec { s := aliceSpec(); s.Own = true; return s }, false, "session token, primary token", nil},
		"a split one":                            {func(*office) {}, bob, true, "session token, linked token, primary token, guard token", nil},
		"a split one, for their own":             {func(*office) {}, func(o *office) Spec { s := bob(o); s.Own = true; return s }, false, "session token, primary token", nil},
		"a whole one":                            {func(o *office) { o.people[windowsBob].split = false }, bob, true, "session token, primary token, guard token", nil},
		"somebody else sits there":               {func(o *office) { o.sessions[2] = windowsBob }, alice, false, "session token", ErrIdentity},
		"nobody sits there":                      {func(o *office) { delete(o.sessions, 2) }, alice, false, "session token", ErrIdentity},
		"the log-on gives somebody else":         {func(o *office) { o.logsOn = func(d *tokenData) { d.user = windowsBob } }, alice, false, "session token, facts, log on, primary token, move token", ErrIdentity},
		"the log-on leaves the group out":        {func(o *office) { o.logsOn = func(d *tokenData) { d.groups = nil } }, alice, false, "session token, facts, log on, primary token, move token", ErrIdentity},
		"the log-on lets the group only deny":    {func(o *office) { o.logsOn = func(d *tokenData) { d.groups[0].attributes |= groupDenyOnly } }, alice, false, "session token, facts, log on, primary token, move token", ErrIdentity},
		"the log-on gives low integrity":         {func(o *office) { o.logsOn = func(d *tokenData) { d.integrity = 0x2000 } }, alice, false, "session token, facts, log on, primary token, move token", ErrIdentity},
		"the token stays where it is":            {func(o *office) { o.stuck = true }, alice, false, "session token, facts, log on, primary token, move token", ErrIdentity},
		"a split log-on":                         {splitLogOn, alice, true, "session token, facts, log on, linked token, primary token, move token, guard token", nil},
		"a split session without the other half": {func(o *office) { o.fails = func(call string) bool { return call == "linked token" } }, bob, false, "session token, linked token", ErrIdentity},
		"a kind of token that is not known":      {func(o *office) { o.people[windowsAlice].odd = 9 }, alice, false, "session token", ErrIdentity},
	} {
		o := newOffice()
		row.change(o)
		s := row.spec(o)
		token, err := o.start().tokenFor(s)
		if !errors.Is(err, row.want) || (token == nil) != (row.want != nil) {
			t.Errorf("%s: %+v, %v", name, token, err)
		}
		if token != nil {
			got := token.(*officeToken)
			if f := got.data.facts(); f.admin != row.admin || f.user != s.RunAs.SID || f.session != s.Requester.Session || !got.isMade || (got.usual == acl.Guarded) == s.Own {
				t.Errorf("%s: %+v", name, got)
			}
			_ = token.close()
		}
		calls := slices.DeleteFunc(o.calls, func(call string) bool { return call == "read token" })
		if got := strings.Join(calls, ", "); got != row.calls {
			t.Errorf("%s: asked %s", name, got)
		}
		if o.handles != 0 {
			t.Errorf("%s: %d handles are left", name, o.handles)
		}
	}
}

// splitLogOn: somebody became an administrator after they had logged on to their
// session, and UAC splits the new token.
func splitLogOn(o *office) {
	o.before["log on"] = func() { p := o.people[windowsAlice]; p.admin, p.split = true, true }
}

// What the log-on service is asked for: the person by whoever knows them, with the
// administrators' group and that of their session.
func TestLogOnByWindows(t *testing.T) {
	for domain, pack := range map[string]string{officeComputer: packageLocal, "OFFICE": packageDomain, "AzureAD": packageDomain} {
		o := newOffice()
		o.people[windowsAlice].domain = domain
		token, err := o.start().tokenFor(aliceSpec())
		if err != nil || len(o.asked) != 1 {
			t.Errorf("%s: %v", domain, err)
			continue
		}
		_ = token.close()
		as := o.asked[0]
		want := []tokenGroup{{"S-1-5-32-544", 0xf}, {"S-1-5-5-0-2", 0xc0000007}}
		if as.pack != pack || as.kind != 3 || as.account != "alice" || as.domain != domain || !slices.Equal(as.groups, want) {
			t.Errorf("%s: asked %+v", domain, as)
		}
	}
}

// Only a group that counts makes an administrator.
func TestWhatMakesAnAdministrator(t *testing.T) {
	for attributes, want := range map[uint32]bool{0xf: true, groupEnabled: true, groupMandatory | groupByDefault: false, groupDenyOnly: false, groupEnabled | groupDenyOnly: false, 0: false} {
		for sid, counts := range map[string]bool{"S-1-5-32-544": true, "S-1-5-32-545": false} {
			if got := (tokenData{groups: []tokenGroup{{sid, attributes}}}).facts().admin; got != (want && counts) {
				t.Errorf("%s %#x: %v", sid, attributes, got)
			}
		}
	}
}

// The approved bytes run where only administrators change them, or from a copy.
func TestHoldImage(t *testing.T) {
	for name, row := range map[string]struct {
		path   string
		change func(o *office, s *Spec)
		where  string // what runs, "" = nothing
		want   error
	}{
		"in a folder of theirs":  {`C:\Users\alice\setup.exe`, func(*office, *Spec) {}, officeStage + `\gr_1\setup.exe`, nil},
		"in a safe place":        {`C:\Program Files\Tool\tool.exe`, func(*office, *Spec) {}, `C:\Program Files\Tool\tool.exe`, nil},
		"no place, none needed":  {`C:\Program Files\Tool\tool.exe`, func(_ *office, s *Spec) { s.StageDir = "" }, `C:\Program Files\Tool\tool.exe`, nil},
		"their own":              {`C:\Users\alice\setup.exe`, func(_ *office, s *Spec) { s.Own = true }, `C:\Users\alice\setup.exe`, nil},
		"their own, another one": {`C:\Users\alice\setup.exe`, func(_ *office, s *Spec) { s.Own, s.SHA256 = true, digestOf("MZ") }, "", ErrChanged},
		"a safe one was changed": {`C:\Program Files\Tool\tool.exe`, func(_ *office, s *Spec) { s.SHA256 = digestOf("MZ") }, "", ErrChanged},
		"a link since then": {`C:\Users\alice\setup.exe`, func(o *office, s *Spec) {
			o.put(`C:\Users\alice\evil.exe`, o.at(s.Path).list).text = []byte("MZ setup")
			o.at(s.Path).link = `C:\Users\alice\evil.exe`
		}, "", ErrChanged},
		"a link whose name folds": {`C:\Program Files\Tool\tool.exe`, func(o *office, s *Spec) {
			o.put("C:\\Program File\u017f", administratorsOwn).link = `C:\Program Files` // ſ is no s to Windows
			s.Path = "C:\\Program File\u017f\\Tool\\tool.exe"
		}, "", ErrChanged},
		"in other letters": {`C:\Program Files\Tool\tool.exe`, func(_ *office, s *Spec) { s.Path = `c:\PROGRAM FILES\tool\tool.exe` }, `C:\Program Files\Tool\tool.exe`, nil},
		"a script":         {`C:\Users\alice\setup.exe`, func(o *office, s *Spec) { o.at(s.Path).text = []byte("@echo"); s.SHA256 = digestOf("@echo") }, "", ErrUnsafe},
		"one byte":         {`C:\Users\alice\setup.exe`, func(o *office, s *Spec) { o.at(s.Path).text = []byte("M"); s.SHA256 = digestOf("M") }, "", ErrUnsafe},
		"a large one":      {`C:\Users\alice\setup.exe`, func(o *office, s *Spec) { s.SHA256 = o.large(s.Path, 1<<10) }, officeStage + `\gr_1\setup.exe`, nil},
		"too large":        {`C:\Users\alice\setup.exe`, func(o *office, s *Spec) { s.SHA256 = o.large(s.Path, 1<<10+1) }, "", ErrUnsafe},
		"a used grant": {`C:\Users\alice\setup.exe`, func(o *office, _ *Spec) {
			o.before["make folder"] = func() { o.put(officeStage+`\gr_1`, administratorsOwn).folder = true }
		}, "", os.ErrExist},
		"an open stage": {`C:\Users\alice\setup.exe`, func(o *office, _ *Spec) { o.put(officeStage, acl.List{Owner: windowsAlice}).folder = true }, "", ErrUnsafe},
		"changed while it is copied": {`C:\Users\alice\setup.exe`, func(o *office, _ *Spec) {
			o.before["new file"] = func() { // the copy is closed for a moment before it is held
				o.before["hold"] = func() {
					if err := o.write(officeStage+`\gr_1\setup.exe`, "MZ evil"); err != nil {
						t.Error(err)
					}
				}
			}
		}, "", ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			s := o.specAt(t, row.path)
			o.put(folderOf(row.path)+`\version.dll`, o.at(row.path).list).text = []byte("planted")
			row.change(o, &s)
			held, err := o.start().holdImage(s)
			if !errors.Is(err, row.want) || (held == nil) != (row.where == "") {
				t.Fatalf("%+v, %v", held, err)
			}
			if held == nil {
				if o.handles != 0 {
					t.Errorf("%d handles are left", o.handles)
				}
				if name != "a used grant" {
					o.clean(t)
				}
				return
			}
			if strings.ReplaceAll(held.path, "/", `\`) != row.where || digestOf(string(o.at(held.path).text)) != s.SHA256 {
				t.Errorf("%s is held", held.path)
			}
			if o.write(held.path, "MZ evil") == nil || o.rename(folderOf(row.where), `C:\old`) == nil {
				t.Error("it can be changed")
			}
			if s.Own && held.stage != "" {
				t.Error("their own has a folder of the system's")
			}
			if held.stage != "" {
				only, err := privilegedPlace(o, officeStage)
				if n := len(o.below(held.stage)); err != nil || !only || n > 3 || o.there(held.stage+`\version.dll`) {
					t.Errorf("the place of the copy: %v, %v, %d files", only, err, n)
				}
			}
			if err := held.discard(o); err != nil {
				t.Error(err)
			}
			o.clean(t)
		})
	}
}

// large makes a program of so many bytes.
func (o *office) large(path string, size int) (digest string) {
	text := "MZ" + strings.Repeat("x", size-2)
	o.at(path).text = []byte(text)
	return digestOf(text)
}

// Who can change a folder on the way can change what a path names.
func TestPrivilegedPlace(t *testing.T) {
	const tool = `C:\Program Files\Tool\tool.exe`
	alice := func(mask uint32) acl.List {
		return acl.List{Owner: "S-1-5-18", Allow: []acl.Entry{{SID: windowsAlice, Mask: mask}}}
	}
	o := newOffice()
	if err := o.write(tool, "MZ"); err != nil {
		t.Fatal(err)
	}
	o.put("C:\\Program File\u017f", administratorsOwn).link = `C:\Program Files`
	if only, err := privilegedPlace(o, "C:\\Program File\u017f\\Tool\\tool.exe"); only || err != nil {
		t.Errorf("by a link whose name folds: %v, %v", only, err)
	}
	if only, err := privilegedPlace(o, `c:\program files\TOOL\Tool.exe`); !only || err != nil {
		t.Errorf("in other letters: %v, %v", only, err)
	}
	for name, row := range map[string]struct {
		change func(o *office)
		way    bool // only administrators change the way
		file   bool // and the file
	}{
		"as it is":                        {func(*office) {}, true, true},
		"the file is theirs":              {func(o *office) { o.at(tool).list.Owner = windowsAlice }, true, false},
		"they write to the file":          {func(o *office) { o.at(tool).list = alice(0x2) }, true, false},
		"they put files beside it":        {func(o *office) { o.at(folderOf(tool)).list = alice(0x2) }, false, false},
		"they put folders further up":     {func(o *office) { o.at(`C:\`).list = alice(0x4) }, true, true},
		"they remove what is further up":  {func(o *office) { o.at(`C:\Program Files`).list = alice(0x40) }, false, false},
		"a folder of theirs":              {func(o *office) { o.at(`C:\Program Files`).list.Owner = windowsAlice }, false, false},
		"a folder of the agent's own":     {func(o *office) { o.me, o.at(`C:\Program Files`).list.Owner = windowsAlice, windowsAlice }, true, true},
		"a drive without lists":           {func(o *office) { o.at(`C:\`).list = acl.List{Owner: "S-1-5-18", Missing: true} }, false, false},
		"a link on the way, to the same":  {func(o *office) { linkFolder(o, `C:\Users\alice`) }, false, false},
		"a link on the way, to safe ones": {func(o *office) { linkFolder(o, `C:\Windows`) }, true, false},
	} {
		o := newOffice()
		if err := o.write(tool, "MZ"); err != nil {
			t.Fatal(err)
		}
		row.change(o)
		if real, only, err := resolveWindows(o, tool); err != nil || only != row.way {
			t.Errorf("%s: %s, %v, %v", name, real, only, err)
		}
		if only, err := privilegedPlace(o, tool); err != nil || only != row.file {
			t.Errorf("%s: %v, %v", name, only, err)
		}
		if o.handles != 0 {
			t.Errorf("%s: %d handles are left", name, o.handles)
		}
	}
}

// linkFolder makes the folder of the tool a link to another one, with a tool in it.
func linkFolder(o *office, to string) {
	o.at(`C:\Program Files\Tool`).link = to
	o.put(to+`\tool.exe`, administratorsOwn).text = []byte("MZ")
}

// What is on another machine is not opened: the system would show itself there.
func TestPathsOfOtherMachines(t *testing.T) {
	o := newOffice()
	for _, path := range []string{`\\server\share\x.exe`, "//server/share/x.exe", `\/server\x.exe`, `\\?\UNC\server\x.exe`, `\\.\pipe\x`, "x.exe", `C:x.exe`, `\x.exe`, "", "C:"} {
		if _, only, err := resolveWindows(o, path); !errors.Is(err, elevation.ErrInvalid) || only {
			t.Errorf("%s: %v, %v", path, only, err)
		}
	}
	if len(o.calls) > 0 {
		t.Errorf("asked %q", o.calls)
	}
	o.put(`UNC\server\x.exe`, administratorsOwn)
	o.put(`C:\Windows\link.exe`, administratorsOwn).link = `UNC\server\x.exe`
	if _, only, err := resolveWindows(o, `C:\Windows\link.exe`); !errors.Is(err, elevation.ErrInvalid) || only || o.handles != 0 {
		t.Errorf("a link there: %v, %v", only, err)
	}
}

func TestFolderOf(t *testing.T) {
	for path, want := range map[string]string{`C:\a\b.exe`: `C:\a`, `C:\a`: `C:\`, `C:\`: `C:\`} {
		if got := folderOf(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
