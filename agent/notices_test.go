package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// watched are the notices of a user so far, as "kind by text".
func watched(t *testing.T, ch <-chan local.Notice) (kinds []string, all []local.Notice) {
	t.Helper()
	for {
		select {
		case n, ok := <-ch:
			if !ok {
				return kinds, all
			}
			kinds, all = append(kinds, strings.TrimSpace(n.Kind+" "+n.By)), append(all, n)
		default:
			return kinds, all
		}
	}
}

func (p *person) has(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.said, func(s string) bool { return strings.Contains(s, text) })
}

// TestEachStepIsTold follows one request from the queue to its end: at the
// terminal, in its story, and to those of its user who watch.
func TestEachStepIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		ctx := t.Context()
		mine, stop, err := d.Watch(alice)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		others, stopOthers, err := d.Watch("1002")
		if err != nil {
			t.Fatal(err)
		}
		defer stopOthers()

		p := &person{}
		id, done := d.queued(ctx, p)
		progress := wire.Progress{Request: id, Position: 1, ApprovNeed: 2, Code: "7K2Q-M9XD"}
		d.answer(wire.TProgress, progress)
		synctest.Wait()
		if !p.has("assent: somebody beside you can answer: https://assent.example/#/b/7K2Q-M9XD  (or type 7K2Q-M9XD in the console)") {
			t.Errorf("said %q", p.said)
		}
		if line := p.lines[len(p.lines)-1]; line.Beside != "https://assent.example/#/b/7K2Q-M9XD" || strings.Contains(line.Line(time.Now(), 0), "7K2Q-M9XD") {
			t.Errorf("the waiting line: %+v", line)
		}
		if it := d.list(alice); it.Code != "7K2Q-M9XD" || !strings.HasSuffix(it.Beside, "/#/b/7K2Q-M9XD") {
			t.Errorf("in the list: %+v", it)
		}
		progress.SeenBy = "bo"
		for range 2 { // it is told every ten seconds
			d.answer(wire.TProgress, progress)
		}
		if it := d.list(alice); it.SeenBy != "bo" {
			t.Errorf("in the list: %+v", it)
		}
		progress.ApprovHave = 1
		d.answer(wire.TProgress, progress)
		synctest.Wait()
		if !p.has("bo is looking at it.") || !p.has("1 of 2 approvals are there.") {
			t.Errorf("said %q", p.said)
		}
		decision := d.grantFor(id, attempt(), func(g *elevation.Grant) { g.Duration = time.Hour })
		decision.Text = "ok for today"
		d.answer(wire.TDecision, decision)
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		if !p.has("approved by bo: ok for today; should it still run at ") {
			t.Errorf("said %q", p.said)
		}
		if it := d.list(alice); it.Code != "" {
			t.Errorf("an approved request has the code %s", it.Code)
		}
		kinds, all := watched(t, mine)
		if got := strings.Join(kinds, ", "); got != "asked alice, queued, seen bo, votes, approved bo" {
			t.Errorf("told: %s", got)
		}
		if last := all[len(all)-1]; last.Text != "ok for today" || last.Until.IsZero() || last.Path != "/usr/bin/id" ||
			!strings.HasPrefix(last.Line, "id ("+elevation.ShortID(string(id))+"): approved by bo: ok for today; use it before ") {
			t.Errorf("the approval: %+v", last)
		}
		it, err := d.View(alice, id)
		if err != nil || len(it.Timeline) != 5 || it.Timeline[2].Kind != "seen" || it.Timeline[2].By != "bo" {
			t.Errorf("the story: %+v, %v", it.Timeline, err)
		}
		if kinds, _ := watched(t, others); len(kinds) != 0 {
			t.Errorf("another user is told %v", kinds)
		}
		d.Close()
	})
}

// used makes a grant of a length that is in use, with somebody in front of it.
func (d *desk) used(total time.Duration) (elevation.Grant, func() string) {
	d.t.Helper()
	id, done := d.queued(d.t.Context(), &person{})
	d.answer(wire.TDecision, d.grantFor(id, attempt(), func(g *elevation.Grant) { g.Duration = total }))
	r := <-done
	if r.err != nil {
		d.t.Fatal(r.err)
	}
	e, _, err := d.arm(d.t.Context(), r.permit, func(*grants.Entry) {})
	if err != nil {
		d.t.Fatal(err)
	}
	e.State = grants.Active
	if err := d.Ledger.Put(e); err != nil {
		d.t.Fatal(err)
	}
	said := make(chan string, 10)
	d.mu.Lock()
	d.says[e.ID] = func(text string) { said <- text }
	d.mu.Unlock()
	return r.permit.Grant, func() string {
		synctest.Wait()
		select {
		case s := <-said:
			return s
		default:
			return ""
		}
	}
}

