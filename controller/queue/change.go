package queue

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// change is everything that one act writes, made before the transaction.
type change struct {
	now    time.Time
	next   elevation.Request
	insert bool
	touch  bool // only time has passed, no fact has changed
	gives  bool // it approves: a locked endpoint gets nothing
	events []audit.Event
	frames []message
	grant  *store.GrantRow         // goes with the first frame
	also   []func(*store.Tx) error // what else belongs to the change; may run again

	// Encoded, as far as it was done before the transaction.
	row    *store.NewRequest // of an insert
	bodies [][]byte          // of the first frames
	sealed []audit.Row       // the first events
}

// message is one durable frame to come.
type message struct {
	t    wire.Type
	body any
}

// ready encodes what the change writes. Callers do so side by side; in the
// transaction they would do so one after the other.
func (c *change) ready(ctx context.Context, s *store.Store) error {
	if c.insert {
		var err error
		if c.row, err = s.NewRequest(ctx, &c.next, c.now); err != nil {
			return err
		}
	}
	return c.encode()
}

// encode encodes the frames and events that are not yet.
func (c *change) encode() error {
	for _, m := range c.frames[len(c.bodies):] {
		body, err := wire.EncodeBody(m.t, m.body)
		if err != nil {
			return err
		}
		c.bodies = append(c.bodies, body)
	}
	for _, e := range c.events[len(c.sealed):] {
		row, err := audit.Seal(e)
		if err != nil {
			return err
		}
		c.sealed = append(c.sealed, row)
	}
	return nil
}

// write puts the change into a transaction. [store.ErrStale] when the request is
// not the one that the change was made from.
func (c *change) write(tx *store.Tx) error {
	if err := c.encode(); err != nil {
		return err
	}
	if c.gives {
		if locked, err := tx.EndpointLocked(c.next.Endpoint); err != nil || locked {
			return cmp.Or(err, ErrLocked)
		}
	}
	var grant store.GrantRow
	for i, m := range c.frames {
		seq, err := tx.EnqueueBody(c.next.Endpoint, m.t, c.bodies[i])
		if err != nil {
			return err
		}
		if i == 0 && c.grant != nil {
			grant = *c.grant
			grant.FrameSeq = seq
		}
	}
	err := c.put(tx, grant)
	if err != nil {
		return err
	}
	for _, row := range c.sealed {
		if err := tx.AppendSealed(row); err != nil {
			return err
		}
	}
	for _, do := range c.also {
		if err := do(tx); err != nil {
			return err
		}
	}
	return nil
}

// put writes the request and its grant.
func (c *change) put(tx *store.Tx, grant store.GrantRow) error {
	var err error
	if c.row != nil {
		err = tx.InsertNew(c.row, grant)
	} else {
		err = c.putFacts(tx, grant)
	}
	switch {
	case c.insert && errors.Is(err, store.ErrExists):
		return store.ErrStale
	case err == nil && grant.ID != "" && !c.insert:
		return tx.InsertGrant(grant)
	}
	return err
}

// putFacts writes a request that was not made ready.
func (c *change) putFacts(tx *store.Tx, grant store.GrantRow) error {
	next := c.next // fn may run again
	switch {
	case c.insert:
		return tx.InsertGranted(&next, grant, c.now)
	case c.touch:
		return tx.TouchRequest(&next, c.now)
	}
	return tx.PutRequest(&next, c.now)
}

// commit writes the change and wakes whom it concerns.
func (q *Queue) commit(ctx context.Context, c *change) error {
	c.settle()
	if err := c.ready(ctx, q.cfg.Store); err != nil {
		return err
	}
	if err := q.cfg.Store.Update(ctx, c.write); err != nil {
		return err
	}
	q.committed(c)
	if len(c.frames) == 0 && waits(c.next, c.now) {
		q.cfg.Moved(c.next.Endpoint, c.next.ID)
	}
	return nil
}

