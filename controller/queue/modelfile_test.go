package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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

// TestModelOfFiling mixes what TestModel leaves out: requests filed in the
// portal, on behalf and ahead, asked again, extended, emergencies and lasting
// answers. It does not foresee each answer; it holds every request that comes of
// it against what must never be.
func TestModelOfFiling(t *testing.T) {
	const rounds, most = 2, 12 // more until each kind has come
	b := &modelBed{bed: newBedAt(t, filepath.Join(memory(t), "assent.db"), modelRules, nil)}
	b.cast()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		err := errors.Join(tx.InsertUser(store.User{ID: "usr_boss", Login: "boss", Roles: []auth.Role{auth.Administrator}, CreatedAt: day}),
			tx.PutLink(store.Link{ID: "link_2", Link: delegation.Link{User: "usr_boss", UID: "2000", Name: "chief"}, MadeAt: day}))
		if err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.UserCreated, Actor: system()})
	}))
	seen := map[string]int{}
	missing := func() (list []string) {
		for _, what := range []string{"portal", "behalf", "resubmit", "extension", "emergency", "lasting", "amended"} {
			if seen[what] == 0 {
				list = append(list, what)
			}
		}
		return list
	}
	for n := 0; !t.Failed() && (n < rounds || n < most && len(missing()) > 0); n++ {
		if n > 0 && (testing.Short() || testgroup.Race) {
			return
		}
		if testgroup.Race {
			histories(t, 10)
		}
		rapid.Check(t, func(rt *rapid.T) { (&filings{modelBed: b, seen: seen}).history(rt) })
		anotherSeed(t)
	}
	if list := missing(); !t.Failed() && len(list) > 0 {
		t.Errorf("no history has %v: %v", list, seen)
	}
}

type filings struct {
	*modelBed
	ep   elevation.EndpointID
	ids  []elevation.RequestID
	seq  uint64
	seen map[string]int
	// lasting answers in force by the plain account: when each must have ended
	until  map[elevation.AccessID]time.Time
	judged map[elevation.RequestID]bool
}

func (m *filings) history(rt *rapid.T) {
	m.n++
	m.ep, m.until = elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, m.now())), map[elevation.AccessID]time.Time{}
	m.judged = map[elevation.RequestID]bool{}
	m.must(m.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: m.ep, Name: fmt.Sprint("file-", m.n), SPKI: []byte(m.ep), Labels: map[string]string{"role": "web"}, Mode: "ask",
			Capabilities: []string{"session", "admin"}, EnrolledAt: m.now()}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: m.now(), Kind: audit.EndpointEnrolled, Actor: system(), Endpoint: m.ep})
	}))
	if rapid.IntRange(0, 3).Draw(rt, "begin") > 0 {
		m.inUse(rt)
	}
	rt.Repeat(map[string]func(*rapid.T){
		"": m.check, "emergency": m.emergency, "attempt": m.attempt, "file": m.file, "file more": m.file, "again": m.again, "extend": m.extend,
		"approve": func(rt *rapid.T) { m.review(rt, elevation.Approved) }, "approve too": func(rt *rapid.T) { m.review(rt, elevation.Approved) },
		"deny": func(rt *rapid.T) { m.review(rt, elevation.Denied) }, "act": m.act, "report": m.report, "use": m.report, "end access": m.endAccess, "pass": m.pass,
	})
	m.wayOut(rt)
}

// inUse begins with what many verbs need: something in use.
func (m *filings) inUse(rt *rapid.T) {
	ctx := context.Background()
	in := attempt("f")
	in.Request, in.AtTerminal = elevation.NewRequestID(m.now()), true
	in.Attempt.Duration = time.Hour
	if _, err := m.Draft(ctx, m.ep, in); err != nil {
		rt.Fatal(err)
	}
	if _, err := m.Complete(ctx, m.ep, wire.Complete{Request: in.Request, Justification: "because I must"}); err != nil {
		rt.Fatal(err)
	}
	if _, err := m.Review(ctx, who("bo"), in.Request, ReviewIn{Verdict: elevation.Approved}); err != nil {
		rt.Fatal(err)
	}
	m.seq++
	if err := m.Report(ctx, m.ep, wire.Report{Seq: m.seq, Request: in.Request, Grant: m.get(rt, in.Request).Request.Grant.ID, Kind: elevation.ReportStarted, At: m.now()}); err != nil {
		rt.Fatal(err)
	}
	m.add(in.Request)
}

