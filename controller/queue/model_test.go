package queue

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// TestModel lets random people with random verbs act on requests of an endpoint
// whose clock is not the controller's, with a real database, and holds every
// answer against a plain model of the design's table: which verb is allowed in
// which state, to whom, and what comes of it. The clock is the test's, so no
// history waits for anything. Histories: TestModel's rounds times -rapid.checks.
func TestModel(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	if testgroup.Race {
		rounds = 1
		histories(t, 10)
	}
	m := &modelBed{bed: newBedAt(t, filepath.Join(memory(t), "assent.db"), modelRules, nil)}
	m.cast()
	for range rounds {
		rapid.Check(t, func(rt *rapid.T) { m.history(rt) })
		anotherSeed(t)
	}
	if !t.Failed() && !testing.Short() && !testgroup.Race && len(m.reached) < 9 {
		t.Errorf("the histories ended in %v only", m.reached)
	}
}

// histories sets how many there are in a round.
func histories(t *testing.T, n int) {
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}

// anotherSeed gives the next round histories of its own where the seed is fixed
// (RAPID_SEED), as in make test; a random one differs by itself.
func anotherSeed(t *testing.T) {
	seed, err := strconv.ParseUint(flag.Lookup("rapid.seed").Value.String(), 10, 64)
	if err == nil && seed != 0 {
		err = flag.Set("rapid.seed", strconv.FormatUint(seed+1_000_003, 10))
	}
	if err != nil {
		t.Fatal(err)
	}
}

const modelRules = `
rules:
  - {name: fine, match: {path: /usr/bin/id, args: [a]}, then: approve, limits: {duration: 5m}}
  - {name: never, match: {path: /usr/bin/id, args: [b]}, then: deny}
  - {name: two, match: {path: /usr/bin/id, args: [c]}, then: require, require: {stages: [{team: Approvers, quorum: 2}]}, limits: {duration: 10m}}
  - {name: both, match: {path: /usr/bin/id, args: [d]}, then: require, require: {stages: [{team: Approvers, quorum: 1}, {team: Platform, quorum: 1}]}}
  - {name: strict, match: {path: /usr/bin/id, args: [e]}, then: require, require: {stages: [{team: Approvers, quorum: 1}], step_up: true, after_review: {team: Platform}}}
`

// memory is a folder that needs no disk, where the system has one.
func memory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "assent-model-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// modelBed is one controller for all histories; each has an endpoint of its own.
type modelBed struct {
	*bed
	n       int
	reached map[elevation.State]int
}

// cast makes the accounts: ada administers; bo and cy answer; dee sees other
// endpoints only; audrey reads; sec revokes; eve is the requester by her name and
// twin by a link, and both are approvers; sub is appointed by eve, del stands in
// for cy.
func (b *modelBed) cast() {
	b.reached = map[elevation.State]int{}
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		for login, role := range roles() {
			u := store.User{ID: elevation.UserID("usr_" + login), Login: login, Roles: []auth.Role{role}, CreatedAt: day}
			if login == "dee" {
				u.Scope = map[string]string{"role": "db"}
			}
			if err := tx.InsertUser(u); err != nil {
				return err
			}
		}
		members := []elevation.UserID{"usr_bo", "usr_cy", "usr_dee", "usr_eve", "usr_twin"}
		err := errors.Join(
			tx.PutTeam(store.Team{ID: delegation.ApproversID, Name: delegation.ApproversName, Members: members, MadeAt: day}),
			tx.PutTeam(store.Team{ID: "team_platform", Name: "Platform", Members: []elevation.UserID{"usr_cy", "usr_ada"}, MadeAt: day}),
			tx.PutLink(store.Link{ID: "link_1", Link: delegation.Link{User: "usr_twin", UID: "1000"}, MadeAt: day}),
			tx.PutAway(store.Away{ID: "dg_1", User: "usr_eve", Delegate: "usr_sub", From: day.Add(-time.Hour), Until: day.Add(1e5 * time.Hour), By: actorOf("eve"), MadeAt: day}),
			tx.PutAway(store.Away{ID: "dg_2", User: "usr_cy", Delegate: "usr_del", From: day.Add(-time.Hour), Until: day.Add(1e5 * time.Hour), By: actorOf("cy"), MadeAt: day}))
		if err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.UserCreated, Actor: system()})
	}))
}

