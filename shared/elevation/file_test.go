package elevation

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func program(path string, marks ...string) Attempt {
	return Attempt{AccessType: Run, User: User{Name: "dina", UID: "1001"}, Subject: Subject{Path: path, Args: []string{"a"}, ArgsDigest: []byte(strings.Repeat("d", 32)),
		Cwd: "/home/dina", RunAs: "root", SHA256: strings.Repeat("a", 64), Marks: marks}}
}

func TestAccessTypesAndTheirTimes(t *testing.T) {
	times := DefaultTimes()
	for _, tt := range []struct {
		kind           AccessType
		usual, longest time.Duration
	}{{Run, 8 * time.Hour, 8 * time.Hour}, {Session, 30 * time.Minute, 4 * time.Hour}, {Admin, 30 * time.Minute, 4 * time.Hour}} {
		if got := times.Usual(tt.kind); got != tt.usual {
			t.Errorf("%s usually lasts %v", tt.kind, got)
		}
		if got := times.Longest(tt.kind); got != tt.longest {
			t.Errorf("%s lasts at most %v", tt.kind, got)
		}
		for _, d := range []time.Duration{-1, tt.longest + 1, time.Millisecond} {
			if err := times.Period(tt.kind, Window{Duration: d}, noon); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s for %v: %v", tt.kind, d, err)
			}
		}
		if err := times.Period(tt.kind, Window{Start: noon.Add(time.Hour), Duration: tt.longest}, noon); err != nil {
			t.Errorf("%s for its longest: %v", tt.kind, err)
		}
	}
	for _, start := range []time.Time{noon.Add(-2 * time.Minute), noon.Add(MaxAhead + time.Second)} {
		if err := times.Period(Run, Window{Start: start}, noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("a start at %v: %v", start, err)
		}
	}
	session := Attempt{AccessType: Session, User: User{Name: "dina", UID: "1001"}, Subject: Subject{RunAs: "root"}}
	if err := session.Valid(); err != nil {
		t.Errorf("a session: %v", err)
	}
	named := session
	named.Subject.Path = "/usr/bin/id"
	other := session
	other.AccessType = "password"
	for _, a := range []Attempt{named, other, {}} {
		if err := a.Valid(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", a, err)
		}
	}
	admin := session
	admin.AccessType = Admin
	if !session.Same(session) || session.Same(admin) || session.Same(named) || session.Same(program("/usr/bin/id")) {
		t.Error("which sessions are the same")
	}
	if !Serves(nil, Run) || Serves(nil, Session) || Serves([]string{"session"}, Admin) || !Serves([]string{"session", "admin"}, Admin) {
		t.Error("what an endpoint serves")
	}
}

func TestParseLasts(t *testing.T) {
	for _, s := range []string{"", "once"} {
		if l, err := ParseLasts(s, noon); err != nil || !l.Once {
			t.Errorf("%q: %+v %v", s, l, err)
		}
	}
	for s, want := range map[string]time.Duration{"8h": 8 * time.Hour, "1d": 24 * time.Hour, "90d": 90 * 24 * time.Hour} {
		if l, err := ParseLasts(s, noon); err != nil || l.Once || !l.Until.Equal(noon.Add(want)) {
			t.Errorf("%q: %+v %v", s, l, err)
		}
	}
	for _, s := range []string{"7", "0d", "91d", "9h", "-1d", "1d8h", "for ever", "1.5d", "7d ", strings.Repeat("9", 50) + "d"} {
		if l, err := ParseLasts(s, noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %+v %v", s, l, err)
		}
	}
}

