package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

// granted makes a request that bo has approved.
func (b *bed) granted(arg string) elevation.RequestID {
	b.t.Helper()
	id := b.submit(arg)
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	return id
}

func (b *bed) grantID(id elevation.RequestID) elevation.GrantID {
	b.t.Helper()
	v, err := b.Get(context.Background(), who("ada", auth.Administrator), id)
	b.must(err)
	return v.Request.Grant.ID
}

// revocation is the verified order in the last frame.
func (b *bed) revocation() elevation.Revocation {
	b.t.Helper()
	frames := b.frames()
	m := body[wire.Revoke](b.t, frames[len(frames)-1])
	var r elevation.Revocation
	b.must(b.keys.Open(sign.Revocation, m.Signed, day, &r))
	return r
}

func TestRevoke(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.granted("x")
	_, err := b.Revoke(ctx, who("audrey", auth.Auditor), id, "", "")
	wantErr(t, "an auditor", err, elevation.ErrNotAllowed)
	_, err = b.Revoke(ctx, who("cy"), id, strings.Repeat("a", 2001), "")
	wantErr(t, "a long comment", err, elevation.ErrInvalid)
	for range 2 {
		v, err := b.Revoke(ctx, who("cy"), id, "over", "")
		b.must(err)
		if v.State != elevation.StateRevoked || v.Delivery != elevation.Revoking {
			t.Errorf("%s %s", v.State, v.Delivery)
		}
	}
	_, err = b.Revoke(ctx, who("ada", auth.Administrator), id, "", "")
	wantErr(t, "somebody else again", err, elevation.ErrNotPending)
	want := []string{"request.submitted", "request.reviewed", "request.approved", "grant.issued", "auth.refused", "grant.revoked", "auth.refused"}
	if d := cmp.Diff(want, b.kinds(id)); d != "" {
		t.Error(d)
	}
	if r := b.revocation(); r.Grant != b.grantID(id) || r.Reason != elevation.RevokedEnd || r.By.Name != "cy" || r.Comment != "over" || r.Endpoint != ep || r.Cluster != "c1" {
		t.Errorf("%+v", r)
	}
	b.must(b.Report(ctx, ep, wire.Report{Seq: 1, Request: id, Grant: b.grantID(id), Kind: elevation.ReportEnded, Reason: elevation.RevokedEnd, At: day}))
	v, err := b.Get(ctx, who("bo"), id)
	b.must(err)
	if v.State != elevation.StateRevoked || v.Delivery != elevation.Confirmed {
		t.Errorf("%s %s", v.State, v.Delivery)
	}
}

