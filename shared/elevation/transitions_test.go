package elevation

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestReviewDecides(t *testing.T) {
	r, err := pending(t).Review(vote("bo", Approved), DefaultTimes(), t0)
	if err != nil || r.State(t0) != StateAvailable {
		t.Fatalf("state %s, %v", r.State(t0), err)
	}
	if r.Granted.Duration != 8*time.Hour || r.Granted.UseWithin != 4*time.Hour {
		t.Errorf("granted %+v", r.Granted)
	}
	if _, err := r.Review(vote("ann", Denied), DefaultTimes(), t0); !errors.Is(err, ErrAlreadyDecided) {
		t.Errorf("second decision: %v", err)
	}
}

func TestReviewRefuses(t *testing.T) {
	rows := []struct {
		name string
		vote Vote
		at   time.Duration
		want error
	}{
		{"nobody", Vote{Stages: []int{0}, Verdict: Approved}, 0, ErrNotAllowed},
		{"a rule", Vote{By: Actor{Kind: ByRule, ID: "x"}, Stages: []int{0}, Verdict: Approved}, 0, ErrNotAllowed},
		{"no stage", Vote{By: Actor{Kind: ByUser, ID: "bo"}, Verdict: Approved}, 0, ErrNotAllowed},
		{"stage out of range", Vote{By: Actor{Kind: ByUser, ID: "bo"}, Stages: []int{7}, Verdict: Approved}, 0, ErrNotAllowed},
		{"zero verdict", vote("bo", ""), 0, ErrInvalid},
		{"unknown verdict", vote("bo", "maybe"), 0, ErrInvalid},
		{"too long", Vote{By: Actor{Kind: ByUser, ID: "bo"}, Stages: []int{0}, Verdict: Approved, Duration: 9 * time.Hour}, 0, ErrInvalid},
		{"negative", Vote{By: Actor{Kind: ByUser, ID: "bo"}, Stages: []int{0}, Verdict: Approved, Duration: -1}, 0, ErrInvalid},
		{"comment too long", Vote{By: Actor{Kind: ByUser, ID: "bo"}, Stages: []int{0}, Verdict: Denied, Comment: strings.Repeat("x", MaxComment+1)}, 0, ErrInvalid},
		{"after expiry", vote("bo", Approved), 9 * time.Hour, ErrNotPending},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r, err := pending(t).Review(row.vote, DefaultTimes(), t0.Add(row.at))
			if !errors.Is(err, row.want) || r.Decision != nil {
				t.Errorf("got %v, decision %v; want %v", err, r.Decision, row.want)
			}
		})
	}
}

