package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/google/go-cmp/cmp"
)

// pending makes a request that waits since the given time.
func pending(n string, since time.Time, p elevation.Priority) elevation.Request {
	return elevation.Request{ID: elevation.RequestID("req_" + n), Origin: elevation.FromEndpoint, Endpoint: "ep_1",
		Attempt: elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: "cy", UID: "1000", Groups: []string{"users"}},
			Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{n}, ArgsDigest: []byte("digest-" + n), RunAs: "root", SHA256: "aa", Marks: []string{}}},
		Priority: p, DraftedAt: since, SubmittedAt: since, ExpiresAt: since.Add(8 * time.Hour), Justification: "because of 100% " + n,
		Need:    elevation.Need{Stages: []elevation.Stage{{Team: "team_approvers", Name: "Approvers", Quorum: 1}}, Rules: []string{}, Trace: []elevation.TraceLine{}, Caution: []elevation.Caution{}},
		Reviews: []elevation.Review{}, Questions: []elevation.Question{}}
}

func insert(t testing.TB, s *Store, list ...elevation.Request) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		for i := range list {
			if err := tx.InsertRequest(&list[i], list[i].DraftedAt); err != nil {
				return err
			}
			if err := tx.Append(event(audit.RequestSubmitted, list[i].ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestQueueOrderAndPages(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	// Head starts: low 0, normal 10 min, high 1 h, urgent 8 h.
	insert(t, s, pending("low-early", day.Add(-90*time.Minute), elevation.Low), pending("normal", day, elevation.Normal),
		pending("high", day.Add(10*time.Minute), elevation.High), pending("urgent", day.Add(20*time.Minute), elevation.Urgent),
		pending("normal-later", day.Add(time.Second), elevation.Normal), pending("low", day, elevation.Low))
	want := []string{"req_urgent", "req_low-early", "req_high", "req_normal", "req_normal-later", "req_low"}
	f := RequestFilter{States: []elevation.State{elevation.StatePending}, Sort: "queue", List: ListTeam, Limit: 2}
	var got []string
	for range 4 {
		var p Page
		view(t, s, func(tx *Tx) (err error) { p, err = tx.RequestPage(f); return err })
		if p.Total != 6 || p.TotalIsLowerBound {
			t.Errorf("total %d %v", p.Total, p.TotalIsLowerBound)
		}
		for _, r := range p.Items {
			got = append(got, string(r.ID))
		}
		if f.Cursor = p.Next; f.Cursor == "" {
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	view(t, s, func(tx *Tx) error {
		for i, id := range want {
			if n, err := tx.QueuePosition(elevation.RequestID(id)); n != i+1 || err != nil {
				t.Errorf("%s has position %d, want %d (%v)", id, n, i+1, err)
			}
		}
		return nil
	})
}

func TestNewHeadStartsReorderTheQueue(t *testing.T) {
	s := fresh(t)
	insert(t, s, pending("low", day, elevation.Low), pending("high", day.Add(time.Minute), elevation.High))
	set := s.Settings()
	set.HeadStart = elevation.HeadStarts{}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutSettings(set), tx.Append(event(audit.SettingsChanged, "")))
	})
	view(t, s, func(tx *Tx) error {
		p, err := tx.RequestPage(RequestFilter{Sort: "queue"})
		if err != nil || len(p.Items) != 2 || p.Items[0].ID != "req_low" {
			t.Errorf("%v %v", p, err)
		}
		return nil
	})
}

func TestCursorBelongsToItsQuery(t *testing.T) {
	s := fresh(t)
	insert(t, s, pending("1", day, elevation.Low), pending("2", day, elevation.Low), pending("3", day, elevation.Low))
	first := RequestFilter{Sort: "queue", Limit: 1}
	var p Page
	view(t, s, func(tx *Tx) (err error) { p, err = tx.RequestPage(first); return err })
	tests := []struct {
		name string
		f    RequestFilter
		want error
	}{
		{"the same query", RequestFilter{Sort: "queue", Limit: 1, Cursor: p.Next}, nil},
		{"another limit", RequestFilter{Sort: "queue", Limit: 2, Cursor: p.Next}, nil},
		{"another order", RequestFilter{Sort: "newest", Limit: 1, Cursor: p.Next}, ErrCursor},
		{"another filter", RequestFilter{Sort: "queue", User: "cy", Cursor: p.Next}, ErrCursor},
		{"another scope", RequestFilter{Sort: "queue", Scope: map[string]string{"role": "web"}, Cursor: p.Next}, ErrCursor},
		{"no cursor of ours", RequestFilter{Sort: "queue", Cursor: "AAAA"}, ErrCursor},
		{"no base64", RequestFilter{Sort: "queue", Cursor: "%%"}, ErrCursor},
		{"changed", RequestFilter{Sort: "queue", Cursor: p.Next[:len(p.Next)-4]}, ErrCursor},
		{"limit too large", RequestFilter{Limit: MaxLimit + 1}, elevation.ErrInvalid},
		{"negative limit", RequestFilter{Limit: -1}, elevation.ErrInvalid},
		{"unknown order", RequestFilter{Sort: "body"}, elevation.ErrInvalid},
		{"unknown list", RequestFilter{List: "x"}, elevation.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.View(context.Background(), func(tx *Tx) error { _, err := tx.RequestPage(tt.f); return err })
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	s := fresh(t)
	insertEndpoint(t, s, endpoint)
	other := endpoint
	other.ID, other.Name, other.SPKI, other.Labels = "ep_2", "db-1", []byte("spki-2"), map[string]string{"role": "db"}
	insertEndpoint(t, s, other)
	a, b, c := pending("a", day, elevation.Low), pending("b", day.Add(time.Minute), elevation.High), pending("c", day.Add(2*time.Minute), elevation.Low)
	b.Endpoint, b.Attempt.User = "ep_2", elevation.User{Name: "Dee", UID: "1001"}
	c.DraftedAt, c.SubmittedAt, c.Justification = day, time.Time{}, ""
	insert(t, s, a, b, c)
	tests := []struct {
		name string
		f    RequestFilter
		want []string
	}{
		{"all, no drafts", RequestFilter{}, []string{"b", "a"}},
		{"endpoint by id", RequestFilter{Endpoint: "ep_2"}, []string{"b"}},
		{"endpoint by name", RequestFilter{Endpoint: "web-1"}, []string{"a"}},
		{"user", RequestFilter{User: "cy"}, []string{"a"}},
		{"uid", RequestFilter{User: "1001"}, []string{"b"}},
		{"own by a link", RequestFilter{Own: true, Links: []delegation.Link{{User: "usr_1", Name: "dee"}}}, []string{"b"}},
		{"own by a link of one endpoint", RequestFilter{Own: true, Links: []delegation.Link{{User: "usr_1", Endpoint: "ep_1", UID: "1000"}}}, []string{"a"}},
		{"own without a link", RequestFilter{Own: true}, nil},
		{"own by an empty link", RequestFilter{Own: true, Links: []delegation.Link{{User: "usr_1"}}}, nil},
		{"in scope or own", RequestFilter{Scope: map[string]string{"role": "db"}, Links: []delegation.Link{{User: "usr_1", UID: "1000"}}}, []string{"b", "a"}},
		{"one group", RequestFilter{Group: Group{By: ByUser, Key: "Dee"}}, []string{"b"}},
		{"group without publisher", RequestFilter{Group: Group{By: ByPublisher}}, []string{"b", "a"}},
		{"team", RequestFilter{Team: "team_approvers"}, []string{"b", "a"}},
		{"other team", RequestFilter{Team: "team_x"}, nil},
		{"since", RequestFilter{Since: day.Add(time.Second)}, []string{"b"}},
		{"scope", RequestFilter{Scope: map[string]string{"role": "db"}}, []string{"b"}},
		{"scope of nothing", RequestFilter{Scope: map[string]string{"role": "db", "x": "y"}}, nil},
		{"text", RequestFilter{Text: "BECAUSE OF 100% A"}, []string{"a"}},
		{"text is no pattern", RequestFilter{Text: "b_cause"}, nil},
		{"text of the endpoint", RequestFilter{Text: "DB-"}, []string{"b"}},
		{"state", RequestFilter{States: []elevation.State{elevation.StateDenied}}, nil},
		{"drafts", RequestFilter{States: []elevation.State{elevation.StateDraft}, Sort: "id"}, []string{"c"}},
		{"program", RequestFilter{Program: "id"}, []string{"b", "a"}},
		{"other access", RequestFilter{AccessTypes: []elevation.AccessType{elevation.Admin}}, nil},
		{"by endpoint name", RequestFilter{Sort: "endpoint"}, []string{"b", "a"}},
		{"by endpoint name, turned", RequestFilter{Sort: "-endpoint"}, []string{"a", "b"}},
		{"by priority", RequestFilter{Sort: "priority"}, []string{"b", "a"}},
		{"by waiting", RequestFilter{Sort: "waited"}, []string{"a", "b"}},
		{"by justification", RequestFilter{Sort: "justification"}, []string{"a", "b"}},
		{"by justification, turned", RequestFilter{Sort: "-justification"}, []string{"b", "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			view(t, s, func(tx *Tx) error {
				p, err := tx.RequestPage(tt.f)
				for _, r := range p.Items {
					got = append(got, string(r.ID[4:]))
				}
				if p.Total != len(tt.want) {
					t.Errorf("total %d", p.Total)
				}
				return err
			})
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	for _, column := range sortColumns() {
		view(t, s, func(tx *Tx) error {
			f := RequestFilter{Sort: column, Limit: 1}
			p, err := tx.RequestPage(f)
			if err != nil {
				t.Errorf("sort by %s: %v", column, err)
			}
			f.Cursor = p.Next
			q, err := tx.RequestPage(f)
			if err != nil || len(q.Items) != 1 || q.Items[0].ID == p.Items[0].ID {
				t.Errorf("second page by %s: %v %v", column, q, err)
			}
			return nil
		})
	}
}

func TestVersionsAndCounters(t *testing.T) {
	s := fresh(t)
	r := pending("1", day, elevation.Low)
	insert(t, s, r)
	r.Version = 1
	put := func(r elevation.Request) error {
		return s.Update(context.Background(), func(tx *Tx) error {
			if err := tx.PutRequest(&r, day); err != nil {
				return err
			}
			return tx.Append(event(audit.RequestCancelled, r.ID))
		})
	}
	r.CancelledAt = day
	if err := put(r); err != nil {
		t.Fatal(err)
	}
	if err := put(r); !errors.Is(err, ErrStale) {
		t.Errorf("an old version: %v", err)
	}
	r.ID = "req_none"
	if err := put(r); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("no such request: %v", err)
	}
	again := pending("1", day, elevation.Low)
	err := s.Update(context.Background(), func(tx *Tx) error {
		return errors.Join(tx.Append(event(audit.RequestSubmitted, again.ID)), tx.InsertRequest(&again, day))
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("the same id: %v", err)
	}
	view(t, s, func(tx *Tx) error {
		n, err := tx.Counts(RequestFilter{List: ListTeam})
		if d := cmp.Diff(map[elevation.State]int{elevation.StateCancelled: 1}, n); d != "" || err != nil {
			t.Error(d, err)
		}
		if n, err := tx.Counts(RequestFilter{User: "cy"}); err != nil || n[elevation.StateCancelled] != 1 {
			t.Error(n, err)
		}
		return nil
	})
}

func TestDueAndSame(t *testing.T) {
	s := fresh(t)
	a, b := pending("1", day, elevation.Low), pending("2", day.Add(time.Minute), elevation.Low)
	insert(t, s, a, b)
	view(t, s, func(tx *Tx) error {
		if next, err := tx.NextDue(); err != nil || !next.Equal(a.ExpiresAt) {
			t.Errorf("next %v %v", next, err)
		}
		for _, tt := range []struct {
			at   time.Time
			want int
		}{{a.ExpiresAt.Add(-time.Millisecond), 0}, {a.ExpiresAt, 1}, {b.ExpiresAt, 2}} {
			if due, err := tx.DueRequests(tt.at, 10); err != nil || len(due) != tt.want {
				t.Errorf("%d due at %v, want %d: %v", len(due), tt.at, tt.want, err)
			}
		}
		if got, err := tx.WaitingSame("ep_1", b.Attempt); err != nil || len(got) != 1 || got[0].ID != b.ID {
			t.Errorf("%v %v", got, err)
		}
		if got, err := tx.WaitingSame("ep_2", b.Attempt); err != nil || len(got) != 0 {
			t.Errorf("on another endpoint: %v %v", got, err)
		}
		if u, e, err := tx.OpenCounts("ep_1", "1000"); u != 2 || e != 2 || err != nil {
			t.Errorf("%d %d %v", u, e, err)
		}
		if u, e, err := tx.OpenCounts("ep_1", "7"); u != 0 || e != 2 || err != nil {
			t.Errorf("%d %d %v", u, e, err)
		}
		return nil
	})
}

// The queue and everything that is asked on each change must use an index.
func TestQueriesUseIndexes(t *testing.T) {
	s := fresh(t)
	for query, want := range map[string]string{
		"SELECT body, sort_key, id FROM requests WHERE waiting = 2 AND +state IN ('pending','held') AND removed_team = 0 AND (sort_key, id) > (1, 'a') ORDER BY sort_key ASC, id ASC LIMIT 51": "requests_queue",
		"SELECT body, sort_key, id FROM requests WHERE waiting = 2 AND +state IN ('pending') ORDER BY sort_key ASC, id ASC LIMIT 51":                                                           "requests_queue",
		"SELECT body, pos, id FROM requests WHERE next_due = 0 AND state IN ('denied') AND submitted_ms > 0 AND (pos, id) < (7, 'a') ORDER BY pos DESC, id DESC LIMIT 51":                      "requests_state",
		"SELECT body, pos, id FROM requests WHERE state <> 'draft' AND submitted_ms > 0 ORDER BY pos DESC LIMIT 51":                                                                            "SCAN requests",
		"SELECT body FROM requests WHERE state IN ('draft','pending') AND next_due > 0 AND next_due <= 5 LIMIT 1":                                                                              "requests_state",
		"SELECT body FROM requests WHERE same = x'00' AND waiting = 2 ORDER BY sort_key LIMIT 8":                                                                                               "requests_same",
		"SELECT coalesce(max(denied_ms), 0) FROM requests WHERE same = x'00' AND denied_ms > 0":                                                                                                "requests_denied",
		"SELECT coalesce(sum(uid = '1'), 0), count(*) FROM requests WHERE endpoint = 'e' AND waiting > 0":                                                                                      "requests_open",
		"SELECT id FROM events WHERE pos > 5 ORDER BY pos LIMIT 5":                                                                                                                             "INTEGER PRIMARY KEY",
		"SELECT id FROM events WHERE pos IN (SELECT r.pos FROM event_requests r WHERE r.request = 'a') ORDER BY pos":                                                                           "PRIMARY KEY (rowid=?)",
		"SELECT coalesce(min(due), 0) FROM (SELECT min(next_due) AS due FROM requests WHERE state = 'draft' AND next_due > 0)":                                                                 "state=? AND next_due>?",
	} {
		view(t, s, func(tx *Tx) error {
			plan := ""
			err := tx.rows(func(scan func(...any) error) error {
				var a, b, c int
				var line string
				err := scan(&a, &b, &c, &line)
				plan += line + "\n"
				return err
			}, "EXPLAIN QUERY PLAN "+query)
			if !strings.Contains(plan, want) {
				t.Errorf("%s\nuses %s", query, plan)
			}
			return err
		})
	}
}