// emergency is taken by who may, as it must be, but for one thing.
func (m *filings) emergency(rt *rapid.T) {
	a := auth.Actor{User: "usr_boss", Login: "boss", Roles: []auth.Role{auth.Administrator}, Session: true, SeenAt: m.now()}
	in := FileIn{AccessType: elevation.Session, Endpoint: string(m.ep), Justification: "the house is on fire", Emergency: true}
	wrong := rapid.SampledFrom([]string{"", "", "", "token", "long ago", "for somebody", "no reason", "later"}).Draw(rt, "wrong")
	switch wrong {
	case "token":
		a.Token, a.Session = "tok_1", false
	case "long ago":
		a.SeenAt = m.now().Add(-time.Hour)
	case "for somebody":
		in.ForUser = "eve"
	case "no reason":
		in.Justification = "no"
	case "later":
		in.Start = m.now().Add(time.Hour)
	}
	v, made, err := m.File(context.Background(), a, in)
	if err != nil || !made {
		return
	}
	if wrong != "" {
		rt.Fatalf("emergency access in spite of %q", wrong)
	}
	m.seen["emergency"]++
	m.add(v.Request.ID)
}

func (m *filings) actor(rt *rapid.T) auth.Actor {
	login := spread(rt, []string{"ada", "bo", "cy", "eve", "twin", "sub", "del", "boss", "dee", "audrey"}, "who")
	role := roles()[login]
	if login == "boss" {
		role = auth.Administrator
	}
	a := auth.Actor{User: elevation.UserID("usr_" + login), Login: login, Roles: []auth.Role{role}, Token: "tok_1"}
	if login == "dee" {
		a.Scope = map[string]string{"role": "db"}
	}
	if rapid.Bool().Draw(rt, "session") {
		a.Token, a.Session, a.SeenAt = "", true, m.now().Add(-rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "seen"))
	}
	return a
}

func (m *filings) one(rt *rapid.T) elevation.RequestID {
	if len(m.ids) == 0 {
		rt.Skip("no request yet")
	}
	return rapid.SampledFrom(m.ids).Draw(rt, "request")
}

func (m *filings) add(id elevation.RequestID) {
	if id != "" && !slices.Contains(m.ids, id) {
		m.ids = append(m.ids, id)
	}
}

func (m *filings) attempt(rt *rapid.T) {
	arg := rapid.SampledFrom([]string{"c", "d", "e", "f", "f", "g"}).Draw(rt, "argument")
	in := attempt(arg)
	in.Request, in.Attempt.Subject.ArgsDigest = elevation.NewRequestID(m.now()), bytes.Repeat([]byte(arg), 32)
	in.AtTerminal = rapid.Bool().Draw(rt, "terminal")
	a, err := m.Draft(context.Background(), m.ep, in)
	if err != nil {
		rt.Fatal(err)
	}
	if a.Need != nil && a.Need.Joined == "" {
		if _, err := m.Complete(context.Background(), m.ep, wire.Complete{Request: in.Request, Justification: "because I must"}); err != nil {
			rt.Fatal(err)
		}
	}
	if a.Closed == nil && (a.Need == nil || a.Need.Joined == "") {
		m.add(in.Request)
	}
}

