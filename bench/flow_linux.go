package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// flow is the controller's own work on a decision, from the bytes of the message
// to the durable answer, without the network.
type flow struct {
	db    *store.Store
	queue *queue.Queue
	next  atomic.Int64
}

// signer signs with one key.
type signer struct{ sign.Signer }

func (s signer) SignGrant(g elevation.Grant) ([]byte, error) {
	return s.Sign("assent/grant/v1", g)
}
func (s signer) SignRevocation(r elevation.Revocation) ([]byte, error) {
	return s.Sign("assent/revoke/v1", r)
}
func (s signer) SignAmendment(a elevation.Amendment) ([]byte, error) {
	return s.Sign("assent/amend/v1", a)
}

func (s signer) SignConfirmation(a elevation.Confirmation) ([]byte, error) {
	return s.Sign("assent/amend/v1", a)
}
func (s signer) Epoch() uint64 { return 1 }

const flowRules = `rules:
  - name: packages
    match: {path: /usr/bin/apt-get}
    then: approve
`

func newFlow(ctx context.Context, path string) (*flow, error) {
	db, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return nil, err
	}
	set, faults := rules.Parse([]byte(flowRules))
	if set == nil {
		return nil, fmt.Errorf("the bench's rules: %v", faults)
	}
	set = set.At(1)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	f := &flow{db: db}
	f.queue, err = queue.New(queue.Config{Store: db, Signer: signer{sign.Signer{KeyID: "k1", Key: key}}, Cluster: "bench", Rules: func() *rules.Set { return set }})
	return f, err
}

// message is an attempt as it comes from an endpoint.
func (f *flow) message() (elevation.EndpointID, []byte, error) {
	n := f.next.Add(1)
	digest := make([]byte, 32)
	rand.Read(digest)
	in := wire.Attempt{Request: elevation.NewRequestID(time.Now()), Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		User: elevation.User{Name: fmt.Sprintf("user%d", n%15_000), UID: "1000", Groups: []string{"users"}},
		Subject: elevation.Subject{Path: "/usr/bin/apt-get", Args: []string{"install", fmt.Sprintf("package%d", n), "--yes"}, ArgsDigest: digest, Cwd: "/home/user",
			RunAs: "root", SHA256: fmt.Sprintf("%064x", n), Size: 123_456, Parent: "/usr/bin/bash", Marks: []string{}}}}
	raw, err := wire.Encode(wire.TAttempt, 0, in)
	return fleetID(int(n % historyFleet)), raw, err
}

// decide takes one message to its durable decision.
func (f *flow) decide(ctx context.Context, ep elevation.EndpointID, raw []byte) error {
	frame, err := wire.Decode(raw)
	if err != nil {
		return err
	}
	var in wire.Attempt
	if err := frame.Into(&in); err != nil {
		return err
	}
	a, err := f.queue.Draft(ctx, ep, in)
	if err == nil && !a.Decided {
		err = errors.New("an attempt was not decided")
	}
	return err
}

