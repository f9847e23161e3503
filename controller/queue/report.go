package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Report takes what an endpoint says became of a grant. A number that was taken
// before changes nothing. nil means that it is stored and need not come again;
// that is also the answer to a report about a grant that is not the endpoint's,
// which is audited as refused.
func (q *Queue) Report(ctx context.Context, id elevation.EndpointID, in wire.Report) error {
	if in.Seq == 0 {
		return fmt.Errorf("report: %w: it has no number", elevation.ErrInvalid)
	}
	err := retry(ctx, func() error { return q.report(ctx, id, in) })
	if err != nil {
		return fmt.Errorf("report %d of %s: %w", in.Seq, id, err)
	}
	return nil
}

func (q *Queue) report(ctx context.Context, id elevation.EndpointID, in wire.Report) error {
	now := q.now()
	var ep store.Endpoint
	var l loaded
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		if ep, err = tx.Endpoint(id); err != nil {
			return err
		}
		l, err = ownOf(tx, id, in.Request, loadFacts)
		if errors.Is(err, elevation.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	c := &change{now: now, next: l.r}
	changed, why := false, error(elevation.ErrNotFound)
	var said []func(*store.Tx) error
	if l.r.ID != "" {
		changed, why = reported(l, c, in)
		if why == nil {
			said = c.say(in, endpointActor(l.ep))
		}
		if changed {
			c.settle()
			c.also = append(c.also, said...)
		}
		if changed && in.Kind == elevation.ReportEnded {
			c.also = append(c.also, func(tx *store.Tx) error { return c.nothingToExtend(tx) })
		}
	}
	taken := false
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		fresh, err := tx.Reported(id, in.Seq)
		taken = fresh
		switch {
		case err != nil || !fresh:
			return err
		case why != nil:
			return tx.Append(audit.Event{At: now, Kind: audit.AuthRefused, Actor: endpointActor(ep), Endpoint: id,
				Data: map[string]string{"action": "report", "why": audit.Clip(why.Error(), 256), "request": audit.Clip(string(in.Request), 64),
					"grant": audit.Clip(string(in.Grant), 64)}})
		case changed:
			return c.write(tx)
		}
		return c.mention(tx, said)
	})
	if err == nil && taken && why != nil {
		q.cfg.Log.Warn("a report is refused", "endpoint", id, "report_seq", in.Seq, "error", why)
	}
	return err
}

// reported puts the report into c. changed is false when no fact changes, but
// events may have to be written still.
func reported(l loaded, c *change, in wire.Report) (changed bool, err error) {
	by := endpointActor(l.ep)
	data, text := map[string]string{}, map[string]string{}
	put(data, "reason", string(in.Reason))
	if in.Kind != elevation.ReportListed {
		put(text, "text", in.Text)
	}
	describeListed(in, c.now, data, text)
	if in.Exit != nil {
		data["exit"] = strconv.Itoa(*in.Exit)
	}
	if in.Failed && in.Kind == elevation.ReportEnded && in.Reason != elevation.Abandoned {
		// The take-back could not be confirmed: it is not over, and an alarm.
		if in.Grant == "" || in.Grant != l.r.Grant.ID {
			return false, fmt.Errorf("%w: the request has no such grant", elevation.ErrNotFound)
		}
		c.event(audit.GrantEndFailed, by, data, text)
		return false, nil
	}
	c.next, changed, err = l.r.Report(in.Kind, in.Grant, in.Reason, in.Exit, in.At.UTC(), c.now)
	if err != nil {
		return false, err
	}
	kind := audit.GrantListed
	switch in.Kind {
	case elevation.ReportDelivered:
		kind = audit.GrantDelivered
	case elevation.ReportStarted:
		kind = audit.GrantStarted
	case elevation.ReportEnded:
		kind = audit.GrantEnded
		if in.Failed || in.Reason == elevation.Abandoned {
			kind = audit.GrantEndFailed
		}
	}
	if !changed && in.Kind != elevation.ReportListed {
		return false, nil
	}
	if !in.At.IsZero() {
		data["at"] = in.At.UTC().Format(time.RFC3339Nano)
	}
	c.event(kind, by, data, text)
	return changed, nil
}
