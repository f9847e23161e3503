package insight

import (
	"context"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// curve is the number of standing rights at the end of each day of a period. A
// number holds until the endpoint tells another one.
func curve(days []store.RightsDay, covered func(elevation.EndpointID) bool, p period) (rows [][]string) {
	type count struct{ rights, taken int }
	now := map[elevation.EndpointID]count{}
	next := 0
	const day = 24 * time.Hour
	for d := p.since.UTC().Truncate(day); d.Before(p.until); d = d.Add(day) {
		for ; next < len(days) && !days[next].Day.After(d); next++ {
			if x := days[next]; covered(x.Endpoint) {
				now[x.Endpoint] = count{x.Rights, x.Taken}
			}
		}
		if len(now) == 0 {
			continue
		}
		var all count
		with := 0
		for _, n := range now {
			all.rights, all.taken = all.rights+n.rights, all.taken+n.taken
			if n.rights > 0 {
				with++
			}
		}
		rows = append(rows, []string{d.Format(time.DateOnly), number(len(now)), number(with), number(all.rights), number(all.taken)})
	}
	return rows
}

// tableStanding draws how many standing rights there were on each day.
func tableStanding(ctx context.Context, s *Insight, act auth.Actor, _ tally, p period) ([][]string, []string, error) {
	if err := act.Can(auth.RightsRead); err != nil {
		return nil, nil, err
	}
	var days []store.RightsDay
	err := s.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { days, err = tx.RightsDays(p.until); return err })
	if err != nil {
		return nil, nil, err
	}
	fleet, bad := s.fleetFor(act), error(nil)
	rows := curve(days, func(id elevation.EndpointID) bool {
		ep, err := fleet.endpoint(ctx, id)
		if err != nil && bad == nil {
			bad = err
		}
		return ep.covered && ep.endpoint.DeletedAt.IsZero()
	}, p)
	if bad != nil {
		return nil, nil, bad
	}
	notes := []string{"Each line is the end of a day (UTC). The present list is GET /standing-rights, assentctl rights list."}
	if len(rows) == 0 {
		notes = append(notes, "No endpoint has told its standing rights yet.")
	}
	return append([][]string{}, rows...), notes, nil
}
