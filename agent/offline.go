package agent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/offline"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file elevates without the controller: what the signed bundle of rules
// approves, and what a code was told for. Such a grant is made here and signed by
// nobody; in its place stands a proof, which is checked anew whenever a signed
// grant would be: by asking the bundle again, or by what this run of the agent
// remembers of the code.

// proof is what the ledger keeps in place of a signed grant.
type proof struct {
	By            wire.UsedBy       `cbor:"by"`
	Bundle        uint64            `cbor:"bundle"`    // its number, of rules
	Version       int64             `cbor:"version"`   // of the rules
	Challenge     string            `cbor:"challenge"` // of a code
	Attempt       elevation.Attempt `cbor:"attempt"`
	Justification string            `cbor:"justification"`
	Ticket        string            `cbor:"ticket"`
	Grant         elevation.Grant   `cbor:"grant"`
}

// useOffline is how long after it was made such a grant can be used.
const useOffline = 10 * time.Minute

// errProof is wrapped by every reason not to act on a proof.
var errProof = errors.New("what was allowed without the controller can not be used")

// gone reports whether the controller can not be reached: there is no session, or
// the last attempt got no answer in time and nothing was heard since.
func (a *Agent) gone() bool { return a.mute.Load() || !a.Conn.Connected() }

// byBundle answers an attempt by the signed rules, where the policy lets them and
// they can be used. done is false when a person would have to answer.
func (a *Agent) byBundle(id elevation.RequestID, ask intercept.Ask) (permit intercept.Permit, done bool, err error) {
	if !a.Policy().Offline.Rules {
		return intercept.Permit{}, false, nil
	}
	out, b, err := a.offline.Answer(ask.Attempt, ask.Ticket)
	switch {
	case err != nil:
		a.Log.Info("rules are not used without the controller", "why", err)
		return intercept.Permit{}, false, nil
	case out.Kind == rules.Deny:
		text := out.Text("en")
		if text == "" {
			text = out.Sentence
		}
		return intercept.Permit{}, true, &intercept.Refused{By: string(out.Name), Rule: true, Text: text}
	case out.Kind != rules.Approve:
		return intercept.Permit{}, false, nil
	}
	p := proof{By: wire.UsedRules, Bundle: b.Number, Version: b.Version, Attempt: ask.Attempt, Justification: ask.Justification, Ticket: ask.Ticket}
	rule := elevation.Actor{Kind: elevation.ByRule, ID: out.Rule, Name: string(out.Name)}
	p.Grant = a.localGrant(id, ask.Attempt, offlineTime(out, ask.Attempt), rule)
	p.Grant.Rule, p.Grant.KeyEpoch, p.Grant.Children = out.Rule, b.KeyEpoch, elevation.Children(out.Children)
	permit, err = a.keepLocal(p, string(out.Name))
	return permit, true, err
}

// offlineTime is how long the rules let an attempt last.
func offlineTime(out rules.Outcome, attempt elevation.Attempt) time.Duration {
	times := elevation.DefaultTimes()
	d := attempt.Duration
	if d <= 0 {
		d = times.Usual(attempt.AccessType)
	}
	d = min(d, times.RunCap)
	if limit := out.Limits.Duration; limit > 0 {
		d = min(d, limit)
	}
	return d
}

// localGrant is the grant that a controller would sign.
func (a *Agent) localGrant(id elevation.RequestID, attempt elevation.Attempt, d time.Duration, by elevation.Actor) elevation.Grant {
	now := a.now()
	g := elevation.Grant{Cluster: a.Cluster, Endpoint: a.Endpoint, ID: elevation.NewGrantID(now), Request: id, AccessType: attempt.AccessType,
		User: attempt.User, Subject: attempt.Subject, IssuedAt: now.UTC(), ValidFor: useOffline, Duration: d, Uses: 1,
		Approvers: []elevation.Actor{by}, Nonce: make([]byte, 16)}
	rand.Read(g.Nonce)
	if raw, err := sign.Encode(attempt); err == nil { // else no proof of it verifies
		digest := sha256.Sum256(raw)
		g.RequestDigest = digest[:]
	}
	return g
}

