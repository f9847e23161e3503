package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/insight"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/cel"
)

// How often rules are asked.
const (
	ruleTurns  = 20
	ruleRounds = 5000
)

// rules compares finding the rule for an attempt with a plain map that knows as
// many programs.
func (s *scale) rules(ctx context.Context, t *table) error {
	floor, err := startFloor(ctx, s.floor, "match")
	if err != nil {
		return err
	}
	defer floor.close()
	conditions, err := cel.New()
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name, when string
		most       time.Duration
	}{
		{"by match alone", "", 5 * time.Microsecond},
		{"each with a condition", `, when: 'user.groups.exists(g, g == "developers")'`, 15 * time.Microsecond},
	} {
		set, faults := rules.Parse([]byte(tenThousand(c.when)), rules.WithConditions(conditions))
		if set == nil {
			return fmt.Errorf("the bench's rules: %v", faults)
		}
		p, err := interleave(ctx, floor.rounds, evaluations(set), ruleTurns, ruleRounds)
		if err != nil {
			return err
		}
		ours := p.ours.median()
		t.add(row{"a rule among 10,000, " + c.name + ", p50", micros(ours), micros(p.base.median()), "", "≤ " + c.most.String(), within(ours, float64(c.most), micros)})
	}
	return nil
}

// tenThousand are rules for a thousand programs.
func tenThousand(when string) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "- {name: r%d, match: {path: /usr/bin/p%d, args: [x%d]}, then: approve%s}\n", i, i/10, i%10, when)
	}
	return b.String()
}

// evaluations is a timer of single evaluations, each of which approves.
func evaluations(set *rules.Set) timer {
	var inputs []rules.Input
	for i := range 1000 {
		inputs = append(inputs, rules.Input{Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
			User:    elevation.User{Name: "dina", UID: "1000", Groups: []string{"users", "developers"}},
			Subject: elevation.Subject{Path: fmt.Sprintf("/usr/bin/p%d", (i*7)%1000), Args: []string{fmt.Sprintf("x%d", i%10)}, RunAs: "root", Cwd: "/"}}})
	}
	now := time.Now()
	return func(_ context.Context, rounds int) (sample, error) {
		out := make(sample, rounds)
		for i := range rounds {
			began := time.Now()
			if set.Evaluate(inputs[i%len(inputs)], now).Kind != rules.Approve {
				return nil, errors.New("an attempt was not approved")
			}
			out[i] = float64(time.Since(began))
		}
		return out, nil
	}
}

// The size of a replay: so many days of the history have 100,000 requests.
const (
	replayRules = 1000
	replayDays  = 35
	replayMost  = 10 * time.Second
)

// replay compares a replay of a whole set with reading the same rows.
func (s *scale) replay(ctx context.Context, t *table) error {
	path := filepath.Join(s.dir, "replay.db")
	if err := copyOf(s.path, path); err != nil {
		return err
	}
	defer os.Remove(path)
	db, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return err
	}
	defer db.Close()
	in, err := replayer(ctx, db)
	if err != nil {
		return err
	}
	boss := auth.Actor{User: "usr_1", Login: "boss", Roles: []auth.Role{auth.Administrator}}
	var requests int
	var took sample
	for range 3 {
		began := time.Now()
		got, err := in.Replay(ctx, boss, programRules(), replayDays)
		if err != nil {
			return err
		}
		took, requests = append(took, float64(time.Since(began))), got.Requests
	}
	floor, err := startFloor(ctx, s.floor, "scan", path, strconv.Itoa(requests))
	if err != nil {
		return err
	}
	base, err := floor.rounds(ctx, 3)
	if err != nil {
		return errors.Join(err, floor.close())
	}
	ratio := fmt.Sprintf("%.1f×", took.median()/base.median())
	t.add(row{fmt.Sprintf("replay of %d requests over %d rules (floor: their rows are read)", requests, replayRules), micros(took.median()), micros(base.median()), ratio,
		"≤ " + replayMost.String(), within(took.median(), float64(replayMost), micros)})
	return floor.close()
}

// programRules are a thousand rules for the programs of the history.
func programRules() string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range replayRules {
		path := fmt.Sprintf("/opt/tool%d/bin/run%d", i%200, i/20)
		if i%10 == 0 {
			path = "/usr/bin/apt-get"
		}
		fmt.Fprintf(&b, "- {name: r%d, match: {path: %s, args: [install, {regex: 'package%d[0-9]*'}, '--yes']}, then: %s}\n", i, path, i, []string{"approve", "require"}[i%2])
	}
	return b.String()
}

// replayer is insight over a history, at the time of its newest request.
func replayer(ctx context.Context, db *store.Store) (*insight.Insight, error) {
	var newest store.Page
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		newest, err = tx.RequestPage(store.RequestFilter{States: listStates(), List: store.ListTeam, Sort: "newest", Limit: 1})
		return err
	})
	if err != nil || len(newest.Items) == 0 {
		return nil, errors.Join(errors.New("the history is empty"), err)
	}
	now := newest.Items[0].SubmittedAt
	return insight.New(insight.Config{Store: db, Rules: func() *rules.Set { return nil }, Now: func() time.Time { return now },
		Read: func(text string) (*rules.Set, error) {
			set, faults := rules.Parse([]byte(text))
			if set == nil {
				return nil, fmt.Errorf("the bench's rules: %v", faults)
			}
			return set, nil
		},
		Text:       func(context.Context) (string, error) { return "", nil },
		Checkpoint: func() audit.Checkpoint { return audit.Checkpoint{} },
		Key:        func() string { return "" }, KeySet: func() []byte { return nil },
		Root: func() (string, ed25519.PublicKey) { return "", nil }})
}
