package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// loaded is a request with what is needed to judge acts on it.
type loaded struct {
	r        elevation.Request
	ep       store.Endpoint
	plan     delegation.Plan
	staff    *store.Staff // of the plan
	settings store.Settings
}

func load(tx *store.Tx, id elevation.RequestID) (loaded, error) {
	l, err := loadFacts(tx, id)
	if err != nil {
		return l, err
	}
	if l.staff, err = tx.Staff(); err != nil {
		return l, err
	}
	l.plan, err = planFor(tx, l.ep.EffectiveLabels())
	return l, err
}

// loadFacts is load without the plan: nobody but the endpoint acts.
func loadFacts(tx *store.Tx, id elevation.RequestID) (l loaded, err error) {
	if l.r, err = tx.Request(id); err != nil {
		return l, err
	}
	l.settings = tx.Settings()
	l.ep, err = tx.Endpoint(l.r.Endpoint)
	return l, err
}

// own reports whether the request is the actor's, by a strong link or because the
// endpoint vouches for them: it lets them see it.
func (l loaded) own(a auth.Actor) bool { return isOwn(l.plan, a, l.r.Endpoint, l.r.Attempt.User) }

// account is that of the requester by a strong link, "" when none is linked.
func (l loaded) account() elevation.UserID {
	u := l.r.Attempt.User
	for _, k := range l.plan.Links {
		if (k.Endpoint == "" || k.Endpoint == l.r.Endpoint) && (k.UID == "" || k.UID == u.UID) && l.plan.Strong(k.User, l.r.Endpoint, u) {
			return k.User
		}
	}
	return ""
}

// linked reports whether any link makes the actor the requester: it lets them
// take it back, and keeps them from answering it.
func (l loaded) linked(a auth.Actor) bool {
	if a.Seat != (auth.Seat{}) {
		return l.own(a)
	}
	return l.plan.IsRequester(delegation.Person{ID: a.User, Login: a.Login}, &l.r)
}

// visible says whether the actor may know of the request at all. What is outside
// their scope, and drafts, are not found.
func (l loaded) visible(a auth.Actor) error {
	if err := a.Can(auth.RequestsOwn); err != nil {
		if err2 := a.Can(auth.RequestsRead); err2 != nil {
			return err
		}
	}
	if l.r.SubmittedAt.IsZero() && l.r.Decision == nil {
		return fmt.Errorf("request %s: %w", l.r.ID, elevation.ErrNotFound)
	}
	if l.own(a) {
		return nil
	}
	if !a.Covers(l.ep.EffectiveLabels()) || a.Can(auth.RequestsRead) != nil {
		return fmt.Errorf("request %s: %w", l.r.ID, elevation.ErrNotFound)
	}
	return nil
}

func (q *Queue) view(tx *store.Tx, a auth.Actor, l loaded, now time.Time) (View, error) {
	if !waits(l.r, now) {
		return q.viewOf(a, l, outlook{}, now), nil
	}
	o, err := q.outlook(tx, l, l.hides(a), now)
	return q.viewOf(a, l, o, now), err
}

// viewOf puts a view together. o is empty unless the request waits.
func (q *Queue) viewOf(a auth.Actor, l loaded, o outlook, now time.Time) View {
	v := View{Notes: l.notes(a), Veiled: l.hides(a), Request: l.shown(a), Account: l.account(), Endpoint: l.ep, State: l.r.State(now), Connected: q.cfg.Connected(l.r.Endpoint),
		CanAnswer: o.who, CanAnswerFrom: o.from, UsualWait: o.usual, Position: o.place}
	v.Delivery = l.r.Delivery(v.Connected)
	return v
}

// outlook is what a waiting requester is told.
type outlook struct {
	who   []string  // can answer now
	from  time.Time // when somebody can, while nobody can
	usual time.Duration
	place int // in the queue of the team that is asked
}

// outlook looks ahead for a reader. With hide teams stand in place of people.
func (q *Queue) outlook(tx *store.Tx, l loaded, hide bool, now time.Time) (o outlook, err error) {
	if o.usual, err = q.usualWait(tx, asked(&l.r)); err != nil {
		return o, err
	}
	for _, m := range l.plan.Answerers(&l.r, now) {
		o.who = append(o.who, m.Login)
	}
	if hide && len(o.who) > 0 {
		o.who = nil
		for i, s := range l.r.Need.Stages {
			if l.r.StageOpen(i) {
				o.who = append(o.who, s.Name)
			}
		}
	}
	if len(o.who) == 0 && l.r.State(now) == elevation.StatePending {
		o.from = l.plan.NextAnswer(&l.r, now)
	}
	o.place, err = tx.QueuePosition(l.r.ID)
	return o, err
}

