package store

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// Whatever a list is sorted by and narrowed to, no part of its query reads more
// than its page: all rows come from an index in the order of the list.
func TestListsUseIndexes(t *testing.T) {
	s := fresh(t)
	waiting := []elevation.State{elevation.StatePending, elevation.StateHeld}
	all := listedStates()
	for _, f := range []RequestFilter{{States: waiting}, {States: all[:9]}, {States: waiting, List: ListTeam}, {}} {
		for _, sort := range append(sortColumns(), "queue", "newest", "-user", "-created", "-endpoint") {
			f.Sort, f.Limit = sort, 50
			view(t, s, func(tx *Tx) error {
				order, err := f.order()
				if err != nil || order.states {
					return err // state by state, see below
				}
				l, err := tx.listing(f, order)
				if err != nil {
					return err
				}
				for _, from := range []*cursor{nil, {Int: 5, Text: "x", ID: "req_x", Pos: 7, Row: 1}} {
					for _, m := range l.modes() {
						w := where{slices.Clone(l.base.conds), slices.Clone(l.base.args)}
						if m.cond != "" {
							w.and(m.cond)
						}
						if m.tail { // all of it, but not the rows themselves
							sql, args := l.part(w, m, 51)
							if plan := planOf(t, tx, sql, args); !strings.Contains(plan, "COVERING INDEX requests_tail") {
								t.Errorf("%s\nreads\n%s", sql, plan)
							}
							continue
						}
						for _, after := range l.after(from) {
							part := where{slices.Clone(w.conds), slices.Clone(w.args)}
							part.both(after)
							sql, args := l.part(part, m, 51)
							inOrder(t, tx, sql, args)
						}
					}
				}
				return nil
			})
		}
	}
	for _, query := range []string{
		"SELECT pos FROM requests WHERE listed = 1 AND user = 'x' COLLATE NOCASE AND removed_team = 0 ORDER BY pos DESC LIMIT 51",
		"SELECT pos FROM requests WHERE listed = 1 AND uid = 'x' ORDER BY pos DESC LIMIT 51",
		"SELECT pos FROM requests WHERE listed = 1 AND endpoint = 'x' ORDER BY pos DESC LIMIT 51",
		"SELECT pos FROM requests WHERE listed = 1 AND program = 'x' ORDER BY pos DESC LIMIT 51",
		"SELECT pos FROM requests WHERE listed = 1 AND team = 'x' ORDER BY pos DESC LIMIT 51",
		"SELECT pos FROM requests WHERE state = 'denied' ORDER BY next_due, pos LIMIT 51",
		"SELECT pos FROM " + inTail + " WHERE " + ofTail + " AND +user = 'x' ORDER BY pos DESC LIMIT 51",
		"SELECT endpoint, n FROM request_counts WHERE endpoint = 'x'",
	} {
		view(t, s, func(tx *Tx) error { inOrder(t, tx, query, nil); return nil })
	}
}

// planOf is how SQLite answers a query.
func planOf(t *testing.T, tx *Tx, query string, args []any) (plan string) {
	t.Helper()
	if err := tx.rows(func(scan func(...any) error) error {
		var a, b, c int
		var line string
		err := scan(&a, &b, &c, &line)
		plan += line + "\n"
		return err
	}, "EXPLAIN QUERY PLAN "+query, args...); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return plan
}

// inOrder fails unless a query takes its rows from an index in their order.
func inOrder(t *testing.T, tx *Tx, query string, args []any) {
	t.Helper()
	plan := planOf(t, tx, query, args)
	newest := strings.Contains(query, "ORDER BY pos DESC") && strings.HasPrefix(plan, "SCAN requests\n")
	if !newest && (strings.Contains(plan, "TEMP B-TREE") || !strings.Contains(plan, "INDEX") && !strings.Contains(plan, "PRIMARY KEY")) {
		t.Errorf("%s\nreads\n%s", query, plan)
	}
}

func TestAnOldDatabaseGetsItsLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assent.db")
	s := open(t, path)
	e := endpoint
	e.AcceptLabels = []string{"site"}
	insertEndpoint(t, s, e)
	insert(t, s, pending("019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77", day, elevation.Low), pending("b", day.Add(time.Minute), elevation.High))
	// As the program before left it.
	for _, q := range []string{"UPDATE requests SET search = 'as before', listed = 0", "DELETE FROM request_counts", "INSERT INTO request_words(request_words) VALUES('delete-all')",
		"UPDATE lists_head SET pos = 0, redo = 2, relabel = 1", "DELETE FROM endpoint_labels"} {
		if err := s.writer.c.exec(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, path)
	for text, want := range map[string]int{"5f2a77": 1, "because": 2, "before": 0} {
		view(t, s, func(tx *Tx) error {
			for _, scope := range []map[string]string{nil, {"role": "web"}, {"site": "a"}} {
				p, err := tx.RequestPage(RequestFilter{Text: text, Scope: scope, List: ListTeam})
				if err != nil || len(p.Items) != want {
					t.Errorf("%q in %v: %d found, want %d: %v", text, scope, len(p.Items), want, err)
				}
			}
			l, err := tx.listing(RequestFilter{Text: text, Limit: 5}, sortOrder{column: "pos", desc: true})
			if err != nil {
				return err
			}
			if keys, err := l.readWords(l.words, nil, 5); err != nil || len(keys) != want {
				t.Errorf("%q by the index: %d found, want %d: %v", text, len(keys), want, err)
			}
			return nil
		})
	}
	view(t, s, func(tx *Tx) error {
		n, err := tx.Counts(RequestFilter{Scope: map[string]string{"site": "a"}, List: ListTeam})
		if n[elevation.StatePending] != 2 {
			t.Errorf("got %v", n)
		}
		return err
	})
}

// The writer takes the tail into the lists by itself, and the row number of a
// draft that is pruned is used again without harm.
func TestTheTailStaysShort(t *testing.T) {
	s := fresh(t)
	for i := range 5 * listFrom {
		insert(t, s, pending(fmt.Sprint(i), day.Add(time.Duration(i)*time.Second), elevation.Low))
	}
	for s.tail.Load() >= listFrom {
		runtime.Gosched()
	}
	draft := pending("draft", day, elevation.Low)
	draft.SubmittedAt, draft.ExpiresAt = time.Time{}, time.Time{}
	insert(t, s, draft)
	if _, err := s.TakeIn(context.Background(), 1000); err != nil {
		t.Fatal(err)
	}
	draft.Version, draft.ExpiredAt = 1, day.Add(time.Hour)
	update(t, s, func(tx *Tx) error { return tx.TouchRequest(&draft, day.Add(time.Hour)) })
	update(t, s, func(tx *Tx) error { return tx.Prune(day.Add(49 * time.Hour)) })
	again := pending("again", day.Add(time.Hour), elevation.Low)
	insert(t, s, again)
	for _, sort := range []string{"user", "newest"} {
		view(t, s, func(tx *Tx) error {
			p, err := tx.RequestPage(RequestFilter{Sort: sort, Limit: MaxLimit, List: ListTeam})
			if len(p.Items) != 5*listFrom+1 || p.Total != 5*listFrom+1 {
				t.Errorf("by %s: %d listed, total %d", sort, len(p.Items), p.Total)
			}
			return err
		})
	}
}

// While many write and nobody is quiet, nothing is taken into the lists until the
// tail has all it may have; then whoever waits does so for what came since.
func TestTheTailIsBounded(t *testing.T) {
	s := fresh(t)
	made := 0
	many := func(n int) {
		update(t, s, func(tx *Tx) error {
			for range n {
				made++
				r := pending(fmt.Sprint(made), day, elevation.Low)
				if err := tx.InsertRequest(&r, day); err != nil {
					return err
				}
			}
			return tx.Append(event(audit.RequestSubmitted, "req_x"))
		})
	}
	most, over := int64(0), 0
	for over < 20 {
		many(maxBatch) // as many as ever come with one commit
		n := s.tail.Load()
		if most = max(most, n); n >= listAtLast {
			over++
		}
	}
	if most > listAtLast+4*listMany {
		t.Errorf("the tail had up to %d requests; it may have %d", most, listAtLast)
	}
}

// Once a request was not found any more by its words: the lists took its draft
// in and it was submitted within one shared transaction.
func TestTakenInAndSubmittedAtOnce(t *testing.T) {
	s := fresh(t)
	r := pending("quick", day, elevation.Low)
	submitted, expires := r.SubmittedAt, r.ExpiresAt
	r.SubmittedAt, r.ExpiresAt = time.Time{}, time.Time{}
	insert(t, s, r)
	update(t, s, func(tx *Tx) error {
		if _, err := tx.takeInCounted(10); err != nil {
			return err
		}
		r.Version, r.SubmittedAt, r.ExpiresAt = 1, submitted, expires
		if err := tx.PutRequest(&r, day); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.RequestSubmitted, Actor: elevation.Actor{Kind: elevation.BySystem}, Request: r.ID})
	})
	view(t, s, func(tx *Tx) error {
		p, err := tx.RequestPage(RequestFilter{Sort: "newest", Text: string(r.ID[len(r.ID)-6:]), List: ListTeam})
		if len(p.Items) != 1 {
			t.Errorf("found %d by the ending of its id", len(p.Items))
		}
		return err
	})
}
