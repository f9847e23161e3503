package queue

import (
	"context"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Glance is a request as it stood at one moment, read once for many readers at a
// time: whether one of them may see it, and as what, is then said without the
// database. It must not be kept longer than the request stays as it is.
type Glance struct {
	q    *Queue
	l    loaded
	now  time.Time
	open outlook // for whom approvers are shown
	veil outlook // for others
}

// Eyes tell readers apart who see different things of the same request: for
// equal eyes [Glance.For] gives the same view.
type Eyes struct {
	Notes  bool
	Veiled bool
	Reader elevation.UserID // only where it matters
}

// Glance reads a request for many readers. It checks no permission: For does.
func (q *Queue) Glance(ctx context.Context, id elevation.RequestID) (*Glance, error) {
	g := &Glance{q: q, now: q.now()}
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		if g.l, err = load(tx, id); err != nil || !waits(g.l.r, g.now) {
			return err
		}
		if g.open, err = q.outlook(tx, g.l, false, g.now); err != nil || g.l.settings.ShowApprovers {
			return err
		}
		g.veil, err = q.outlook(tx, g.l, true, g.now)
		return err
	})
	return g, err
}

// For is the request as one reader sees it, as [Queue.Get] gives it, with the
// same errors.
func (g *Glance) For(a auth.Actor) (View, Eyes, error) {
	if err := g.l.visible(a); err != nil {
		return View{}, Eyes{}, err
	}
	o, eyes := g.open, Eyes{Notes: g.l.notes(a), Veiled: g.l.hides(a)}
	if eyes.Veiled {
		o, eyes.Reader = g.veil, a.User
	}
	return g.q.viewOf(a, g.l, o, g.now), eyes, nil
}