func roles() map[string]auth.Role {
	return map[string]auth.Role{"ada": auth.Administrator, "bo": auth.Approver, "cy": auth.Approver, "dee": auth.Approver, "audrey": auth.Auditor,
		"sec": auth.SecurityAdmin, "eve": auth.Approver, "twin": auth.Approver, "sub": auth.Approver, "del": auth.Approver}
}

func actorOf(login string) elevation.Actor {
	return elevation.Actor{Kind: elevation.ByUser, ID: "usr_" + login, Name: login}
}

// request is what the model knows of one request.
type modelRequest struct {
	id       elevation.RequestID
	arg      string
	state    elevation.State
	terminal bool
	expires  time.Time // unanswered
	held     time.Time // until then it can be undone
	verdict  elevation.Verdict
	by       string            // who decided
	votes    map[string]string // voter → place
	given    map[string][]string
	asked    time.Duration
	limit    time.Duration            // of a rule
	lengths  map[string]time.Duration // approver → what they gave
	ends     time.Time                // window
	undone   time.Time                // decisions at that time
	started  bool
	reviewed bool
}

// model is one history.
type model struct {
	*modelBed
	ep       elevation.EndpointID
	requests []*modelRequest
	seq      uint64
}

func (b *modelBed) history(rt *rapid.T) {
	b.n++
	m := &model{modelBed: b, ep: elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, b.now()))}
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: m.ep, Name: fmt.Sprint("web-", b.n), SPKI: []byte(m.ep), Labels: map[string]string{"role": "web"}, Mode: "ask", EnrolledAt: b.now()}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: b.now(), Kind: audit.EndpointEnrolled, Actor: system(), Endpoint: m.ep})
	}))
	rt.Repeat(map[string]func(*rapid.T){
		"":            m.check,
		"attempt":     m.attempt,
		"approve":     func(rt *rapid.T) { m.review(rt, elevation.Approved) },
		"approve too": func(rt *rapid.T) { m.review(rt, elevation.Approved) },
		"deny":        func(rt *rapid.T) { m.review(rt, elevation.Denied) },
		"undo":        m.undo,
		"cancel":      m.cancel,
		"revoke":      m.revoke,
		"check in":    m.checkIn,
		"remove":      m.remove,
		"withdraw":    m.withdraw,
		"report":      m.report,
		"report more": m.report,
		"look back":   m.lookBack,
		"talk":        m.talk,
		"pass":        m.pass,
	})
	m.wayOut(rt)
}

// pick is a request of the history; a history without one makes nothing of verbs.
func (m *model) pick(rt *rapid.T) *modelRequest {
	if len(m.requests) == 0 {
		rt.Skip("no request yet")
	}
	return rapid.SampledFrom(m.requests).Draw(rt, "request")
}

func (m *model) who(rt *rapid.T) auth.Actor {
	logins := []string{"ada", "bo", "cy", "dee", "audrey", "sec", "eve", "twin", "sub", "del"}
	login := spread(rt, logins, "who")
	a := auth.Actor{User: elevation.UserID("usr_" + login), Login: login, Roles: []auth.Role{roles()[login]}, Token: "tok_1"}
	if login == "dee" {
		a.Scope = map[string]string{"role": "db"}
	}
	if rapid.Bool().Draw(rt, "session") {
		a.Token, a.Session, a.SeenAt = "", true, m.now()
	}
	return a
}