func TestQuorumCountsDistinctPeople(t *testing.T) {
	r := pending(t)
	r.Need.Stages = []Stage{{Team: "team_a", Quorum: 2}, {Team: "team_b", Quorum: 1}}
	both := func(who string, v Verdict) Vote {
		x := vote(who, v)
		x.Stages = []int{0, 1}
		return x
	}
	var err error
	for _, who := range []string{"ann", "bo"} {
		if r, err = r.Review(both(who, Approved), DefaultTimes(), t0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Review(both("ann", Approved), DefaultTimes(), t0); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the same person voted twice: %v", err)
	}
	if r.Decision != nil || r.ApprovalsHave() != 2 || r.ApprovalsNeeded() != 3 {
		t.Fatalf("have %d of %d, decision %v", r.ApprovalsHave(), r.ApprovalsNeeded(), r.Decision)
	}
	if r, err = r.Review(both("cy", Approved), DefaultTimes(), t0); err != nil || r.State(t0) != StateAvailable {
		t.Errorf("third person: %s, %v", r.State(t0), err)
	}
	deny := pending(t)
	deny.Need.Stages = r.Need.Stages
	if deny, err = deny.Review(both("ann", Approved), DefaultTimes(), t0); err != nil {
		t.Fatal(err)
	}
	if deny, err = deny.Review(both("bo", Denied), DefaultTimes(), t0); err != nil || deny.State(t0) != StateDenied {
		t.Errorf("one deny must deny: %s, %v", deny.State(t0), err)
	}
}

func TestSmallestDurationWins(t *testing.T) {
	r := pending(t)
	r.Requested.Duration, r.Need.MaxDuration = 3*time.Hour, 2*time.Hour
	v := vote("bo", Approved)
	v.Duration = time.Hour
	if r, _ := r.Review(v, DefaultTimes(), t0); r.Granted.Duration != time.Hour {
		t.Errorf("got %v", r.Granted.Duration)
	}
	v.Duration = 4 * time.Hour
	if r, _ := r.Review(v, DefaultTimes(), t0); r.Granted.Duration != 2*time.Hour {
		t.Errorf("an approver exceeded the rule's limit: %v", r.Granted.Duration)
	}
}

func TestUndoOnlyWhileHeldAndOnlyByTheVoter(t *testing.T) {
	v := vote("bo", Denied)
	v.Hold = 3 * time.Second
	r, err := pending(t).Review(v, DefaultTimes(), t0)
	if err != nil || r.State(t0) != StateHeld {
		t.Fatalf("%s %v", r.State(t0), err)
	}
	if _, err := r.Undo(Actor{Kind: ByUser, ID: "ann"}, t0); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("another person undid it: %v", err)
	}
	if _, err := r.Undo(v.By, t0.Add(3*time.Second)); !errors.Is(err, ErrNotPending) {
		t.Errorf("undone after the hold: %v", err)
	}
	back, err := r.Undo(v.By, t0.Add(time.Second))
	if err != nil || back.State(t0.Add(time.Second)) != StatePending || len(back.Reviews) != 0 {
		t.Errorf("%s %v", back.State(t0), err)
	}
	r = pending(t)
	r.AtTerminal = true
	if r, _ = r.Review(v, DefaultTimes(), t0); r.State(t0) != StateDenied {
		t.Errorf("an answer for somebody at a terminal was held: %s", r.State(t0))
	}
}

