package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file keeps who can become root on endpoints without Assent, and signs the
// orders to take such rights over and to give them back.

// OrderPrefix begins the ids of orders.
const OrderPrefix = "ro_"

// Bounds of what one endpoint tells and one order names.
const (
	maxStanding = 2000
	maxOrdered  = 1000
)

// RightsSigner signs orders about standing rights; controller/keys implements it.
type RightsSigner interface {
	SignRights(elevation.RightsOrder) ([]byte, error)
	Epoch() uint64
}

// TakeRights takes what an endpoint tells of its standing rights. A number that was
// taken before changes nothing. From the second list on, what has changed is an
// event.
func (q *Queue) TakeRights(ctx context.Context, id elevation.EndpointID, in wire.Rights) error {
	if in.Report == 0 || len(in.Rights) > maxStanding || len(in.Taken) > maxStanding || in.More < 0 {
		return fmt.Errorf("standing rights of %s: %w", id, elevation.ErrInvalid)
	}
	now := q.now()
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		ep, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		fresh, err := tx.Reported(id, in.Report)
		if err != nil || !fresh {
			return err
		}
		was, err := tx.StandingRights(id)
		first := errors.Is(err, elevation.ErrNotFound)
		if err != nil && !first {
			return err
		}
		is := store.StandingRights{Endpoint: id, At: now, Rights: in.Rights, Taken: in.Taken, More: in.More, Faults: in.Faults,
			Since: map[string]time.Time{}, Last: map[string]store.LastOrder{}}
		for _, r := range slices.Concat(in.Rights, in.Taken) {
			since, known := was.Since[r.ID]
			if !known {
				since = now
			}
			is.Since[r.ID] = since
			if last, ok := was.Last[r.ID]; ok {
				is.Last[r.ID] = last
			}
		}
		if err := tx.PutStandingRights(is, now); err != nil {
			return err
		}
		if e, changed := rightsEvent(ep, was, is); changed && !first {
			e.At = now
			return tx.Append(e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("standing rights of %s: %w", id, err)
	}
	return nil
}

// rightsEvent tells what has appeared and what has gone, and how much of that
// Assent itself has done.
func rightsEvent(ep store.Endpoint, was, is store.StandingRights) (audit.Event, bool) {
	appeared, went := missing(is.Rights, was.Rights), missing(was.Rights, is.Rights)
	if len(appeared) == 0 && len(went) == 0 {
		return audit.Event{}, false
	}
	taken, back := len(went)-len(missing(went, is.Taken)), len(appeared)-len(missing(appeared, was.Taken))
	data := map[string]string{"name": audit.Clip(ep.Name, 255), "rights": strconv.Itoa(is.Count()), "appeared": strconv.Itoa(len(appeared)),
		"went": strconv.Itoa(len(went)), "taken_over": strconv.Itoa(len(is.Taken))}
	if taken > 0 {
		data["by_take_over"] = strconv.Itoa(taken)
	}
	if back > 0 {
		data["by_give_back"] = strconv.Itoa(back)
	}
	text := map[string]string{}
	put(text, "new_rights", rightsText(appeared))
	put(text, "gone_rights", rightsText(went))
	return audit.Event{Kind: audit.RightsChanged, Actor: endpointActor(ep), Endpoint: ep.ID, Data: data, Text: text}, true
}

// missing are those of list that are not in other.
func missing(list, other []elevation.Right) (out []elevation.Right) {
	have := map[string]bool{}
	for _, r := range other {
		have[r.ID] = true
	}
	for _, r := range list {
		if !have[r.ID] {
			out = append(out, r)
		}
	}
	return out
}

// rightsText names rights for a reader of the log.
func rightsText(list []elevation.Right) string {
	var lines []string
	for i, r := range list {
		if i == 20 {
			lines = append(lines, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		who := cmp.Or(r.User, "%"+r.Group)
		if r.User != "" && r.Group != "" {
			who += " in " + r.Group
		}
		lines = append(lines, fmt.Sprintf("%s (%s, %s)", who, r.Source, r.Text))
	}
	return audit.Clip(strings.Join(lines, "; "), 4000)
}

// TakeOrdered takes what an endpoint says became of an order.
func (q *Queue) TakeOrdered(ctx context.Context, id elevation.EndpointID, in wire.Ordered) error {
	if in.Report == 0 || len(in.Done) > maxStanding || len(in.Refused) > maxStanding {
		return fmt.Errorf("answer of %s to an order: %w", id, elevation.ErrInvalid)
	}
	now := q.now()
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		ep, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		fresh, err := tx.Reported(id, in.Report)
		if err != nil || !fresh {
			return err
		}
		o, err := tx.RightsOrder(in.Order)
		if errors.Is(err, elevation.ErrNotFound) || err == nil && (o.Endpoint != id || !o.DoneAt.IsZero()) {
			return nil // not its order, or answered before
		}
		if err != nil {
			return err
		}
		o.DoneAt, o.Done, o.Refused, o.Said = now, in.Done, in.Refused, in.Said
		if err := tx.PutRightsOrder(o); err != nil {
			return err
		}
		if err := answered(tx, o, now); err != nil {
			return err
		}
		e := audit.Event{At: now, Kind: orderKind(o.Act), Actor: endpointActor(ep), Endpoint: id,
			Data: map[string]string{"name": audit.Clip(ep.Name, 255), "order": o.ID, "done": strconv.Itoa(len(in.Done)), "refused": strconv.Itoa(len(in.Refused))}}
		var why []string
		for _, r := range slices.Concat(in.Refused, in.Said) {
			why = append(why, r.Right+": "+r.Why)
		}
		if len(why) > 0 {
			e.Text = map[string]string{"said": audit.Clip(strings.Join(why, "; "), 4000)}
		}
		return tx.Append(e)
	})
	if err != nil {
		return fmt.Errorf("answer of %s to an order: %w", id, err)
	}
	return nil
}

// answered notes at each right what came of the order.
func answered(tx *store.Tx, o store.RightsOrder, now time.Time) error {
	s, err := tx.StandingRights(o.Endpoint)
	if err != nil {
		return err
	}
	why := map[string]string{}
	for _, r := range slices.Concat(o.Refused, o.Said) {
		why[r.Right] = r.Why
	}
	for id, last := range s.Last {
		if last.ID == o.ID {
			last.DoneAt, last.Why, last.Done = now, audit.Clip(why[id], 300), slices.Contains(o.Done, id)
			s.Last[id] = last
		}
	}
	return tx.PutStandingRights(s, now)
}

func orderKind(act elevation.RightsAct) audit.Kind {
	if act == elevation.GiveBack {
		return audit.RightsGiven
	}
	return audit.RightsTaken
}

// NewOrder is what somebody orders.
type NewOrder struct {
	Act     elevation.RightsAct
	Rights  []string // ids; none: all that can be
	Comment string
}

// OrderRights orders that standing rights of one endpoint are taken over or given
// back. It needs a comment, and presence of a session.
func (q *Queue) OrderRights(ctx context.Context, a auth.Actor, id elevation.EndpointID, in NewOrder) (o store.RightsOrder, err error) {
	if err := q.mayOrder(a, &in); err != nil {
		return o, q.mayNot(ctx, a, id, verbOf(in.Act), err)
	}
	o, err = q.order(ctx, a, id, in, false)
	if err != nil {
		return o, q.mayNot(ctx, a, id, verbOf(in.Act), err)
	}
	return o, nil
}

// Ordered is what came of an order for one of several endpoints.
type Ordered struct {
	Endpoint elevation.EndpointID
	Err      error
}

// OrderRightsByLabel orders the same for every endpoint with these labels within
// the actor's scope; no labels are all of them. An endpoint that has nothing of it
// is done.
func (q *Queue) OrderRightsByLabel(ctx context.Context, a auth.Actor, labels map[string]string, in NewOrder) ([]Ordered, error) {
	if err := q.mayOrder(a, &in); err != nil {
		return nil, q.mayNot(ctx, a, "", verbOf(in.Act), err)
	}
	var ids []elevation.EndpointID
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Endpoints(store.EndpointFilter{Scope: labels})
		for _, ep := range list {
			if a.Covers(ep.EffectiveLabels()) {
				ids = append(ids, ep.ID)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := []Ordered{}
	for _, id := range ids {
		_, err := q.order(ctx, a, id, in, true)
		if err != nil && !refusedOrder(err) {
			return nil, err
		}
		out = append(out, Ordered{Endpoint: id, Err: err})
	}
	return out, nil
}

func refusedOrder(err error) bool {
	return errors.Is(err, elevation.ErrConflict) || errors.Is(err, elevation.ErrNotFound) || errors.Is(err, elevation.ErrInvalid)
}

func verbOf(act elevation.RightsAct) string {
	return "endpoint." + strings.ReplaceAll(string(act), "_", "-")
}

// mayOrder checks who orders and what.
func (q *Queue) mayOrder(a auth.Actor, in *NewOrder) error {
	if err := a.Can(auth.RightsWrite); err != nil {
		return err
	}
	in.Comment = strings.TrimSpace(in.Comment)
	if in.Comment == "" {
		return fmt.Errorf("%w: say in the comment why", elevation.ErrInvalid)
	}
	if err := elevation.CheckText("comment", in.Comment, elevation.MaxComment); err != nil {
		return err
	}
	if in.Act != elevation.TakeOver && in.Act != elevation.GiveBack || len(in.Rights) > maxOrdered || q.cfg.Orders == nil {
		return elevation.ErrInvalid
	}
	if a.Session {
		return a.Present(q.now())
	}
	return nil
}

// order signs and sends one order. With some, rights that the endpoint does not
// have are left out, and none at all is no error.
func (q *Queue) order(ctx context.Context, a auth.Actor, id elevation.EndpointID, in NewOrder, some bool) (o store.RightsOrder, err error) {
	now := q.now()
	o = store.RightsOrder{ID: elevation.NewID(OrderPrefix, now), Endpoint: id, Act: in.Act, By: a.Elevation(), Comment: in.Comment, At: now, Rights: []string{}}
	var s store.StandingRights
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		ep, err := reachable(tx, a, id)
		if err != nil {
			return err
		}
		if !slices.Contains(ep.Capabilities, "rights") {
			return fmt.Errorf("%w: the agent of this endpoint does not know standing rights", elevation.ErrConflict)
		}
		s, err = tx.StandingRights(id)
		if errors.Is(err, elevation.ErrNotFound) {
			return fmt.Errorf("%w: this endpoint has not told its standing rights yet", elevation.ErrConflict)
		}
		return err
	})
	if err != nil {
		return o, err
	}
	if o.Rights, err = chosen(s, in, some); err != nil || len(o.Rights) == 0 {
		if err == nil && !some {
			err = fmt.Errorf("%w: there is nothing on this endpoint to %s", elevation.ErrConflict, strings.ReplaceAll(string(in.Act), "_", " "))
		}
		return o, err
	}
	raw, err := q.cfg.Orders.SignRights(elevation.RightsOrder{Cluster: q.cfg.Cluster, Endpoint: id, ID: o.ID, Act: o.Act, Rights: o.Rights, By: o.By,
		At: now, KeyEpoch: q.cfg.Orders.Epoch()})
	if err != nil {
		return o, fmt.Errorf("sign an order: %w", err)
	}
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		ep, err := reachable(tx, a, id)
		if err != nil {
			return err
		}
		return send(tx, ep, o, raw)
	})
	if err == nil {
		q.cfg.Wake(id)
	}
	return o, err
}

