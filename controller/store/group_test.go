package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/google/go-cmp/cmp"
)

func TestGroups(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	var list []elevation.Request
	for i := range 6 {
		r := pending(fmt.Sprint(i), day.Add(time.Duration(i)*time.Minute), elevation.Low)
		r.Attempt.User.Name = []string{"cy", "dee", "cy", "eve", "cy", "dee"}[i]
		r.Attempt.Subject.Publisher.Name = []string{"", "Deb", "", "", "", ""}[i]
		list = append(list, r)
	}
	insert(t, s, list...)
	pendingOnly := RequestFilter{States: []elevation.State{elevation.StatePending}, List: ListTeam}
	keys := func(f RequestFilter, by string) (out []string) {
		t.Helper()
		for range 5 {
			var next string
			view(t, s, func(tx *Tx) error {
				groups, n, err := tx.RequestGroups(f, by)
				for _, g := range groups {
					out = append(out, fmt.Sprintf("%s %d %s %s", g.Key, g.Count, g.Sample, g.Oldest.Sub(day)))
				}
				next = n
				return err
			})
			if f.Cursor = next; next == "" {
				break
			}
		}
		return out
	}
	byUser := []string{"cy 3 req_0 0s", "dee 2 req_1 1m0s", "eve 1 req_3 3m0s"}
	if d := cmp.Diff(byUser, keys(pendingOnly, ByUser)); d != "" {
		t.Error(d)
	}
	paged := pendingOnly
	paged.Limit = 1
	if d := cmp.Diff(byUser, keys(paged, ByUser)); d != "" {
		t.Errorf("page by page: %s", d)
	}
	if d := cmp.Diff([]string{" 5 req_0 0s", "Deb 1 req_1 1m0s"}, keys(pendingOnly, ByPublisher)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"id 6 req_0 0s"}, keys(pendingOnly, ByProgram)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"ep_1 6 req_0 0s"}, keys(RequestFilter{Scope: map[string]string{"role": "web"}}, ByEndpoint)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string(nil), keys(RequestFilter{Scope: map[string]string{"role": "db"}}, ByEndpoint)); d != "" {
		t.Error(d)
	}
	for name, tt := range map[string]struct {
		f    RequestFilter
		by   string
		want error
	}{
		"another column":   {pendingOnly, "body", elevation.ErrInvalid},
		"SQL":              {pendingOnly, "user, body", elevation.ErrInvalid},
		"negative limit":   {RequestFilter{Limit: -1}, ByUser, elevation.ErrInvalid},
		"limit too large":  {RequestFilter{Limit: MaxLimit + 1}, ByUser, elevation.ErrInvalid},
		"foreign cursor":   {RequestFilter{Cursor: "AAAA"}, ByUser, ErrCursor},
		"unknown group in": {RequestFilter{Group: Group{By: "body"}}, ByUser, elevation.ErrInvalid},
	} {
		err := s.View(context.Background(), func(tx *Tx) error { _, _, err := tx.RequestGroups(tt.f, tt.by); return err })
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// Positions on a page are those that each request alone is told.
func TestPositionsOnAPage(t *testing.T) {
	s := fresh(t)
	for i := range 130 {
		r := pending(fmt.Sprintf("%03d", i), day.Add(time.Duration(i*7%130)*time.Minute), elevation.Low)
		r.Need.Stages[0].Team = []elevation.TeamID{"team_a", "team_b", "team_a"}[i%3]
		insert(t, s, r)
	}
	one := map[elevation.RequestID]int{}
	for i := range 130 {
		id := elevation.RequestID(fmt.Sprintf("req_%03d", i))
		view(t, s, func(tx *Tx) (err error) { one[id], err = tx.QueuePosition(id); return err })
	}
	view(t, s, func(tx *Tx) error {
		for id, want := range one {
			if got, err := tx.QueuePosition(id); got != want || err != nil {
				t.Errorf("%s: %d on a page, %d alone: %v", id, got, want, err)
			}
		}
		_, err := tx.QueuePosition("req_none")
		if !errors.Is(err, elevation.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
		return nil
	})
}
