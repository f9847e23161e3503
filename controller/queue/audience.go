package queue

import (
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Audience is a request with who may be told of it.
type Audience struct {
	Request   elevation.Request
	Labels    map[string]string     // of its endpoint
	Account   elevation.UserID      // of the requester, by a strong link; "" = none
	Answerers []elevation.UserID    // who can answer it now; of emergency access, who was not asked
	Sees      func(auth.Actor) bool // whether somebody may know of it
}

// Audience reads who may be told of a request; [elevation.ErrNotFound] when there
// is none.
func (q *Queue) Audience(tx *store.Tx, id elevation.RequestID, now time.Time) (Audience, error) {
	l, err := load(tx, id)
	if err != nil {
		return Audience{}, err
	}
	a := Audience{Request: l.r, Labels: l.ep.EffectiveLabels(), Account: l.account(),
		Sees: func(act auth.Actor) bool { return l.visible(act) == nil }}
	if waits(l.r, now) || l.r.Emergency {
		for _, p := range l.plan.Answerers(&l.r, now) {
			a.Answerers = append(a.Answerers, p.ID)
		}
	}
	return a, nil
}