func (q *Queue) committed(c *change) {
	if len(c.frames) > 0 {
		q.cfg.Wake(c.next.Endpoint)
	}
	due := c.next.NextDue(c.now)
	if due.IsZero() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.planned.IsZero() && !due.Before(q.planned) {
		return
	}
	q.planned = due
	select {
	case q.sweepSoon <- struct{}{}:
	default:
	}
}

// event adds an audit event about the request.
func (c *change) event(k audit.Kind, by elevation.Actor, data, text map[string]string) {
	e := audit.Event{At: c.now, Kind: k, Actor: by, Request: c.next.ID, Endpoint: c.next.Endpoint, Data: data, Text: text}
	switch k {
	case audit.GrantIssued, audit.GrantDelivered, audit.GrantStarted, audit.GrantListed, audit.GrantEnded, audit.GrantEndFailed,
		audit.GrantRevoked, audit.GrantCheckedIn, audit.GrantRefused, audit.GrantChanges, audit.GrantConfirmed, audit.GrantWantsKey:
		e.Grant = c.next.Grant.ID
	}
	c.events = append(c.events, e)
}

func (c *change) send(t wire.Type, body any) { c.frames = append(c.frames, message{t, body}) }

// conclude makes the effects of a decision that is not held: the signed grant,
// the frame that answers the endpoint, and the events.
func (q *Queue) conclude(c *change) error {
	d := c.next.Decision
	verdict := audit.RequestDenied
	if d.Verdict == elevation.Approved {
		verdict, c.gives = audit.RequestApproved, true
	}
	data, text := map[string]string{"verdict": string(d.Verdict)}, map[string]string{}
	put(data, "rule", d.Rule)
	put(text, "comment", d.Comment)
	if d.By.Kind == elevation.ByRule { // nobody was asked, so this event tells what it was
		describe(c.next, data, text)
	}
	c.event(verdict, d.By, data, text)
	if c.next.Extends != "" && d.Verdict == elevation.Approved {
		return q.more(c)
	}
	answer := wire.Decision{Request: c.next.ID, Verdict: d.Verdict, Text: d.Comment, By: nameFor(q.cfg.Store.Settings(), d.By), Rule: d.By.Kind == elevation.ByRule}
	if d.Verdict == elevation.Approved {
		g, raw, err := q.grant(&c.next, c.now)
		if err != nil {
			return err
		}
		answer.Grant = raw
		c.grant = &store.GrantRow{ID: g.ID, Request: g.Request, Endpoint: g.Endpoint, Raw: raw}
		c.next.Grant = elevation.GrantFacts{ID: g.ID, IssuedAt: c.now, DeliverBy: c.now.Add(elevation.DefaultTimes().DeliverBy)}
		c.event(audit.GrantIssued, d.By, map[string]string{"duration": g.Duration.String(), "use_within": g.ValidFor.String(),
			"key_epoch": strconv.FormatUint(g.KeyEpoch, 10)}, nil)
	}
	c.send(wire.TDecision, answer)
	return nil
}

// grant makes and signs the permission for a request that is approved.
func (q *Queue) grant(r *elevation.Request, now time.Time) (elevation.Grant, []byte, error) {
	attempt, err := sign.Encode(r.Attempt)
	if err != nil {
		return elevation.Grant{}, nil, fmt.Errorf("encode attempt of %s: %w", r.ID, err)
	}
	digest := sha256.Sum256(attempt)
	g := elevation.Grant{Cluster: q.cfg.Cluster, Endpoint: r.Endpoint, ID: elevation.NewGrantID(now), Request: r.ID, RequestDigest: digest[:],
		AccessType: r.Attempt.AccessType, User: r.Attempt.User, Subject: r.Attempt.Subject, IssuedAt: now,
		ValidFor: r.Granted.UseWithin, Duration: r.Granted.Duration, Uses: 1, Rule: r.Decision.Rule,
		Nonce: make([]byte, 16), KeyEpoch: q.cfg.Signer.Epoch(), Children: r.Need.Children, Confirm: r.Need.Confirm}
	rand.Read(g.Nonce)
	if s := r.Granted.Start; !s.IsZero() {
		g.NotBefore, g.NotAfter = s, s.Add(r.Granted.Duration)
	}
	for _, v := range r.Reviews {
		if v.Verdict == elevation.Approved {
			g.Approvers = append(g.Approvers, v.By)
		}
	}
	if len(g.Approvers) == 0 {
		g.Approvers = []elevation.Actor{r.Decision.By}
	}
	raw, err := q.cfg.Signer.SignGrant(g)
	if err != nil {
		return elevation.Grant{}, nil, fmt.Errorf("sign grant of %s: %w", r.ID, err)
	}
	return g, raw, nil
}

