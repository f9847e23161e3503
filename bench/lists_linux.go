package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// scale is what is measured without machines: the store with a million requests,
// the flow on it, and many agents.
type scale struct {
	dir    string
	floor  string
	path   string // of the database that is only read
	agents int
}

// newScale builds the floor and makes or finds the history.
func newScale(ctx context.Context) (*scale, error) {
	root, err := lab.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "assent-bench")
	if err != nil {
		return nil, err
	}
	s := &scale{dir: dir, floor: filepath.Join(dir, "floor"), agents: idleAgents}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.floor, "./bench/floor")
	cmd.Dir, cmd.Env, cmd.Stderr = root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build the floor: %w", err)
	}
	s.path, err = history(ctx)
	return s, err
}

// The turns and rounds of lists.
const (
	listTurns  = 12
	listRounds = 20
	deepPages  = 40 // of 500 rows: so far cursors are taken
)

// timeLists is a timer of pages of one list, beginning at one of the cursors.
func timeLists(s *store.Store, f store.RequestFilter, cursors []string) timer {
	rnd := rand.New(rand.NewPCG(8, 9))
	return func(ctx context.Context, rounds int) (sample, error) {
		var out sample
		for range rounds {
			f.Cursor = cursors[rnd.IntN(len(cursors))]
			began := time.Now()
			var page store.Page
			if err := s.View(ctx, func(tx *store.Tx) (err error) { page, err = tx.RequestPage(f); return err }); err != nil {
				return nil, err
			}
			out = append(out, float64(time.Since(began)))
			if len(page.Items) == 0 {
				return nil, fmt.Errorf("a page by %s is empty", f.Sort)
			}
		}
		return out, nil
	}
}

