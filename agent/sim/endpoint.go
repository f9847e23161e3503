package sim

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	enrolAtOnce  = 16
	enrolTries   = 20
	resendUnsent = 200 * time.Millisecond
)

// request is one request from its due instant to its answer.
type request struct {
	due     time.Time
	user    string
	reason  string
	attempt wire.Attempt
	acked   bool
	done    bool
	tell    func(heard) // the terminal that it was typed at; nil = raised by itself
}

// says tells the terminal of a request, if it has one.
func (r *request) says(h heard) {
	if r.tell != nil {
		r.tell(h)
	}
}

// endpoint is one simulated machine.
type endpoint struct {
	f         *fleet
	n         int
	link      *link.Link
	connected chan struct{} // closed by the first welcome
	once      sync.Once

	mu      sync.Mutex // guards the fields below
	again   context.CancelFunc
	open    map[elevation.RequestID]*request
	byID    map[elevation.GrantID]*use
	using   int    // grants in use
	version uint64 // of the newest policy
}

// use is a grant between its start and its end.
type use struct {
	request elevation.RequestID
	timer   *time.Timer
	over    bool
	amended map[elevation.RequestID]bool // which asked for more time
	tell    func(heard)                  // as of the request
}

// enroll gives every endpoint an identity: the one in Dir, or a new one.
func (f *fleet) enroll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.endpoints = make([]*endpoint, f.cfg.Endpoints)
	places := make(chan struct{}, enrolAtOnce)
	var all sync.WaitGroup
	for i := range f.endpoints {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			e, err := f.newEndpoint(ctx, i+1)
			if err != nil {
				cancel(fmt.Errorf("enrol %s: %w", f.hostname(i+1), err))
				return
			}
			f.endpoints[i] = e
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (f *fleet) newEndpoint(ctx context.Context, n int) (*endpoint, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	dir := filepath.Join(f.cfg.Dir, f.hostname(n))
	id, err := link.Load(dir)
	for try := 0; errors.Is(err, link.ErrNotEnrolled) || errors.Is(err, link.ErrTryLater) && try < enrolTries; try++ {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(time.Duration(try) * 200 * time.Millisecond):
			}
		}
		id, err = link.Enroll(ctx, link.EnrollConfig{URL: f.cfg.URL, Token: f.cfg.Token, Dir: dir, Facts: f.facts(n)})
	}
	if err != nil {
		return nil, err
	}
	e := &endpoint{f: f, n: n, connected: make(chan struct{}), open: map[elevation.RequestID]*request{}, byID: map[elevation.GrantID]*use{}}
	e.link, err = link.New(link.Config{Dir: dir, Identity: id, Facts: func() wire.Facts { return f.facts(n) }, BootID: "simulated",
		Capabilities: func() []string { return f.cfg.Capabilities }, OnFrame: e.take, OnState: e.state, Log: f.cfg.Log, NoSync: true})
	return e, err
}

// run keeps the endpoint connected until ctx ends; drop makes it connect anew.
func (e *endpoint) run(ctx context.Context) {
	for ctx.Err() == nil {
		one, cancel := context.WithCancel(ctx)
		e.mu.Lock()
		e.again = cancel
		e.mu.Unlock()
		if err := e.link.Run(one); ctx.Err() == nil {
			e.f.cfg.Log.Debug("endpoint connects anew", "endpoint", e.f.hostname(e.n), "error", err)
		}
		cancel()
	}
}

func (e *endpoint) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.again != nil {
		e.again()
	}
}

func (e *endpoint) state(connected bool) {
	if !connected {
		return
	}
	e.f.rec.connected()
	e.once.Do(func() { close(e.connected) })
}

// ask raises a request. While the endpoint is offline it is tried again.
func (e *endpoint) ask(r *request) {
	e.mu.Lock()
	e.open[r.attempt.Request] = r
	e.mu.Unlock()
	e.f.rec.raised()
	e.send(r, wire.TAttempt, r.attempt)
}

func (e *endpoint) send(r *request, t wire.Type, message any) {
	err := e.link.Send(t, message)
	switch {
	case err == nil:
	case errors.Is(err, link.ErrOffline), errors.Is(err, link.ErrBusy):
		e.sendLater(r, resendUnsent)
	default:
		e.finish(r, func() { e.f.rec.failed(e, r, err.Error()) })
	}
}