// keepLocal writes a grant that was made here into ledger and journal, and gives
// its permit out.
func (a *Agent) keepLocal(p proof, by string) (intercept.Permit, error) {
	if why := a.lockedBy(); why != "" {
		return intercept.Permit{}, &intercept.Refused{By: "an administrator", Text: why}
	}
	raw, err := sign.Encode(p)
	if err != nil {
		return intercept.Permit{}, fmt.Errorf("allow without the controller: %w", err)
	}
	uid, sid, err := privilege.Owner(p.Grant.User.UID)
	if err != nil {
		return intercept.Permit{}, err
	}
	now, g := a.Clock(), p.Grant
	e := grants.Entry{ID: g.ID, Request: g.Request, UID: uid, SID: sid, UserName: g.User.Name, Grant: raw, Offline: p.By, State: grants.Held,
		Received: now, UseBy: now.After(g.ValidFor), Total: g.Duration}
	if p.By == wire.UsedCode {
		a.offline.Vouch(g.ID, raw)
	}
	if err := a.Ledger.Put(e); err != nil {
		return intercept.Permit{}, fmt.Errorf("allow without the controller: %w", err)
	}
	text := "without the controller, by " + string(p.By)
	approved := func(n *note) {
		n.Accepted, n.Phase, n.Grant, n.By, n.Text = true, phaseApproved, g.ID, by, text
		n.happened(now.Wall, "approved", by, text)
	}
	if _, known := a.journal.get(g.Request); known {
		err = a.journal.update(g.Request, now.Wall, approved)
	} else {
		n := note{ID: g.Request, At: now.Wall, Attempt: p.Attempt, Justification: p.Justification, Ticket: p.Ticket}
		approved(&n)
		err = a.journal.put(n, now.Wall)
	}
	if err != nil {
		return intercept.Permit{}, err
	}
	a.offline.Forget(g.Request)
	a.ledgerChanged()
	permit, ok := a.claim(g.ID)
	if !ok {
		return intercept.Permit{}, fmt.Errorf("%w: it was taken already", errProof)
	}
	return permit, nil
}

// openEntry verifies what an entry of the ledger stands for: a signed grant, or
// the proof of one that was made here.
func (a *Agent) openEntry(e grants.Entry) (elevation.Grant, error) {
	if e.Parent != "" {
		return elevation.Grant{}, fmt.Errorf("%w: a command of a session has none of its own", errGrant)
	}
	if e.Offline == "" {
		return a.openGrant(e.Grant)
	}
	p, err := openProof(e)
	if err != nil {
		return elevation.Grant{}, err
	}
	g := p.Grant
	switch {
	case g.Cluster != a.Cluster || g.Endpoint != a.Endpoint:
		return elevation.Grant{}, fmt.Errorf("%w: it is of another endpoint", errProof)
	case g.AccessType != elevation.Run || g.Uses != 1 || g.ValidFor != useOffline || !g.NotBefore.IsZero() || !g.NotAfter.IsZero():
		return elevation.Grant{}, fmt.Errorf("%w: its form is not served", errProof)
	case matches(g, p.Attempt) != nil:
		return elevation.Grant{}, fmt.Errorf("%w: it is for something else", errProof)
	}
	switch e.Offline {
	case wire.UsedRules:
		return g, a.stillApproved(p)
	case wire.UsedCode:
		longest := elevation.OfflineBuckets()[len(elevation.OfflineBuckets())-1]
		if !a.offline.Vouched(e.ID, e.Grant) || g.Duration > longest || !a.Policy().Offline.Codes {
			return elevation.Grant{}, fmt.Errorf("%w: its code was for another run of the agent", errProof)
		}
		return g, nil
	}
	return elevation.Grant{}, fmt.Errorf("%w: nothing is known that would allow it", errProof)
}

// openProof reads the proof of an entry and holds it against the entry.
func openProof(e grants.Entry) (proof, error) {
	var p proof
	if err := sign.Decode(e.Grant, &p); err != nil {
		return p, fmt.Errorf("%w: %w", errProof, err)
	}
	if p.By != e.Offline || p.Grant.ID != e.ID || p.Grant.Request != e.Request || p.Grant.User.UID != e.User() || p.Grant.User.Name != e.UserName {
		return p, fmt.Errorf("%w: it is not that of this grant", errProof)
	}
	return p, nil
}

