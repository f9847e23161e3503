package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// What an endpoint may say of something that it let go on.
const (
	seenTimes = 100_000             // within a minute
	seenAge   = 90 * 24 * time.Hour // an endpoint that was away for longer tells what counts as so old
)

// Seen takes what an endpoint let go on without a question: history for replay,
// suggestions and coverage, held against the rules as they are now. A number that
// was taken before changes nothing. Broken glass and ways around are events each,
// anything else is one a day for a user and a program.
func (q *Queue) Seen(ctx context.Context, id elevation.EndpointID, in wire.Seen) error {
	if err := seenValid(in); err != nil {
		return fmt.Errorf("what %s has seen: %w", id, err)
	}
	now := q.now()
	ep, err := q.cfg.Store.Endpoint(ctx, id)
	if err != nil {
		return fmt.Errorf("what %s has seen: %w", id, err)
	}
	at := in.At.UTC()
	if at.After(now) {
		at = now
	}
	if oldest := now.Add(-seenAge); at.Before(oldest) {
		at = oldest
	}
	x := store.Sighting{ID: in.ID, Endpoint: id, Kind: in.Kind, Attempt: in.Attempt, Times: min(max(in.Times, 1), seenTimes), At: at}
	if in.Attempt.Valid() == nil {
		out := q.rules().Evaluate(input(ep, in.Attempt, "", "", wanted(in.Attempt.Priority, q.cfg.Store.Settings())), at)
		x.Would, x.Rule = out.Kind.String(), out.Rule
	}
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		fresh, err := tx.Reported(id, in.Report)
		if err != nil || !fresh {
			return err
		}
		kept, err := tx.PutSighting(x)
		if err != nil {
			return err
		}
		if kept.Full {
			q.cfg.Log.Warn("more is seen on an endpoint than is kept of a day", "endpoint", id)
		}
		kind, told := seenEvent(x.Kind)
		if !kept.New || !told && !kept.First {
			return nil
		}
		data, text := map[string]string{"kind": string(x.Kind), "id": string(x.ID), "at": at.Format(time.RFC3339Nano)}, map[string]string{}
		describe(elevation.Request{Attempt: in.Attempt}, data, text)
		put(data, "would", x.Would)
		put(data, "rule", x.Rule)
		if x.Times > 1 {
			data["times"] = strconv.Itoa(x.Times)
		}
		return tx.Append(audit.Event{At: now, Kind: kind, Actor: endpointActor(ep), Endpoint: id, Data: data, Text: text})
	})
	if err != nil {
		return fmt.Errorf("what %s has seen: %w", id, err)
	}
	return nil
}

// seenEvent is the event of something seen; each says that every one is told.
func seenEvent(k wire.SeenKind) (kind audit.Kind, each bool) {
	switch k {
	case wire.SeenBreakGlass:
		return audit.BreakGlassUsed, true
	case wire.SeenAround:
		return audit.AttemptAround, true
	}
	return audit.AttemptObserved, false
}

// seenValid refuses what no endpoint of ours tells. Of a way around the rules only
// the user and the program may be known.
func seenValid(in wire.Seen) error {
	if err := elevation.CheckID(elevation.RequestPrefix, string(in.ID)); err != nil {
		return fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	switch in.Kind {
	case wire.SeenObserved, wire.SeenOwn, wire.SeenBreakGlass:
		return in.Attempt.Valid()
	case wire.SeenAround:
	default:
		return fmt.Errorf("%w: nothing is seen as %q", elevation.ErrInvalid, audit.Clip(string(in.Kind), 40))
	}
	a, s := in.Attempt, in.Attempt.Subject
	if len(s.Path) > elevation.MaxPath || len(s.Args) > elevation.MaxArgs || len(a.User.Groups) > 1024 {
		return fmt.Errorf("%w: too long", elevation.ErrInvalid)
	}
	n := 0
	for _, t := range append(append([]string{s.Path, s.Cwd, s.RunAs, s.Parent, s.SHA256, a.User.Name, a.User.UID, a.User.Display, a.Mechanism}, s.Args...), a.User.Groups...) {
		if n += len(t); !utf8.ValidString(t) || n > elevation.MaxArgsBytes {
			return fmt.Errorf("%w: no text, or too long", elevation.ErrInvalid)
		}
	}
	return nil
}

// SeenFilter narrows what was seen. Zero fields do not narrow.
type SeenFilter struct {
	Endpoint string // id or name
	User     string // name or uid on the endpoint
	Kind     wire.SeenKind
	Since    time.Time
	Labels   map[string]string // of its endpoint
	Cursor   string
	Limit    int // 0 = 50, at most 500
}

// SeenPage is one page of what was seen, the newest first.
type SeenPage struct {
	Items []Sighted
	Next  string // cursor, "" on the last page
}

// Sighted is something seen with its endpoint.
type Sighted struct {
	store.Sighting
	EndpointName string
}

// seenLooks is how many rows one page looks at for somebody with a scope.
const seenLooks = 20_000

// Attempts lists what endpoints of the actor's scope let go on without a question.
func (q *Queue) Attempts(ctx context.Context, act auth.Actor, f SeenFilter) (page SeenPage, err error) {
	for _, p := range []auth.Permission{auth.RequestsRead, auth.EndpointsRead} {
		if err := act.Can(p); err != nil {
			return page, err
		}
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	sf := store.SightingFilter{User: f.User, Kind: f.Kind, Since: f.Since, Limit: f.Limit + 1}
	if f.Cursor != "" {
		if sf.Before, err = strconv.ParseInt(f.Cursor, 36, 64); err != nil || sf.Before < 1 {
			return page, fmt.Errorf("%w: the cursor is not one of this list", elevation.ErrInvalid)
		}
	}
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		page = SeenPage{}
		if f.Endpoint != "" {
			list, err := tx.Endpoints(store.EndpointFilter{Scope: act.Scope})
			if err != nil {
				return err
			}
			for _, e := range list {
				if string(e.ID) == f.Endpoint || e.Name == f.Endpoint {
					sf.Endpoint = e.ID
				}
			}
			if sf.Endpoint == "" {
				return nil // none that the actor may know of
			}
		}
		return attemptsPage(tx, act, sf, f, &page)
	})
	if err != nil {
		return SeenPage{}, fmt.Errorf("list what was seen: %w", err)
	}
	return page, nil
}

// labelled reports whether an endpoint has all of some labels.
func labelled(ep store.Endpoint, labels map[string]string) bool {
	has := ep.EffectiveLabels()
	for k, v := range labels {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// attemptsPage fills a page with what the actor may know of.
func attemptsPage(tx *store.Tx, act auth.Actor, f store.SightingFilter, in SeenFilter, page *SeenPage) error {
	for looked := 0; looked < seenLooks; looked += f.Limit {
		list, err := tx.Sightings(f)
		if err != nil {
			return err
		}
		for _, x := range list {
			ep, err := tx.Endpoint(x.Endpoint)
			if err != nil && !errors.Is(err, elevation.ErrNotFound) {
				return err
			}
			if !act.Covers(ep.EffectiveLabels()) || !labelled(ep, in.Labels) {
				continue
			}
			if len(page.Items) == in.Limit {
				page.Next = strconv.FormatInt(page.Items[in.Limit-1].Pos, 36)
				return nil
			}
			page.Items = append(page.Items, Sighted{Sighting: x, EndpointName: ep.Name})
		}
		if len(list) < f.Limit {
			return nil
		}
		f.Before = list[len(list)-1].Pos
	}
	page.Next = strconv.FormatInt(f.Before, 36) // the reader goes on from where this look ended
	return nil
}
