package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// Endpoint is a simulated machine: enrolled with a key of its own, connected by
// the real link. It keeps every frame that it gets and does what the test says.
type Endpoint struct {
	ID   elevation.EndpointID
	Name string
	Link *link.Link
	desk *Desk

	mu     sync.Mutex    // guards the fields below
	frames []wire.Frame  // as they came
	news   chan struct{} // closed and made anew with each frame
}

// Endpoint enrols and connects a machine. Labels are "key=value".
func (d *Desk) Endpoint(name string, labels ...string) *Endpoint {
	d.T.Helper()
	return d.Able(nil, name, labels...)
}

// Able is Endpoint with a machine that says what it can do: "session", "admin".
func (d *Desk) Able(capabilities []string, name string, labels ...string) *Endpoint {
	d.T.Helper()
	set := map[string]string{}
	for _, l := range labels {
		k, v, _ := strings.Cut(l, "=")
		set[k] = v
	}
	tok := Must(client.Post[client.EnrollToken](d.T.Context(), d.Admin.Client, "/enrollment-tokens", client.NewEnrollToken{Labels: set, Mode: "ask"}))(d.T)
	e := &Endpoint{Name: name, desk: d, news: make(chan struct{})}
	dir := d.T.TempDir()
	facts := wire.Facts{Hostname: name, OS: "linux", OSVersion: "simulated", Arch: "amd64", AgentVersion: "desk"}
	id := Must(link.Enroll(d.T.Context(), link.EnrollConfig{URL: "https://" + d.AgentAddr(), Token: tok.Token, Dir: dir, Facts: facts, Now: d.Now}))(d.T)
	e.ID = id.Endpoint
	welcome := make(chan struct{}, 64)
	e.Link = Must(link.New(link.Config{Dir: dir, Identity: id, Facts: func() wire.Facts { return facts }, BootID: "simulated",
		Capabilities: func() []string { return capabilities }, OnFrame: e.take, Log: slog.New(slog.DiscardHandler), NoSync: true, Now: d.Now,
		OnState: func(on bool) {
			if on {
				welcome <- struct{}{}
			}
		}}))(d.T)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Link.Run(ctx) }()
	d.T.Cleanup(func() { cancel(); <-done })
	select {
	case <-welcome:
	case <-time.After(Patience):
		d.T.Fatalf("%s is not connected", name)
	}
	return e
}

func (e *Endpoint) take(_ context.Context, f wire.Frame) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.frames = append(e.frames, f)
	close(e.news)
	e.news = make(chan struct{})
	return nil
}

// Frames are all frames of a type that came about a request, oldest first.
func Frames[M any](e *Endpoint, t wire.Type, about func(M) bool) []M {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []M
	for _, f := range e.frames {
		var m M
		if f.Type == t && f.Into(&m) == nil && about(m) {
			out = append(out, m)
		}
	}
	return out
}

// Wait waits for a frame, also for one that came before.
func Wait[M any](e *Endpoint, t wire.Type, about func(M) bool) M {
	e.desk.T.Helper()
	end := time.NewTimer(Patience)
	defer end.Stop()
	for {
		e.mu.Lock()
		news := e.news
		e.mu.Unlock()
		if got := Frames(e, t, about); len(got) > 0 {
			return got[0]
		}
		select {
		case <-news:
		case <-end.C:
			e.desk.T.Fatalf("no %s comes to %s; it has %s", t, e.Name, e.types())
		}
	}
}

func (e *Endpoint) types() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, f := range e.frames {
		out = append(out, string(f.Type))
	}
	return strings.Join(out, " ")
}

// Attempt is what somebody types: user, program and arguments. Change it before
// it is sent with [Endpoint.Send].
func (e *Endpoint) Attempt(user string, argv ...string) wire.Attempt {
	sum := sha256.Sum256([]byte(argv[0]))
	digest := sha256.Sum256([]byte(strings.Join(argv, "\x00")))
	marks := []string{}
	if slices.Contains([]string{"bash", "sh", "vi", "less", "python3"}, path.Base(argv[0])) {
		marks = append(marks, elevation.MarkUnbounded)
	}
	return wire.Attempt{Request: elevation.NewRequestID(e.desk.Now()), AtTerminal: true,
		Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
			User: elevation.User{Name: user, UID: UID(user), Groups: []string{user, "users"}},
			Subject: elevation.Subject{Path: argv[0], Args: append([]string{}, argv[1:]...), ArgsDigest: digest[:], Cwd: "/home/" + user, RunAs: "root",
				SHA256: hex.EncodeToString(sum[:]), Size: 35000, Parent: "/usr/bin/bash", Marks: marks}}}
}