func (m *filings) file(rt *rapid.T) {
	a := m.actor(rt)
	in := FileIn{AccessType: rapid.SampledFrom([]elevation.AccessType{elevation.Run, elevation.Session, elevation.Admin}).Draw(rt, "type"), Endpoint: string(m.ep),
		ForUser: rapid.SampledFrom([]string{"", "eve", "chief"}).Draw(rt, "for"), Justification: rapid.SampledFrom([]string{"because I must", "no"}).Draw(rt, "reason"),
		Emergency: rapid.Bool().Draw(rt, "emergency"), Duration: rapid.SampledFrom([]time.Duration{0, time.Hour, 100 * time.Hour}).Draw(rt, "duration")}
	if rapid.Bool().Draw(rt, "ahead") {
		in.Start = m.now().Add(rapid.SampledFrom([]time.Duration{-time.Hour, 2 * time.Hour, 20 * time.Hour}).Draw(rt, "start"))
	}
	if in.AccessType == elevation.Run {
		in.FromRequest = m.one(rt)
	}
	v, made, err := m.File(context.Background(), a, in)
	if err != nil {
		return
	}
	r := v.Request
	m.add(r.ID)
	if !made {
		return
	}
	m.seen[string(r.Origin)]++
	switch {
	case slices.Contains([]string{"dee", "audrey"}, a.Login):
		rt.Fatalf("%s files for an endpoint that is none of theirs", a.Login)
	case in.Duration > 8*time.Hour, !in.Start.IsZero() && in.Start.Before(m.now().Add(-time.Minute)):
		rt.Fatalf("filed %+v", in)
	case r.Origin == elevation.FromPortal && a.Login != "twin" && a.Login != "boss":
		rt.Fatalf("%s asks for themself without a link", a.Login)
	case r.Origin == elevation.FromBehalf && (m.asks(a.Login, r) || !slices.Contains([]string{"ada", "bo", "cy", "sub", "del", "boss", "twin", "eve"}, a.Login)):
		rt.Fatalf("%s files for %s as an approver", a.Login, r.Attempt.User.Name)
	case r.Emergency && (a.Login != "boss" || !a.Session || m.now().Sub(a.SeenAt) > 5*time.Minute || r.Attempt.User.UID != "2000"):
		rt.Fatalf("%+v takes emergency access as %+v", a, r.Attempt.User)
	case r.Emergency:
		m.seen["emergency"]++
	}
}

// asks is the plain account of who is the requester.
func (m *filings) asks(login string, r elevation.Request) bool {
	switch r.Attempt.User.UID {
	case "1000":
		return login == "eve" || login == "twin"
	case "2000":
		return login == "boss"
	}
	return false
}

func (m *filings) again(rt *rapid.T) {
	a, id := m.actor(rt), m.one(rt)
	v, err := m.Resubmit(context.Background(), a, id, AgainIn{Justification: rapid.SampledFrom([]string{"because I must", "for another reason"}).Draw(rt, "reason")})
	if err != nil {
		return
	}
	old := m.get(rt, id)
	if a.Login != "twin" && a.Login != "boss" || !m.asks(a.Login, old.Request) {
		rt.Fatalf("%s asks again for %s", a.Login, old.Request.Attempt.User.Name)
	}
	if v.Request.ID == id || !old.State.Final() {
		rt.Fatalf("asked again while %s", old.State)
	}
	m.seen["resubmit"]++
	m.add(v.Request.ID)
}

func (m *filings) extend(rt *rapid.T) {
	id := m.one(rt)
	before := m.get(rt, id)
	more := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 8 * time.Hour}).Draw(rt, "more")
	var next elevation.RequestID
	if rapid.Bool().Draw(rt, "prompt") {
		in := wire.Extend{Request: id, New: elevation.NewRequestID(m.now()), Duration: more, Reason: "it takes longer"}
		if m.ExtendFrom(context.Background(), m.ep, in) != nil {
			return
		}
		next = in.New
		if _, err := m.Get(context.Background(), who("ada", auth.Administrator), next); err != nil {
			return // refused or joined; the endpoint is told
		}
	} else {
		a := m.actor(rt)
		v, err := m.Extend(context.Background(), a, id, AgainIn{Justification: "it takes longer", Duration: more})
		if err != nil {
			return
		}
		if !m.asks(a.Login, before.Request) {
			rt.Fatalf("%s extends for %s", a.Login, before.Request.Attempt.User.Name)
		}
		next = v.Request.ID
	}
	if before.State != elevation.StateActive {
		rt.Fatalf("extended while %s", before.State)
	}
	if got := m.get(rt, next).Request; got.Extends != id {
		rt.Fatalf("the extension of %s extends %s", id, got.Extends)
	}
	m.seen["extension"]++
	m.add(next)
}

