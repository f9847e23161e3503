package queue

import (
	"context"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

func TestListInTheOrderOfTheQueue(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	var want []elevation.RequestID
	for _, p := range []struct {
		arg   string
		prio  elevation.Priority
		after time.Duration
	}{{"a", elevation.Normal, 0}, {"b", elevation.Low, time.Minute}, {"c", elevation.High, time.Minute}} {
		b.pass(p.after)
		in := attempt(p.arg)
		in.Attempt.Priority = p.prio
		_, err := b.Draft(ctx, ep, in)
		b.must(err)
		_, err = b.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: "because I must"})
		b.must(err)
		want = append(want, in.Request)
	}
	want = []elevation.RequestID{want[2], want[0], want[1]} // high (1 h head start), normal (10 min), low
	var got []elevation.RequestID
	f := Filter{Status: []string{"pending"}, Limit: 2}
	for i := 1; ; i++ {
		page, err := b.List(ctx, who("bo"), f)
		b.must(err)
		if page.Total != 3 {
			t.Errorf("total %d", page.Total)
		}
		for _, v := range page.Items {
			got = append(got, v.Request.ID)
			if v.Position != len(got) {
				t.Errorf("%s has position %d, want %d", v.Request.ID, v.Position, len(got))
			}
			if d := cmp.Diff([]string{"ada", "bo", "cy"}, v.CanAnswer); d != "" {
				t.Error(d)
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	page, err := b.List(ctx, who("bo"), Filter{Limit: 1})
	b.must(err)
	if page.Items[0].Request.ID != want[0] {
		t.Errorf("the newest is %s", page.Items[0].Request.ID)
	}
	_, err = b.List(ctx, who("bo"), Filter{Status: []string{"pending"}, Cursor: page.Next})
	wantErr(t, "a cursor of another list", err, elevation.ErrInvalid)
	p, err := b.Progress(ctx, ep, want[2])
	b.must(err)
	if p.Position != 3 || p.ApprovNeed != 1 {
		t.Errorf("%+v", p)
	}
	_, err = b.Progress(ctx, "ep_other", want[2])
	wantErr(t, "the progress of another endpoint's", err, elevation.ErrNotFound)
}

func TestWhoSeesWhat(t *testing.T) {
	b := newBed(t, "").people()
	id := b.submit("x")
	db := map[string]string{"role": "db"}
	scoped := func(scope map[string]string) auth.Actor { a := who("dee"); a.Scope = scope; return a }
	onlyRules := who("bo")
	onlyRules.Scopes = []string{auth.ScopeRules}
	tests := []struct {
		name    string
		actor   auth.Actor
		get     error
		list    error
		visible bool
	}{
		{"approver", who("bo"), nil, nil, true},
		{"auditor", who("audrey", auth.Auditor), nil, nil, true},
		{"scope that covers it", scoped(map[string]string{"role": "web"}), nil, nil, true},
		{"scope of others", scoped(db), elevation.ErrNotFound, nil, false},
		{"requester", who("eve", auth.Requester), elevation.ErrNotFound, nil, false},
		{"nobody", auth.Actor{}, auth.ErrUnauthenticated, auth.ErrUnauthenticated, false},
		{"no role", who("x", "nothing"), elevation.ErrNotAllowed, elevation.ErrNotAllowed, false},
		{"token for rules", onlyRules, elevation.ErrNotAllowed, elevation.ErrNotAllowed, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			_, err := b.Get(ctx, tt.actor, id)
			wantErr(t, "get", err, tt.get)
			_, err = b.Timeline(ctx, tt.actor, id)
			wantErr(t, "timeline", err, tt.get)
			_, err = b.Explain(ctx, tt.actor, id)
			wantErr(t, "explain", err, tt.get)
			page, err := b.List(ctx, tt.actor, Filter{})
			wantErr(t, "list", err, tt.list)
			if (len(page.Items) == 1) != tt.visible || (page.Total == 1) != tt.visible {
				t.Errorf("%d listed, total %d", len(page.Items), page.Total)
			}
			n, err := b.Counts(ctx, tt.actor, false)
			wantErr(t, "counts", err, tt.list)
			if (n.Pending == 1) != tt.visible {
				t.Errorf("%+v", n)
			}
		})
	}
}

func TestFiltersOfTheList(t *testing.T) {
	b := newBed(t, "").people().linked()
	ctx := context.Background()
	b.submit("x")
	denied := b.submit("y")
	_, err := b.Review(ctx, who("bo"), denied, ReviewIn{Verdict: elevation.Denied})
	b.must(err)
	eve := who("eve")
	tests := []struct {
		name  string
		actor auth.Actor
		f     Filter
		want  int
		err   error
	}{
		{"all", eve, Filter{Status: []string{"all"}}, 2, nil},
		{"two words", eve, Filter{Status: []string{"denied", "revoked"}}, 1, nil},
		{"none escalated", eve, Filter{Status: []string{"escalated"}}, 0, nil},
		{"unknown word", eve, Filter{Status: []string{"held"}}, 0, elevation.ErrInvalid},
		{"mine", evelyn(), Filter{Mine: true}, 2, nil},
		{"a requester's list is their own", evelyn(), Filter{}, 2, nil},
		{"an equal name is not mine", eve, Filter{Mine: true}, 0, nil},
		{"not mine", who("bo"), Filter{Mine: true}, 0, nil},
		{"team by name", eve, Filter{Team: "approvers"}, 2, nil},
		{"program", eve, Filter{Program: "id"}, 2, nil},
		{"text", eve, Filter{Text: "BECAUSE"}, 2, nil},
		{"limit", eve, Filter{Limit: 501}, 0, elevation.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := b.List(ctx, tt.actor, tt.f)
			wantErr(t, "list", err, tt.err)
			if len(page.Items) != tt.want || page.Total != tt.want {
				t.Errorf("%d listed, total %d, want %d", len(page.Items), page.Total, tt.want)
			}
		})
	}
	n, err := b.Counts(ctx, who("bo"), false)
	b.must(err)
	if d := cmp.Diff(Counts{All: 2, Pending: 1, Denied: 1}, n); d != "" {
		t.Error(d)
	}
}