// chosen are the rights that an order is about.
func chosen(s store.StandingRights, in NewOrder, some bool) ([]string, error) {
	from := s.Taken
	if in.Act == elevation.TakeOver {
		from = s.Rights
	}
	fixed := map[string]string{}
	all := []string{}
	for _, r := range from {
		if fixed[r.ID] = r.Fixed; r.Fixed == "" || in.Act == elevation.GiveBack {
			all = append(all, r.ID)
		}
	}
	if len(in.Rights) == 0 {
		return all[:min(len(all), maxOrdered)], nil
	}
	out := []string{}
	for _, id := range in.Rights {
		why, there := fixed[id]
		switch {
		case slices.Contains(out, id):
		case slices.Contains(all, id):
			out = append(out, id)
		case some:
		case there:
			return nil, fmt.Errorf("%w: the right %s is never taken over: %s", elevation.ErrConflict, audit.Clip(id, 64), why)
		default:
			return nil, fmt.Errorf("%w: this endpoint has no right %s to %s", elevation.ErrNotFound, audit.Clip(id, 64), strings.ReplaceAll(string(in.Act), "_", " "))
		}
	}
	return out, nil
}

// send writes an order, its event and its frame.
func send(tx *store.Tx, ep store.Endpoint, o store.RightsOrder, raw []byte) error {
	if err := tx.PutRightsOrder(o); err != nil {
		return err
	}
	s, err := tx.StandingRights(ep.ID)
	if err != nil {
		return err
	}
	if s.Last == nil {
		s.Last = map[string]store.LastOrder{}
	}
	for _, id := range o.Rights {
		s.Last[id] = store.LastOrder{ID: o.ID, Act: o.Act, By: o.By, At: o.At}
	}
	if err := tx.PutStandingRights(s, o.At); err != nil {
		return err
	}
	if _, err := tx.Enqueue(ep.ID, wire.TOrder, wire.Signed{Raw: raw}); err != nil {
		return err
	}
	var list []elevation.Right
	for _, r := range slices.Concat(s.Rights, s.Taken) {
		if slices.Contains(o.Rights, r.ID) {
			list = append(list, r)
		}
	}
	text := map[string]string{}
	put(text, "comment", o.Comment)
	put(text, "rights", rightsText(list))
	return tx.Append(audit.Event{At: o.At, Kind: orderKind(o.Act), Actor: o.By, Endpoint: ep.ID, Text: text,
		Data: map[string]string{"name": audit.Clip(ep.Name, 255), "order": o.ID, "ordered": strconv.Itoa(len(o.Rights))}})
}