func TestRepeats(t *testing.T) {
	base := program("/usr/bin/apt")
	change := func(f func(*Attempt)) Attempt {
		a := base
		a.Subject.Args = slices.Clone(base.Subject.Args)
		f(&a)
		return a
	}
	signed := change(func(a *Attempt) { a.Subject.Publisher = Publisher{Name: "Example Ltd", Thumbprint: "t1"} })
	for _, tt := range []struct {
		name string
		a, b Attempt
		pin  Pin
		want bool
	}{
		{"the same", base, base, PinPath, true},
		{"another folder", base, change(func(a *Attempt) { a.Subject.Cwd = "/tmp" }), PinPath, true},
		{"another file at the path", base, change(func(a *Attempt) { a.Subject.SHA256 = strings.Repeat("b", 64) }), PinPath, true},
		{"another file, pinned", base, change(func(a *Attempt) { a.Subject.SHA256 = strings.Repeat("b", 64) }), PinSHA256, false},
		{"the same file, pinned", base, base, PinSHA256, true},
		{"no pin", base, base, "", false},
		{"another argument", base, change(func(a *Attempt) { a.Subject.ArgsDigest = []byte(strings.Repeat("e", 32)) }), PinPath, false},
		{"another shown argument", base, change(func(a *Attempt) { a.Subject.Args[0] = "b" }), PinPath, false},
		{"another uid", base, change(func(a *Attempt) { a.User.UID = "1002" }), PinPath, false},
		{"a reused uid", base, change(func(a *Attempt) { a.User.Name = "eve" }), PinPath, false},
		{"as another user", base, change(func(a *Attempt) { a.Subject.RunAs = "postgres" }), PinPath, false},
		{"another path", base, change(func(a *Attempt) { a.Subject.Path = "/usr/bin/dpkg" }), PinPath, false},
		{"called as another", base, change(func(a *Attempt) { a.Subject.Marks = []string{MarkCalledAs + "reboot"} }), PinPath, false},
		{"writable by now", base, change(func(a *Attempt) {
			a.Subject.Marks, a.Subject.SHA256 = []string{MarkUserWritable}, strings.Repeat("b", 64)
		}), PinPath, false},
		{"the publisher", signed, change(func(a *Attempt) {
			a.Subject.Publisher, a.Subject.SHA256 = signed.Subject.Publisher, strings.Repeat("b", 64)
		}), PinPublisher, true},
		{"another publisher", signed, base, PinPublisher, false},
		{"no publisher", base, base, PinPublisher, false},
		{"a session", Attempt{AccessType: Session}, Attempt{AccessType: Session}, PinPath, false},
		{"a shell in another folder", program("/usr/bin/bash"), func() Attempt { a := program("/usr/bin/bash"); a.Subject.Cwd = "/tmp"; return a }(), PinPath, false},
	} {
		if got := tt.a.Repeats(tt.b, tt.pin); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	for _, tt := range []struct {
		s    Subject
		want Pin
	}{
		{program("/usr/bin/apt").Subject, PinPath}, {program("/opt/x/run").Subject, PinSHA256}, {program("/usr/bin/job", MarkScript).Subject, PinSHA256},
		{program("/usr/bin/apt", MarkUserWritable).Subject, PinSHA256}, {signed.Subject, PinPublisher}, {program("/usr/local/bin/x").Subject, PinSHA256},
	} {
		if got := PinOf(tt.s); got != tt.want {
			t.Errorf("the pin of %s %v is %s", tt.s.Path, tt.s.Marks, got)
		}
	}
}

func TestDecideEmergency(t *testing.T) {
	times := DefaultTimes()
	system := Actor{Kind: BySystem, Name: "emergency access"}
	good := Request{ID: "req_1", Attempt: Attempt{AccessType: Admin}, DraftedAt: noon, Emergency: true, Justification: "the shop is down",
		FiledBy: Actor{Kind: ByUser, ID: "usr_1"}, Need: Need{AfterReview: "team_approvers"}}
	r, err := good.DecideEmergency(system, "", times, noon)
	if err != nil || r.State(noon) != StateAvailable || r.Granted.Duration != 30*time.Minute || r.SubmittedAt.IsZero() {
		t.Fatalf("%+v %v", r, err)
	}
	for name, change := range map[string]func(*Request, *Actor){
		"no emergency":   func(r *Request, _ *Actor) { r.Emergency = false },
		"nobody filed":   func(r *Request, _ *Actor) { r.FiledBy = Actor{} },
		"by a person":    func(_ *Request, by *Actor) { by.Kind = ByUser },
		"no reason":      func(r *Request, _ *Actor) { r.Justification = "       x" },
		"no review":      func(r *Request, _ *Actor) { r.Need.AfterReview = "" },
		"expired":        func(r *Request, _ *Actor) { r.SubmittedAt, r.ExpiresAt = noon, noon },
		"decided before": func(r *Request, _ *Actor) { r.Decision = &Decision{Verdict: Denied, At: noon} },
	} {
		bad, by := good, system
		change(&bad, &by)
		if next, err := bad.DecideEmergency(by, "", times, noon); err == nil {
			t.Errorf("%s: %+v", name, next.Decision)
		}
	}
	waiting := good
	waiting.SubmittedAt, waiting.ExpiresAt = noon.Add(-time.Minute), noon.Add(time.Hour)
	if r, err = waiting.DecideEmergency(system, "", times, noon); err != nil || r.State(noon) != StateAvailable || r.SubmittedAt.Equal(noon) {
		t.Errorf("one that waits: %s %v", r.State(noon), err)
	}
	limited := good
	limited.Need.MaxDuration, limited.Requested.Duration = 10*time.Minute, time.Hour
	if r, err = limited.DecideEmergency(system, "", times, noon); err != nil || r.Granted.Duration != 10*time.Minute {
		t.Errorf("a rule's limit: %v %v", r.Granted, err)
	}
}

// An extension asks for more of something in use, and is over as soon as the
// endpoint has what it gave.
func TestExtension(t *testing.T) {
	times := DefaultTimes()
	of := Request{ID: "req_1", Attempt: program("/usr/bin/apt"), SubmittedAt: noon, Decision: &Decision{Verdict: Approved, At: noon},
		Granted: Window{Duration: time.Hour, UseWithin: time.Hour}, Grant: GrantFacts{ID: "gr_1"}}
	if _, err := of.MoreTime(time.Minute, times, noon); !errors.Is(err, ErrNotPending) {
		t.Errorf("before it is used: %v", err)
	}
	of.Grant.StartedAt = noon
	if total, err := of.MoreTime(7*time.Hour, times, noon); err != nil || total != 8*time.Hour {
		t.Errorf("up to the cap: %v %v", total, err)
	}
	for _, extra := range []time.Duration{7*time.Hour + time.Second, 0, -time.Minute} {
		if _, err := of.MoreTime(extra, times, noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v more: %v", extra, err)
		}
	}
	back := of
	back.CheckedInAt = noon
	if _, err := back.MoreTime(time.Minute, times, noon); !errors.Is(err, ErrNotPending) {
		t.Errorf("given back: %v", err)
	}
	longer, err := of.Extended(2*time.Hour, noon)
	if err != nil || !longer.WindowEnd().Equal(noon.Add(2*time.Hour)) {
		t.Errorf("extended: %v %v", longer.WindowEnd(), err)
	}
	if _, err := of.Extended(30*time.Minute, noon); !errors.Is(err, ErrNotPending) {
		t.Errorf("made shorter: %v", err)
	}
	if _, err := of.Extended(2*time.Hour, noon.Add(61*time.Minute)); !errors.Is(err, ErrNotPending) {
		t.Errorf("after its end: %v", err)
	}
	x := Request{ID: "req_2", Extends: "req_1", Attempt: of.Attempt, SubmittedAt: noon, Decision: &Decision{Verdict: Approved, At: noon},
		Granted: Window{Duration: time.Hour, UseWithin: time.Hour}, Grant: GrantFacts{ID: "gr_1"}}
	if s := x.State(noon); s != StateAvailable {
		t.Errorf("not confirmed it is %s", s)
	}
	for what, act := range map[string]func() (Request, error){
		"cancel":   func() (Request, error) { return x.Cancel(noon) },
		"revoke":   func() (Request, error) { return x.Revoke(Actor{Kind: ByUser, ID: "usr_1"}, "", noon) },
		"check in": func() (Request, error) { return x.CheckIn(noon) },
	} {
		if _, err := act(); !errors.Is(err, ErrNotPending) {
			t.Errorf("%s of time that was given: %v", what, err)
		}
	}
	done, changed, err := x.Report(ReportDelivered, "gr_1", "", nil, noon, noon)
	if err != nil || !changed || done.State(noon) != StateEnded || done.Grant.EndReason != Completed {
		t.Errorf("confirmed: %s %v %v", done.State(noon), changed, err)
	}
	if err := done.Again(noon); !errors.Is(err, ErrNotPending) {
		t.Errorf("an extension is resubmitted: %v", err)
	}
}