func TestTimelineAndExplain(t *testing.T) {
	b := newBed(t, `{rules: [{name: look, match: {path: /usr/bin/id}, then: require, require: {stages: [{team: Approvers}]}}]}`).people()
	ctx := context.Background()
	id := b.submit("x")
	_, err := b.Review(ctx, who("eve"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "own", err, elevation.ErrSelfApproval)
	_, err = b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Denied, Comment: "not today"})
	b.must(err)
	items, err := b.Timeline(ctx, who("cy"), id)
	b.must(err)
	want := []TimelineItem{{day, "request.submitted", "web-1", "because I must"}, {day, "request.reviewed", "bo", "not today"}, {day, "request.denied", "bo", "not today"}}
	if d := cmp.Diff(want, items); d != "" {
		t.Error(d)
	}
	items, err = b.Timeline(ctx, who("ada", auth.Administrator), id)
	b.must(err)
	if len(items) != 4 {
		t.Errorf("an administrator sees %d lines, refusals too", len(items))
	}
	x, err := b.Explain(ctx, who("cy"), id)
	b.must(err)
	if x.Outcome != "ask" || len(x.Trace) != 1 || !x.Trace[0].Matched {
		t.Errorf("%+v", x)
	}
}

func TestUsualWait(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	for i, arg := range []string{"a", "b", "c", "d", "e"} {
		if i == usualOf-1 {
			a, err := b.Draft(ctx, ep, attempt("too early"))
			b.must(err)
			if a.Need.UsualWait != 0 {
				t.Errorf("usual wait %v after %d answers", a.Need.UsualWait, i)
			}
			b.pass(usualFor)
		}
		id := b.submit(arg)
		b.pass(time.Duration(i)*time.Minute + 22*time.Second)
		_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Denied})
		b.must(err)
	}
	in := attempt("after")
	a, err := b.Draft(ctx, ep, in)
	b.must(err)
	if a.Need.UsualWait != 3*time.Minute {
		t.Errorf("usual wait %v, want the median, 2m22s, roughly", a.Need.UsualWait)
	}
}

func TestRoughly(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{0: 10 * time.Second, 11 * time.Second: 10 * time.Second, 12 * time.Second: 20 * time.Second, 59 * time.Second: time.Minute,
		82 * time.Second: 2 * time.Minute, 2*time.Minute + 5*time.Second: 2 * time.Minute, 9*time.Minute + 30*time.Second: 10 * time.Minute, 11 * time.Minute: 15 * time.Minute, 3 * time.Hour: 3 * time.Hour} {
		if got := roughly(wait); got != want {
			t.Errorf("%v: %v, want %v", wait, got, want)
		}
	}
}