// Get reads one request. [elevation.ErrNotFound] also when it is outside the
// actor's scope.
func (q *Queue) Get(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	now := q.now()
	var v View
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		l, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := l.visible(a); err != nil {
			return err
		}
		if v, err = q.view(tx, a, l, now); err != nil || l.r.Grant.StartedAt.IsZero() {
			return err
		}
		if v.Listed, err = tx.Listed(id); err != nil {
			return err
		}
		v.Changed, err = tx.Changed(id)
		return err
	})
	return v, err
}

// states maps a word for a status to states.
func states(word string) ([]elevation.State, bool) {
	switch word {
	case "pending":
		return []elevation.State{elevation.StatePending, elevation.StateHeld}, true
	case "available":
		return []elevation.State{elevation.StateAvailable, elevation.StateActive}, true
	case "approved", "active", "ended", "expired", "revoked", "denied", "cancelled":
		return []elevation.State{elevation.State(word)}, true
	case pendingReview, reviewed:
		return []elevation.State{elevation.StateEnded, elevation.StateExpired, elevation.StateRevoked, elevation.StateCancelled}, true
	case "escalated": // see storeFilter
		return []elevation.State{elevation.StatePending, elevation.StateHeld}, true
	case "all":
		return []elevation.State{elevation.StatePending, elevation.StateHeld, elevation.StateApproved, elevation.StateAvailable,
			elevation.StateActive, elevation.StateEnded, elevation.StateExpired, elevation.StateRevoked, elevation.StateDenied}, true
	}
	return nil, false
}

// storeFilter narrows f to what the actor may see, as [loaded.visible] does for
// one request: what is inside of their scope, and what strong links say is theirs.
func storeFilter(tx *store.Tx, a auth.Actor, f Filter) (out store.RequestFilter, err error) {
	if err := a.Can(auth.RequestsRead); err != nil {
		if a.Can(auth.RequestsOwn) != nil {
			return out, err
		}
		f.Mine = true
	}
	staff, err := tx.Staff()
	if err != nil {
		return out, err
	}
	words := f.Status
	if len(words) == 0 {
		words = []string{"all"}
	}
	out = store.RequestFilter{AccessTypes: f.AccessTypes, Endpoint: f.Endpoint, User: f.User, Team: elevation.TeamID(f.Team), Program: f.Program,
		Since: f.Since, Scope: a.Scope, Links: linksOf(staff, a), Text: f.Text, Sort: f.Sort, Cursor: f.Cursor,
		Skip: f.Skip, Limit: f.Limit, List: store.ListTeam, Priorities: f.Priorities}
	if f.Publisher != "" {
		out.Group = store.Group{By: store.ByPublisher, Key: f.Publisher}
	}
	for _, w := range words {
		list, ok := states(w)
		if !ok {
			return out, fmt.Errorf("%w: no status is called %q", elevation.ErrInvalid, w)
		}
		out.States = append(out.States, list...)
	}
	if err := alone(words, &out); err != nil {
		return out, err
	}
	for _, t := range staff.AllTeams() {
		if t.Called(f.Team) {
			out.Team = t.ID
		}
	}
	if out.ReviewOpen {
		toReview(&out, staff, f.Team)
	}
	if f.Mine {
		out.List, out.Own = store.ListRequester, true
	}
	if out.Sort == "" {
		out.Sort = "newest"
		if len(words) == 1 && words[0] == "pending" {
			out.Sort = "queue"
		}
	}
	return out, nil
}

// alone narrows by the status words that go with no other, since they say more
// than a state.
func alone(words []string, out *store.RequestFilter) error {
	why := map[string]string{"escalated": ": all of those are pending", pendingReview: "", reviewed: ""}
	for _, w := range words {
		more, single := why[w]
		if single && len(words) > 1 {
			return fmt.Errorf("%w: the status %s goes with no other%s", elevation.ErrInvalid, w, more)
		}
	}
	out.ReviewOpen = slices.Contains(words, pendingReview)
	out.Escalated = slices.Contains(words, "escalated")
	if slices.Contains(words, reviewed) {
		out.ReviewDone, out.List = true, "" // also what approvers have removed from their list
	}
	return nil
}

// List reads one page of the requests that the actor may see.
func (q *Queue) List(ctx context.Context, a auth.Actor, f Filter) (Page, error) {
	now := q.now()
	var page Page
	err := q.cfg.Store.Browse(ctx, func(tx *store.Tx) error {
		filter, err := storeFilter(tx, a, f)
		if err != nil {
			return err
		}
		found, err := tx.RequestPage(filter)
		if err != nil {
			return err
		}
		page = Page{Next: found.Next, Total: found.Total, TotalIsLowerBound: found.TotalIsLowerBound}
		known := map[elevation.EndpointID]loaded{}
		for _, r := range found.Items {
			if !slices.Contains(filter.States, r.State(now)) {
				continue // time has changed it since the last sweep
			}
			l, ok := known[r.Endpoint]
			if !ok {
				if l.ep, err = tx.KnownEndpoint(r.Endpoint); err != nil {
					return err
				}
				if l.plan, err = planFor(tx, l.ep.EffectiveLabels()); err != nil {
					return err
				}
				l.settings = tx.Settings()
				known[r.Endpoint] = l
			}
			l.r = r
			v, err := q.view(tx, a, l, now)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, v)
		}
		return nil
	})
	return page, err
}