// TestTheEndIsToldAhead: five minutes before it, once; again for a later end;
// and when it is there.
func TestTheEndIsToldAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		ctx := t.Context()
		mine, stop, err := d.Watch(alice)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		g, said := d.used(30 * time.Minute)
		watched(t, mine)
		time.Sleep(24 * time.Minute)
		d.look(ctx)
		if s := said(); s != "" {
			t.Errorf("six minutes before the end: %q", s)
		}
		time.Sleep(time.Minute)
		for range 3 {
			d.look(ctx)
		}
		if s := said(); !strings.HasPrefix(s, "this ends in 5 min, at ") || !strings.Contains(s, "assent extend "+elevation.ShortID(string(g.Request))) {
			t.Errorf("five minutes before the end: %q", s)
		}
		if s := said(); s != "" {
			t.Errorf("a second time: %q", s)
		}
		time.Sleep(5*time.Minute + time.Second)
		d.look(ctx)
		if s := said(); s != "the time is over: this is ended now" {
			t.Errorf("at the end: %q", s)
		}
		kinds, all := watched(t, mine)
		if got := strings.Join(kinds, ", "); got != "ends_soon, ended" || all[0].Text != "5m" || all[1].Text != string(elevation.Deadline) {
			t.Errorf("told: %s %+v", got, all)
		}
		// What is short needs no warning.
		_, said = d.used(5 * time.Minute)
		time.Sleep(time.Minute)
		d.look(ctx)
		if s := said(); s != "" {
			t.Errorf("of five minutes: %q", s)
		}
		d.Close()
	})
}

// TestToldInTheirLanguage: as they asked, and once that is forgotten as the policy
// says; nobody's language is kept for ever.
func TestToldInTheirLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		g, said := d.used(30 * time.Minute)
		if got, known := d.lent.tongues.of[g.ID]; !known || got != "" {
			t.Errorf("who asked is spoken with in %q, %v", got, known)
		}
		d.lent.tongues.speaks(g.ID, words.German)
		time.Sleep(25 * time.Minute)
		d.look(t.Context())
		if s := said(); !strings.HasPrefix(s, "das endet in 5 Min., um ") {
			t.Errorf("ahead: %q", s)
		}
		d.lent.tongues.forget(g.ID)
		if got := d.tongueOf(g.ID); got != words.English {
			t.Errorf("without a policy: %q", got)
		}
		d.policy.mu.Lock()
		d.policy.is.Words.Language = "de"
		d.policy.mu.Unlock()
		time.Sleep(5*time.Minute + time.Second)
		d.look(t.Context())
		if s := said(); s != "die Zeit ist um: das wird jetzt beendet" {
			t.Errorf("by the policy: %q", s)
		}
		for n := range 2 * maxTongues {
			d.lent.tongues.speaks(elevation.GrantID(fmt.Sprint(n)), words.German)
		}
		if n := len(d.lent.tongues.of); n > maxTongues {
			t.Errorf("%d are kept", n)
		}
		d.Close()
	})
}

func TestRevocationIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		mine, stop, err := d.Watch(alice)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		g, said := d.used(time.Hour)
		watched(t, mine)
		r := elevation.Revocation{Cluster: "c", Endpoint: "ep_1", Grant: g.ID, Request: g.Request, Reason: elevation.RevokedEnd,
			By: elevation.Actor{Kind: elevation.ByUser, Name: "bo"}, Comment: "wrong host", At: time.Now(), Nonce: make([]byte, 16)}
		signed, err := d.key.Sign(sign.Revocation, r)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the frame may come twice
			d.answer(wire.TRevoke, wire.Revoke{Request: g.Request, Grant: g.ID, Signed: signed})
		}
		if s := said(); s != "revoked by bo: wrong host" {
			t.Errorf("said %q", s)
		}
		kinds, all := watched(t, mine)
		if got := strings.Join(kinds, ", "); got != "revoked bo, ended" || all[0].Text != "wrong host" {
			t.Errorf("told: %s %+v", got, all)
		}
		d.Close()
	})
}