// spread draws one of a list, each as often: rapid alone likes the first ones.
func spread[V any](rt *rapid.T, list []V, label string) V {
	n := rapid.Uint32().Draw(rt, label)
	return list[int(n*2654435761>>16)%len(list)]
}

// same holds the queue's answer against the model's.
func (m *model) same(rt *rapid.T, what string, err error, want bool) bool {
	if (err == nil) != want {
		rt.Fatalf("%s: %v, the model says allowed is %v", what, err, want)
	}
	return want
}

func (m *model) attempt(rt *rapid.T) {
	arg := rapid.SampledFrom([]string{"a", "b", "c", "c", "d", "d", "e", "f", "f", "g"}).Draw(rt, "argument")
	in := attempt(arg)
	in.Request = elevation.NewRequestID(m.now())
	in.Attempt.Subject.ArgsDigest = bytes.Repeat([]byte(arg), 32)
	in.AtTerminal = rapid.IntRange(0, 3).Draw(rt, "terminal") == 0
	in.Attempt.Duration = rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(rt, "duration")
	for _, r := range m.requests {
		if r.arg == arg && (r.state == elevation.StatePending || r.state == elevation.StateHeld || m.coolsDown(r)) {
			return // it joins, or is refused for a while: not this model's
		}
	}
	a, err := m.Draft(context.Background(), m.ep, in)
	if err != nil || a.Closed != nil {
		if a.Closed != nil && a.Closed.Why == wire.ClosedRefused {
			return // a limit
		}
		rt.Fatalf("attempt %s: %+v %v", arg, a, err)
	}
	r := &modelRequest{id: in.Request, arg: arg, terminal: in.AtTerminal, votes: map[string]string{}, given: map[string][]string{}, asked: 8 * time.Hour,
		limit: 8 * time.Hour, lengths: map[string]time.Duration{}}
	if in.Attempt.Duration > 0 {
		r.asked = in.Attempt.Duration
	}
	if arg == "a" || arg == "b" {
		if !a.Decided {
			rt.Fatalf("a rule does not answer %s: %+v", arg, a)
		}
		r.verdict, r.by, r.state = elevation.Denied, "rule", elevation.StateDenied
		if arg == "a" {
			r.limit = 5 * time.Minute
			r.verdict = elevation.Approved
			m.grant(r)
		}
		m.requests = append(m.requests, r)
		return
	}
	if a.Need == nil || a.Need.Joined != "" {
		rt.Fatalf("attempt %s: %+v", arg, a)
	}
	if _, err := m.Complete(context.Background(), m.ep, wire.Complete{Request: in.Request, Justification: "because I must"}); err != nil {
		rt.Fatal(err)
	}
	if arg == "c" {
		r.limit = 10 * time.Minute
	}
	r.state, r.expires = elevation.StatePending, m.now().Add(8*time.Hour)
	m.requests = append(m.requests, r)
}

// coolsDown reports whether a denial still keeps the same thing from being asked.
func (m *model) coolsDown(r *modelRequest) bool {
	return r.state == elevation.StateDenied && m.now().Sub(r.undone) < 10*time.Minute
}

func (m *model) grant(r *modelRequest) {
	r.state, r.ends = elevation.StateAvailable, m.now().Add(4*time.Hour)
}

// stages are those that the rule wants.
func stages(arg string) map[string]int {
	switch arg {
	case "c":
		return map[string]int{"Approvers": 2}
	case "d":
		return map[string]int{"Approvers": 1, "Platform": 1}
	}
	return map[string]int{"Approvers": 1}
}

// seat is the plain account of where somebody votes: the first stage that is
// open and in which they have a place that nobody used.
func (m *model) seat(r *modelRequest, login string) (team, place string, member bool) {
	teams := map[string][]string{"Approvers": {"bo", "cy", "ada"}, "Platform": {"cy", "ada"}}
	for _, name := range []string{"Approvers", "Platform"} {
		need, wanted := stages(r.arg)[name]
		if !wanted {
			continue
		}
		p := login
		if login == "del" {
			p = "cy"
		}
		if !slices.Contains(teams[name], p) {
			continue
		}
		used := false
		for voter, of := range r.votes {
			used = used || of == p && voter != login
		}
		if used {
			continue
		}
		member = true
		if len(r.given[name]) < need && team == "" {
			team, place = name, p
		}
	}
	return team, place, member
}

