package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// handle does what one message of the endpoint asks. An error ends the session;
// what is wrong with a request alone is answered.
func (s *session) handle(f wire.Frame) error {
	if f.Seq != 0 {
		return fmt.Errorf("%w: %s with a sequence number", errProtocol, f.Type)
	}
	ctx, cancel := context.WithTimeout(s.g.ctx, s.g.cfg.Call)
	defer cancel()
	switch f.Type {
	case wire.TPing:
		return s.handlePing(ctx, f)
	case wire.TAck:
		return s.handleAck(f)
	case wire.TAttempt:
		return call(s, f, func(m wire.Attempt) elevation.RequestID { return m.Request },
			func(m wire.Attempt) error { return s.draft(ctx, m) })
	case wire.TComplete:
		return call(s, f, func(m wire.Complete) elevation.RequestID { return m.Request },
			func(m wire.Complete) error { return s.complete(ctx, m) })
	case wire.TWithdraw:
		return call(s, f, func(m wire.Withdraw) elevation.RequestID { return m.Request }, func(m wire.Withdraw) error {
			return s.accept(m.Request, s.g.cfg.Queue.Withdraw(ctx, s.ep, m))
		})
	case wire.TAnswer:
		return call(s, f, func(m wire.Answer) elevation.RequestID { return m.Request }, func(m wire.Answer) error {
			return s.accept(m.Request, s.g.cfg.Queue.Answer(ctx, s.ep, m))
		})
	case wire.TReport, wire.TRights, wire.TOrdered, wire.TSeen, wire.TUsed:
		return s.takeTold(f)
	case wire.TRenew:
		return call(s, f, func(wire.Renew) elevation.RequestID { return "" }, func(m wire.Renew) error {
			out, err := s.renew(ctx, m)
			if err != nil {
				return err
			}
			return s.say(wire.TRenewed, out)
		})
	case wire.TExtend:
		return call(s, f, func(m wire.Extend) elevation.RequestID { return m.New }, func(m wire.Extend) error {
			return s.more(m.New, s.g.cfg.Queue.ExtendFrom(ctx, s.ep, m))
		})
	case wire.TResubmit:
		return call(s, f, func(m wire.Resubmit) elevation.RequestID { return m.New }, func(m wire.Resubmit) error {
			return s.more(m.New, s.g.cfg.Queue.ResubmitFrom(ctx, s.ep, m))
		})
	case wire.TRemove:
		return call(s, f, func(m wire.Remove) elevation.RequestID { return m.Request }, func(m wire.Remove) error {
			return s.accept(m.Request, s.g.cfg.Queue.RemoveFrom(ctx, s.ep, m))
		})
	case wire.TPortalLink:
		return call(s, f, func(wire.PortalLink) elevation.RequestID { return "" },
			func(m wire.PortalLink) error { return s.portal(ctx, m) })
	case wire.TKnown:
		return call(s, f, func(wire.Known) elevation.RequestID { return "" }, s.introduced)
	case wire.TConfirm:
		return call(s, f, func(m wire.Confirm) elevation.RequestID { return m.Request },
			func(m wire.Confirm) error { return s.confirm(ctx, m) })
	case wire.THello:
		return fmt.Errorf("%w: a second hello", errProtocol)
	}
	return nil // something newer that may be missed
}

// call decodes a message, takes it from the endpoint's allowance, and answers
// what do refuses.
func call[M any](s *session, f wire.Frame, request func(M) elevation.RequestID, do func(M) error) error {
	var m M
	if err := f.Into(&m); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if ok, wait := s.calls.take(time.Now()); !ok {
		return s.say(wire.TError, wire.Error{Request: plainID(request(m)), Code: wire.CodeRateLimited,
			Text: "too many requests from this endpoint", RetryAfter: max(wait, 100*time.Millisecond)})
	}
	err := do(m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errBanned), errors.Is(err, errUnknown), errors.Is(err, errClosed):
		return err
	}
	return s.sayError(plainID(request(m)), err)
}

// plainID keeps what an endpoint may have put into a request id out of answers
// and logs unless it is one.
func plainID(id elevation.RequestID) elevation.RequestID {
	if elevation.CheckID(elevation.RequestPrefix, string(id)) != nil {
		return ""
	}
	return id
}

