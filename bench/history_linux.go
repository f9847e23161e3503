package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/shared/elevation"
)

// The size of the history that lists are measured on.
const (
	historyRequests = 1_000_000
	historyPending  = 20_000
	historyFleet    = 5_000
	historyBatch    = 2_000
)

// history makes a database with a million requests, or finds the one that an
// earlier run of the same code made.
func history(ctx context.Context) (string, error) {
	root, err := lab.Root()
	if err != nil {
		return "", err
	}
	home, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	// What decides how a request is stored and found.
	name, err := contentOf(filepath.Join(root, "controller", "store", "migrations.go"), filepath.Join(root, "controller", "store", "lists.go"),
		filepath.Join(root, "bench", "history_linux.go"))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(home, "assent-test", "history-"+name)
	path := filepath.Join(dir, "assent.db")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return path, nil
	}
	old, err := filepath.Glob(filepath.Join(home, "assent-test", "history-*"))
	if err != nil {
		return "", err
	}
	for _, o := range append(old, dir) {
		if err := os.RemoveAll(o); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := makeHistory(ctx, path); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return path, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o600)
}

// contentOf names what files say.
func contentOf(files ...string) (string, error) {
	h := sha256.New()
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(f), len(raw))
		h.Write(raw)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

func makeHistory(ctx context.Context, path string) error {
	s, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return err
	}
	defer s.Close()
	began := time.Now()
	maker := &historian{rnd: rand.New(rand.NewPCG(1, 2)), now: began.UTC().Truncate(time.Millisecond)}
	if err := s.Update(ctx, maker.fleet); err != nil {
		return fmt.Errorf("make the fleet: %w", err)
	}
	for at := 0; at < historyRequests; at += historyBatch {
		if err := s.Update(ctx, func(tx *store.Tx) error { return maker.requests(tx, at) }); err != nil {
			return fmt.Errorf("make the history: %w", err)
		}
		if _, err := s.TakeIn(ctx, historyBatch); err != nil {
			return err
		}
		if at%100_000 == 0 {
			fmt.Fprintf(os.Stderr, "making a history: %d of %d requests after %s\n", at, historyRequests, time.Since(began).Round(time.Second))
		}
	}
	for more := true; more; {
		if more, err = s.TakeIn(ctx, historyBatch); err != nil {
			return err
		}
	}
	return s.Close()
}

// historian makes up requests, the same in every run but for the time of day.
type historian struct {
	rnd *rand.Rand
	now time.Time
}

func (h *historian) one(of ...string) string { return of[h.rnd.IntN(len(of))] }

func fleetID(n int) elevation.EndpointID {
	return elevation.EndpointID(fmt.Sprintf("ep_01a00000-0000-7000-8000-%012x", n))
}

func (h *historian) fleet(tx *store.Tx) error {
	for n := range historyFleet {
		e := store.Endpoint{ID: fleetID(n), Name: fmt.Sprintf("host-%05d", n), SPKI: fmt.Append(nil, "key of ", n), Mode: "ask", EnrolledAt: h.now,
			Labels: map[string]string{"site": fmt.Sprint("s", n%10), "rack": fmt.Sprint("r", n%500)}, AcceptLabels: []string{}}
		if err := tx.InsertEndpoint(e); err != nil {
			return err
		}
	}
	return tx.Append(audit.Event{At: h.now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}})
}

func (h *historian) requests(tx *store.Tx, from int) error {
	for n := from; n < from+historyBatch; n++ {
		r := h.request(n)
		if err := tx.InsertRequest(&r, h.now); err != nil {
			return err
		}
	}
	return tx.Append(audit.Event{At: h.now, Kind: audit.RequestSubmitted, Actor: elevation.Actor{Kind: elevation.BySystem}})
}

