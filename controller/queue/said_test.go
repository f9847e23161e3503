package queue

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// What ran inside of a session and what was left changed stand on the request,
// harmless, bounded, and once however often a report comes.
func TestUseIsShown(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.granted("x")
	g := b.grantID(id)
	seq := uint64(0)
	report := func(r wire.Report) {
		t.Helper()
		seq++
		r.Seq, r.Request, r.Grant = seq, id, g
		b.must(b.Report(ctx, ep, r))
		b.must(b.Report(ctx, ep, r)) // again
	}
	report(wire.Report{Kind: elevation.ReportStarted})
	if v, err := b.Get(ctx, who("bo"), id); err != nil || len(v.Listed)+len(v.Changed) != 0 {
		t.Fatalf("%v %+v", err, v.Listed)
	}
	long := strings.Repeat("y", 5000)
	many := slices.Repeat([]string{"a"}, 500)
	report(wire.Report{Kind: elevation.ReportListed, At: day, Subject: &elevation.Subject{Path: "/usr/bin/e\x1b[2Jvil", Args: []string{long, "b"}, RunAs: "root"}})
	report(wire.Report{Kind: elevation.ReportListed, Subject: &elevation.Subject{Path: "/bin/many", Args: many, RunAs: "root"}})
	report(wire.Report{Kind: elevation.ReportListed, Subject: &elevation.Subject{}})
	v, err := b.Get(ctx, who("bo"), id)
	b.must(err)
	if len(v.Listed) != 2 || strings.Contains(v.Listed[0].Path, "\x1b") || len(v.Listed[0].Args[0]) > 2*saidArg || len(v.Listed[1].Args) != saidArgs+1 {
		t.Errorf("listed %d", len(v.Listed))
	}
	for i := range store.SaidShown + 20 {
		report(wire.Report{Kind: elevation.ReportListed, Subject: &elevation.Subject{Path: "/bin/n" + strconv.Itoa(i), RunAs: "root"}})
	}
	v, err = b.Get(ctx, who("bo"), id)
	b.must(err)
	if n := len(v.Listed); n != store.SaidShown || v.Listed[n-1].Path != "/bin/n"+strconv.Itoa(store.SaidShown+19) {
		t.Errorf("%d, the last is %+v", n, v.Listed[n-1])
	}
	changes := slices.Repeat([]wire.Change{{What: "sudoers", Name: "/etc/sudoers.d/x", How: "added", Text: "bob ALL=(ALL) ALL"}}, saidChanges+5)
	report(wire.Report{Kind: elevation.ReportEnded, Reason: elevation.Completed, Changes: changes})
	v, err = b.Get(ctx, who("bo"), id)
	b.must(err)
	if len(v.Changed) != store.SaidShown || v.Changed[0].Name != "/etc/sudoers.d/x" || v.State != elevation.StateEnded {
		t.Errorf("%d changes, %s", len(v.Changed), v.State)
	}
	kinds := b.kinds(id)
	if !slices.Contains(kinds, "grant.changes") || kinds[len(kinds)-1] != "grant.ended" && kinds[len(kinds)-2] != "grant.ended" {
		t.Errorf("events %v", kinds[max(0, len(kinds)-4):])
	}
	items, err := b.Timeline(ctx, who("bo"), id)
	b.must(err)
	if !slices.ContainsFunc(items, func(i TimelineItem) bool { return i.Kind == "grant.listed" && i.Text == "/bin/n7" }) ||
		!slices.ContainsFunc(items, func(i TimelineItem) bool {
			return i.Kind == "grant.changes" && strings.HasPrefix(i.Text, "sudoers /etc/sudoers.d/x added (bob ALL=(ALL) ALL)")
		}) {
		t.Errorf("%+v", items[len(items)-3:])
	}
}

// Inside of a session only a denial is an answer, and nothing else is stored.
func TestInsideASessionOnlyDenialsCount(t *testing.T) {
	b := newBed(t, `rules:
  - name: no-passwd
    match: {path: /usr/bin/passwd}
    then: deny
  - name: id
    match: {path: /usr/bin/id, args: [-u]}
    then: approve
`).people()
	ctx := context.Background()
	ask := func(path string, args ...string) (elevation.RequestID, Answer) {
		t.Helper()
		in := attempt(path)
		in.RulesOnly, in.Inside = true, "gr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77"
		in.Attempt.Subject.Path, in.Attempt.Subject.Args = path, args
		a, err := b.Draft(ctx, ep, in)
		b.must(err)
		return in.Request, a
	}
	for _, row := range [][]string{{"/usr/bin/id", "-u"}, {"/usr/bin/whatever"}} {
		id, a := ask(row[0], row[1:]...)
		if a.Closed == nil || a.Closed.Why != wire.ClosedNeedsPerson {
			t.Errorf("%v: %+v", row, a)
		}
		if _, err := b.Get(ctx, who("bo"), id); err == nil {
			t.Errorf("%v is stored", row)
		}
	}
	id, a := ask("/usr/bin/passwd")
	if !a.Decided {
		t.Errorf("denied: %+v", a)
	}
	if got := b.state(id); got != elevation.StateDenied {
		t.Errorf("it is %s", got)
	}
}