func (m *filings) review(rt *rapid.T, v elevation.Verdict) {
	a, id := m.actor(rt), m.one(rt)
	in := ReviewIn{Verdict: v}
	if v == elevation.Approved {
		in.Lasts = rapid.SampledFrom([]string{"", "", "once", "8h", "2d", "900d"}).Draw(rt, "lasts")
	}
	before := m.get(rt, id).Request
	view, err := m.Review(context.Background(), a, id, in)
	if err != nil {
		return
	}
	r := view.Request
	if m.asks(a.Login, r) || r.FiledBy.ID == string(a.User) && r.Origin != elevation.FromBehalf {
		rt.Fatalf("%s answers their own request", a.Login)
	}
	if d := r.Decision; d != nil && before.Decision == nil && d.Access != "" {
		if in.Lasts == "900d" || in.Lasts == "" || in.Lasts == "once" || r.Attempt.AccessType != elevation.Run || r.Extends != "" {
			rt.Fatalf("an answer for %q lasts: %+v", in.Lasts, r)
		}
		m.until[d.Access] = m.now().Add(map[string]time.Duration{"8h": 8 * time.Hour, "2d": 48 * time.Hour}[in.Lasts])
		m.seen["lasting"]++
	}
}

func (m *filings) act(rt *rapid.T) {
	a, id := m.actor(rt), m.one(rt)
	ctx := context.Background()
	switch rapid.SampledFrom([]string{"undo", "cancel", "revoke", "check in", "remove", "withdraw"}).Draw(rt, "act") {
	case "undo":
		before := m.get(rt, id).Request
		if _, err := m.Undo(ctx, a, id); err == nil && before.Decision != nil {
			delete(m.until, before.Decision.Access)
		}
	case "cancel":
		_, _ = m.Cancel(ctx, a, id)
	case "revoke":
		if v, err := m.Revoke(ctx, a, id, "", ""); err == nil && v.Request.Decision != nil {
			delete(m.until, v.Request.Decision.Access)
		}
	case "check in":
		_, _ = m.CheckIn(ctx, a, id)
	case "remove":
		_, _ = m.Remove(ctx, a, id)
	case "withdraw":
		_ = m.Withdraw(ctx, m.ep, wire.Withdraw{Request: id})
	}
}

func (m *filings) endAccess(rt *rapid.T) {
	a := m.actor(rt)
	for id := range m.until {
		if err := m.EndAccess(context.Background(), a, id); err == nil {
			if slices.Contains([]string{"dee", "audrey"}, a.Login) {
				rt.Fatalf("%s ends a lasting answer", a.Login)
			}
			delete(m.until, id)
		}
	}
}

func (m *filings) report(rt *rapid.T) {
	id := m.one(rt)
	m.seq++
	kind := rapid.SampledFrom([]elevation.ReportKind{elevation.ReportDelivered, elevation.ReportStarted, elevation.ReportStarted, elevation.ReportEnded}).Draw(rt, "kind")
	at := m.now().Add(time.Duration(rapid.IntRange(-30, 30).Draw(rt, "skew")) * time.Minute)
	if err := m.Report(context.Background(), m.ep, wire.Report{Seq: m.seq, Request: id, Grant: m.get(rt, id).Request.Grant.ID, Kind: kind, Reason: elevation.Completed, At: at}); err != nil {
		rt.Fatal(err)
	}
}

func (m *filings) pass(rt *rapid.T) {
	m.modelBed.pass(rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 2 * time.Minute, 30 * time.Minute, 3 * time.Hour, 9 * time.Hour, 30 * time.Hour}).Draw(rt, "by"))
	if _, _, err := m.Sweep(context.Background()); err != nil {
		rt.Fatal(err)
	}
}