// Counts are the numbers on the tabs, of what the actor may see.
func (q *Queue) Counts(ctx context.Context, a auth.Actor, mine bool) (Counts, error) {
	var c Counts
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		filter, err := storeFilter(tx, a, Filter{Mine: mine})
		if err != nil {
			return err
		}
		n, err := tx.Counts(filter)
		c = Counts{Available: n[elevation.StateAvailable] + n[elevation.StateActive], Pending: n[elevation.StatePending] + n[elevation.StateHeld],
			Approved: n[elevation.StateApproved], Revoked: n[elevation.StateRevoked], Expired: n[elevation.StateExpired], Denied: n[elevation.StateDenied]}
		c.All = c.Available + c.Pending + c.Approved + c.Revoked + c.Expired + c.Denied + n[elevation.StateEnded]
		return err
	})
	return c, err
}

// Timeline is what happened to a request, from its audit events.
func (q *Queue) Timeline(ctx context.Context, a auth.Actor, id elevation.RequestID) ([]TimelineItem, error) {
	var out []TimelineItem
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		l, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := l.visible(a); err != nil {
			return err
		}
		events, err := tx.EventsOf(id)
		if err != nil {
			return err
		}
		out = make([]TimelineItem, 0, len(events))
		for _, e := range events {
			if e.Kind == audit.AuthRefused && a.Can(auth.AuditRead) != nil || e.Kind == audit.RequestNoted && !l.notes(a) {
				continue
			}
			by := e.Actor
			if l.hides(a) {
				by = Veil(a, by)
			}
			out = append(out, TimelineItem{At: e.At, Kind: e.Kind.String(), By: by.Name, Text: line(e)})
		}
		return nil
	})
	return out, err
}

// line is the text of an event in a timeline.
func line(e audit.Event) string {
	all := e.All()
	switch e.Kind {
	case audit.RequestEscalated:
		return strings.TrimSuffix("to "+all["team_name"]+": "+all["comment"], ": ")
	case audit.RequestPrioritized:
		return all["was"] + " → " + all["priority"]
	case audit.RequestClaimed:
		return "until " + all["until"]
	}
	if e.Kind == audit.GrantListed && all["path"] != "" {
		return strings.TrimSpace(all["path"] + " " + all["args"])
	}
	for _, k := range []string{"comment", "justification", "text", "reason", "why"} {
		if all[k] != "" {
			return all[k]
		}
	}
	return all["verdict"]
}

// Explain says which rules spoke and what came of it.
func (q *Queue) Explain(ctx context.Context, a auth.Actor, id elevation.RequestID) (Explanation, error) {
	v, err := q.Get(ctx, a, id)
	if err != nil {
		return Explanation{}, err
	}
	r := v.Request
	x := Explanation{Outcome: rules.Ask.String(), Trace: r.Need.Trace}
	switch d := r.Decision; {
	case d != nil && r.Emergency && d.Verdict == elevation.Approved:
		x.Outcome, x.Sentence = rules.Approve.String(), "It was taken as emergency access: nobody was asked, and it is reviewed afterwards."
	case d != nil && d.Access != "" && d.By.Kind == elevation.ByRule:
		x.Outcome, x.Sentence = rules.Approve.String(), fmt.Sprintf("An answer that lasts approved it (%s).", d.Access)
	case d != nil && d.By.Kind == elevation.ByRule && d.Verdict == elevation.Approved:
		x.Outcome, x.Sentence = rules.Approve.String(), fmt.Sprintf("Rule %q approved it.", d.By.Name)
	case d != nil && d.By.Kind == elevation.ByRule:
		x.Outcome, x.Sentence = rules.Deny.String(), fmt.Sprintf("Rule %q denied it.", d.By.Name)
	case r.Need.Sentence != "":
		x.Sentence = strings.TrimSuffix(r.Need.Sentence, ".") + ": " + stageNames(r) + "."
	default:
		x.Sentence = fmt.Sprintf("No rule answers this, so a person is asked: %s.", stageNames(r))
	}
	if a.Can(auth.RulesRead) != nil {
		x.Trace = nil // how the rules look is not for requesters; the sentence is
	}
	return x, nil
}

func stageNames(r elevation.Request) string {
	var names []string
	for _, s := range r.Need.Stages {
		names = append(names, fmt.Sprintf("%d of %s", s.Quorum, s.Name))
	}
	return strings.Join(names, ", then ")
}

// notPending reports whether err says that the act came too late or too early.
func notPending(err error) bool {
	return errors.Is(err, elevation.ErrNotPending) || errors.Is(err, elevation.ErrAlreadyDecided)
}
