// Package held answers for programs that a system holds as they start, until it is told
// whether they may: Endpoint Security of macOS. Only programs that run as root for
// somebody who is not are looked at; every other start goes on at once.
//
// A start that nobody answers in time costs the whole client its place, so each is
// answered before its deadline, whatever hangs. What a deny rule names does not start
// then; everything else goes on as if there were no Assent.
//
// Nothing here needs the entitlement of Apple's that a real [Source] does. This build
// has none: [Open] says so, and a fake that behaves drives the rest in tests.
package held

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// Can is the capability of endpoints that hold programs as they start.
const Can = "hold"

// ErrEntitlement: this build may not hold programs.
var ErrEntitlement = errors.New("programs are not held as they start: that needs an entitlement of Apple's for Endpoint Security, which this build does not have")

// ErrClosed ends a source that was closed.
var ErrClosed = errors.New("programs are not held any more")

// Token is an audit token of macOS: who a process is, by the kernel alone. The number
// of a process is used again, its version with it is not.
type Token [8]uint32

// The places in a token.
const (
	tokenEUID = 1
	tokenRUID = 3
	tokenPID  = 5
)

// EUID is the user whose rights the process has.
func (t Token) EUID() uint32 { return t[tokenEUID] }

// RUID is the user who started it.
func (t Token) RUID() uint32 { return t[tokenRUID] }

// PID is its number.
func (t Token) PID() int { return int(t[tokenPID]) }

// Start is one program that is about to start, as the kernel tells of it.
type Start struct {
	ID       uint64   // of this start, for the answer
	Who      Token    // the process that starts it
	Becomes  Token    // the same process with the rights that the program will have
	Path     string   // of the file that the kernel has opened, links resolved
	Dev, Ino uint64   // of that file
	Args     []string // without the name it is called by
	Cwd      string
	Deadline time.Time // an answer that comes later ends the client
}

// Source holds programs and tells of them. Its methods may be called at once.
type Source interface {
	// Next waits for the next start. [ErrClosed] after Close.
	Next(ctx context.Context) (Start, error)
	// Answer lets a start go on, or makes it fail as forbidden. Each is answered once,
	// and never remembered for another start of the same file.
	Answer(s Start, allow bool) error
	// Close ends it. What is held at that moment goes on.
	Close() error
}

// Flow is what the agent does with a start; package agent implements it.
type Flow interface {
	intercept.Elevator
	intercept.House
	intercept.Desk
	// Holds reports whether the policy wants programs held at all.
	Holds(m elevation.Mechanism) bool
	// Claim, Release and Spend use an approval that waits, as for setuid programs.
	Claim(attempt elevation.Attempt) (intercept.Permit, bool)
	Release(grant elevation.GrantID)
	Spend(permit intercept.Permit) error
	// Denies names the deny rule that an attempt meets, by the rules that the agent
	// keeps, at once and without asking anybody.
	Denies(attempt elevation.Attempt) (rule string, denies bool)
	// Lends reports whether a process is becoming something that was approved: sudo
	// for a rule of a moment.
	Lends(pid int) bool
}

// Config is what a [Watcher] needs.
type Config struct {
	Source      Source
	Flow        Flow
	Salt        []byte // of this endpoint
	Masks       func() intercept.Patterns
	Log         *slog.Logger
	FirstPerson uint32        // below are root and the accounts of services; 0 = 500, as on macOS
	Margin      time.Duration // an answer is given so long before its deadline; 0 = 2 s
	// Lookup finds an account; nil = intercept.LookupUID.
	Lookup func(uid uint32) (intercept.Account, error)
	// Observe finds out what would run; nil = intercept.Observe.
	Observe func(intercept.Raw) (elevation.Attempt, intercept.Real, error)
}

// maxHeld is how many starts are looked at at once; what comes beside them is judged by
// the policy and the rules alone.
const (
	maxHeld   = 64
	maxOfUser = 8
	nobody    = ^uint32(1) // -2
)

// exempt are programs that log-ins and the system itself start for people, or that do
// one harmless thing.
const exempt = `login ps top quota traceroute traceroute6 passwd chpass security_authtrampoline authopen assent-agent`

// Watcher answers for the starts of a source.
type Watcher struct {
	cfg  Config
	work sync.WaitGroup

	mu  sync.Mutex // guards the fields below
	of  map[uint32]int
	all int
}