func (s *session) draft(ctx context.Context, m wire.Attempt) error {
	if err := elevation.CheckID(elevation.RequestPrefix, string(m.Request)); err != nil {
		return fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	a, err := s.g.cfg.Queue.Draft(ctx, s.ep, m)
	if err != nil {
		return err
	}
	switch {
	case a.Closed != nil:
		return s.say(wire.TClosed, *a.Closed)
	case a.Need != nil:
		if err := s.say(wire.TNeed, *a.Need); err != nil || a.Need.Joined == "" {
			return err
		}
		s.follow(a.Need.Joined)
		return s.tellProgress(ctx, a.Need.Joined)
	case a.Decided:
		return nil // the frame is in the store and the queue has woken the writer
	}
	return fmt.Errorf("the queue gave no answer to %s", m.Request)
}

func (s *session) complete(ctx context.Context, m wire.Complete) error {
	p, err := s.g.cfg.Queue.Complete(ctx, s.ep, m)
	if err != nil {
		return err
	}
	if p.Request != "" && p.Request != m.Request { // the same thing was queued meanwhile
		if err := s.say(wire.TNeed, wire.Need{Request: m.Request, Joined: p.Request}); err != nil {
			return err
		}
	} else if err := s.say(wire.TAccepted, wire.Accepted{Request: m.Request}); err != nil {
		return err
	}
	if p.Request == "" { // decided at once
		return nil
	}
	s.follow(p.Request)
	return s.say(wire.TProgress, p)
}

// confirm says where the requester shows their passkey.
func (s *session) confirm(ctx context.Context, m wire.Confirm) error {
	out, err := s.g.cfg.Queue.ConfirmFrom(ctx, s.ep, m)
	if err != nil {
		return err
	}
	return s.say(wire.TConfirming, out)
}

// portal gives out a one-time link to what a user of this endpoint asked for. The
// endpoint is the one of the certificate, whatever the message says.
func (s *session) portal(ctx context.Context, m wire.PortalLink) error {
	out := wire.Portal{N: m.N}
	err := errNotServed
	if make := s.g.cfg.Portal; make != nil {
		out.URL, out.Expires, err = make(ctx, auth.Seat{Endpoint: s.ep, UID: m.User.UID, Name: m.User.Name})
	}
	if err != nil {
		e := s.errorOf("", err)
		out = wire.Portal{N: m.N, Code: e.Code, Text: e.Text}
	}
	return s.say(wire.TPortal, out)
}

// more accepts a request that came of another one; its place in the queue is
// told like that of any other.
func (s *session) more(id elevation.RequestID, err error) error {
	if err := s.accept(id, err); err != nil {
		return err
	}
	s.follow(id)
	return nil
}

func (s *session) accept(id elevation.RequestID, err error) error {
	if err != nil {
		return err
	}
	return s.say(wire.TAccepted, wire.Accepted{Request: id})
}

// takeTold takes a message that the endpoint keeps until it is accepted.
func (s *session) takeTold(f wire.Frame) error {
	to := s.g.cfg.Told
	switch f.Type {
	case wire.TRights:
		return taken(s, f, to.Rights)
	case wire.TOrdered:
		return taken(s, f, to.Ordered)
	case wire.TSeen:
		return taken(s, f, to.Seen)
	case wire.TUsed:
		return taken(s, f, to.Used)
	}
	return taken(s, f, s.g.cfg.Queue.Report)
}

// taken stores what an endpoint tells beside the reader, so that the next
// attempt does not wait for it. One is at work at a time: an endpoint waits for
// its acceptance, and one that does not, waits here.
func taken[M wire.Told](s *session, f wire.Frame, take func(context.Context, elevation.EndpointID, M) error) error {
	s.reports.Wait()
	s.mu.Lock()
	err := s.reportErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return call(s, f, aboutTold[M], func(m M) error {
		s.reports.Go(func() {
			defer s.survive()
			ctx, cancel := context.WithTimeout(s.g.ctx, s.g.cfg.Call)
			defer cancel()
			err := s.takeNumber(m, func() error { return told(ctx, s, take, m) })
			if err != nil && !errors.Is(err, errClosed) && !errors.Is(err, errSlow) {
				err = s.sayError(plainID(aboutTold(m)), err)
			}
			if err != nil {
				s.mu.Lock()
				s.reportErr = err
				s.mu.Unlock()
			}
		})
		return nil
	})
}

func aboutTold[M wire.Told](m M) elevation.RequestID {
	if r, ok := wire.Told(m).(wire.Report); ok {
		return r.Request
	}
	return ""
}

// told calls what takes a message; one that nobody takes is accepted and lost, as
// it would hold up everything behind it.
func told[M wire.Told](ctx context.Context, s *session, take func(context.Context, elevation.EndpointID, M) error, m M) error {
	if take == nil {
		s.g.log.Warn("a message of an endpoint is not taken", "endpoint", s.ep, "type", m.Type())
		return nil
	}
	return take(ctx, s.ep, m)
}

// takeNumber takes a numbered message. One that can never be taken is answered,
// and accepted so that it does not hold up those behind it.
func (s *session) takeNumber(m wire.Told, take func() error) error {
	if m.Number() == 0 {
		return fmt.Errorf("%w: a report without number", elevation.ErrInvalid)
	}
	err := take()
	if err != nil && !refusal(err) {
		return err
	}
	if err != nil {
		s.g.log.Warn("a report is refused", "endpoint", s.ep, "type", m.Type(), "report_seq", m.Number(), "error", err)
		if err := s.sayError(plainID(aboutTold(m)), err); err != nil {
			return err
		}
	}
	return s.say(wire.TAccepted, wire.Accepted{Report: m.Number()})
}

func (s *session) handlePing(ctx context.Context, f wire.Frame) error {
	var m wire.Ping
	if err := f.Into(&m); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if s.pings++; s.pings%recheckEvery == 0 {
		if err := s.recheck(ctx); err != nil {
			return err
		}
	}
	return s.say(wire.TPong, m)
}

func (s *session) handleAck(f wire.Frame) error {
	var m wire.Ack
	if err := f.Into(&m); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Seq > s.sent {
		return fmt.Errorf("%w: it acknowledges %d, sent was %d", errProtocol, m.Seq, s.sent)
	}
	if m.Seq > s.acked {
		full := s.sent-s.acked >= uint64(s.g.cfg.Limits.Unacked)
		s.acked = m.Seq
		if full {
			s.dirty = true
			s.startWriterLocked()
		}
	}
	return nil
}

// refusal reports whether err is about what was asked, so that asking again
// gives the same answer.
func refusal(err error) bool {
	for _, known := range []error{elevation.ErrInvalid, elevation.ErrNotPending, elevation.ErrAlreadyDecided, elevation.ErrSelfApproval,
		elevation.ErrNotAllowed, elevation.ErrNotFound, elevation.ErrConflict, errOtherKey, errNotServed, keys.ErrCSR} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// sayError answers a message that was not taken.
func (s *session) sayError(id elevation.RequestID, err error) error {
	return s.say(wire.TError, s.errorOf(id, err))
}

// errorOf is an error as endpoints are told it. What went wrong inside stays in the
// log.
func (s *session) errorOf(id elevation.RequestID, err error) wire.Error {
	e := wire.Error{Request: id}
	switch {
	case errors.Is(err, queue.ErrLocked):
		e.Code, e.Text = wire.CodeLocked, err.Error()
	case errors.Is(err, elevation.ErrLimit):
		e.Code, e.Text, e.RetryAfter = wire.CodeRateLimited, err.Error(), retryAfter
	case refusal(err):
		e.Code, e.Text = wire.CodeInvalid, err.Error()
	default:
		s.g.log.Error("a message of an endpoint could not be handled", "endpoint", s.ep, "request", id, "error", err)
		e.Code, e.Text, e.RetryAfter = wire.CodeUnavailable, "the controller can not store this at the moment", retryAfter
	}
	e.Text = cut(strings.ToValidUTF8(e.Text, "\uFFFD"), maxErrorText)
	return e
}