func (m *filings) get(rt *rapid.T, id elevation.RequestID) View {
	v, err := m.Get(context.Background(), who("ada", auth.Administrator), id)
	if err != nil {
		rt.Fatalf("read %s: %v", id, err)
	}
	return v
}

// check is what must never be.
func (m *filings) check(rt *rapid.T) {
	now := m.now()
	used := 0
	for _, id := range m.ids {
		v := m.get(rt, id)
		r, d := v.Request, v.Request.Decision
		for _, vote := range r.Reviews {
			login := vote.By.Name
			if m.asks(login, r) || slices.Contains([]string{"dee", "audrey", "sec"}, login) || login == "sub" && r.Attempt.User.UID == "1000" && vote.For != "" {
				rt.Fatalf("%s has a vote by %s", id, login)
			}
		}
		if r.Grant.ID != "" && (d == nil || d.Verdict != elevation.Approved) {
			rt.Fatalf("%s has a grant and the decision %+v", id, d)
		}
		if d == nil || d.Verdict != elevation.Approved {
			continue
		}
		limit := 8 * time.Hour
		if r.Attempt.AccessType != elevation.Run {
			limit = 4 * time.Hour
		}
		if r.Granted.Duration <= 0 || r.Granted.Duration > limit {
			rt.Fatalf("%s is granted for %v", id, r.Granted.Duration)
		}
		switch d.By.Kind {
		case elevation.ByUser:
			if r.ApprovalsHave() < r.ApprovalsNeeded() {
				rt.Fatalf("%s is approved by %d of %d", id, r.ApprovalsHave(), r.ApprovalsNeeded())
			}
		case elevation.ByRule:
			first := !m.judged[id]
			m.judged[id] = true
			if end, known := m.until[d.Access]; d.Access != "" && first && (!known || !now.Before(end)) {
				rt.Fatalf("%s is answered by a lasting answer that is none: %v until %v", id, known, end)
			}
			if d.Access == "" {
				rt.Fatalf("%s is approved by %s", id, d.By.ID)
			}
		default:
			if !r.Emergency || r.Need.AfterReview == "" || r.FiledBy.Name != "boss" {
				rt.Fatalf("%s is approved by %+v", id, d.By)
			}
			if now.Sub(d.At) < 24*time.Hour {
				used++
			}
		}
	}
	if used > 3 {
		rt.Fatalf("%d emergencies in a day", used)
	}
}

// wayOut lets time alone end everything, and reads the amendments.
func (m *filings) wayOut(rt *rapid.T) {
	ctx := context.Background()
	for range 12 {
		m.modelBed.pass(5 * time.Hour)
		if _, _, err := m.Sweep(ctx); err != nil {
			rt.Fatal(err)
		}
	}
	for _, id := range m.ids {
		if v := m.get(rt, id); !v.State.Final() {
			rt.Fatalf("%s (%s) is still %s after days", id, v.Request.Attempt.AccessType, v.State)
		}
	}
	m.must(m.store.View(ctx, func(tx *store.Tx) error {
		frames, err := tx.Frames(m.ep, 0, 1000)
		if err != nil {
			return err
		}
		for _, raw := range frames {
			f, err := wire.Decode(raw.Raw)
			if err != nil {
				return err
			}
			if f.Type != wire.TAmend {
				continue
			}
			var a elevation.Amendment
			if err := m.keys.Open(sign.Amendment, body[wire.Signed](m.t, f).Raw, m.now(), &a); err != nil {
				return err
			}
			by := m.get(rt, a.Request).Request
			if by.Extends != a.Of || by.Decision == nil || by.Decision.Verdict != elevation.Approved || a.Duration > 8*time.Hour || a.Endpoint != m.ep {
				rt.Fatalf("the amendment %+v of %+v", a, by)
			}
			m.seen["amended"]++
		}
		return nil
	}))
}
