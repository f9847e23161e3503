// Package agent is the flow on the endpoint: an attempt is matched with what is
// already granted or waiting, else put to the controller; the answer is
// verified, applied for a short time, taken back and reported.
//
// Mechanisms in intercept see and hold attempts, privilege applies and ends,
// grants remembers what is in force, link speaks with the controller, local
// with the users. This package joins them and decides nothing on its own: a
// permit comes only out of a grant that the controller signed for this
// endpoint, this user and this very subject.
//
// Read flow.go for an attempt from start to permit, receive.go and the files of
// its messages (questions, amend, policy), effects.go, then ends.go.
package agent

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/offline"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// Conn is the link to the controller as the flow needs it; agent/link has it.
type Conn interface {
	Send(t wire.Type, message any) error
	Report(r wire.Report) error
	// Tell keeps a message until the controller has accepted it; Kept is how many
	// of a type are.
	Tell(m wire.Told) error
	Kept(t wire.Type) int
	Forget(id elevation.RequestID)
	Connected() bool
	KeySet() sign.KeySet
	// Skew is how far this machine's clock was ahead of the controller's when
	// they last spoke.
	Skew() time.Duration
	// Console is where people sign in, "" = not known.
	Console() string
}

// Config names what an [Agent] is made of. Schedule, OnPolicy and FailPoint may be nil.
type Config struct {
	Data     string // root-only folder that outlives restarts
	Cluster  string
	Endpoint elevation.EndpointID
	Conn     Conn
	Ledger   *grants.Ledger
	Trees    *privilege.Trees
	Clock    grants.Clock
	Log      *slog.Logger
	// Schedule arranges that the end of an entry happens without the agent
	// (a timer of the service manager); nil where `reap --watch` does it.
	Schedule func(context.Context, grants.Entry) error
	StageDir string // root-only folder for copies of scripts
	// About is what does not come from the flow in a status: names, versions.
	About func() local.Status
	// Mode is that of the enrolment, for the time before a policy says another;
	// "" = ask.
	Mode elevation.Mode
	// Lookup finds the account of a user; nil = intercept.Lookup.
	Lookup func(user string) (intercept.Account, error)
	// LookupName finds it by the user's name; nil = intercept.LookupName.
	LookupName func(name string) (intercept.Account, error)
	// Standing finds and changes standing rights; nil where that is not served.
	Standing *standing.Standing
	// Admins is how this machine makes administrators.
	Admins Admins
	// Password checks one of this machine; nil = privilege.Passwords without PAM.
	Password func(ctx context.Context, user, password string) error
	// SudoDir is where sudo reads rules that are lent for a moment; "" where sudo has
	// a plugin of ours, or is not used.
	SudoDir string
	// SudoHelper is our program that sudo starts by such a rule; "" = this one.
	SudoHelper string
	// Becomes watches a process that becomes sudo; nil = privilege.Becomes.
	Becomes func(pid int, started uint64) (began func(context.Context) error, err error)
	// OnPolicy is called when another policy is in force; it may be nil, and does not
	// wait.
	OnPolicy func()
	// FailPoint is called at each step that a crash test wants to stop at.
	FailPoint func(step string)
}

// Agent is the flow of one endpoint. It implements intercept.Elevator, the
// effects that intercept/sudo needs and the flow that local needs.
type Agent struct {
	Config
	journal *journal
	offline *offline.Offline
	mute    atomic.Bool   // an attempt got no answer in time, and nothing was heard since
	changed chan struct{} // the ledger changed: ends.go looks again
	looking atomic.Int32  // for users that the controller asks for

	life       context.Context // of the goroutines in background
	stop       context.CancelFunc
	background sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	holders map[elevation.RequestID][]*holder
	claimed map[elevation.GrantID]bool            // permits given out and not yet armed
	since   time.Time                             // of the present connection, or of its loss
	locked  string                                // why the controller locked this endpoint, "" = it did not
	watched map[elevation.GrantID]bool            // trees that are being waited for
	handed  map[elevation.RequestID]bool          // whose answers the link has
	says    map[elevation.GrantID]func(string)    // whoever can tell the person in front of a program something
	latest  map[elevation.RequestID]wire.Progress // of requests that wait
	warned  map[elevation.GrantID]time.Time       // the ends that people were told of ahead
	notices map[string]map[*watcher]bool          // who watches, by user
	drafts  map[elevation.RequestID]*draft        // attempts that wait for their reason
	sitting map[string]int                        // programs that can ask a user for a reason, by user

	policy  policyState
	proofs  proofs
	keys    passkeys
	typed   typedPasswords
	portals portals

	rightsDue chan struct{} // 1; the standing rights are to be told
	inside    inside
	lent      lent
	errands   errands
	sights    sights
}