// StandingFilter narrows the list of standing rights. Zero fields do not narrow.
type StandingFilter struct {
	Endpoint string // id or name
	User     string // account, or group with % before it
	Kind     elevation.RightKind
	Taken    *bool
	Text     string            // anywhere
	Labels   map[string]string // of its endpoint
}

// StandingRight is one right of one endpoint.
type StandingRight struct {
	elevation.Right
	Endpoint store.Endpoint
	Taken    bool // Assent has removed it, and can give it back
	Since    time.Time
	SeenAt   time.Time // when the endpoint told last
	Last     store.LastOrder
}

// StandingRights lists who can become root without Assent within the actor's scope.
func (q *Queue) StandingRights(ctx context.Context, a auth.Actor, f StandingFilter) (out []StandingRight, err error) {
	if err := a.Can(auth.RightsRead); err != nil {
		return nil, err
	}
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		lists, err := tx.AllStandingRights()
		if err != nil {
			return err
		}
		for _, s := range lists {
			ep, err := tx.KnownEndpoint(s.Endpoint)
			if err != nil {
				return err
			}
			if !ep.DeletedAt.IsZero() || !a.Covers(ep.EffectiveLabels()) || f.Endpoint != "" && f.Endpoint != string(ep.ID) && f.Endpoint != ep.Name || !labelled(ep, f.Labels) {
				continue
			}
			for i, r := range slices.Concat(s.Rights, s.Taken) {
				one := StandingRight{Right: r, Endpoint: ep, Taken: i >= len(s.Rights), Since: s.Since[r.ID], SeenAt: s.At, Last: s.Last[r.ID]}
				if f.wants(one) {
					out = append(out, one)
				}
			}
		}
		return nil
	})
	slices.SortStableFunc(out, func(x, y StandingRight) int {
		return cmp.Or(cmp.Compare(x.Endpoint.Name, y.Endpoint.Name), cmp.Compare(x.Endpoint.ID, y.Endpoint.ID), cmp.Compare(x.User, y.User), cmp.Compare(x.ID, y.ID))
	})
	return out, err
}

func (f StandingFilter) wants(r StandingRight) bool {
	switch {
	case f.User != "" && f.User != r.User && f.User != "%"+r.Group, f.Kind != "" && f.Kind != r.Kind, f.Taken != nil && *f.Taken != r.Taken:
		return false
	}
	return f.Text == "" || strings.Contains(strings.ToLower(strings.Join([]string{r.User, r.Group, r.Source, r.Text, r.Endpoint.Name}, " ")), strings.ToLower(f.Text))
}

// RightsCounts are the numbers of standing rights of endpoints, for whoever may know
// of them; one that has not told is not among them.
func (q *Queue) RightsCounts(ctx context.Context, a auth.Actor) (out map[elevation.EndpointID]int, err error) {
	if a.Can(auth.RightsRead) != nil {
		return map[elevation.EndpointID]int{}, nil
	}
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error { out, err = tx.RightsCounts(); return err })
	return maps.Clone(out), err
}