// sendLater asks the whole question again: the same id is the same request.
func (e *endpoint) sendLater(r *request, pause time.Duration) {
	time.AfterFunc(pause, func() {
		e.mu.Lock()
		done := r.done
		e.mu.Unlock()
		if !done {
			e.send(r, wire.TAttempt, r.attempt)
		}
	})
}

// finish ends a request once.
func (e *endpoint) finish(r *request, note func()) {
	e.mu.Lock()
	again := r.done
	r.done = true
	delete(e.open, r.attempt.Request)
	e.mu.Unlock()
	if !again {
		note()
		e.f.rec.answered()
		e.f.wake()
	}
}

func (e *endpoint) find(id elevation.RequestID) *request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open[id]
}

// acknowledge writes down that the controller has a request.
func (e *endpoint) acknowledge(r *request) error {
	e.mu.Lock()
	again := r.acked
	r.acked = true
	e.mu.Unlock()
	if again {
		return nil
	}
	return e.f.rec.acknowledged(e, r)
}

// take handles what the controller sends. A durable frame whose handling fails
// comes again.
func (e *endpoint) take(_ context.Context, f wire.Frame) error {
	switch f.Type {
	case wire.TNeed:
		return into(f, e.need)
	case wire.TAccepted:
		return into(f, func(m wire.Accepted) error { return e.known(m.Request) })
	case wire.TProgress:
		return into(f, e.progress)
	case wire.TClosed:
		return into(f, e.closed)
	case wire.TError:
		return into(f, e.refused)
	case wire.TDecision:
		return into(f, e.decided)
	case wire.TRevoke:
		return into(f, e.revoked)
	case wire.TQuestion:
		return into(f, e.questioned)
	case wire.TAmend:
		return into(f, e.amended)
	case wire.TPolicy:
		return into(f, e.policy)
	case wire.TWho:
		return into(f, e.who)
	}
	return nil
}

func into[M any](f wire.Frame, do func(M) error) error {
	var m M
	if err := f.Into(&m); err != nil {
		return err
	}
	return do(m)
}

func (e *endpoint) known(id elevation.RequestID) error {
	if r := e.find(id); r != nil {
		return e.acknowledge(r)
	}
	return nil
}

func (e *endpoint) progress(m wire.Progress) error {
	if r := e.find(m.Request); r != nil {
		r.says(heard{Kind: "waiting", Place: m.Position, Usual: int(m.UsualWait.Seconds()), GoesTo: m.CanAnswer})
	}
	return e.known(m.Request)
}

func (e *endpoint) need(m wire.Need) error {
	r := e.find(m.Request)
	if r == nil {
		return nil
	}
	if m.Joined == m.Request {
		return e.acknowledge(r) // it was complete already
	}
	if m.Joined != "" {
		e.finish(r, func() { e.f.rec.joined(e, r, m.Joined) })
		r.says(heard{Kind: "refused", Text: "the same is asked for already, as " + string(m.Joined)})
		return nil
	}
	if r.tell != nil { // its person answers
		r.tell(heard{Kind: "need", Text: m.Message, Min: m.ReasonMin, Presets: m.Presets, GoesTo: m.GoesTo, Usual: int(m.UsualWait.Seconds())})
		return nil
	}
	reason := r.reason
	for len(reason) < m.ReasonMin {
		reason += ", as was asked for"
	}
	e.send(r, wire.TComplete, wire.Complete{Request: m.Request, Justification: reason})
	return nil
}

func (e *endpoint) closed(m wire.Closed) error {
	if r := e.find(m.Request); r != nil {
		e.finish(r, func() { e.f.rec.closed(e, r, m) })
		r.says(heard{Kind: "closed", Text: string(m.Why), By: m.By})
	}
	return nil
}

func (e *endpoint) refused(m wire.Error) error {
	r := e.find(m.Request)
	if r == nil {
		return nil
	}
	if m.Code == wire.CodeRateLimited || m.Code == wire.CodeUnavailable {
		e.f.rec.retried()
		e.sendLater(r, max(m.RetryAfter, resendUnsent))
		return nil
	}
	if r.tell != nil && m.Code == wire.CodeInvalid {
		r.tell(heard{Kind: "need", Text: m.Text})
		return nil
	}
	e.finish(r, func() { e.f.rec.failed(e, r, string(m.Code)+": "+m.Text) })
	r.says(heard{Kind: "refused", Text: m.Text})
	return nil
}