func TestRevokeWhatIsHeld(t *testing.T) {
	b := newBed(t, "").people()
	id := b.submit("x")
	_, err := b.Review(context.Background(), session("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	_, err = b.Revoke(context.Background(), who("cy"), id, "stop", "")
	b.must(err)
	b.pass(time.Minute)
	n, _, err := b.Sweep(context.Background())
	b.must(err)
	frames := b.frames()
	if n != 0 || len(frames) != 1 {
		t.Fatalf("swept %d, %d frames", n, len(frames))
	}
	if m := body[wire.Decision](t, frames[0]); m.Verdict != elevation.Denied || m.Grant != nil || m.By != "cy" {
		t.Errorf("%+v", m)
	}
}

func TestCancel(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	eve := who("eve", auth.Approver)
	id := b.submit("x")
	_, err := b.Cancel(ctx, who("bo"), id)
	wantErr(t, "somebody else's", err, elevation.ErrNotAllowed)
	for range 2 {
		_, err := b.Cancel(ctx, eve, id)
		b.must(err)
	}
	if d := cmp.Diff([]string{"request.submitted", "auth.refused", "request.cancelled"}, b.kinds(id)); d != "" {
		t.Error(d)
	}
	if m := body[wire.Closed](t, b.frames()[0]); m.Why != wire.ClosedCancelled || m.By != "eve" {
		t.Errorf("%+v", m)
	}
	granted := b.granted("y")
	_, err = b.Cancel(ctx, eve, granted)
	b.must(err)
	if r := b.revocation(); r.Grant != b.grantID(granted) || r.Reason != elevation.CheckedIn {
		t.Errorf("%+v", r)
	}
}

func TestCheckIn(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.granted("x")
	_, err := b.CheckIn(ctx, who("bo"), id)
	wantErr(t, "somebody else's", err, elevation.ErrNotAllowed)
	for range 2 {
		_, err = b.CheckIn(ctx, who("eve"), id)
		b.must(err)
	}
	if kinds := b.kinds(id); kinds[len(kinds)-1] != "grant.checked_in" {
		t.Error(kinds)
	}
	if r := b.revocation(); r.Reason != elevation.CheckedIn || r.By.Name != "eve" {
		t.Errorf("%+v", r)
	}
}

func TestRemove(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	waiting, running, over := b.submit("x"), b.granted("y"), b.submit("z")
	_, err := b.Review(ctx, who("bo"), over, ReviewIn{Verdict: elevation.Denied})
	b.must(err)
	_, err = b.Remove(ctx, who("audrey", auth.Auditor), over)
	wantErr(t, "an auditor", err, elevation.ErrNotAllowed)
	_, err = b.Remove(ctx, who("bo"), running)
	wantErr(t, "one in force", err, elevation.ErrNotPending)
	for _, id := range []elevation.RequestID{waiting, over, over} {
		_, err = b.Remove(ctx, who("bo"), id)
		b.must(err)
	}
	frames := b.frames()
	if m := body[wire.Closed](t, frames[len(frames)-1]); m.Why != wire.ClosedRemoved || m.Request != waiting || m.By != "bo" {
		t.Errorf("%+v", m)
	}
	page, err := b.List(ctx, who("cy"), Filter{})
	b.must(err)
	if len(page.Items) != 1 || page.Items[0].Request.ID != running || page.Total != 1 {
		t.Errorf("%d listed, total %d", len(page.Items), page.Total)
	}
	n, err := b.Counts(ctx, who("cy"), false)
	b.must(err)
	if d := cmp.Diff(Counts{All: 1, Available: 1}, n); d != "" {
		t.Error(d)
	}
}

func TestReports(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.granted("x")
	g := b.grantID(id)
	exit := 3
	steps := []struct {
		report wire.Report
		state  elevation.State
		events int // of the request so far
	}{
		{wire.Report{Seq: 1, Request: id, Grant: g, Kind: elevation.ReportDelivered, At: day}, elevation.StateAvailable, 5},
		{wire.Report{Seq: 1, Request: id, Grant: g, Kind: elevation.ReportStarted, At: day}, elevation.StateAvailable, 5}, // a number that was taken
		{wire.Report{Seq: 2, Request: id, Grant: g, Kind: elevation.ReportDelivered, At: day}, elevation.StateAvailable, 5},
		{wire.Report{Seq: 3, Request: id, Grant: g, Kind: elevation.ReportStarted, At: day.Add(time.Hour)}, elevation.StateActive, 6}, // a clock that is ahead
		{wire.Report{Seq: 4, Request: id, Grant: g, Kind: elevation.ReportListed, Text: "/bin/ls"}, elevation.StateActive, 7},
		{wire.Report{Seq: 5, Request: id, Grant: g, Kind: elevation.ReportEnded, Reason: elevation.Deadline, Failed: true}, elevation.StateActive, 8},
		{wire.Report{Seq: 6, Request: id, Grant: g, Kind: elevation.ReportEnded, Reason: elevation.Completed, Exit: &exit}, elevation.StateEnded, 9},
		{wire.Report{Seq: 7, Request: id, Grant: g, Kind: elevation.ReportEnded, Reason: elevation.Failed}, elevation.StateEnded, 9},
	}
	for i, s := range steps {
		b.must(b.Report(ctx, ep, s.report))
		if got, n := b.state(id), len(b.kinds(id)); got != s.state || n != s.events {
			t.Errorf("step %d: %s with %d events, want %s with %d", i+1, got, n, s.state, s.events)
		}
	}
	want := []string{"grant.delivered", "grant.started", "grant.listed", "grant.end_failed", "grant.ended"}
	if d := cmp.Diff(want, b.kinds(id)[4:]); d != "" {
		t.Error(d)
	}
	v, err := b.Get(ctx, who("bo"), id)
	b.must(err)
	if v.Request.Grant.ExitCode == nil || *v.Request.Grant.ExitCode != 3 || !v.Request.Grant.StartedAt.Equal(day) {
		t.Errorf("%+v", v.Request.Grant)
	}
}

func TestReportsThatAreRefusedAreAccepted(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.granted("x")
	refused := []wire.Report{
		{Seq: 1, Request: "req_none", Grant: b.grantID(id), Kind: elevation.ReportStarted},
		{Seq: 2, Request: id, Grant: "gr_other", Kind: elevation.ReportStarted},
		{Seq: 3, Request: id, Grant: b.grantID(id), Kind: "x"},
		{Seq: 4, Request: id, Grant: b.grantID(id), Kind: elevation.ReportEnded, Reason: "because"},
		{Seq: 5, Request: id, Grant: "", Kind: elevation.ReportEnded, Reason: elevation.Deadline, Failed: true},
	}
	for _, r := range refused {
		b.must(b.Report(ctx, ep, r))
	}
	if s := b.state(id); s != elevation.StateAvailable {
		t.Error(s)
	}
	wantErr(t, "without a number", b.Report(ctx, ep, wire.Report{Request: id}), elevation.ErrInvalid)
	n := 0
	rows, err := b.store.AuditWaiting(ctx, 100)
	b.must(err)
	for _, row := range rows {
		if row.Kind == audit.AuthRefused {
			n++
		}
	}
	if n != len(refused) {
		t.Errorf("%d refusals in the log, want %d", n, len(refused))
	}
}

func TestSweepExpires(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	waiting, unused, running := b.submit("x"), b.granted("y"), b.granted("z")
	g := b.grantID(running)
	b.must(b.Report(ctx, ep, wire.Report{Seq: 1, Request: running, Grant: g, Kind: elevation.ReportStarted, At: day}))
	b.pass(4*time.Hour - time.Millisecond)
	if n, next, err := b.Sweep(ctx); n != 0 || err != nil || !next.Equal(day.Add(4*time.Hour)) {
		t.Fatalf("%d, next %v, %v", n, next, err)
	}
	b.pass(time.Millisecond)
	if s := b.state(unused); s != elevation.StateExpired {
		t.Errorf("due and not swept: %s", s)
	}
	page, err := b.List(ctx, who("bo"), Filter{Status: []string{"available"}})
	b.must(err)
	if len(page.Items) != 1 {
		t.Errorf("%d in a list of what is available, one of which is over", len(page.Items))
	}
	if n, _, err := b.Sweep(ctx); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	// The endpoint never had it, so it gets the end in place of the grant.
	if m := body[wire.Closed](t, b.frames()[0]); m.Request != unused || m.Why != wire.ClosedExpired {
		t.Errorf("%+v", m)
	}
	b.pass(4 * time.Hour)
	if n, next, err := b.Sweep(ctx); n != 2 || err != nil || !next.IsZero() {
		t.Fatalf("%d, next %v, %v", n, next, err)
	}
	frames := b.frames()
	if m := body[wire.Closed](t, frames[len(frames)-1]); m.Request != waiting || m.Why != wire.ClosedExpired {
		t.Errorf("%+v", m)
	}
	for id, want := range map[elevation.RequestID][]string{
		waiting: {"request.submitted", "request.expired"},
		unused:  {"request.submitted", "request.reviewed", "request.approved", "grant.issued", "request.expired"},
		running: {"request.submitted", "request.reviewed", "request.approved", "grant.issued", "grant.started", "request.expired"},
	} {
		if d := cmp.Diff(want, b.kinds(id)); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	n, err := b.Counts(ctx, who("bo"), false)
	b.must(err)
	if d := cmp.Diff(Counts{All: 3, Expired: 3}, n); d != "" {
		t.Error(d)
	}
}

func TestHeldTooLongIsNotGranted(t *testing.T) {
	b := newBed(t, "").people()
	id := b.submit("x")
	_, err := b.Review(context.Background(), session("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.pass(5 * time.Hour) // the controller was down
	_, _, err = b.Sweep(context.Background())
	b.must(err)
	if frames := b.frames(); len(frames) != 1 || frames[0].Type != wire.TClosed {
		t.Errorf("%+v", frames)
	}
}

func TestManyDueAtOnce(t *testing.T) {
	b := newBed(t, "").people()
	set := b.store.Settings()
	set.Quota = store.Quota{}
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		b.must(tx.PutSettings(set))
		return tx.Append(audit.Event{At: day, Kind: audit.SettingsChanged, Actor: system()})
	}))
	var last elevation.RequestID
	for i := range 250 {
		in := attempt("x")
		last = in.Request
		in.Attempt.Subject.Cwd = fmt.Sprint("/", i)
		_, err := b.Draft(context.Background(), ep, in)
		b.must(err)
	}
	b.pass(elevation.DraftTTL)
	if n, next, err := b.Sweep(context.Background()); n != 250 || err != nil || !next.IsZero() {
		t.Errorf("%d %v %v", n, next, err)
	}
	for _, kept := range []bool{true, false} {
		b.pass(23 * time.Hour)
		_, _, err := b.Sweep(context.Background())
		b.must(err)
		err = b.store.View(context.Background(), func(tx *store.Tx) error { _, err := tx.Request(last); return err })
		if (err == nil) != kept {
			t.Errorf("a draft that is over is kept for a day: %v", err)
		}
	}
}

// Run sleeps until something is due and wakes for what falls due earlier.
func TestRunSweepsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "")
		b.cfg.Now = time.Now
		b.people()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		id := b.submit("x")
		synctest.Wait()
		time.Sleep(time.Hour)
		_, err := b.Review(ctx, session("bo"), id, ReviewIn{Verdict: elevation.Approved})
		b.must(err)
		time.Sleep(3*time.Second - time.Millisecond)
		synctest.Wait()
		if s := b.state(id); s != elevation.StateHeld {
			t.Errorf("before the hold ends: %s", s)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := len(b.frames()); got != 1 {
			t.Errorf("%d frames when the hold has ended", got)
		}
		time.Sleep(4*time.Hour + time.Millisecond)
		synctest.Wait()
		if kinds := b.kinds(id); kinds[len(kinds)-1] != "request.expired" {
			t.Error(kinds)
		}
		cancel()
		<-done
		b.store.Close()
	})
}