func (m *model) review(rt *rapid.T, v elevation.Verdict) {
	r, a := m.pick(rt), m.who(rt)
	duration := time.Duration(0)
	if v == elevation.Approved {
		duration = rapid.SampledFrom([]time.Duration{0, 30 * time.Second, 20 * time.Minute}).Draw(rt, "given")
	}
	m.tick()
	team, place, member := m.seat(r, a.Login)
	_, voted := r.votes[a.Login]
	again := voted && r.voted(a.Login) == v
	allowed := member && !slices.Contains([]string{"eve", "twin", "sub", "dee", "audrey", "sec"}, a.Login)
	step := r.arg != "e" || v == elevation.Denied || a.Session
	ok := allowed && (again || r.state == elevation.StatePending && !voted && step && (team != "" || v == elevation.Denied))
	_, err := m.Review(context.Background(), a, r.id, ReviewIn{Verdict: v, Duration: duration})
	if !m.same(rt, fmt.Sprintf("%s of %s (%s, %s) by %s", v, r.id, r.arg, r.state, a.Login), err, ok) || again {
		return
	}
	r.votes[a.Login] = place
	if v == elevation.Denied {
		r.verdict, r.by = v, a.Login
	} else {
		r.given[team] = append(r.given[team], a.Login)
		r.lengths[a.Login] = r.asked
		if duration > 0 {
			r.lengths[a.Login] = duration
		}
		for name, need := range stages(r.arg) {
			if len(r.given[name]) < need {
				return
			}
		}
		r.verdict, r.by = v, a.Login
	}
	m.decided(r, a)
}

// voted is the verdict of somebody's vote.
func (r *modelRequest) voted(login string) elevation.Verdict {
	for _, list := range r.given {
		if slices.Contains(list, login) {
			return elevation.Approved
		}
	}
	return elevation.Denied
}

func (m *model) decided(r *modelRequest, a auth.Actor) {
	r.undone = m.now()
	if a.Session && !r.terminal && r.arg != "e" {
		r.state, r.held = elevation.StateHeld, m.now().Add(3*time.Second)
		return
	}
	m.effect(r, m.now())
}

func (m *model) effect(r *modelRequest, at time.Time) {
	r.state = elevation.StateDenied
	if r.verdict == elevation.Approved {
		r.state, r.ends = elevation.StateAvailable, at.Add(4*time.Hour)
	}
}

func (m *model) undo(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	m.tick()
	ok := r.state == elevation.StateHeld && r.by == a.Login
	_, err := m.Undo(context.Background(), a, r.id)
	if !m.same(rt, "undo by "+a.Login, err, ok) {
		return
	}
	r.state, r.verdict, r.by = elevation.StatePending, "", ""
	delete(r.votes, a.Login)
	for name, list := range r.given {
		r.given[name] = slices.DeleteFunc(list, func(l string) bool { return l == a.Login })
	}
	delete(r.lengths, a.Login)
}

// length is what all who approved give together.
func (r *modelRequest) length() time.Duration {
	shortest := r.asked
	if len(r.lengths) > 0 {
		shortest = slices.Min(slices.Collect(maps.Values(r.lengths)))
	}
	return min(shortest, r.limit)
}

func requester(login string) bool { return login == "eve" || login == "twin" }

func (m *model) cancel(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	m.tick()
	ok := requester(a.Login) && slices.Contains([]elevation.State{elevation.StatePending, elevation.StateHeld, elevation.StateAvailable, elevation.StateCancelled}, r.state)
	_, err := m.Cancel(context.Background(), a, r.id)
	if m.same(rt, fmt.Sprintf("cancel while %s by %s", r.state, a.Login), err, ok) {
		r.state = elevation.StateCancelled
	}
}