// UID is the number of a user on every simulated machine.
func UID(user string) string {
	n := 0
	for _, c := range user {
		n = n*31 + int(c)
	}
	return fmt.Sprint(1000 + n%50000)
}

// Send sends an attempt and waits for what the controller says to it first:
// need, decision, closed or error.
func (e *Endpoint) Send(a wire.Attempt) wire.Type {
	e.desk.T.Helper()
	before := e.count(a.Request)
	e.send(wire.TAttempt, a)
	return e.answered(a.Request, before, wire.TNeed, wire.TDecision, wire.TClosed, wire.TError)
}

// Complete gives the reason for an attempt and waits for the first answer:
// progress, need (joined or asked again), decision, closed or error.
func (e *Endpoint) Complete(id elevation.RequestID, reason, ticket string) wire.Type {
	e.desk.T.Helper()
	before := e.count(id)
	e.send(wire.TComplete, wire.Complete{Request: id, Justification: reason, Ticket: ticket})
	return e.answered(id, before, wire.TProgress, wire.TNeed, wire.TDecision, wire.TClosed, wire.TError)
}

func (e *Endpoint) send(t wire.Type, message any) {
	e.desk.T.Helper()
	if err := e.Link.Send(t, message); err != nil {
		e.desk.T.Fatalf("%s sends %s: %v", e.Name, t, err)
	}
}

// Ask asks and gives a reason; the request is then in the queue, or answered by
// a rule. It returns its id.
func (e *Endpoint) Ask(user string, argv ...string) string {
	e.desk.T.Helper()
	return e.AskWith(e.Attempt(user, argv...), "restart after the update, INC-4821", "")
}

// AskWith is Ask with an attempt, a reason and a ticket of the test's choice.
func (e *Endpoint) AskWith(a wire.Attempt, reason, ticket string) string {
	e.desk.T.Helper()
	switch got := e.Send(a); got {
	case wire.TNeed:
		need := Wait(e, wire.TNeed, func(m wire.Need) bool { return m.Request == a.Request })
		if need.Joined != "" {
			return string(need.Joined)
		}
		if got := e.Complete(a.Request, reason, ticket); got != wire.TProgress && got != wire.TDecision {
			e.desk.T.Fatalf("the request of %s is answered by %s", a.Attempt.User.Name, got)
		}
	case wire.TDecision:
	default:
		e.desk.T.Fatalf("the attempt of %s is answered by %s", a.Attempt.User.Name, got)
	}
	return string(a.Request)
}

// Withdraw takes a request back, as Ctrl-C does, and waits until it is closed.
func (e *Endpoint) Withdraw(id string) {
	e.desk.T.Helper()
	e.send(wire.TWithdraw, wire.Withdraw{Request: elevation.RequestID(id)})
	e.desk.Eventually("the withdrawn request is cancelled", func() bool {
		r, err := e.desk.Admin.Request(e.desk.T.Context(), id)
		return err == nil && r.State != "pending" && r.State != "available" && r.State != "approved"
	})
}

// Answer answers a question at the prompt.
func (e *Endpoint) Answer(id, text string) {
	e.desk.T.Helper()
	e.send(wire.TAnswer, wire.Answer{Request: elevation.RequestID(id), Text: text})
}

// Extend asks for more time for a request in use; it returns the new request.
func (e *Endpoint) Extend(id string, by time.Duration, reason string) string {
	e.desk.T.Helper()
	next := elevation.NewRequestID(e.desk.Now())
	e.send(wire.TExtend, wire.Extend{Request: elevation.RequestID(id), New: next, Duration: by, Reason: reason})
	return string(next)
}