// New makes a watcher, which owns its source from now on.
func New(cfg Config) (*Watcher, error) {
	if cfg.Source == nil || cfg.Flow == nil || cfg.Log == nil || cfg.Masks == nil || len(cfg.Salt) < 16 {
		return nil, errors.New("held: the configuration is incomplete")
	}
	if cfg.FirstPerson == 0 {
		cfg.FirstPerson = 500
	}
	if cfg.Margin <= 0 {
		cfg.Margin = 2 * time.Second
	}
	if cfg.Lookup == nil {
		cfg.Lookup = intercept.LookupUID
	}
	if cfg.Observe == nil {
		cfg.Observe = intercept.Observe
	}
	return &Watcher{cfg: cfg, of: map[uint32]int{}}, nil
}

// Run answers until ctx ends or the source does. What is held then goes on, unless a
// deny rule was found to name it.
func (w *Watcher) Run(ctx context.Context) error {
	defer func() {
		if err := w.cfg.Source.Close(); err != nil {
			w.cfg.Log.Error("stop holding programs", "error", err)
		}
	}()
	defer w.work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // what is held is answered then
	for {
		s, err := w.cfg.Source.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		w.take(ctx, s)
	}
}

// gains reports whether a start makes a person root. Root itself, services and what
// runs as somebody else already are never held, so that nothing of the system waits.
func (w *Watcher) gains(s Start) bool {
	uid := s.Who.RUID()
	return s.Becomes.EUID() == 0 && s.Who.EUID() == uid && uid >= w.cfg.FirstPerson && uid < nobody &&
		s.Becomes.PID() == s.Who.PID() && s.Who.PID() > 1 && !exempted(s.Path)
}

func exempted(file string) bool {
	for word := range strings.FieldsSeq(exempt) {
		if word == path.Base(file) {
			return true
		}
	}
	return false
}

// take answers at once what is not to be held, and has a goroutine for the rest.
func (w *Watcher) take(ctx context.Context, s Start) {
	if !w.gains(s) || w.cfg.Flow.Lends(s.Who.PID()) {
		w.answer(s, true)
		return
	}
	holds := w.cfg.Flow.Holds(elevation.BySetuid)
	if !holds {
		w.answer(s, true)
	}
	uid := s.Who.RUID()
	w.mu.Lock()
	full := w.all >= maxHeld || w.of[uid] >= maxOfUser
	if !full {
		w.all++
		w.of[uid]++
	}
	w.mu.Unlock()
	switch {
	case full && holds:
		w.work.Go(func() { w.hold(ctx, s, w.crowded) })
	case full:
	case holds:
		w.work.Go(func() {
			w.hold(ctx, s, func(ctx context.Context, s Start, named *atomic.Bool) bool {
				defer w.let(uid)
				return w.decide(ctx, s, named)
			})
		})
	default:
		w.work.Go(func() { defer w.let(uid); w.decide(ctx, s, &atomic.Bool{}) })
	}
}

func (w *Watcher) let(uid uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
	if w.of[uid]--; w.of[uid] == 0 {
		delete(w.of, uid)
	}
}

// hold answers a start by what is decided, or before its deadline by what the rules
// alone said of it until then. What hangs keeps its place and never the answer.
func (w *Watcher) hold(ctx context.Context, s Start, decide func(context.Context, Start, *atomic.Bool) bool) {
	var named atomic.Bool // a deny rule names it, or the policy
	ctx, cancel := context.WithDeadline(ctx, s.Deadline.Add(-w.cfg.Margin))
	defer cancel()
	said := make(chan bool, 1)
	go func() { said <- decide(ctx, s, &named) }()
	select {
	case allow := <-said:
		w.answer(s, allow)
	case <-ctx.Done():
		w.cfg.Log.Warn("a start was not judged in time", "path", s.Path, "uid", s.Who.RUID(), "denied", named.Load())
		w.answer(s, !named.Load())
	}
}

func (w *Watcher) answer(s Start, allow bool) {
	if err := w.cfg.Source.Answer(s, allow); err != nil {
		w.cfg.Log.Error("answer the start of a program", "path", s.Path, "error", err)
	}
}

// bare is a start as far as the kernel tells of it: who and what, and of no file yet.
func (w *Watcher) bare(s Start) elevation.Attempt {
	who := privilege.UserOf(s.Who.RUID())
	return elevation.Attempt{AccessType: elevation.Run, Mechanism: string(elevation.BySetuid), User: elevation.User{Name: who, UID: who},
		Subject: elevation.Subject{Path: s.Path, Args: intercept.Masking{More: w.cfg.Masks()}.Args(s.Args), Cwd: s.Cwd, RunAs: "root", Marks: []string{elevation.MarkUnbounded}}}
}