// decided takes a decision and begins to use its grant.
func (e *endpoint) decided(m wire.Decision) error {
	at := time.Now()
	r := e.find(m.Request)
	switch {
	case r != nil:
	case e.f.rec.wasDecided(m.Request):
		e.f.rec.doubled(e, m.Request)
		return nil
	default: // of an earlier run, or made elsewhere
		return e.unasked(m)
	}
	if err := e.acknowledge(r); err != nil {
		return err
	}
	var bad error
	var g elevation.Grant
	if m.Verdict == elevation.Approved {
		g, bad = e.verify(r, m.Grant, at)
		if bad == nil {
			if err := e.begin(m.Request, g.ID, r.tell); err != nil {
				return err
			}
		}
	}
	r.says(heard{Kind: string(m.Verdict), Text: m.Text, By: m.By, Rule: m.Rule})
	e.finish(r, func() { e.f.rec.decided(e, r, m, g.ID, bad, at) })
	return nil
}

// verify checks that a grant is signed, and is for exactly what was asked.
func (e *endpoint) verify(r *request, raw []byte, now time.Time) (elevation.Grant, error) {
	var g elevation.Grant
	if err := e.link.KeySet().Open(sign.Grant, raw, now, &g); err != nil {
		return elevation.Grant{}, err
	}
	id, want := e.link.Identity(), r.attempt.Attempt
	switch {
	case g.Cluster != id.Cluster || g.Endpoint != id.Endpoint || g.Request != r.attempt.Request:
		return g, errors.New("the grant is for another endpoint or request")
	case g.User.UID != want.User.UID || g.Subject.Path != want.Subject.Path || g.Subject.SHA256 != want.Subject.SHA256 ||
		!slices.Equal(g.Subject.Args, want.Subject.Args) || string(g.Subject.ArgsDigest) != string(want.Subject.ArgsDigest) ||
		g.Subject.RunAs != want.Subject.RunAs:
		return g, errors.New("the grant is for another user or subject")
	}
	return g, nil
}

// begin reports the start of a use and arranges its end.
func (e *endpoint) begin(id elevation.RequestID, grant elevation.GrantID, tell func(heard)) error {
	e.mu.Lock()
	if e.byID[grant] != nil {
		e.mu.Unlock()
		return nil // the frame came again
	}
	u := &use{request: id, tell: tell}
	e.byID[grant] = u
	e.using++
	e.mu.Unlock()
	now := time.Now().UTC()
	for _, kind := range []elevation.ReportKind{elevation.ReportDelivered, elevation.ReportStarted} {
		if err := e.link.Report(wire.Report{Request: id, Grant: grant, Kind: kind, At: now}); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	u.timer = time.AfterFunc(e.f.cfg.Use, func() { e.end(grant, elevation.Completed) })
	if e.f.cfg.Extend {
		time.AfterFunc(e.f.cfg.Use/2, func() { e.extend(id) })
	}
	return nil
}

// end reports the end of a use, once.
func (e *endpoint) end(grant elevation.GrantID, why elevation.EndReason) {
	e.mu.Lock()
	u := e.byID[grant]
	if u == nil || u.over {
		e.mu.Unlock()
		return
	}
	u.over = true
	delete(e.byID, grant)
	e.using--
	if u.timer != nil {
		u.timer.Stop()
	}
	e.mu.Unlock()
	report := wire.Report{Request: u.request, Grant: grant, Kind: elevation.ReportEnded, Reason: why, At: time.Now().UTC()}
	if why == elevation.Completed {
		report.Exit = new(int)
	}
	if err := e.link.Report(report); err != nil {
		e.f.cfg.Log.Error("report the end of a use", "endpoint", e.f.hostname(e.n), "error", err)
	}
	if u.tell != nil {
		u.tell(heard{Kind: "ended", Text: string(why)})
	}
	e.f.rec.ended(why)
	e.f.wake()
}

func (e *endpoint) revoked(m wire.Revoke) error {
	var r elevation.Revocation
	if err := e.link.KeySet().Open(sign.Revocation, m.Signed, time.Now(), &r); err != nil || r.Grant != m.Grant {
		e.f.rec.unverified(e, m.Request, fmt.Sprintf("revocation: %v", err))
		return nil
	}
	why := elevation.RevokedEnd
	if r.Reason.Valid() {
		why = r.Reason
	}
	e.end(m.Grant, why)
	return nil
}

// busy reports whether a use or a report is not finished.
func (e *endpoint) busy() bool {
	e.mu.Lock()
	using := e.using
	e.mu.Unlock()
	return using > 0 || e.link.Waiting() > 0
}
