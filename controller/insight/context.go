package insight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// How much earlier history one request is held against.
const (
	contextDeep = 200 // requests of each kind, for one request
	contextList = 16  // the same for each request of a page
	contextPage = 60  // requests of a page that are looked up anew
	fewest      = 3   // endpoints that must know of something before it counts for the fleet
)

// Context are the reasons for caution beside one request, each with its fact:
// what its endpoint marked, what was asked and answered before (by this person
// here, in the fleet), since when and where the program is known, what its
// publisher's others were answered, how good the reason is, and whether anybody
// is known to be this person.
//
// The caller has shown that the actor may see the request. Facts about other
// requests are told only to those who may read them, and only of their scope.
func (s *Insight) Context(ctx context.Context, act auth.Actor, r elevation.Request) ([]elevation.Caution, error) {
	out := plainFacts(&r)
	if act.Can(auth.RequestsRead) != nil {
		return out, nil
	}
	err := s.cfg.Store.View(ctx, func(tx *store.Tx) error {
		more, err := newLookup(tx, act, contextDeep).facts(&r)
		out = append(out, more...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for reasons for caution: %w", err)
	}
	return out, nil
}

// plainFacts need no history.
func plainFacts(r *elevation.Request) []elevation.Caution {
	out := slices.Clone(r.Need.Caution)
	has := func(reason string) bool {
		return slices.ContainsFunc(out, func(c elevation.Caution) bool { return c.Reason == reason })
	}
	s := r.Attempt.Subject
	if s.HasMark(elevation.MarkUserWritable) && !has(elevation.MarkUserWritable) {
		out = append(out, elevation.Caution{Reason: elevation.MarkUserWritable, Fact: "ordinary users can change this program or a folder above it"})
	}
	if (s.HasMark(elevation.MarkUnbounded) || elevation.Unbounded(s.Path)) && !has(elevation.MarkUnbounded) {
		out = append(out, elevation.Caution{Reason: elevation.MarkUnbounded, Fact: "this program can start any other program"})
	}
	if why := weak(r.Justification); why != "" {
		out = append(out, elevation.Caution{Reason: "weak_reason", Fact: why})
	}
	return out
}

// weak says what is poor about a reason, "" if nothing is. It knows a few words
// that say nothing; whether the rest is true is for people.
func weak(reason string) string {
	words := strings.Fields(strings.ToLower(strings.Trim(reason, " .!?-")))
	switch {
	case reason == "":
		return ""
	case len(words) == 0:
		return "the reason has no words"
	case len(words) == 1:
		return "the reason is a single word"
	}
	empty, kinds := 0, map[rune]bool{}
	for _, w := range words {
		if saysNothing(strings.Trim(w, ".,;:!?")) {
			empty++
		}
		for _, c := range w {
			kinds[c] = true
		}
	}
	switch {
	case empty == len(words):
		return "the reason says nothing in particular"
	case len(kinds) < 4:
		return "the reason repeats a few characters"
	case utf8.RuneCountInString(reason) < 8:
		return "the reason is shorter than 8 characters"
	}
	return ""
}

// saysNothing knows words that are in any reason.
func saysNothing(word string) bool {
	switch word {
	case "test", "testing", "asdf", "foo", "bar", "please", "pls", "because", "need", "needed", "i", "it", "this", "work", "just", "do",
		"to", "run", "sudo", "root", "admin", "access", "update", "ok", "yes", "the", "a", "for", "my", "me":
		return true
	}
	return false
}

// lookup reads facts about others in one View, for one actor.
type lookup struct {
	tx      *store.Tx
	act     auth.Actor
	limit   int
	covered map[elevation.EndpointID]bool
	staff   *store.Staff
}

func newLookup(tx *store.Tx, act auth.Actor, limit int) *lookup {
	return &lookup{tx: tx, act: act, limit: limit, covered: map[elevation.EndpointID]bool{}}
}

// covers reports whether the actor may know of an endpoint.
func (l *lookup) covers(id elevation.EndpointID) (bool, error) {
	if len(l.act.Scope) == 0 {
		return true, nil
	}
	if yes, ok := l.covered[id]; ok {
		return yes, nil
	}
	ep, err := l.tx.Endpoint(id)
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return false, err
	}
	l.covered[id] = err == nil && l.act.Covers(ep.EffectiveLabels())
	return l.covered[id], nil
}

func (l *lookup) before(key []byte, id elevation.RequestID) ([]store.Before, error) {
	all, err := l.tx.Before(key, id, l.limit)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, b := range all {
		ok, err := l.covers(b.Endpoint)
		if err != nil {
			return nil, err
		}
		if ok && !(b.State == elevation.StateDraft) {
			out = append(out, b)
		}
	}
	return out, nil
}

// facts are those that history gives, in a fixed order.
func (l *lookup) facts(r *elevation.Request) (out []elevation.Caution, err error) {
	k := store.KeysOf(r)
	for _, part := range []func(*elevation.Request, store.HistoryKeys) ([]elevation.Caution, error){
		l.asked, l.known, l.publisher, l.reason, l.person,
	} {
		more, err := part(r, k)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// asked is who asked for the same before, and what they were answered.
func (l *lookup) asked(r *elevation.Request, k store.HistoryKeys) (out []elevation.Caution, err error) {
	own, err := l.before(k.Own, r.ID)
	if err != nil {
		return nil, err
	}
	fleet, err := l.before(k.What, r.ID)
	if err != nil {
		return nil, err
	}
	if len(fleet) == 0 {
		if r.Attempt.AccessType != elevation.Run { // a session and administrator rights are for no one program
			return nil, nil
		}
		return []elevation.Caution{{Reason: "never_asked", Fact: "nobody" + l.where() + " has asked for this program with these arguments before"}}, nil
	}
	here, approved, refused := 0, 0, false
	endpoints, people := map[elevation.EndpointID]bool{}, map[string]bool{}
	var denied []store.Before
	for _, b := range fleet {
		if b.Endpoint == r.Endpoint {
			here++
		}
		endpoints[b.Endpoint], people[b.User] = true, true
		switch b.Verdict {
		case elevation.Approved:
			approved++
		case elevation.Denied:
			refused = true
			if b.ByPerson {
				denied = append(denied, b)
			}
		}
	}
	usual := len(people) >= fewest && len(endpoints) >= fewest && approved >= fewest && !refused
	also := ""
	switch {
	case len(own) > 0:
		out = append(out, elevation.Caution{Reason: "asked_before", Fact: fmt.Sprintf("%s asked for the same here %s before: %s; last on %s",
			r.Attempt.User.Name, l.times(len(own)), answers(own), day(own[0].SubmittedAt))})
	case usual: // many need it, and nobody minded: that it is new here is no reason for caution
		also = "; not yet by " + r.Attempt.User.Name + " here"
	default:
		out = append(out, elevation.Caution{Reason: "first_here", Fact: r.Attempt.User.Name + " has not asked for this on this endpoint before"})
	}
	if here > len(own) {
		out = append(out, elevation.Caution{Reason: "asked_on_endpoint", Fact: fmt.Sprintf("asked for on this endpoint %s before, by anybody", l.times(here))})
	}
	out = append(out, elevation.Caution{Reason: "asked_in_fleet", Fact: fmt.Sprintf("asked for %s before by %s on %s: %s%s",
		l.times(len(fleet)), count(len(people), "person", "people"), count(len(endpoints), "endpoint", "endpoints"), answers(fleet), also)})
	if len(denied) > 0 {
		out = append(out, elevation.Caution{Reason: "denied_before", Fact: fmt.Sprintf("a person denied the same %s, last on %s",
			l.times(len(denied)), day(denied[0].SubmittedAt))})
	}
	return out, nil
}

// known is since when and where the very file is known.
func (l *lookup) known(r *elevation.Request, k store.HistoryKeys) (out []elevation.Caution, err error) {
	if k.File == nil {
		return nil, nil
	}
	ids, err := l.tx.SeenOn(k.File, 1000)
	if err != nil {
		return nil, err
	}
	seen := 0
	for _, id := range ids {
		ok, err := l.covers(id)
		if err != nil {
			return nil, err
		}
		if ok {
			seen++
		}
	}
	switch enough, err := l.tx.EndpointsAtLeast(fewest); {
	case err != nil:
		return nil, err
	case seen >= fewest:
		out = append(out, elevation.Caution{Reason: "prevalence", Fact: fmt.Sprintf("this very file was asked for on %s", atLeast(seen, 1000, "endpoints"))})
	case enough:
		out = append(out, elevation.Caution{Reason: "rare", Fact: fmt.Sprintf("this very file was asked for on fewer than %d endpoints", fewest)})
	}
	files, err := l.before(k.File, r.ID)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return append(out, elevation.Caution{Reason: "first_seen", Fact: "nobody had asked for this very file before this request" + l.where()}), nil
	}
	if len(l.act.Scope) > 0 { // the oldest one may be outside: what is known of the scope counts
		return append(out, elevation.Caution{Reason: "first_seen", Fact: "known at least since " + day(files[len(files)-1].SubmittedAt)}), nil
	}
	first, err := l.tx.FirstSeen(k.File, r.ID)
	if err == nil && !first.IsZero() {
		out = append(out, elevation.Caution{Reason: "first_seen", Fact: "first seen on " + day(first)})
	}
	return out, err
}

func (l *lookup) publisher(r *elevation.Request, k store.HistoryKeys) ([]elevation.Caution, error) {
	if k.Publisher == nil {
		return nil, nil
	}
	name := r.Attempt.Subject.Publisher.Name
	if name == "" {
		name = r.Attempt.Subject.Publisher.Thumbprint
	}
	list, err := l.before(k.Publisher, r.ID)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return []elevation.Caution{{Reason: "publisher_new", Fact: "no program of " + name + " was asked for before" + l.where()}}, nil
	}
	return []elevation.Caution{{Reason: "publisher", Fact: fmt.Sprintf("programs of %s were asked for %s before: %s", name, l.times(len(list)), answers(list))}}, nil
}

func (l *lookup) reason(r *elevation.Request, k store.HistoryKeys) ([]elevation.Caution, error) {
	list, err := l.before(k.Reason, r.ID)
	if err != nil || len(list) < 2 {
		return nil, err
	}
	return []elevation.Caution{{Reason: "repeated_reason", Fact: fmt.Sprintf("%s gave the same reason %s before", r.Attempt.User.Name, l.times(len(list)))}}, nil
}

// person is whether any account belongs to whoever asks: by a link that an
// administrator made, or by an equal login name.
func (l *lookup) person(r *elevation.Request, _ store.HistoryKeys) ([]elevation.Caution, error) {
	if l.staff == nil {
		staff, err := l.tx.Staff()
		if err != nil {
			return nil, err
		}
		l.staff = staff
	}
	for _, link := range l.staff.Links {
		if (delegation.Plan{Links: []delegation.Link{link.Link}}).Strong(link.Link.User, r.Endpoint, r.Attempt.User) {
			return nil, nil
		}
	}
	for _, u := range l.staff.Users {
		if u.DisabledAt.IsZero() && (delegation.Plan{}).IsRequester(delegation.Person{ID: u.ID, Login: u.Login}, r) {
			return nil, nil
		}
	}
	return []elevation.Caution{{Reason: "unlinked", Fact: "no account is known to be " + r.Attempt.User.Name + " of this endpoint"}}, nil
}

// where says that only a part is known, to those who see only that.
func (l *lookup) where() string {
	if len(l.act.Scope) == 0 {
		return ""
	}
	return " in your scope"
}

// times is "once", "3 times" or, at the limit of what is looked at, "200 times
// or more".
func (l *lookup) times(n int) string {
	switch {
	case n >= l.limit:
		return fmt.Sprintf("%d times or more", l.limit)
	case n == 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func atLeast(n, limit int, what string) string {
	if n >= limit {
		return fmt.Sprintf("%d %s or more", limit, what)
	}
	return fmt.Sprintf("%d %s", n, what)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// answers is how earlier requests were answered: "2 approved by people, 1 denied
// by a rule".
func answers(list []store.Before) string {
	var n [5]int
	for _, b := range list {
		switch {
		case b.Verdict == elevation.Approved && b.ByPerson:
			n[0]++
		case b.Verdict == elevation.Approved:
			n[1]++
		case b.Verdict == elevation.Denied && b.ByPerson:
			n[2]++
		case b.Verdict == elevation.Denied:
			n[3]++
		default:
			n[4]++
		}
	}
	var parts []string
	for i, words := range []string{"approved by people", "approved by rules", "denied by people", "denied by rules", "not answered"} {
		if n[i] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[i], words))
		}
	}
	return strings.Join(parts, ", ")
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