func (m *model) withdraw(rt *rapid.T) {
	r := m.pick(rt)
	m.tick()
	err := m.Withdraw(context.Background(), m.ep, wire.Withdraw{Request: r.id})
	if m.same(rt, "withdraw while "+string(r.state), err, r.state != elevation.StateActive) && !r.state.Final() {
		r.state = elevation.StateCancelled
	}
}

func (m *model) revoke(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	m.tick()
	may := slices.Contains([]string{"ada", "bo", "cy", "eve", "twin", "sub", "del", "sec"}, a.Login)
	live := r.verdict == elevation.Approved && slices.Contains([]elevation.State{elevation.StateHeld, elevation.StateAvailable, elevation.StateActive}, r.state)
	ok := may && (live || r.state == elevation.StateRevoked && r.by == "revoked by "+a.Login)
	_, err := m.Revoke(context.Background(), a, r.id, "", "")
	if m.same(rt, fmt.Sprintf("revoke while %s by %s", r.state, a.Login), err, ok) {
		r.state, r.by = elevation.StateRevoked, "revoked by "+a.Login
	}
}

func (m *model) checkIn(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	m.tick()
	_, err := m.CheckIn(context.Background(), a, r.id)
	live := r.state == elevation.StateAvailable || r.state == elevation.StateActive
	switch {
	case err == nil && !requester(a.Login):
		rt.Fatalf("%s checks in for somebody else", a.Login)
	case err != nil && requester(a.Login) && live:
		rt.Fatalf("check in while %s: %v", r.state, err)
	}
}

func (m *model) remove(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	m.tick()
	_, err := m.Remove(context.Background(), a, r.id)
	if err != nil {
		return
	}
	switch {
	case slices.Contains([]string{"dee", "audrey", "sec"}, a.Login):
		rt.Fatalf("%s removes", a.Login)
	case requester(a.Login) && !r.state.Final():
		rt.Fatalf("the requester removes what is %s", r.state)
	case r.state == elevation.StatePending:
		r.state = elevation.StateExpired
	case !r.state.Final():
		rt.Fatalf("%s removes what is %s", a.Login, r.state)
	}
}

func (m *model) lookBack(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	m.tick()
	_, err := m.LookBack(context.Background(), a, r.id, "seen", "")
	if err != nil || r.reviewed {
		return
	}
	if requester(a.Login) || r.arg != "e" || !r.started || !r.state.Final() {
		rt.Fatalf("%s reviews %s, which is %s, after use", a.Login, r.arg, r.state)
	}
	r.reviewed = true
}

// talk does what decides nothing.
func (m *model) talk(rt *rapid.T) {
	r, a := m.pick(rt), m.who(rt)
	ctx := context.Background()
	m.tick()
	verb := rapid.SampledFrom([]string{"ask", "reply", "answer", "claim", "nudge", "escalate", "prioritize"}).Draw(rt, "verb")
	var err error
	switch verb {
	case "ask":
		_, err = m.Ask(ctx, a, r.id, "why?", "")
	case "reply":
		_, err = m.Reply(ctx, a, r.id, "because")
	case "answer":
		err = m.Answer(ctx, m.ep, wire.Answer{Request: r.id, Text: "because"})
	case "claim":
		_, err = m.Claim(ctx, a, r.id, "")
	case "nudge":
		_, err = m.Nudge(ctx, a, r.id)
	case "escalate":
		_, err = m.Escalate(ctx, a, r.id, "", "", "")
	case "prioritize":
		_, err = m.Prioritize(ctx, a, r.id, elevation.High, "")
	}
	if err != nil || verb == "answer" {
		return
	}
	byRequester := verb == "reply" || verb == "nudge"
	if byRequester != requester(a.Login) || slices.Contains([]string{"dee", "audrey", "sec"}, a.Login) || byRequester && a.Login != "twin" {
		rt.Fatalf("%s by %s", verb, a.Login)
	}
	if r.state != elevation.StatePending && r.state != elevation.StateHeld {
		rt.Fatalf("%s while %s", verb, r.state)
	}
}