// deep are cursors of a list, deeper and deeper.
func deep(ctx context.Context, s *store.Store, f store.RequestFilter) ([]string, error) {
	var out []string
	f.Limit = store.MaxLimit
	for range deepPages - 1 {
		var page store.Page
		if err := s.View(ctx, func(tx *store.Tx) (err error) { page, err = tx.RequestPage(f); return err }); err != nil {
			return nil, err
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
		out = append(out, f.Cursor)
	}
	return out, nil
}

func waitingStates() []elevation.State {
	return []elevation.State{elevation.StatePending, elevation.StateHeld}
}

func listStates() []elevation.State {
	return []elevation.State{elevation.StatePending, elevation.StateHeld, elevation.StateApproved, elevation.StateAvailable,
		elevation.StateActive, elevation.StateEnded, elevation.StateExpired, elevation.StateRevoked, elevation.StateDenied}
}

// lists compares pages with fifty rows by their primary key.
func (s *scale) lists(ctx context.Context, t *table) error {
	db, err := store.Open(ctx, store.Config{Path: s.path})
	if err != nil {
		return err
	}
	defer db.Close()
	floor, err := startFloor(ctx, s.floor, "lookup", s.path)
	if err != nil {
		return err
	}
	defer floor.close()
	queue := store.RequestFilter{States: waitingStates(), List: store.ListTeam, Sort: "queue"}
	if err := s.page(ctx, t, db, floor, "queue, page 1", queue, []string{""}); err != nil {
		return err
	}
	for _, f := range []store.RequestFilter{queue, {States: listStates(), List: store.ListTeam, Sort: "newest"}} {
		cursors, err := deep(ctx, db, f)
		if err != nil {
			return err
		}
		if err := s.page(ctx, t, db, floor, f.Sort+", any of the first 20,000 rows", f, cursors); err != nil {
			return err
		}
	}
	for what, states := range map[string][]elevation.State{"what waits": waitingStates(), "all": listStates()} {
		for _, column := range []string{"id", "status", "type", "user", "endpoint", "application", "justification", "priority", "expires", "created"} {
			f := store.RequestFilter{States: states, List: store.ListTeam, Sort: column}
			cursors, err := deep(ctx, db, f)
			if err != nil {
				return err
			}
			if err := s.page(ctx, t, db, floor, what+" by "+column, f, cursors); err != nil {
				return err
			}
		}
	}
	return s.tabs(ctx, t, db)
}

func (s *scale) page(ctx context.Context, t *table, db *store.Store, floor *process, name string, f store.RequestFilter, cursors []string) error {
	ours := timeLists(db, f, cursors)
	if _, err := interleave(ctx, floor.rounds, ours, 2, listRounds); err != nil { // warms both
		return fmt.Errorf("%s: %w", name, err)
	}
	p, err := interleave(ctx, floor.rounds, ours, listTurns, listRounds)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ratio := p.ours.median() / p.base.median()
	times := func(v float64) string { return fmt.Sprintf("%.2f×", v) }
	t.add(row{"50 of a million requests: " + name, micros(p.ours.median()), micros(p.base.median()), times(ratio), "≤ 2×", within(ratio, 2, times)})
	return nil
}

// tabs takes the time of the numbers on the tabs, for accounts of all kinds.
func (s *scale) tabs(ctx context.Context, t *table, db *store.Store) error {
	links := []delegation.Link{{User: "usr_1", Endpoint: fleetID(7), Name: "user21"}, {User: "usr_1", Endpoint: fleetID(9), UID: "1001"}}
	for name, f := range map[string]store.RequestFilter{
		"everything":                  {List: store.ListTeam},
		"a scope of 500 endpoints":    {List: store.ListTeam, Scope: map[string]string{"site": "s3"}},
		"a scope of 10 and own":       {List: store.ListTeam, Scope: map[string]string{"rack": "r7"}, Links: links},
		"own by links":                {List: store.ListRequester, Own: true, Links: links},
		"own by a link of all places": {List: store.ListRequester, Own: true, Links: []delegation.Link{{User: "usr_1", Name: "user4711"}}},
		"a team":                      {List: store.ListTeam, Team: "team_web"},
	} {
		var took sample
		for range 200 {
			began := time.Now()
			if err := db.View(ctx, func(tx *store.Tx) error { _, err := tx.Counts(f); return err }); err != nil {
				return err
			}
			took = append(took, float64(time.Since(began)))
		}
		t.add(row{what: "numbers on the tabs: " + name, ours: micros(took.median()), compared: "p99 " + micros(took.at(0.99))})
	}
	return nil
}

// searches are what people type: rare words, common ones, beginnings, endings of
// ids, several words, nothing that exists.
func searches(rnd *rand.Rand, ids []string) store.RequestFilter {
	f := store.RequestFilter{List: store.ListTeam, States: listStates(), Sort: "newest"}
	id := ids[rnd.IntN(len(ids))]
	switch rnd.IntN(9) {
	case 0:
		f.Text = fmt.Sprintf("package%d", rnd.IntN(20_000))
	case 1:
		f.Text = fmt.Sprintf("OPS-%d", rnd.IntN(300_000))
	case 2:
		f.Text = []string{"usr", "apt", "install", "because", "root", "database", "mon"}[rnd.IntN(7)]
	case 3:
		f.Text = fmt.Sprintf("customer%d disk", rnd.IntN(500))
	case 4:
		f.Text = id[len(id)-6-rnd.IntN(7):]
	case 5:
		f.Text = fmt.Sprintf("/opt/tool%d/bin run%d", rnd.IntN(200), rnd.IntN(50))
	case 6:
		f.Text = fmt.Sprintf("no%dsuch", rnd.IntN(1000))
	case 7:
		f.Text, f.States, f.Sort = fmt.Sprintf("package%d", rnd.IntN(20_000)), waitingStates(), "queue"
	default:
		f.Text, f.States = fmt.Sprintf("host-%05d", rnd.IntN(historyFleet)), []elevation.State{elevation.StateDenied}
	}
	return f
}

// search takes the time of searches.
func (s *scale) search(ctx context.Context, t *table) error {
	db, err := store.Open(ctx, store.Config{Path: s.path})
	if err != nil {
		return err
	}
	defer db.Close()
	ids, err := someIDs(ctx, db)
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(10, 11))
	var took sample
	for i := range 450 {
		f := searches(rnd, ids)
		began := time.Now()
		if err := db.View(ctx, func(tx *store.Tx) error { _, err := tx.RequestPage(f); return err }); err != nil {
			return fmt.Errorf("search for %q: %w", f.Text, err)
		}
		if i >= 50 {
			took = append(took, float64(time.Since(began)))
		}
	}
	t.add(row{what: "search in a million requests, p95 of 400 of nine kinds", ours: micros(took.at(0.95)),
		compared: "p50 " + micros(took.median()) + ", p99 " + micros(took.at(0.99)), goal: "≤ 200 ms", missed: within(took.at(0.95), 200e6, micros)})
	return nil
}

// someIDs are ids of requests from all over the history.
func someIDs(ctx context.Context, db *store.Store) ([]string, error) {
	var ids []string
	err := db.View(ctx, func(tx *store.Tx) error {
		for _, sort := range []string{"user", "-user", "newest", "expires"} {
			page, err := tx.RequestPage(store.RequestFilter{Sort: sort, Limit: store.MaxLimit})
			if err != nil {
				return err
			}
			for _, r := range page.Items {
				ids = append(ids, string(r.ID))
			}
		}
		return nil
	})
	return ids, err
}