// open takes arrivals at a rate, whether or not those before are answered, and
// answers how long each took from its arrival.
func (f *flow) open(ctx context.Context, rounds int, rate float64) (sample, error) {
	out, errs := make(sample, rounds), make(chan error, rounds)
	arrivals := mathrand.New(mathrand.NewPCG(5, 6))
	due := time.Now()
	for i := range rounds {
		ep, raw, err := f.message()
		if err != nil {
			return nil, err
		}
		due = due.Add(time.Duration(arrivals.ExpFloat64() / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		began := due
		go func() {
			err := f.decide(ctx, ep, raw)
			out[i] = float64(time.Since(began))
			errs <- err
		}()
	}
	for range rounds {
		if err := <-errs; err != nil {
			return nil, err
		}
	}
	return out, nil
}

const (
	flowCallers = 512
	flowTime    = 4 * time.Second
	flowTurns   = 3
)

// saturate runs as many callers as share commits at most, for a while, each over
// its own connection, and answers how many decisions a second became durable.
func (f *flow) saturate(conns []*websocket.Conn) (float64, error) {
	var done atomic.Int64
	var group sync.WaitGroup
	errs := make(chan error, len(conns))
	began := time.Now()
	for _, conn := range conns {
		group.Go(func() {
			for time.Since(began) < flowTime {
				if err := f.ask(conn); err != nil {
					errs <- err
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	return float64(done.Load()) / time.Since(began).Seconds(), nil
}

// settle takes into the lists what came before, so that every turn begins alike.
func (f *flow) settle(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = f.db.TakeIn(ctx, historyBatch); err != nil {
			return err
		}
	}
	return nil
}

// manyBehind is more than the lists may be behind: from then on a decision waits
// for earlier ones to be taken into them.
const manyBehind = 40_000

// limit finds the most decisions a second and what one costs the processors:
// while the lists may fall behind, or when it lasts for longer than they may.
func (f *flow) limit(ctx context.Context, lasting bool) (rate, each float64, err error) {
	l, err := f.newLink(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer l.server.Close()
	var conns []*websocket.Conn
	for range flowCallers {
		c, _, err := l.dialer.DialContext(ctx, l.url, nil)
		if err != nil {
			return 0, 0, err
		}
		defer c.Close()
		conns = append(conns, c)
	}
	if err := f.settle(ctx); err != nil {
		return 0, 0, err
	}
	for began := f.next.Load(); lasting && f.next.Load()-began < manyBehind; {
		if _, err := f.saturate(conns); err != nil {
			return 0, 0, err
		}
	}
	var rates, costs sample
	for range flowTurns {
		before, had := processor(), f.next.Load()
		rate, err := f.saturate(conns)
		if err != nil {
			return 0, 0, err
		}
		rates, costs = append(rates, rate), append(costs, float64(processor()-before)/float64(f.next.Load()-had))
		if lasting {
			continue
		}
		if err := f.settle(ctx); err != nil {
			return 0, 0, err
		}
	}
	return rates.median(), costs.median(), nil
}

// decisions measures the flow on a copy of the history: with readers, at its
// limit, and at half of it.
func (s *scale) decisions(ctx context.Context, t *table) error {
	path := filepath.Join(s.dir, "decisions.db")
	if err := copyOf(s.path, path); err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + store.DiskWaiters)) // as the controller runs
	f, err := newFlow(ctx, path)
	if err != nil {
		return err
	}
	defer f.db.Close()
	disk, err := calm(ctx, s.dir)
	if err != nil {
		return err
	}
	t.add(row{what: "the disk before decisions: a small write is durable", ours: micros(disk.median()), compared: "p95 " + micros(disk.at(0.95))})
	if err := f.withReaders(ctx, t); err != nil {
		return err
	}
	parts, err := s.parts(ctx)
	if err != nil {
		return err
	}
	for _, lasting := range []bool{false, true} {
		rate, each, err := f.limit(ctx, lasting)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("decisions stored durably over mutual TLS, %d callers", flowCallers)
		if lasting {
			what += ", when it lasts"
		}
		ceiling := parts.perSecond("commit")
		share := func(v float64) string { return fmt.Sprintf("%.2f×", v) }
		ours := fmt.Sprintf("%.0f/s, %s of a processor each", rate, micros(each))
		r := row{what + " (floor: " + parts.text("commit") + ", a row)", ours, fmt.Sprintf("%.0f/s", ceiling), share(rate / ceiling), "≥ 0.8×", ""}
		if rate < 0.8*ceiling {
			r.missed = "missed by " + share(0.8-rate/ceiling)
		}
		t.add(r)
		ceiling = parts.perSecond("record")
		t.add(row{what: "the same (floor: " + parts.text("record") + ", all rows of a decision)", ours: ours, floor: fmt.Sprintf("%.0f/s", ceiling), compared: share(rate / ceiling)})
		if err := s.half(ctx, t, f, rate/2, lasting); err != nil {
			return err
		}
	}
	return nil
}

// processor is the time that this process has computed.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// parts are the processor time of the parts of a decision, each measured alone, in
// nanoseconds: the median of some turns.
type parts map[string]float64

func (s *scale) parts(ctx context.Context) (parts, error) {
	all := map[string]sample{}
	for turn := range flowTurns {
		out, err := exec.CommandContext(ctx, s.floor, "work", filepath.Join(s.dir, fmt.Sprintf("work-%d.db", turn))).Output()
		if err != nil {
			return nil, fmt.Errorf("the parts of a decision: %w", err)
		}
		var took map[string]float64
		if err := json.Unmarshal(out, &took); err != nil {
			return nil, err
		}
		for name, v := range took {
			all[name] = append(all[name], v)
		}
	}
	p := parts{}
	for name, took := range all {
		p[name] = took.median()
	}
	return p, nil
}

// perSecond is what the parts would allow if each cost what it costs alone and
// nothing else were to do; stored is the commit among them.
func (p parts) perSecond(stored string) float64 {
	return float64(runtime.NumCPU()) * 1e9 / (p["echo"] + p["decode"] + p["rule"] + p["sign"] + p[stored])
}

func (p parts) text(stored string) string {
	return fmt.Sprintf("echo %s, read %s, rule %s, sign %s, commit %s", micros(p["echo"]), micros(p["decode"]), micros(p["rule"]), micros(p["sign"]), micros(p[stored]))
}

// half compares the slowest of a hundred at half the limit with a commit alone
// at the same rate. When it lasts the lists are as far behind as they may be.
func (s *scale) half(ctx context.Context, t *table, f *flow, rate float64, lasting bool) error {
	floor, err := startFloor(ctx, s.floor, "commit", filepath.Join(s.dir, "commit.db"), strconv.FormatFloat(rate, 'f', 0, 64))
	if err != nil {
		return err
	}
	var base, ours sample
	rounds := int(rate * flowTime.Seconds() / 2)
	settle := func() error { return f.settle(ctx) }
	commit := func() error {
		took, err := floor.rounds(ctx, rounds)
		base = append(base, took.at(0.99))
		return err
	}
	decide := func() error {
		took, err := f.open(ctx, rounds, rate)
		ours = append(ours, took.at(0.99))
		return err
	}
	behind := func() error { _, err := f.open(ctx, manyBehind, rate); return err }
	steps := slices.Repeat([]func() error{settle, commit, decide}, flowTurns)
	if lasting {
		steps = slices.Concat([]func() error{settle}, slices.Repeat([]func() error{commit}, flowTurns),
			[]func() error{behind}, slices.Repeat([]func() error{decide}, flowTurns))
	}
	for _, do := range steps {
		if err := do(); err != nil {
			return err
		}
	}
	ratio := ours.median() / base.median()
	times := func(v float64) string { return fmt.Sprintf("%.2f×", v) }
	t.add(row{fmt.Sprintf("p99 at half of that, %.0f/s (floor: the commit alone)", rate), micros(ours.median()), micros(base.median()), times(ratio), "≤ 3×", within(ratio, 3, times)})
	return floor.close()
}

// withReaders compares decisions at a pace while people read lists and search
// with decisions while nobody does. One stall of the disk makes a whole turn slow,
// so the turns are compared by their median.
func (f *flow) withReaders(ctx context.Context, t *table) error {
	const rounds, rate, turns = 300, 100.0, 8
	if _, err := f.open(ctx, rounds, rate); err != nil {
		return err
	}
	var base, ours, allBase, allOurs sample
	for range turns {
		b, err := f.open(ctx, rounds, rate)
		if err != nil {
			return err
		}
		stop := f.read(ctx)
		o, err := f.open(ctx, rounds, rate)
		if err = errors.Join(err, stop()); err != nil {
			return err
		}
		base, ours = append(base, b.at(0.95)), append(ours, o.at(0.95))
		allBase, allOurs = append(allBase, b...), append(allOurs, o...)
	}
	ratio := ours.median() / base.median()
	times := func(v float64) string { return fmt.Sprintf("%.2f×", v) }
	t.add(row{"decision while four people read lists, each twice a second and every fifth time a search, p95 by the median of " + strconv.Itoa(turns) + " turns (floor: without them)", micros(ours.median()), micros(base.median()), times(ratio), "≤ 1.5×", within(ratio, 1.5, times)})
	t.add(row{what: "the same, p95 of all turns together", ours: micros(allOurs.at(0.95)), floor: micros(allBase.at(0.95)), compared: times(allOurs.at(0.95) / allBase.at(0.95))})
	return nil
}

// read starts four readers; the result stops them.
func (f *flow) read(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	errs := make(chan error, 4)
	for n := range 4 {
		go func() { errs <- f.reader(ctx, uint64(n)) }()
	}
	return func() error {
		cancel()
		var err error
		for range 4 {
			err = errors.Join(err, <-errs)
		}
		return err
	}
}

func (f *flow) reader(ctx context.Context, seed uint64) error {
	rnd := mathrand.New(mathrand.NewPCG(seed, 1))
	ids := []string{"req_01a00000-0000-7000-8000-000000000001"}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		list := store.RequestFilter{States: waitingStates(), List: store.ListTeam, Sort: "queue"}
		if n%5 == 4 {
			list = searches(rnd, ids)
		}
		err := f.db.Browse(context.WithoutCancel(ctx), func(tx *store.Tx) error { _, err := tx.RequestPage(list); return err })
		if err != nil {
			return err
		}
	}
}