func (h *historian) request(n int) elevation.Request {
	at := h.now.Add(-time.Duration(historyRequests-n) * 30 * time.Second)
	host := h.rnd.IntN(historyFleet)
	user := host*3 + h.rnd.IntN(3)
	digest := make([]byte, 32)
	for i := range digest {
		digest[i] = byte(h.rnd.Uint32())
	}
	program := h.one("/usr/bin/apt-get", "/usr/bin/systemctl", "/usr/bin/journalctl", "/usr/bin/docker", "/usr/sbin/iptables", "/usr/bin/mount", "/usr/bin/vim",
		fmt.Sprintf("/opt/tool%d/bin/run%d", h.rnd.IntN(200), h.rnd.IntN(50)))
	r := elevation.Request{ID: elevation.NewRequestID(at), Origin: elevation.FromEndpoint, Endpoint: fleetID(host),
		Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
			User: elevation.User{Name: fmt.Sprintf("user%d", user), Display: fmt.Sprintf("Person Number%d", user), UID: fmt.Sprint(1000 + user%3), Groups: []string{"users", "docker"}},
			Subject: elevation.Subject{Path: program, Args: []string{h.one("install", "restart", "remove", "run", "-L"), fmt.Sprintf("package%d", h.rnd.IntN(20_000)), "--yes"},
				ArgsDigest: digest, Cwd: "/home/user", RunAs: "root", SHA256: hex.EncodeToString(digest), Size: 123_456, Parent: "/usr/bin/bash", Marks: []string{}}},
		Justification: fmt.Sprintf("%s the %s of customer%d because %s", h.one("update", "repair", "look at", "restart"), h.one("web server", "database", "firewall", "printer"),
			h.rnd.IntN(5000), h.one("it is slow", "of a ticket", "the disk is full", "monitoring says so")),
		Ticket: fmt.Sprintf("OPS-%d", h.rnd.IntN(300_000)), Priority: elevation.Priority(h.one("low", "normal", "normal", "high", "urgent")),
		DraftedAt: at, SubmittedAt: at, ExpiresAt: at.Add(8 * time.Hour), Requested: elevation.Window{Duration: 15 * time.Minute},
		Need: elevation.Need{Stages: []elevation.Stage{{Team: elevation.TeamID(h.one("team_approvers", "team_web", "team_db")), Name: "Approvers", Quorum: 1}},
			Rules: []string{}, Trace: []elevation.TraceLine{{Rule: "packages", Why: "the path is another one"}}, Caution: []elevation.Caution{}},
		Reviews: []elevation.Review{}, Questions: []elevation.Question{}}
	h.answer(&r, n)
	return r
}

// answer gives every fiftieth request to the queue and ends the others.
func (h *historian) answer(r *elevation.Request, n int) {
	if n%(historyRequests/historyPending) == 0 {
		r.ExpiresAt = h.now.Add(10 * 365 * 24 * time.Hour)
		return
	}
	at := r.SubmittedAt.Add(time.Duration(h.rnd.IntN(3600)) * time.Second)
	by := elevation.Actor{Kind: elevation.ByUser, ID: "usr_1", Name: "bo"}
	switch k := h.rnd.IntN(100); {
	case k < 6:
		r.ExpiredAt = r.ExpiresAt
	case k < 8:
		r.CancelledAt = at
	case k < 18:
		r.Decision = &elevation.Decision{Verdict: elevation.Denied, By: by, At: at, Comment: "not today"}
	default:
		if k < 80 {
			by = elevation.Actor{Kind: elevation.ByRule, ID: "rule_1@3", Name: "packages"}
		}
		code := 0
		r.Decision = &elevation.Decision{Verdict: elevation.Approved, By: by, At: at}
		r.Granted = elevation.Window{Duration: 15 * time.Minute, UseWithin: 4 * time.Hour}
		r.Grant = elevation.GrantFacts{ID: elevation.NewGrantID(at), IssuedAt: at, DeliverBy: at.Add(time.Hour), DeliveredAt: at, StartedAt: at,
			EndedAt: at.Add(time.Minute), EndReason: elevation.Completed, ExitCode: &code}
	}
}

// A disk that has just taken much may be slow for a while. It is calm when the
// slow ones of some small writes are durable after this time.
const (
	calmWrites = 200
	calmWithin = 10 * time.Millisecond
	calmAtMost = 3 * time.Minute
)

// calm waits for the disk to be calm, and answers how long small writes take by
// then. After calmAtMost it is what it is.
func calm(ctx context.Context, dir string) (sample, error) {
	f, err := os.CreateTemp(dir, "calm")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	page := make([]byte, 4096)
	for began := time.Now(); ; {
		var took sample
		for range calmWrites {
			at := time.Now()
			if _, err := f.WriteAt(page, 0); err != nil {
				return nil, err
			}
			if err := f.Sync(); err != nil {
				return nil, err
			}
			took = append(took, float64(time.Since(at)))
		}
		if took.at(0.95) <= float64(calmWithin) || time.Since(began) > calmAtMost {
			return took, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
}

// copyOf copies a database that is not open.
func copyOf(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync() // else the disk would be at it while something is measured
	}
	return errors.Join(err, out.Close())
}