// report comes from the endpoint, whose clock may be hours away.
func (m *model) report(rt *rapid.T) {
	r := m.pick(rt)
	m.tick()
	grant := m.grantID(r.id)
	m.seq++
	at := m.now().Add(time.Duration(rapid.IntRange(-90, 90).Draw(rt, "skew")) * time.Minute)
	kind := rapid.SampledFrom([]elevation.ReportKind{elevation.ReportDelivered, elevation.ReportStarted, elevation.ReportStarted, elevation.ReportEnded}).Draw(rt, "kind")
	reason := rapid.SampledFrom([]elevation.EndReason{elevation.Completed, elevation.Deadline, elevation.RevokedEnd}).Draw(rt, "reason")
	if err := m.Report(context.Background(), m.ep, wire.Report{Seq: m.seq, Request: r.id, Grant: grant, Kind: kind, Reason: reason, At: at}); err != nil {
		rt.Fatalf("report: %v", err)
	}
	if grant == "" {
		return
	}
	// What it leads to is the endpoint's word and read back; check holds it against
	// what may follow what.
	next := m.view(rt, r).State
	was := r.state
	lawful := map[elevation.State][]elevation.State{
		elevation.StateAvailable: {elevation.StateActive, elevation.StateEnded, elevation.StateExpired},
		elevation.StateActive:    {elevation.StateEnded, elevation.StateExpired},
		elevation.StateExpired:   {elevation.StateActive, elevation.StateEnded},
	}
	if next != was && !slices.Contains(lawful[was], next) {
		rt.Fatalf("a report of %s makes %s of what was %s", kind, next, was)
	}
	v := m.view(rt, r).Request
	r.state, r.started = next, !v.Grant.StartedAt.IsZero()
	r.ends = v.WindowEnd()
}

func (m *model) view(rt *rapid.T, r *modelRequest) View {
	v, err := m.Get(context.Background(), who("ada", auth.Administrator), r.id)
	if err != nil {
		rt.Fatalf("read %s: %v", r.id, err)
	}
	return v
}

func (m *model) grantID(id elevation.RequestID) elevation.GrantID {
	v, err := m.Get(context.Background(), who("ada", auth.Administrator), id)
	m.must(err)
	return v.Request.Grant.ID
}

func (m *model) pass(rt *rapid.T) {
	m.modelBed.pass(rapid.SampledFrom([]time.Duration{time.Second, 4 * time.Second, 11 * time.Minute, time.Hour, 5 * time.Hour, 9 * time.Hour}).Draw(rt, "by"))
	m.tick()
	if rapid.Bool().Draw(rt, "sweep") {
		if _, _, err := m.Sweep(context.Background()); err != nil {
			rt.Fatal(err)
		}
	}
}

// tick lets the model's states follow the clock.
func (m *model) tick() {
	for _, r := range m.requests {
		switch {
		case r.state == elevation.StatePending && !m.now().Before(r.expires):
			r.state = elevation.StateExpired
		case r.state == elevation.StateHeld && !m.now().Before(r.held):
			m.effect(r, r.held)
		}
		if (r.state == elevation.StateAvailable || r.state == elevation.StateActive) && !m.now().Before(r.ends) {
			r.state = elevation.StateExpired
		}
	}
}

