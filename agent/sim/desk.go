package sim

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is what a simulated endpoint does with the request desk beside
// asking: questions, more time, policies, and grants that it never asked for.

// questioned answers an approver as a person at the prompt would.
func (e *endpoint) questioned(m wire.Question) error {
	e.f.rec.add(func(s *Summary) { s.Questions++ })
	if e.f.cfg.Answer == "" {
		return nil
	}
	if err := e.link.Send(wire.TAnswer, wire.Answer{Request: m.Request, Text: e.f.cfg.Answer}); err != nil {
		e.f.cfg.Log.Debug("an answer is lost", "endpoint", e.f.hostname(e.n), "error", err)
	}
	return nil
}

// amended follows the signed order to use a grant for longer.
func (e *endpoint) amended(m wire.Signed) error {
	var a elevation.Amendment
	err := e.link.KeySet().Open(sign.Amendment, m.Raw, time.Now(), &a)
	id := e.link.Identity()
	if err == nil && (a.Cluster != id.Cluster || a.Endpoint != id.Endpoint || a.Duration <= 0) {
		err = fmt.Errorf("it is for another endpoint, or gives no time")
	}
	if err != nil {
		e.f.rec.unverified(e, a.Request, fmt.Sprintf("amendment: %v", err))
		return nil
	}
	e.mu.Lock()
	u := e.byID[a.Grant]
	follow := u != nil && !u.over && u.request == a.Of
	if follow && !u.amended[a.Request] {
		if u.amended == nil {
			u.amended = map[elevation.RequestID]bool{}
		}
		u.amended[a.Request] = true
		if u.timer != nil {
			u.timer.Reset(e.f.cfg.Use) // it is used for as long again
		}
	}
	e.mu.Unlock()
	report := wire.Report{Request: a.Request, Grant: a.Grant, Kind: elevation.ReportDelivered, At: time.Now().UTC()}
	if !follow {
		report.Kind, report.Reason, report.Text = elevation.ReportEnded, elevation.Failed, "there is nothing to make longer"
	} else {
		e.f.rec.add(func(s *Summary) { s.Amended++ })
	}
	return e.link.Report(report)
}

// extend asks for more time in the middle of a use.
func (e *endpoint) extend(id elevation.RequestID) {
	m := wire.Extend{Request: id, New: elevation.NewRequestID(time.Now()), Duration: max(e.f.cfg.Use, time.Second), Reason: "It takes longer than I thought"}
	if err := e.link.Send(wire.TExtend, m); err != nil {
		e.f.cfg.Log.Debug("a question for more time is lost", "endpoint", e.f.hostname(e.n), "error", err)
	}
}

// policy keeps the newest policy; an older one must never come.
func (e *endpoint) policy(m wire.Signed) error {
	var p elevation.Policy
	err := e.link.KeySet().Open(sign.Policy, m.Raw, time.Now(), &p)
	id := e.link.Identity()
	e.mu.Lock()
	switch {
	case err != nil:
	case p.Cluster != id.Cluster || p.Endpoint != id.Endpoint:
		err = fmt.Errorf("it is for another endpoint")
	case p.Version < e.version:
		err = fmt.Errorf("version %d after %d", p.Version, e.version)
	default:
		e.version = p.Version
	}
	e.mu.Unlock()
	if err != nil {
		e.f.rec.unverified(e, "", fmt.Sprintf("policy: %v", err))
		return nil
	}
	e.f.rec.add(func(s *Summary) { s.Policies++ })
	return nil
}

// unasked takes a grant for a request that was made elsewhere: in the portal, by
// an approver ahead or for somebody, by asking again. It is used as any other,
// in its time; access that the endpoint can not give is refused.
func (e *endpoint) unasked(m wire.Decision) error {
	if m.Verdict != elevation.Approved || len(m.Grant) == 0 {
		return nil
	}
	var g elevation.Grant
	err := e.link.KeySet().Open(sign.Grant, m.Grant, time.Now(), &g)
	id := e.link.Identity()
	if err == nil && (g.Cluster != id.Cluster || g.Endpoint != id.Endpoint || g.Request != m.Request) {
		err = fmt.Errorf("it is for another endpoint or request")
	}
	if err != nil {
		e.f.rec.unverified(e, m.Request, fmt.Sprintf("grant: %v", err))
		return nil
	}
	if !elevation.Serves(e.f.cfg.Capabilities, g.AccessType) {
		return e.link.Report(wire.Report{Request: g.Request, Grant: g.ID, Kind: elevation.ReportEnded, Reason: elevation.Failed,
			Text: fmt.Sprintf("this endpoint can not give access of type %s", g.AccessType), At: time.Now().UTC()})
	}
	e.f.rec.add(func(s *Summary) { s.Unasked++ })
	if wait := time.Until(g.NotBefore); !g.NotBefore.IsZero() && wait > 0 {
		if err := e.link.Report(wire.Report{Request: g.Request, Grant: g.ID, Kind: elevation.ReportDelivered, At: time.Now().UTC()}); err != nil {
			return err
		}
		time.AfterFunc(wait, func() {
			if err := e.begin(g.Request, g.ID, nil); err != nil {
				e.f.cfg.Log.Error("report the start of a use", "endpoint", e.f.hostname(e.n), "error", err)
			}
		})
		return nil
	}
	return e.begin(g.Request, g.ID, nil)
}

// who says which user of this endpoint has the name or the uid.
func (e *endpoint) who(m wire.Who) error {
	known := wire.Known{N: m.N, User: elevation.User{Groups: []string{}}}
	for _, u := range e.f.users(e.n) {
		if m.Name == u.Name || m.Name == "" && m.UID == u.UID {
			known.User = u
			break
		}
	}
	return e.link.Send(wire.TKnown, known)
}

// want makes an attempt one for the access that the configuration names.
func (f *fleet) want(a elevation.Attempt) elevation.Attempt {
	if f.cfg.AccessType == "" || f.cfg.AccessType == elevation.Run {
		return a
	}
	a.AccessType = f.cfg.AccessType
	a.Subject = elevation.Subject{RunAs: a.Subject.RunAs, Cwd: a.Subject.Cwd, Parent: a.Subject.Parent} // of no one program
	return a
}