// stillApproved asks the bundle again.
func (a *Agent) stillApproved(p proof) error {
	if !a.Policy().Offline.Rules {
		return fmt.Errorf("%w: the policy does not let rules answer any more", errProof)
	}
	out, _, err := a.offline.Answer(p.Attempt, p.Ticket)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errProof, err)
	case out.Kind != rules.Approve || string(out.Name) == "" || p.Grant.Rule == "":
		return fmt.Errorf("%w: the rules do not approve it any more", errProof)
	case p.Grant.Duration > offlineTime(out, p.Attempt):
		return fmt.Errorf("%w: it lasts longer than the rules give", errProof)
	}
	return nil
}

// tellStart reports that a grant is in use.
func (a *Agent) tellStart(e grants.Entry) error {
	if e.Offline == "" {
		return a.Conn.Report(wire.Report{Request: e.Request, Grant: e.ID, Kind: elevation.ReportStarted, At: a.now()})
	}
	used, err := usedOf(e)
	if err != nil {
		return err
	}
	return a.Conn.Tell(used)
}

// tellEnd reports that a grant is over.
func (a *Agent) tellEnd(e grants.Entry, text string) error {
	if e.Offline == "" {
		return a.Conn.Report(wire.Report{Request: e.Request, Grant: e.ID, Kind: elevation.ReportEnded, Reason: e.EndReason,
			Failed: e.EndReason == elevation.Abandoned, Exit: e.Exit, Text: text, Changes: a.changesBy(e), At: e.EndedAt})
	}
	used, err := usedOf(e)
	if err != nil {
		return err
	}
	used.EndedAt, used.Reason, used.Exit = e.EndedAt, e.EndReason, e.Exit
	if !e.Used {
		used.StartedAt = time.Time{}
	}
	return a.Conn.Tell(used)
}

// usedOf is what the controller is told of a grant that it did not make.
func usedOf(e grants.Entry) (wire.Used, error) {
	p, err := openProof(e)
	if err != nil {
		return wire.Used{}, err
	}
	return wire.Used{Request: e.Request, Grant: e.ID, Attempt: p.Attempt, By: p.By, Rule: p.Grant.Rule, Version: p.Bundle, Challenge: p.Challenge,
		Justification: p.Justification, Ticket: p.Ticket, Duration: p.Grant.Duration, StartedAt: e.Received.Wall.UTC()}, nil
}

// singleOnly is said to whoever asks for more. A rule of the bundle judges one
// program by its file and arguments, and a code is one approver's word about one
// program, for minutes; what is for everything needs the whole of the desk: more
// than one answer, presence, and somebody who can revoke it.
const singleOnly = "While the controller can not be reached only single programs can be approved: ask for the command itself, with sudo or assent run."

// offerCode lets an attempt wait for a code where the policy has them, and asks
// the person for it. err is why not; ErrUnreachable when nothing can be done.
func (a *Agent) offerCode(ctx context.Context, w *wait, id elevation.RequestID) (intercept.Permit, error) {
	may := a.Policy().Offline
	if (may.Rules || may.Codes) && !w.ask.RulesOnly && w.ask.Attempt.AccessType != elevation.Run {
		w.p.Say(singleOnly)
	}
	if !may.Codes || w.ask.RulesOnly || w.ask.Attempt.AccessType != elevation.Run {
		return intercept.Permit{}, intercept.ErrUnreachable
	}
	user := w.ask.Attempt.User.UID
	waits, err := a.offline.Challenge(offline.Wait{Request: id, User: user, Attempt: w.ask.Attempt,
		Justification: w.justification(), Ticket: w.ask.Ticket})
	var locked *offline.LockedError
	if errors.As(err, &locked) {
		return intercept.Permit{}, &intercept.Refused{By: "this endpoint", Rule: true, Text: locked.Error()}
	}
	if err != nil {
		a.Log.Info("no code is offered", "why", err)
		return intercept.Permit{}, intercept.ErrUnreachable
	}
	short := elevation.ShortID(string(waits.Request))
	w.p.Say("The controller can not be reached. An approver can tell you a code for the challenge " + waits.Challenge + ".")
	for {
		typed := ""
		if !w.ask.NoWait {
			typed, err = w.p.Question(ctx, intercept.Question{Request: waits.Request, By: "Assent", Text: "the code for " + waits.Challenge})
		}
		if err != nil || typed == "" {
			w.p.Say("With the code: assent offline " + short + " CODE, then the same command again.")
			return intercept.Permit{}, intercept.ErrUnreachable
		}
		permit, err := a.redeem(user, waits.Request, typed)
		if err == nil {
			return permit, nil
		}
		if !errors.Is(err, offline.ErrWrong) && !errors.Is(err, elevation.ErrInvalid) {
			return intercept.Permit{}, &intercept.Refused{By: "this endpoint", Rule: true, Text: err.Error()}
		}
		w.p.Say(err.Error())
	}
}

