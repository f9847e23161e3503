package queue

import (
	"errors"
	"slices"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// What the reader of a request may see of the people who handle it. Approvers'
// notes are for approvers, and never for whom they are about. By the setting
// show_approvers their names are too.

// veiled is the name of everybody who is not shown.
const veiled = "an approver"

// notes reports whether the actor reads the request as one who handles requests,
// so that they may know of approvers' notes.
func (l loaded) notes(a auth.Actor) bool { return a.Can(auth.TeamRead) == nil && !l.linked(a) }

// hides reports whether the names of approvers are not for the actor.
func (l loaded) hides(a auth.Actor) bool { return !l.settings.ShowApprovers && !l.notes(a) }

// nameFor is an approver's name as the requester may read it.
func nameFor(set store.Settings, by elevation.Actor) string {
	if !set.ShowApprovers && by.Kind == elevation.ByUser {
		return veiled
	}
	return by.Name
}

// Veil is somebody as a reader sees them from whom approvers are hidden: people
// other than the reader have no name.
func Veil(reader auth.Actor, by elevation.Actor) elevation.Actor {
	if by.Kind != elevation.ByUser || by.ID == string(reader.User) {
		return by
	}
	return elevation.Actor{Kind: elevation.ByUser, Name: veiled}
}

// signedBy is somebody in an order to an endpoint, which shows its user the name.
func signedBy(set store.Settings, by elevation.Actor) elevation.Actor {
	by.Name = nameFor(set, by)
	return by
}

// told is a refusal as the actor may read it.
func (l loaded) told(a auth.Actor, err error) error {
	var decided *DecidedError
	if !errors.As(err, &decided) || !l.hides(a) {
		return err
	}
	d := decided.Decision
	d.By = Veil(a, d.By)
	return &DecidedError{Decision: d}
}

// shown is the request as the actor may read it.
func (l loaded) shown(a auth.Actor) elevation.Request {
	r := l.r
	if !l.notes(a) {
		r.Notes = nil
	}
	if !l.hides(a) {
		return r
	}
	r.Reviews, r.Questions, r.Escalations = slices.Clone(r.Reviews), slices.Clone(r.Questions), slices.Clone(r.Escalations)
	for i := range r.Reviews {
		r.Reviews[i].By, r.Reviews[i].For = Veil(a, r.Reviews[i].By), ""
	}
	for i := range r.Questions {
		r.Questions[i].By = Veil(a, r.Questions[i].By)
	}
	for i := range r.Escalations {
		r.Escalations[i].By = Veil(a, r.Escalations[i].By)
	}
	for _, by := range []*elevation.Actor{&r.PrioritySetBy, &r.RevokedBy, &r.FiledBy, &r.Claim.By} {
		*by = Veil(a, *by)
	}
	if r.Decision != nil {
		d := *r.Decision
		d.By = Veil(a, d.By)
		r.Decision = &d
	}
	if r.After != nil {
		after := *r.After
		after.By = Veil(a, after.By)
		r.After = &after
	}
	return r
}