// New opens the journal and undoes or adopts what an earlier run left. After it
// returns, nothing is in force that the ledger does not hold as active.
func New(ctx context.Context, cfg Config) (*Agent, error) {
	if cfg.FailPoint == nil {
		cfg.FailPoint = func(string) {}
	}
	if cfg.OnPolicy == nil {
		cfg.OnPolicy = func() {}
	}
	if cfg.Lookup == nil {
		cfg.Lookup = intercept.Lookup
	}
	if cfg.LookupName == nil {
		cfg.LookupName = intercept.LookupName
	}
	if cfg.Becomes == nil {
		cfg.Becomes = privilege.Becomes
	}
	j, damaged, err := openJournal(filepath.Join(cfg.Data, "requests"), cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	for _, name := range damaged {
		cfg.Log.Warn("a request file was damaged and is put aside", "file", name)
	}
	for _, d := range cfg.Ledger.Damaged() {
		cfg.Log.Error("a grant can not be read: it counts as used, and what it did is undone", "grant", d.ID, "error", d.Err)
	}
	a := &Agent{Config: cfg, journal: j, changed: make(chan struct{}, 1), rightsDue: make(chan struct{}, 1),
		holders: map[elevation.RequestID][]*holder{}, claimed: map[elevation.GrantID]bool{}, watched: map[elevation.GrantID]bool{},
		handed: map[elevation.RequestID]bool{}, says: map[elevation.GrantID]func(string){},
		latest: map[elevation.RequestID]wire.Progress{}, warned: map[elevation.GrantID]time.Time{}, notices: map[string]map[*watcher]bool{}}
	a.sights = sights{line: make(chan wire.Seen, sightsLine), open: map[[sha256.Size]byte]*sight{}, users: map[string]allowance{}}
	if err := j.dropOld(a.now()); err != nil {
		return nil, err
	}
	j.told = a.publish
	if a.offline, err = offline.Open(offline.Config{Data: cfg.Data, Cluster: cfg.Cluster, Endpoint: cfg.Endpoint, KeySet: cfg.Conn.KeySet,
		Clock: cfg.Clock, Skew: cfg.Conn.Skew, Log: cfg.Log}); err != nil {
		return nil, err
	}
	if err := a.loadPolicy(); err != nil {
		return nil, err
	}
	a.loadLock()
	a.life, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.disown(ctx); err != nil {
		return nil, err
	}
	a.recover(ctx)
	a.background.Go(a.tellSights)
	return a, nil
}

// Close stops watching; what runs goes on and is adopted by the next start.
func (a *Agent) Close() {
	a.stop()
	a.background.Wait()
	a.offline.Close()
	a.closeSights()
}

// holder is one held attempt that waits for its request. It keeps the newest
// message of each kind; wake says that something is new.
type holder struct {
	wake    chan struct{}
	attempt elevation.Attempt

	mu       sync.Mutex // guards the fields below
	need     *wire.Need
	progress *wire.Progress
	accepted bool
	taken    int   // messages about the request that the controller has taken
	refusal  error // of the newest message about it
	final    error
	grant    elevation.GrantID
	answer   wire.Decision // that came with the grant
}

func (h *holder) set(change func(*holder)) {
	h.mu.Lock()
	change(h)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// hold registers one more holder of id.
func (a *Agent) hold(id elevation.RequestID, attempt elevation.Attempt) *holder {
	h := &holder{wake: make(chan struct{}, 1), attempt: attempt}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.holders[id] = append(a.holders[id], h)
	return h
}

// heldAttempt is what the holders of id asked for.
func (a *Agent) heldAttempt(id elevation.RequestID) (elevation.Attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.holders[id]) == 0 {
		return elevation.Attempt{}, false
	}
	return a.holders[id][0].attempt, true
}

func (a *Agent) release(id elevation.RequestID, h *holder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.holders[id][:0]
	for _, x := range a.holders[id] {
		if x != h {
			kept = append(kept, x)
		}
	}
	if len(kept) == 0 {
		delete(a.holders, id)
		return
	}
	a.holders[id] = kept
}

// tell passes news to everybody who holds id.
func (a *Agent) tell(id elevation.RequestID, change func(*holder)) {
	a.mu.Lock()
	list := append([]*holder(nil), a.holders[id]...)
	a.mu.Unlock()
	for _, h := range list {
		h.set(change)
	}
}

// Online is called by the link when a session begins or ends: holders send what
// they could not, and show whether the controller is there.
func (a *Agent) Online(connected bool) {
	a.mute.Store(false)
	a.mu.Lock()
	a.since = a.now()
	var list []*holder
	for _, hs := range a.holders {
		list = append(list, hs...)
	}
	a.mu.Unlock()
	for _, h := range list {
		h.set(func(*holder) {})
	}
	if connected {
		a.resendWithdrawals()
		a.resendAnswers()
		a.rightsAgain()
	}
}

func (a *Agent) resendWithdrawals() {
	for _, n := range a.journal.list(func(n note) bool { return n.Phase == phaseWithdrawing }) {
		if err := a.Conn.Send(wire.TWithdraw, wire.Withdraw{Request: n.ID}); err != nil {
			return // offline again; the next session does it
		}
	}
}

func (a *Agent) now() time.Time { return a.Clock().Wall }