func (w *wait) justification() string {
	if w.complete.Justification != "" {
		return w.complete.Justification
	}
	return w.ask.Justification
}

// redeem makes the grant that a code is for.
func (a *Agent) redeem(user string, id elevation.RequestID, code string) (intercept.Permit, error) {
	if why := a.lockedBy(); why != "" {
		return intercept.Permit{}, &intercept.Refused{By: "an administrator", Text: why}
	}
	w, d, err := a.offline.Redeem(user, id, code)
	if err != nil {
		return intercept.Permit{}, err
	}
	p := proof{By: wire.UsedCode, Challenge: w.Challenge, Attempt: w.Attempt, Justification: w.Justification, Ticket: w.Ticket}
	p.Grant = a.localGrant(w.Request, w.Attempt, d, elevation.Actor{Kind: elevation.ByUser, Name: "an approver, by a code"})
	return a.keepLocal(p, "an approver")
}

// Offline is what waits for a code, of one user. It implements local's Offline.
func (a *Agent) Offline(user string) ([]local.Challenge, error) {
	if !a.Policy().Offline.Codes {
		return nil, fmt.Errorf("%w: %s", local.ErrConflict, local.CodesOff)
	}
	if !a.Conn.Connected() { // what was asked for before the controller was lost can have a code too
		for _, n := range a.notesOf(user) {
			if n.Phase != phaseWaiting || n.Extends != "" || n.Attempt.AccessType != elevation.Run {
				continue
			}
			_, err := a.offline.Challenge(offline.Wait{Request: n.ID, User: user, Attempt: n.Attempt, Justification: n.Justification, Ticket: n.Ticket})
			if err != nil {
				return nil, fmt.Errorf("%w: %w", local.ErrConflict, err)
			}
		}
	}
	var out []local.Challenge
	for _, w := range a.offline.Waits(user) {
		s := w.Attempt.Subject
		out = append(out, local.Challenge{ID: w.Request, Challenge: w.Challenge, Path: s.Path, Args: s.Args, RunAs: s.RunAs,
			At: w.Since.Wall, Until: w.Since.Wall.Add(offline.ChallengeTime)})
	}
	if len(out) == 0 {
		if err := a.offline.Codes(); err != nil {
			return nil, fmt.Errorf("%w: %w", local.ErrConflict, err)
		}
	}
	return out, nil
}

// Redeem takes a code for what waits. Whoever waits at a terminal goes on;
// otherwise the same command typed again uses it.
func (a *Agent) Redeem(user string, id elevation.RequestID, code string) error {
	if !a.Policy().Offline.Codes {
		return fmt.Errorf("%w: %s", local.ErrConflict, local.CodesOff)
	}
	permit, err := a.redeem(user, id, code)
	switch {
	case errors.Is(err, offline.ErrNoWait):
		return fmt.Errorf("%w: %w", local.ErrNotFound, err)
	case errors.Is(err, elevation.ErrInvalid):
		return fmt.Errorf("%w: %w", local.ErrInvalid, err)
	case err != nil:
		return fmt.Errorf("%w: %w", local.ErrConflict, err)
	}
	a.unclaim(permit.Grant.ID) // for whoever runs it
	a.tell(id, func(h *holder) { h.grant = permit.Grant.ID })
	return nil
}

// takeSecret keeps the key for codes that the controller sent.
func (a *Agent) takeSecret(m wire.Secret) error {
	return a.offline.SetSecret(m)
}

// takeBundle keeps the rules that the controller sent.
func (a *Agent) takeBundle(m wire.Signed) error {
	return a.offline.Adopt(m.Raw)
}
