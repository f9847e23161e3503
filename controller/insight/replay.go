package insight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// Bounds of one replay.
const (
	DefaultDays = 30
	MaxDays     = 400
	replayMost  = 200_000 // requests; older ones are left out, and the result says so
	changesMost = 1000    // listed; all are counted
)

// Change is one answer that would have been another one.
type Change struct {
	Request  elevation.RequestID
	At       time.Time
	User     string
	Endpoint string // its name
	What     string // the command
	From, To string // "ask: approved by bo", "approve: apt-update"
	Sentence string // why, in plain words
}

// Replayed is what a set of rules would have answered to real requests, next to
// what was answered.
type Replayed struct {
	Days          int
	Requests      int
	Changed       int
	NewlyApproved int // that a person was asked for, or that were denied
	NewlyDenied   int
	NewlyAsked    int           // that a rule had answered
	HumanDenied   int           // newly approved, although a person denied them
	Saved         time.Duration // waiting of those newly approved
	Changes       []Change      // the newest first
	Cut           bool          // there were more requests than are looked at

	// Attempts that endpoints only saw, and what the rules would answer to them.
	Observed, ObservedApproved, ObservedDenied, ObservedAsked int

	newestDenied elevation.RequestID
	deniedBy     string // rule that would approve it
	newestAt     time.Time
}

// daysOf is how far back somebody asks to look; usual when they say nothing.
func daysOf(asked, usual int) (int, error) {
	if asked < 0 || asked > MaxDays {
		return 0, fmt.Errorf("%w: days are 1 to %d", elevation.ErrInvalid, MaxDays)
	}
	return cmp.Or(asked, usual), nil
}

// Replay holds a whole proposed set of rules against what was really asked in
// the last days, as it was answered then. It changes nothing. The error of a
// text that can not be read is that of Config.Read.
func (s *Insight) Replay(ctx context.Context, act auth.Actor, yaml string, days int) (Replayed, error) {
	if err := may(act, auth.RulesRead, auth.RequestsRead); err != nil {
		return Replayed{}, err
	}
	days, err := daysOf(days, DefaultDays)
	if err != nil {
		return Replayed{}, err
	}
	free, err := s.slot(ctx)
	if err != nil {
		return Replayed{}, err
	}
	defer free()
	set, err := s.cfg.Read(yaml)
	if err != nil {
		return Replayed{}, err
	}
	out, err := s.replay(ctx, act, []trial{{set: set}}, s.span(days, replayMost))
	if err != nil {
		return Replayed{}, fmt.Errorf("replay rules: %w", err)
	}
	out[0].Days = days
	if keep := s.cfg.Store.Settings().Retention.ArgumentsDays; keep > 0 && keep < days {
		out[0].Cut = true
	}
	return out[0], nil
}

// Denied says how many requests of the last days, denied by a person, the set
// would approve, the newest of them, and by which rule. It guards the applying of
// rules: it looks at everything, whoever applies.
func (s *Insight) Denied(ctx context.Context, set *rules.Set, days int) (n int, newest elevation.RequestID, rule string, err error) {
	span := s.span(days, replayMost)
	span.Denied = true
	out, err := s.replay(ctx, auth.Actor{}, []trial{{set: set}}, span)
	if err != nil {
		return 0, "", "", fmt.Errorf("hold the rules against what was denied: %w", err)
	}
	return out[0].HumanDenied, out[0].newestDenied, out[0].deniedBy, nil
}

// span is the last days, as far as arguments are still known: what was asked
// before that can not be held against rules any more.
func (s *Insight) span(days, most int) store.Span {
	if keep := s.cfg.Store.Settings().Retention.ArgumentsDays; keep > 0 {
		days = min(days, keep)
	}
	return store.Span{Since: s.cfg.Now().Add(-time.Duration(days) * 24 * time.Hour), Most: most}
}

// trial is one set to try, on one program or on all.
type trial struct {
	set  *rules.Set
	path string // "" = every program
}

// replay tries sets on the same stretch of history, on all processors. An actor
// with a scope gets the requests of their scope only.
func (s *Insight) replay(ctx context.Context, act auth.Actor, trials []trial, span store.Span) ([]Replayed, error) {
	now := s.cfg.Now()
	tallies := make([][]Replayed, workers())
	var work []func(*elevation.Request) error
	for i := range tallies {
		tallies[i] = make([]Replayed, len(trials))
		endpoints := s.fleetFor(act)
		work = append(work, func(r *elevation.Request) error {
			ep, err := endpoints.endpoint(ctx, r.Endpoint)
			if err != nil || !ep.covered || r.Extends != "" {
				return err
			}
			for k, t := range trials {
				if t.path == "" || t.path == r.Attempt.Subject.Path {
					tallies[i][k].try(t.set, r, ep, now)
				}
			}
			return nil
		})
	}
	cut, err := s.cfg.Store.Each(ctx, span, work)
	if err != nil {
		return nil, err
	}
	if !span.Denied {
		more, err := s.replaySeen(ctx, act, trials, span, tallies)
		if err != nil {
			return nil, err
		}
		cut = cut || more
	}
	out := make([]Replayed, len(trials))
	for k := range out {
		for i := range tallies {
			out[k].add(tallies[i][k])
		}
		out[k].Cut = cut
		slices.SortFunc(out[k].Changes, func(a, b Change) int {
			return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Request, a.Request))
		})
		out[k].Changes = out[k].Changes[:min(len(out[k].Changes), changesMost)]
	}
	return out, nil
}

