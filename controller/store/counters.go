package store

import (
	"maps"
	"slices"
	"sync"

	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// listedStates are the states that requests on lists have.
func listedStates() [10]elevation.State {
	return [...]elevation.State{elevation.StatePending, elevation.StateHeld, elevation.StateApproved, elevation.StateAvailable, elevation.StateActive,
		elevation.StateEnded, elevation.StateExpired, elevation.StateRevoked, elevation.StateDenied, elevation.StateCancelled}
}

// tally is a number of requests per state, in the order of listedStates.
type tally [10]int32

func (t *tally) add(s elevation.State, n int) {
	all := listedStates()
	if i := slices.Index(all[:], s); i >= 0 {
		t[i] += int32(n)
	}
}

func (t *tally) plus(o *tally) {
	if o == nil {
		return
	}
	for i, n := range o {
		t[i] += n
	}
}

// states are the numbers that are not zero.
func (t *tally) states() map[elevation.State]int {
	out := map[elevation.State]int{}
	for i, s := range listedStates() {
		if t[i] != 0 {
			out[s] = int(t[i])
		}
	}
	return out
}

// of is how many are in one of these states, in any if none is given.
func (t *tally) of(states []elevation.State) int {
	n := 0
	for i, s := range listedStates() {
		if len(states) == 0 || slices.Contains(states, s) {
			n += int(t[i])
		}
	}
	return n
}

// move is a request that changed its place.
type move struct{ from, to cell }

// counters are the numbers of requests in memory: everything that tabs and
// totals show is summed up from them, so no page counts rows. They follow the
// commits.
type counters struct {
	mu     sync.Mutex // guards the fields below
	all    tally      // without what was removed from the approvers' lists
	teams  map[elevation.TeamID]*tally
	by     map[elevation.EndpointID]*endpointCounts
	scopes map[string]scopeSet
	labels uint64 // commits that wrote labels
}

// endpointCounts are those of one endpoint.
type endpointCounts struct {
	all   tally
	teams map[elevation.TeamID]*tally
	users map[localUser]*userCounts
}

type localUser struct{ uid, name string }

// userCounts are those of one user of one endpoint, on either list.
type userCounts struct{ team, own tally }

// scopeSet are the endpoints with certain labels.
type scopeSet struct {
	labels uint64
	ids    []elevation.EndpointID
}

// maxScopes bounds the scopes whose endpoints are kept.
const maxScopes = 256

func (c *counters) apply(moves []move) {
	if len(moves) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range moves {
		c.addLocked(m.from, -1)
		c.addLocked(m.to, 1)
	}
}

func (c *counters) addLocked(p cell, n int) {
	if !p.counts() {
		return
	}
	if c.by == nil {
		c.by, c.teams = map[elevation.EndpointID]*endpointCounts{}, map[elevation.TeamID]*tally{}
	}
	ep := c.by[p.endpoint]
	if ep == nil {
		ep = &endpointCounts{teams: map[elevation.TeamID]*tally{}, users: map[localUser]*userCounts{}}
		c.by[p.endpoint] = ep
	}
	who := localUser{p.uid, p.user}
	u := ep.users[who]
	if u == nil {
		u = &userCounts{}
		ep.users[who] = u
	}
	if p.removed&removedOwn == 0 {
		u.own.add(p.state, n)
	}
	if p.removed&removedTeam != 0 {
		return
	}
	for _, teams := range []map[elevation.TeamID]*tally{c.teams, ep.teams} {
		if teams[p.team] == nil {
			teams[p.team] = &tally{}
		}
		teams[p.team].add(p.state, n)
	}
	c.all.add(p.state, n)
	ep.all.add(p.state, n)
	u.team.add(p.state, n)
}

// tallyOf sums up a filter from the counters; ok is false when they do not have
// it. scope are the endpoints with the filter's labels, endpoints those that it
// names.
func (c *counters) tallyOf(f RequestFilter, scope, endpoints []elevation.EndpointID) (t tally, ok bool) {
	if !f.counted() {
		return t, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Own {
		c.ownLocked(&t, f, endpoints, nil)
		return t, true
	}
	switch {
	case len(f.Scope) == 0 && f.Endpoint == "" && f.Team == "":
		return c.all, true
	case len(f.Scope) == 0 && f.Endpoint == "":
		t.plus(c.teams[f.Team])
		return t, true
	case len(f.Scope) == 0:
		scope = endpoints
	case f.Endpoint != "":
		scope = slices.DeleteFunc(slices.Clone(endpoints), func(id elevation.EndpointID) bool { return !slices.Contains(scope, id) })
	}
	for _, id := range scope {
		ep := c.by[id]
		switch {
		case ep == nil:
		case f.Team != "":
			t.plus(ep.teams[f.Team])
		default:
			t.plus(&ep.all)
		}
	}
	if len(f.Scope) > 0 && len(f.Links) > 0 {
		inside := make(map[elevation.EndpointID]bool, len(scope))
		for _, id := range scope {
			inside[id] = true
		}
		c.ownLocked(&t, f, endpoints, inside)
	}
	return t, true
}

// ownLocked adds what strong links say is an account's own, without the
// endpoints in except.
func (c *counters) ownLocked(t *tally, f RequestFilter, endpoints []elevation.EndpointID, except map[elevation.EndpointID]bool) {
	add := func(id elevation.EndpointID) {
		ep := c.by[id]
		if ep == nil || except[id] || f.Endpoint != "" && !slices.Contains(endpoints, id) {
			return
		}
		for who, u := range ep.users {
			switch {
			case !owned(f.Links, id, who):
			case f.List == ListRequester:
				t.plus(&u.own)
			default:
				t.plus(&u.team)
			}
		}
	}
	some := map[elevation.EndpointID]bool{}
	for _, l := range f.Links {
		if l.Endpoint == "" {
			for id := range c.by {
				add(id)
			}
			return
		}
		some[l.Endpoint] = true
	}
	for id := range some {
		add(id)
	}
}

// owned reports whether one of an account's strong links names this user.
func owned(links []delegation.Link, ep elevation.EndpointID, who localUser) bool {
	if len(links) == 0 {
		return false
	}
	return delegation.Plan{Links: links}.Strong(links[0].User, ep, elevation.User{UID: who.uid, Name: who.name})
}

// counted reports whether the counters have the numbers of this list.
func (f RequestFilter) counted() bool {
	switch {
	case f.Own && f.Team == "" && (f.List == ListTeam || f.List == ListRequester):
	case f.Own || f.List != ListTeam || f.Team != "" && len(f.Scope) > 0 && len(f.Links) > 0:
		return false
	}
	return len(f.AccessTypes) == 0 && f.User == "" && !f.Escalated && !f.ReviewOpen && f.Group.By == "" && f.Since.IsZero() && f.Text == "" &&
		f.Program == "" && len(f.Priorities) == 0 && !slices.Contains(f.States, elevation.StateDraft)
}

// tally is the numbers of a filter, if the counters have them.
func (tx *Tx) tally(f RequestFilter) (t tally, ok bool, err error) {
	if !f.counted() {
		return t, false, nil
	}
	var scope, endpoints []elevation.EndpointID
	if len(f.Scope) > 0 && !f.Own {
		if scope, err = tx.scoped(f.Scope); err != nil {
			return t, false, err
		}
	}
	if f.Endpoint != "" {
		if endpoints, err = tx.named(f.Endpoint); err != nil {
			return t, false, err
		}
	}
	t, ok = tx.s.counts.tallyOf(f, scope, endpoints)
	if ok && f.Team != "" {
		err = tx.tallyEscalated(f, &t, scope, endpoints)
	}
	return t, ok, err
}

// scoped are the endpoints that have all these labels, from memory where they
// were asked for before.
func (tx *Tx) scoped(labels map[string]string) ([]elevation.EndpointID, error) {
	key := ""
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		key += k + "\x00" + labels[k] + "\x00"
	}
	c := &tx.s.counts
	c.mu.Lock()
	set, ok := c.scopes[key]
	present := c.labels
	c.mu.Unlock()
	if ok && set.labels == present {
		return set.ids, nil
	}
	q := having(labels)
	var ids []elevation.EndpointID
	err := tx.rows(func(scan func(...any) error) error {
		var id elevation.EndpointID
		err := scan(&id)
		ids = append(ids, id)
		return err
	}, q.sql(), q.args...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.labels == present && !tx.write {
		if c.scopes == nil || len(c.scopes) >= maxScopes {
			c.scopes = map[string]scopeSet{}
		}
		c.scopes[key] = scopeSet{labels: present, ids: ids}
	}
	return ids, nil
}

// maxNamed bounds how many endpoints of one name are looked at.
const maxNamed = 64

// named are the endpoints with an id or a name.
func (tx *Tx) named(text string) ([]elevation.EndpointID, error) {
	var ids []elevation.EndpointID
	err := tx.rows(func(scan func(...any) error) error {
		var id elevation.EndpointID
		err := scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT id FROM endpoints WHERE id = ? UNION SELECT id FROM endpoints WHERE name = ? LIMIT ?", text, text, maxNamed)
	return ids, err
}

// relabelled makes the scopes be read anew.
func (c *counters) relabelled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.labels++
}

// warmCounts reads the counters: what is in the lists from their tables, the tail
// row by row.
func (tx *Tx) warmCounts() (rows int, err error) {
	var moves []move
	tx.s.counts.mu.Lock()
	defer tx.s.counts.mu.Unlock()
	err = tx.rows(func(scan func(...any) error) error {
		var c cell
		var n int
		if err := scan(&c.endpoint, &c.uid, &c.user, &c.team, &c.state, &c.removed, &n); err != nil {
			return err
		}
		tx.s.counts.addLocked(c, n)
		return nil
	}, "SELECT endpoint, uid, user, team, state, removed, n FROM request_counts WHERE n <> 0 UNION ALL SELECT endpoint, uid, user, team, state, removed, 1 FROM counted")
	if err != nil {
		return 0, err
	}
	err = tx.rows(func(scan func(...any) error) error {
		var p placeRow
		if err := scan(p.into()...); err != nil {
			return err
		}
		moves = append(moves, move{to: p.found().cell})
		return nil
	}, "SELECT "+placeColumns+" FROM "+inTail+" WHERE "+ofTail)
	for _, m := range moves {
		tx.s.counts.addLocked(m.to, 1)
	}
	return len(moves), err
}
