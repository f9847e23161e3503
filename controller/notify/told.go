package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// KindWaiting is the kind of a message that a request has waited for long.
const KindWaiting = "request.waiting"

// maxPeople is how many people one alert tells of one event.
const maxPeople = 2000

// plan collects what is to be told.
type plan struct {
	list  []store.Delivery
	waits []store.AlertWait
	lanes map[string]time.Time // when something of this plan is told in a lane
	told  map[string]bool      // event, channel and recipient
}

// channels are those through which something of the plan is told.
func (p *plan) channels() []string {
	var ids []string
	for _, d := range p.list {
		if !slices.Contains(ids, d.Channel) {
			ids = append(ids, d.Channel)
		}
	}
	return ids
}

// cause is why something is told.
type cause struct {
	kind     string
	event    uint64
	what     audit.Kind
	request  elevation.RequestID
	endpoint elevation.EndpointID
	labels   map[string]string // of the endpoint; nil = of none
	aud      *Audience         // of the request; nil = it is about none
}

func (n *Notify) planEvents(tx *store.Tx, events []audit.Event, out *plan) error {
	for _, e := range events {
		if !slices.ContainsFunc(n.known.alerts, func(a store.Alert) bool { return wants(a, e) }) {
			continue
		}
		c := cause{kind: e.Kind.String(), event: e.Seq, what: e.Kind, request: e.Request, endpoint: e.Endpoint}
		if err := n.read(tx, &c); err != nil {
			if errors.Is(err, elevation.ErrNotFound) {
				continue // what it was about is gone
			}
			return fmt.Errorf("read what event %d is about: %w", e.Seq, err)
		}
		for _, a := range n.known.alerts {
			if !wants(a, e) {
				continue
			}
			if wait := a.Body.Filter.Waiting; wait > 0 && e.Kind == audit.RequestSubmitted {
				out.waits = append(out.waits, store.AlertWait{Alert: a.ID, Request: e.Request, Due: c.aud.Request.SubmittedAt.Add(wait)})
				continue
			}
			if err := n.planAlert(tx, a, c, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// wants reports whether an alert looks at an event. What happened before the
// alert was as it is does not count.
func wants(a store.Alert, e audit.Event) bool {
	return !e.At.Before(a.ChangedAt.Truncate(time.Millisecond)) && slices.Contains(a.Body.Kinds, e.Kind)
}

func (n *Notify) planWaits(tx *store.Tx, due []store.AlertWait, out *plan) error {
	for _, w := range due {
		i := slices.IndexFunc(n.known.alerts, func(a store.Alert) bool { return a.ID == w.Alert })
		if i < 0 {
			continue
		}
		c := cause{kind: KindWaiting, what: audit.RequestSubmitted, request: w.Request}
		err := n.read(tx, &c)
		if errors.Is(err, elevation.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read request %s: %w", w.Request, err)
		}
		if c.aud.Request.State(n.cfg.Now()) != elevation.StatePending {
			continue
		}
		if err := n.planAlert(tx, n.known.alerts[i], c, out); err != nil {
			return err
		}
	}
	return nil
}

// read completes a cause with what decides who may know of it.
func (n *Notify) read(tx *store.Tx, c *cause) error {
	if c.request != "" {
		aud, err := n.cfg.Audience(tx, c.request, n.cfg.Now())
		if err != nil {
			return err
		}
		c.aud, c.labels, c.endpoint = &aud, aud.Labels, aud.Request.Endpoint
		return nil
	}
	if c.endpoint == "" {
		return nil
	}
	ep, err := tx.Endpoint(c.endpoint)
	if err != nil {
		return err
	}
	c.labels = ep.EffectiveLabels()
	return nil
}

// fits reports whether a cause passes the filter of an alert.
func fits(f store.AlertFilter, c cause, now time.Time) bool {
	for k, v := range f.Labels {
		if got, ok := c.labels[k]; !ok || got != v {
			return false
		}
	}
	if c.aud == nil {
		return f.Team == "" && f.User == "" && f.AccessType == "" && f.Priority == "" && f.Waiting == 0 && !f.Caution
	}
	r := &c.aud.Request
	u := r.Attempt.User
	switch {
	case f.Team != "" && !slices.ContainsFunc(r.Need.Stages, func(s elevation.Stage) bool { return s.Team == f.Team }) &&
		!slices.ContainsFunc(r.Escalations, func(e elevation.Escalation) bool { return e.Team == f.Team }),
		f.User != "" && !strings.EqualFold(f.User, u.Name) && f.User != u.UID,
		f.AccessType != "" && r.Attempt.AccessType != f.AccessType,
		f.Priority != "" && r.Priority.Rank() < f.Priority.Rank(),
		f.Waiting > 0 && now.Sub(r.SubmittedAt) < f.Waiting,
		f.Caution && len(r.Need.Caution) == 0:
		return false
	}
	return true
}

// planAlert adds what one alert tells for one cause.
func (n *Notify) planAlert(tx *store.Tx, a store.Alert, c cause, out *plan) error {
	now := n.cfg.Now()
	if !fits(a.Body.Filter, c, now) {
		return nil
	}
	var personal []string
	for _, id := range a.Body.Channels {
		ch, ok := n.known.channels[id]
		switch {
		case !ok || !ch.DisabledAt.IsZero():
		case ch.ToPeople():
			personal = append(personal, id)
		default:
			d := store.Delivery{Alert: a.ID, Channel: id, Lane: id + " " + a.ID, Gather: a.Body.Digest > 0, Mandatory: true}
			if err := n.add(tx, out, d, c, a.Body.Digest, elevation.Hours{}); err != nil {
				return err
			}
		}
	}
	if len(personal) == 0 {
		return nil
	}
	staff, err := tx.Staff()
	if err != nil {
		return err
	}
	people := audienceOf(staff, a.Body.To, c)
	if len(people) > maxPeople {
		n.cfg.Log.Warn("an alert names too many people; the rest is not told", "alert", a.Name, "people", len(people), "told", maxPeople)
		people = people[:maxPeople]
	}
	for _, u := range people {
		if err := n.planPerson(tx, a, c, u, personal, out); err != nil {
			return err
		}
	}
	return nil
}

// planPerson adds what one person is told, the way they chose.
func (n *Notify) planPerson(tx *store.Tx, a store.Alert, c cause, u store.User, channels []string, out *plan) error {
	p, err := tx.Preferences(u.ID)
	if err != nil {
		return err
	}
	digest, quiet := a.Body.Digest, elevation.Hours{}
	if !a.Body.Mandatory {
		digest, quiet = max(digest, p.Notify.Digest), quietHours(p.Notify)
		if p.Notify.Chosen {
			channels = slices.DeleteFunc(slices.Clone(p.Notify.Channels), func(id string) bool {
				ch, ok := n.known.channels[id]
				return !ok || !ch.DisabledAt.IsZero() || !ch.ToPeople()
			})
		}
	}
	for _, id := range channels {
		if isReport(c.what) && u.Email == "" && n.known.channels[id].Kind == Email {
			continue // a report is for those with an address; nobody has to hear that somebody has none
		}
		d := store.Delivery{Alert: a.ID, Channel: id, User: u.ID, Lane: id + " " + string(u.ID), Gather: digest > 0, Mandatory: a.Body.Mandatory}
		if err := n.add(tx, out, d, c, digest, quiet); err != nil {
			return err
		}
	}
	return nil
}

// quietHours are when somebody is told nothing; none when they can not be read.
func quietHours(p store.NotifyPreferences) elevation.Hours {
	if p.Quiet == "" {
		return elevation.Hours{}
	}
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return elevation.Hours{}
	}
	h, err := elevation.ParseHours(p.Quiet, zone)
	if err != nil {
		return elevation.Hours{}
	}
	return h
}

// loudAt is the first moment from a time on that is outside the quiet hours.
func loudAt(quiet elevation.Hours, t time.Time) time.Time {
	if quiet.Always() || !quiet.Cover(t) { // no hours at all are none
		return t
	}
	if end := quiet.Until(t); !end.IsZero() {
		return end
	}
	return t // quiet for ever is not what anybody meant
}

// add puts one delivery into the plan, at its time.
func (n *Notify) add(tx *store.Tx, out *plan, d store.Delivery, c cause, digest time.Duration, quiet elevation.Hours) error {
	if out.told == nil {
		out.told, out.lanes = map[string]bool{}, map[string]time.Time{}
	}
	key := fmt.Sprintf("%d %s %s %s %s", c.event, c.kind, c.request, d.Channel, d.User)
	if out.told[key] {
		return nil
	}
	out.told[key] = true
	now := n.cfg.Now()
	d.ID, d.Kind, d.Request, d.Event = elevation.NewID(store.DeliveryPrefix, now), c.kind, c.request, c.event
	d.State, d.CreatedAt, d.Next = store.DeliveryWaiting, now, now
	if digest > 0 {
		next, ok := out.lanes[d.Lane]
		if !ok {
			sent, waiting, err := tx.LaneUsed(d.Lane, now.Add(-digest))
			if err != nil {
				return err
			}
			next = laneNext(now, sent, waiting, digest)
		}
		d.Next, out.lanes[d.Lane] = next, next
	}
	if loud := loudAt(quiet, d.Next); loud.After(d.Next) {
		d.Next, d.Gather = loud, true
	}
	out.list = append(out.list, d)
	return nil
}

// laneNext is when the next message of a lane may go: with one that waits
// already, or not sooner than the digest after the last one.
func laneNext(now, sent, waiting time.Time, digest time.Duration) time.Time {
	next := now
	if after := sent.Add(digest); !sent.IsZero() && after.After(next) {
		next = after
	}
	if waiting.After(next) {
		next = waiting
	}
	return next
}

// audienceOf are the people whom an alert names for a cause, without those who
// may not know of it, each once.
func audienceOf(staff *store.Staff, to store.AlertRecipient, c cause) []store.User {
	var out []store.User
	for _, u := range staff.Users {
		if u.DisabledAt.IsZero() && named(staff, to, c, u) && mayHear(u, c) {
			out = append(out, u)
		}
	}
	return out
}

// named reports whether an alert names somebody. One that names nobody tells who
// can answer, and of what nobody can answer administrators.
func named(staff *store.Staff, to store.AlertRecipient, c cause, u store.User) bool {
	if to.None() {
		if c.aud == nil || len(c.aud.Answerers) == 0 {
			return slices.Contains(u.Roles, auth.Administrator)
		}
		return slices.Contains(c.aud.Answerers, u.ID)
	}
	if slices.Contains(to.Users, u.ID) || slices.ContainsFunc(u.Roles, func(r auth.Role) bool { return slices.Contains(to.Roles, string(r)) }) {
		return true
	}
	for _, t := range staff.AllTeams() {
		if !slices.Contains(to.Teams, t.ID) {
			continue
		}
		if slices.Contains(t.Members, u.ID) || t.Automatic && slices.ContainsFunc(u.Roles, func(r auth.Role) bool { return r == auth.Administrator || r == auth.Approver }) {
			return true
		}
	}
	return c.aud != nil && (to.Answerers && slices.Contains(c.aud.Answerers, u.ID) || to.Requester && c.aud.Account == u.ID)
}

// readerOf is somebody as whom their own requests and others are looked at.
func readerOf(u store.User) auth.Actor {
	return auth.Actor{User: u.ID, Login: u.Login, Name: u.Name, Roles: u.Roles, Scope: u.Scope}
}

// system is who looks at what is told to a system: it sees everything that an
// auditor sees, and is nobody's account.
func system() auth.Actor {
	return auth.Actor{User: "notify", Login: "notify", Name: "notify", Roles: []auth.Role{auth.Auditor}}
}

// mayHear reports whether somebody may know of a cause: of a request when they
// may see it, of an endpoint when it is in their scope, of rules when they may
// read them, of reports when they may read those of everything, of all else when
// they read the audit log.
func mayHear(u store.User, c cause) bool {
	act := readerOf(u)
	whole := act.Can(auth.AuditRead) == nil && len(act.Scope) == 0
	area, _, _ := strings.Cut(c.kind, ".")
	switch {
	case c.what == audit.RequestNoted:
		return c.aud != nil && c.aud.Sees(act) && (whole || act.Can(auth.TeamRead) == nil && c.aud.Account != u.ID)
	case c.aud != nil && slices.Contains([]string{"request", "grant", "emergency", "review"}, area):
		return c.aud.Sees(act)
	case c.aud == nil && c.endpoint != "" && area == "endpoint":
		return act.Can(auth.EndpointsRead) == nil && act.Covers(c.labels)
	case c.aud == nil && c.endpoint == "" && (area == "rule" || area == "pack"):
		return act.Can(auth.RulesRead) == nil && len(act.Scope) == 0
	case isReport(c.what): // its numbers are of the whole fleet
		return act.Can(auth.ReportsRead) == nil && len(act.Scope) == 0
	}
	return whole
}