func TestSubmitRefuses(t *testing.T) {
	for name, reason := range map[string]string{"short": "because", "long": strings.Repeat("x", MaxJustification+1),
		"megabyte": strings.Repeat("x", 1<<20), "not utf-8": "because \xff\xfe", "nul": "because\x00of it"} {
		if r, err := draft().Submit(reason, "", DefaultTimes(), t0); !errors.Is(err, ErrInvalid) || !r.SubmittedAt.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	nobody := draft()
	nobody.Need.Stages = nil
	if _, err := nobody.Submit("long enough", "", DefaultTimes(), t0); err == nil {
		t.Error("a request that nobody can answer was queued")
	}
	if _, err := draft().Submit("long enough", "", DefaultTimes(), t0.Add(DraftTTL)); !errors.Is(err, ErrNotPending) {
		t.Errorf("forgotten draft: %v", err)
	}
}

func TestReportsAreTakenOnce(t *testing.T) {
	r, _ := pending(t).Review(vote("bo", Approved), DefaultTimes(), t0)
	r.Grant.ID = NewGrantID(t0)
	r, changed, err := r.Report(ReportStarted, r.Grant.ID, "", nil, t0.Add(time.Minute), t0)
	if err != nil || !changed || r.Grant.StartedAt.After(t0) {
		t.Fatalf("start in the future was believed: %v %v", r.Grant.StartedAt, err)
	}
	zero := 0
	r, changed, _ = r.Report(ReportEnded, r.Grant.ID, Completed, &zero, t0, t0)
	if !changed || r.State(t0) != StateEnded {
		t.Fatalf("state %s", r.State(t0))
	}
	if next, changed, err := r.Report(ReportEnded, r.Grant.ID, RevokedEnd, nil, t0, t0); changed || err != nil || next.Grant.EndReason != Completed {
		t.Error("a second end changed the first")
	}
	for name, grant := range map[string]GrantID{"other": NewGrantID(t0), "empty": ""} {
		if _, _, err := r.Report(ReportStarted, grant, "", nil, t0, t0); err == nil {
			t.Errorf("%s grant id was taken", name)
		}
	}
	if _, _, err := (Request{}).Report(ReportStarted, "", "", nil, t0, t0); err == nil {
		t.Error("a report without any grant was taken")
	}
}

func TestAttemptValid(t *testing.T) {
	if err := validAttempt().Valid(); err != nil {
		t.Fatal(err)
	}
	rows := map[string]func(*Attempt){
		"zero":               func(a *Attempt) { *a = Attempt{} },
		"type":               func(a *Attempt) { a.AccessType = "root" },
		"relative path":      func(a *Attempt) { a.Subject.Path = "id" },
		"path too long":      func(a *Attempt) { a.Subject.Path = "/" + strings.Repeat("x", MaxPath) },
		"short hash":         func(a *Attempt) { a.Subject.SHA256 = "ab" },
		"upper-case hash":    func(a *Attempt) { a.Subject.SHA256 = strings.Repeat("A", 64) },
		"no digest":          func(a *Attempt) { a.Subject.ArgsDigest = nil },
		"no user":            func(a *Attempt) { a.User.Name = "" },
		"no uid":             func(a *Attempt) { a.User.UID = "" },
		"long user":          func(a *Attempt) { a.User.Name = strings.Repeat("x", MaxName+1) },
		"long display name":  func(a *Attempt) { a.User.Display = strings.Repeat("x", MaxName+1) },
		"long group":         func(a *Attempt) { a.User.Groups = []string{strings.Repeat("x", MaxName+1)} },
		"long product":       func(a *Attempt) { a.Subject.Product = strings.Repeat("x", MaxName+1) },
		"no run as":          func(a *Attempt) { a.Subject.RunAs = "" },
		"2 MB of arguments":  func(a *Attempt) { a.Subject.Args = []string{strings.Repeat("x", 2<<20)} },
		"too many arguments": func(a *Attempt) { a.Subject.Args = make([]string, MaxArgs+1) },
		"not utf-8":          func(a *Attempt) { a.Subject.Args = []string{"\xff"} },
		"nul":                func(a *Attempt) { a.Subject.Cwd = "/\x00" },
		"negative size":      func(a *Attempt) { a.Subject.Size = -1 },
		"priority":           func(a *Attempt) { a.Priority = "now!" },
	}
	for name, change := range rows {
		a := validAttempt()
		change(&a)
		if err := a.Valid(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSameNeedsEveryPart(t *testing.T) {
	a := validAttempt()
	if !a.Same(validAttempt()) {
		t.Fatal("equal attempts differ")
	}
	for name, change := range map[string]func(*Attempt){
		"uid": func(a *Attempt) { a.User.UID = "1002" }, "path": func(a *Attempt) { a.Subject.Path = "/bin/id" },
		"hash": func(a *Attempt) { a.Subject.SHA256 = hex64('b') }, "cwd": func(a *Attempt) { a.Subject.Cwd = "/tmp" },
		"run as": func(a *Attempt) { a.Subject.RunAs = "bob" }, "type": func(a *Attempt) { a.AccessType = Admin },
		"arguments": func(a *Attempt) { a.Subject.ArgsDigest = append(make([]byte, 31), 1) },
	} {
		b := validAttempt()
		change(&b)
		if a.Same(b) {
			t.Errorf("attempts with another %s are the same", name)
		}
	}
	a.Subject.ArgsDigest = nil
	if a.Same(a) {
		t.Error("without a digest nothing is the same")
	}
}

func TestCheckID(t *testing.T) {
	if id := NewID(RequestPrefix, t0); CheckID(RequestPrefix, id) != nil {
		t.Errorf("own id refused: %s", id)
	}
	good := string(NewRequestID(t0))
	for name, s := range map[string]string{"empty": "", "other kind": string(NewGrantID(t0)), "path": "req_../../../../etc/passwd-00000000-0000",
		"upper": strings.ToUpper(good), "version 4": good[:18] + "4" + good[19:], "longer": good + "0", "newline": good[:39] + "\n"} {
		if err := CheckID(RequestPrefix, s); !errors.Is(err, ErrID) {
			t.Errorf("%s: %q accepted", name, s)
		}
	}
	if a, b := NewID("", t0), NewID("", t0.Add(time.Millisecond)); a >= b {
		t.Errorf("ids do not sort by time: %s %s", a, b)
	}
}
