package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// What was escalated to a team is on its lists, once, in every order and on every
// page, and is counted; also when an older program has stored it.
func TestTeamHasWhatWasEscalatedToIt(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	var want []elevation.RequestID
	for i := range 40 {
		r := pending(fmt.Sprintf("019aa8d2-6f3e-7c41-9d10-%012x", i), day.Add(time.Duration(i)*time.Minute), elevation.Normal)
		r.Need.Stages[0].Team = []elevation.TeamID{"team_a", "team_b", "team_c"}[i%3]
		insert(t, s, r)
		r.Version = 1
		if i%2 == 0 {
			r.Escalations = []elevation.Escalation{{At: day, Team: "team_b"}, {At: day, Team: "team_b", Of: "team_a"}}
			update(t, s, func(tx *Tx) error {
				if err := tx.PutRequest(&r, day); err != nil {
					return err
				}
				return tx.Append(event(audit.RequestEscalated, r.ID))
			})
		}
		if i%2 == 0 || i%3 == 1 {
			want = append(want, r.ID)
		}
	}
	look := func(when string) {
		t.Helper()
		for _, sort := range append(sortColumns(), "queue", "newest") {
			var got []elevation.RequestID
			total := 0
			for cursor := ""; ; {
				var p Page
				view(t, s, func(tx *Tx) (err error) {
					p, err = tx.RequestPage(RequestFilter{Team: "team_b", List: ListTeam, Sort: sort, Limit: 7, Cursor: cursor,
						States: []elevation.State{elevation.StatePending, elevation.StateHeld}})
					return err
				})
				for _, r := range p.Items {
					got = append(got, r.ID)
				}
				total = p.Total
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) || total != len(want) {
				t.Errorf("%s, by %s: %d of %d, want %d", when, sort, len(got), total, len(want))
			}
		}
		view(t, s, func(tx *Tx) error {
			n, err := tx.Counts(RequestFilter{Team: "team_b"})
			if n[elevation.StatePending] != len(want) {
				t.Errorf("%s: counted %v, want %d", when, n, len(want))
			}
			return err
		})
	}
	look("at first")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.cfg.Path)
	look("opened again")
	update(t, s, func(tx *Tx) error { // as an older program would have left it
		_, err := tx.exec("DELETE FROM escalated_to")
		if err == nil {
			_, err = tx.exec("UPDATE lists_head SET reteam = 1")
		}
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.cfg.Path)
	look("after an older program")
}