// TestWatchingIsBounded: a number of watchers of each user, a number of notices
// for each watcher; one that does not read costs nobody else anything.
func TestWatchingIsBounded(t *testing.T) {
	d := newDesk(t, t.TempDir())
	var stops []func()
	var first <-chan local.Notice
	for i := range watchersEach {
		ch, stop, err := d.Watch(alice)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = ch
		}
		stops = append(stops, stop)
	}
	if _, _, err := d.Watch(alice); !errors.Is(err, local.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if _, stop, err := d.Watch("1002"); err != nil {
		t.Errorf("another user: %v", err)
	} else {
		stop()
	}
	n := note{ID: elevation.NewRequestID(time.Now()), Attempt: attempt()}
	for i := range noticesQueued + 1 {
		d.publish(n, happening{At: time.Now(), Kind: "seen", By: fmt.Sprint(i)})
	}
	if _, all := watched(t, first); len(all) != noticesQueued {
		t.Errorf("%d notices were kept", len(all))
	}
	if _, open := <-first; open {
		t.Error("one who reads too slowly goes on")
	}
	for _, stop := range stops {
		stop() // also twice: the slow ones are gone already
	}
	if len(d.notices) != 0 {
		t.Errorf("left behind: %v", d.notices)
	}
	if _, stop, err := d.Watch(alice); err != nil {
		t.Errorf("after they have gone: %v", err)
	} else {
		stop()
	}
}

func TestNoticesAreInert(t *testing.T) {
	n := local.Notice{Kind: "denied", Path: "/usr/bin/\x1b[2Jid", By: "b\x1b]0;x\ao", Text: "no\n\x1b[31mreally", Request: elevation.NewRequestID(time.Now())}
	if line := noticeLine(n, time.Now()); strings.ContainsAny(line, "\x1b\a\n") || !strings.Contains(line, "denied by ") {
		t.Errorf("%q", line)
	}
	for _, kind := range []string{"asked", "queued", "seen", "votes", "question", "answer", "approved", "denied", "started", "extended", "ends_soon", "log_off", "revoked",
		"ended", "expired", "cancelled", "removed", "refused", "something new"} {
		if line := noticeLine(local.Notice{Kind: kind, Path: "/usr/bin/id", By: "bo", Text: "5m", Until: time.Now()}, time.Now()); !strings.HasPrefix(line, "id (") || strings.HasSuffix(line, ": ") {
			t.Errorf("%s: %q", kind, line)
		}
	}
}

// TestSaysHowLongOnlyWhereItMatters: a person who waited for id does not read of
// eight hours, and one who is given a shell or little time does.
func TestSaysHowLongOnlyWhereItMatters(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.Local)
	shell := elevation.Subject{Path: "/usr/bin/bash", Marks: []string{elevation.MarkShell}}
	for name, row := range map[string]struct {
		g     elevation.Grant
		asked time.Duration
		want  string
	}{
		"a command":                 {g: elevation.Grant{AccessType: elevation.Run, Duration: 8 * time.Hour}},
		"a command with its time":   {g: elevation.Grant{AccessType: elevation.Run, Duration: 8 * time.Hour}, asked: 8 * time.Hour, want: "; should it still run at 17:00, it is ended then"},
		"a command with little":     {g: elevation.Grant{AccessType: elevation.Run, Duration: 10 * time.Minute}, want: "; should it still run at 09:10, it is ended then"},
		"a shell":                   {g: elevation.Grant{AccessType: elevation.Run, Duration: 8 * time.Hour, Subject: shell}, want: "; it may run until 17:00"},
		"a session":                 {g: elevation.Grant{AccessType: elevation.Session, Duration: 2 * time.Hour}, want: ""},
		"a session for a job":       {g: elevation.Grant{AccessType: elevation.Session, Duration: 2 * time.Hour, Subject: elevation.Subject{Args: []string{"make"}}}, want: "; it is open until 11:00"},
		"an administrator's time":   {g: elevation.Grant{AccessType: elevation.Admin, Duration: 30 * time.Minute}, want: ""},
		"an end that comes earlier": {g: elevation.Grant{AccessType: elevation.Run, Duration: 8 * time.Hour, NotAfter: now.Add(time.Minute)}, want: "; should it still run at 09:01, it is ended then"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := howLong(words.English, row.g, row.asked, now); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}