// replaySeen tries sets on what endpoints only saw.
func (s *Insight) replaySeen(ctx context.Context, act auth.Actor, trials []trial, span store.Span, tallies [][]Replayed) (cut bool, err error) {
	var work []func(*store.Sighting) error
	for i := range tallies {
		endpoints := s.fleetFor(act)
		work = append(work, func(x *store.Sighting) error {
			if !isHistory(x.Kind) {
				return nil
			}
			ep, err := endpoints.endpoint(ctx, x.Endpoint)
			if err != nil || !ep.covered {
				return err
			}
			for k, t := range trials {
				if t.path == "" || t.path == x.Attempt.Subject.Path {
					tallies[i][k].trySeen(t.set, x, ep)
				}
			}
			return nil
		})
	}
	return s.cfg.Store.EachSighting(ctx, span, work)
}

// isHistory leaves out broken glass, which no rule shall learn from, and ways
// around, of which too little is known.
func isHistory(k wire.SeenKind) bool { return k == wire.SeenObserved || k == wire.SeenOwn }

// trySeen asks the set about something that was only seen.
func (t *Replayed) trySeen(set *rules.Set, x *store.Sighting, ep known) {
	t.Observed += x.Times
	switch ask(set, x, ep) {
	case rules.Approve:
		t.ObservedApproved += x.Times
	case rules.Deny:
		t.ObservedDenied += x.Times
	default:
		t.ObservedAsked += x.Times
	}
}

// ask is what the set says of something that was only seen.
func ask(set *rules.Set, x *store.Sighting, ep known) rules.Kind {
	return set.Evaluate(rules.Input{Attempt: x.Attempt, Priority: elevation.Normal, Endpoint: ep.rules}, x.At).Kind
}

// try asks the set about one request.
func (t *Replayed) try(set *rules.Set, r *elevation.Request, ep known, now time.Time) {
	t.Requests++
	was := answered(r)
	o := set.Evaluate(rules.Input{Attempt: r.Attempt, Justification: r.Justification, Ticket: r.Ticket, Priority: r.Priority,
		Endpoint: ep.rules}, r.SubmittedAt)
	if o.Kind == was.kind {
		return
	}
	t.Changed++
	switch o.Kind {
	case rules.Approve:
		t.NewlyApproved++
		t.Saved += waited(r, now)
		if was.byPerson && was.verdict == elevation.Denied {
			t.HumanDenied++
			if r.SubmittedAt.After(t.newestAt) || t.newestDenied == "" {
				t.newestAt, t.newestDenied, t.deniedBy = r.SubmittedAt, r.ID, string(o.Name)
			}
		}
	case rules.Deny:
		t.NewlyDenied++
	case rules.Ask:
		t.NewlyAsked++
	}
	if len(t.Changes) < changesMost {
		to := o.Kind.String()
		if o.Name != "" {
			to += ": " + string(o.Name)
		}
		t.Changes = append(t.Changes, Change{Request: r.ID, At: r.SubmittedAt, User: r.Attempt.User.Name, Endpoint: ep.name(),
			What: command(r.Attempt.Subject), From: was.text, To: to, Sentence: o.Sentence})
	}
}

// add takes over what another worker counted.
func (t *Replayed) add(o Replayed) {
	t.Requests += o.Requests
	t.Changed += o.Changed
	t.NewlyApproved += o.NewlyApproved
	t.NewlyDenied += o.NewlyDenied
	t.NewlyAsked += o.NewlyAsked
	t.HumanDenied += o.HumanDenied
	t.Saved += o.Saved
	t.Observed += o.Observed
	t.ObservedApproved += o.ObservedApproved
	t.ObservedDenied += o.ObservedDenied
	t.ObservedAsked += o.ObservedAsked
	t.Changes = append(t.Changes, o.Changes...)
	if o.newestDenied != "" && (t.newestDenied == "" || o.newestAt.After(t.newestAt)) {
		t.newestAt, t.newestDenied, t.deniedBy = o.newestAt, o.newestDenied, o.deniedBy
	}
}

// past is how a request was really answered.
type past struct {
	kind     rules.Kind // what the rules had said
	verdict  elevation.Verdict
	byPerson bool
	text     string
}

func answered(r *elevation.Request) past {
	d := r.Decision
	switch {
	case d == nil && !r.CancelledAt.IsZero():
		return past{text: "ask: withdrawn"}
	case d == nil:
		return past{text: "ask: not answered"}
	case d.By.Kind == elevation.ByRule && d.Verdict == elevation.Approved:
		return past{kind: rules.Approve, verdict: d.Verdict, text: "approve: " + d.By.Name}
	case d.By.Kind == elevation.ByRule:
		return past{kind: rules.Deny, verdict: elevation.Denied, text: "deny: " + d.By.Name}
	}
	who := d.By.Name
	if who == "" {
		who = string(d.By.Kind)
	}
	return past{verdict: d.Verdict, byPerson: d.By.Kind == elevation.ByUser, text: "ask: " + string(d.Verdict) + " by " + who}
}

// waited is how long somebody waited for an answer.
func waited(r *elevation.Request, now time.Time) time.Duration {
	until := now
	switch {
	case r.Decision != nil:
		until = r.Decision.At
	case !r.CancelledAt.IsZero():
		until = r.CancelledAt
	case !r.RemovedByTeamAt.IsZero():
		until = r.RemovedByTeamAt
	case !r.ExpiredAt.IsZero():
		until = r.ExpiredAt
	case !r.ExpiresAt.IsZero() && r.ExpiresAt.Before(now):
		until = r.ExpiresAt
	}
	return max(until.Sub(r.SubmittedAt), 0)
}

// command is a command as people read it. Arguments with spaces are quoted, so
// that nobody takes two arguments for one.
func command(s elevation.Subject) string {
	words := []string{s.Path}
	for _, arg := range s.Args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`|&;<>(){}*?!#~") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