// check compares every request with the model and with itself.
func (m *model) check(rt *rapid.T) {
	m.tick()
	for _, r := range m.requests {
		v := m.view(rt, r)
		if v.State != r.state {
			rt.Fatalf("%s (%s) is %s, by the model %s", r.id, r.arg, v.State, r.state)
		}
		q := v.Request
		for _, review := range q.Reviews {
			if slices.Contains([]string{"usr_eve", "usr_twin", "usr_sub", "usr_dee", "usr_audrey", "usr_sec"}, review.By.ID) {
				rt.Fatalf("%s has a vote by %s", r.id, review.By.ID)
			}
		}
		if q.Grant.ID != "" && (q.Decision == nil || q.Decision.Verdict != elevation.Approved) {
			rt.Fatalf("%s has a grant and the decision %+v", r.id, q.Decision)
		}
		if q.Decision != nil && q.Decision.Verdict == elevation.Approved && q.Decision.By.Kind == elevation.ByUser && q.ApprovalsHave() < q.ApprovalsNeeded() {
			rt.Fatalf("%s is approved by %d of %d", r.id, q.ApprovalsHave(), q.ApprovalsNeeded())
		}
		if q.Decision != nil && q.Decision.Verdict == elevation.Approved && q.Granted.Duration != r.length() {
			rt.Fatalf("%s is granted for %v, not for %v", r.id, q.Granted.Duration, r.length())
		}
	}
}

// wayOut ends a history: time alone must end every request, every grant on its
// way was decided before, and no window in a signed grant is longer than granted.
func (m *model) wayOut(rt *rapid.T) {
	for _, r := range m.requests {
		m.reached[r.state]++
	}
	ctx := context.Background()
	for range 6 {
		if _, _, err := m.Sweep(ctx); err != nil {
			rt.Fatal(err)
		}
		m.modelBed.pass(5 * time.Hour)
	}
	if _, _, err := m.Sweep(ctx); err != nil {
		rt.Fatal(err)
	}
	granted := map[elevation.RequestID]elevation.Request{}
	for _, r := range m.requests {
		v := m.view(rt, r)
		if !v.State.Final() {
			rt.Fatalf("%s (%s) is still %s after a day", r.id, r.arg, v.State)
		}
		m.order(rt, r.id)
		granted[r.id] = v.Request
	}
	m.must(m.store.View(ctx, func(tx *store.Tx) error {
		frames, err := tx.Frames(m.ep, 0, 1000)
		if err != nil {
			return err
		}
		for i, raw := range frames {
			f, err := wire.Decode(raw.Raw)
			if err != nil {
				return err
			}
			if f.Seq != uint64(i+1) {
				rt.Fatalf("frame %d has number %d", i+1, f.Seq)
			}
			if f.Type != wire.TDecision {
				continue
			}
			d := body[wire.Decision](m.t, f)
			if len(d.Grant) == 0 {
				continue
			}
			var g elevation.Grant
			if err := m.keys.Open(sign.Grant, d.Grant, m.now(), &g); err != nil {
				return err
			}
			q := granted[d.Request]
			if q.Decision == nil || q.Decision.Verdict != elevation.Approved || g.Duration != q.Granted.Duration || g.ValidFor > q.Granted.UseWithin || g.Uses != 1 || g.Endpoint != m.ep {
				rt.Fatalf("the grant %+v of %+v", g, q)
			}
		}
		return nil
	}))
}

// order holds the log of a request: a grant comes after its decision, and each
// happens once.
func (m *model) order(rt *rapid.T, id elevation.RequestID) {
	kinds := m.kinds(id)
	at := func(k string) int { return slices.Index(kinds, k) }
	for _, once := range []string{"request.submitted", "request.approved", "request.denied", "grant.issued", "grant.started", "grant.ended", "request.cancelled"} {
		if i := at(once); i >= 0 && slices.Contains(kinds[i+1:], once) {
			rt.Fatalf("%s has %s twice: %v", id, once, kinds)
		}
	}
	if issued := at("grant.issued"); issued >= 0 && (at("request.approved") < 0 || at("request.approved") > issued) {
		rt.Fatalf("%s is granted before it is approved: %v", id, kinds)
	}
}