// amendment makes and signs the order to give the grant of a request more time.
func (q *Queue) amendment(of elevation.Request, by elevation.RequestID, total time.Duration, who elevation.Actor, now time.Time) ([]byte, error) {
	a := elevation.Amendment{Cluster: q.cfg.Cluster, Endpoint: of.Endpoint, Grant: of.Grant.ID, Of: of.ID, Request: by, Duration: total,
		By: signedBy(q.cfg.Store.Settings(), who), At: now, Nonce: make([]byte, 16), KeyEpoch: q.cfg.Signer.Epoch()}
	rand.Read(a.Nonce)
	raw, err := q.cfg.Signer.SignAmendment(a)
	if err != nil {
		return nil, fmt.Errorf("sign amendment of %s: %w", of.ID, err)
	}
	return raw, nil
}

// takeBack sends the signed order to end what was granted.
func (q *Queue) takeBack(c *change, reason elevation.EndReason, by elevation.Actor, comment string) error {
	if reason == elevation.RevokedEnd {
		by = signedBy(q.cfg.Store.Settings(), by)
	}
	r := elevation.Revocation{Cluster: q.cfg.Cluster, Endpoint: c.next.Endpoint, Grant: c.next.Grant.ID, Request: c.next.ID, Reason: reason,
		By: by, Comment: comment, At: c.now, Nonce: make([]byte, 16), KeyEpoch: q.cfg.Signer.Epoch()}
	rand.Read(r.Nonce)
	raw, err := q.cfg.Signer.SignRevocation(r)
	if err != nil {
		return fmt.Errorf("sign revocation of %s: %w", c.next.ID, err)
	}
	c.send(wire.TRevoke, wire.Revoke{Request: c.next.ID, Grant: c.next.Grant.ID, Signed: raw})
	return nil
}

// describe says in an event what was asked for.
func describe(r elevation.Request, data, text map[string]string) {
	a := r.Attempt
	for _, part := range [...][2]string{{"access_type", string(a.AccessType)}, {"user", a.User.Name}, {"uid", a.User.UID}, {"path", a.Subject.Path},
		{"sha256", a.Subject.SHA256}, {"run_as", a.Subject.RunAs}, {"mechanism", a.Mechanism}, {"priority", string(r.Priority)},
		{"rules", strings.Join(r.Need.Rules, " ")}} {
		put(data, part[0], part[1])
	}
	put(text, "justification", r.Justification)
	put(text, "ticket", r.Ticket)
	if len(a.Subject.Args) > 0 {
		quoted := make([]string, 0, min(len(a.Subject.Args), 256))
		for _, arg := range a.Subject.Args[:min(len(a.Subject.Args), 256)] {
			quoted = append(quoted, strconv.Quote(audit.Clip(arg, 1024)))
		}
		put(text, "args", strings.Join(quoted, " "))
	}
}

// put sets a value that is not empty, cut to what an event may hold.
func put(m map[string]string, key, value string) {
	if value != "" {
		m[key] = audit.Clip(value, audit.MaxValue)
	}
}

// endpointActor is an endpoint as the audit log names it.
func endpointActor(ep store.Endpoint) elevation.Actor {
	return elevation.Actor{Kind: elevation.ByEndpoint, ID: string(ep.ID), Name: audit.Clip(ep.Name, 256)}
}

func system() elevation.Actor { return elevation.Actor{Kind: elevation.BySystem, Name: "controller"} }