// Decision waits for the answer to a request.
func (e *Endpoint) Decision(id string) wire.Decision {
	e.desk.T.Helper()
	return Wait(e, wire.TDecision, func(m wire.Decision) bool { return string(m.Request) == id })
}

// Closed waits for the end of a request without a decision.
func (e *Endpoint) Closed(id string) wire.Closed {
	e.desk.T.Helper()
	return Wait(e, wire.TClosed, func(m wire.Closed) bool { return string(m.Request) == id })
}

// Question waits for an approver's question.
func (e *Endpoint) Question(id string) wire.Question {
	e.desk.T.Helper()
	return Wait(e, wire.TQuestion, func(m wire.Question) bool { return string(m.Request) == id })
}

// Grant waits for an approval and verifies its grant.
func (e *Endpoint) Grant(id string) elevation.Grant {
	e.desk.T.Helper()
	dec := e.Decision(id)
	var g elevation.Grant
	if err := e.Link.KeySet().Open(sign.Grant, dec.Grant, e.desk.Now(), &g); err != nil {
		e.desk.T.Fatalf("the grant of %s (%s): %v", id, dec.Verdict, err)
	}
	return g
}

// Revocation waits for the order to end a grant and verifies it.
func (e *Endpoint) Revocation(id string) elevation.Revocation {
	e.desk.T.Helper()
	m := Wait(e, wire.TRevoke, func(m wire.Revoke) bool { return string(m.Request) == id })
	var r elevation.Revocation
	if err := e.Link.KeySet().Open(sign.Revocation, m.Signed, e.desk.Now(), &r); err != nil {
		e.desk.T.Fatalf("the revocation of %s: %v", id, err)
	}
	return r
}

// Amendments are the verified orders to give a request more time that came.
func (e *Endpoint) Amendments(of string) []elevation.Amendment {
	var out []elevation.Amendment
	for _, m := range Frames(e, wire.TAmend, func(wire.Signed) bool { return true }) {
		var a elevation.Amendment
		if e.Link.KeySet().Open(sign.Amendment, m.Raw, e.desk.Now(), &a) == nil && string(a.Of) == of {
			out = append(out, a)
		}
	}
	return out
}

// Uses begins to use a grant, as a program that starts does.
func (e *Endpoint) Uses(id string) elevation.Grant {
	e.desk.T.Helper()
	g := e.Grant(id)
	e.Report(id, elevation.ReportDelivered, "")
	e.Report(id, elevation.ReportStarted, "")
	return g
}

// Ends reports the end of a use.
func (e *Endpoint) Ends(id string, why elevation.EndReason) {
	e.desk.T.Helper()
	e.Report(id, elevation.ReportEnded, why)
}

// Report reports what became of a grant and waits until the controller has it.
func (e *Endpoint) Report(id string, kind elevation.ReportKind, why elevation.EndReason) {
	e.desk.T.Helper()
	r := wire.Report{Request: elevation.RequestID(id), Grant: e.Grant(id).ID, Kind: kind, Reason: why, At: e.desk.Now().UTC()}
	if why == elevation.Completed {
		r.Exit = new(int)
	}
	if err := e.Link.Report(r); err != nil {
		e.desk.T.Fatal(err)
	}
	e.desk.Eventually("the report is accepted", func() bool { return e.Link.Waiting() == 0 })
}

// count says how many frames of each type came about a request.
func (e *Endpoint) count(id elevation.RequestID) map[wire.Type]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := map[wire.Type]int{}
	for _, f := range e.frames {
		if f.About() == id {
			n[f.Type]++
		}
	}
	return n
}

// answered waits until there is one more frame of one of the types.
func (e *Endpoint) answered(id elevation.RequestID, before map[wire.Type]int, types ...wire.Type) wire.Type {
	e.desk.T.Helper()
	end := time.NewTimer(Patience)
	defer end.Stop()
	for {
		e.mu.Lock()
		news := e.news
		e.mu.Unlock()
		now := e.count(id)
		for _, t := range types {
			if now[t] > before[t] {
				return t
			}
		}
		select {
		case <-news:
		case <-end.C:
			e.desk.T.Fatalf("nothing answers %s; there are %v", id, slices.Collect(maps.Keys(now)))
		}
	}
}
