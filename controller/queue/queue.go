// Package queue is the flow of a request on the controller, from the draft to
// its end, and the only writer of requests and grants. It decides nothing by
// itself: shared/rules answers without a person, shared/delegation says who may
// answer, shared/elevation what is lawful, controller/auth who may do what. It
// signs outside of any transaction and writes facts, events and frames in one,
// which is refused, and tried again, when the facts have changed meanwhile.
//
// Read attempt.go for what endpoints ask, file.go and resubmit.go for requests
// made elsewhere, weigh.go for what answers them; review.go, desk.go, acts.go,
// group.go and afterreview.go for what people do; access.go and emergency.go for
// answers without a vote; plan.go, climb.go, sweep.go for teams and time; read.go,
// veil.go, glance.go, codes.go for what is shown and found, change.go for writing.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// GrantSigner makes what endpoints act on; controller/keys implements it.
type GrantSigner interface {
	SignGrant(elevation.Grant) ([]byte, error)
	SignRevocation(elevation.Revocation) ([]byte, error)
	SignAmendment(elevation.Amendment) ([]byte, error)
	SignConfirmation(elevation.Confirmation) ([]byte, error)
	Epoch() uint64 // of the key that signs now
}

// Config is what a queue needs. Store, Signer and Cluster must be set.
type Config struct {
	Store   *store.Store
	Signer  GrantSigner
	Cluster string

	Rules     func() *rules.Set                               // the present rules; nil = no rules
	Policy    func(labels map[string]string) elevation.Policy // of an endpoint with these labels; nil = the defaults
	Now       func() time.Time                                // nil = time.Now
	Wake      func(elevation.EndpointID)                      // frames wait for the endpoint; called after the commit, must not block
	Moved     func(elevation.EndpointID, elevation.RequestID) // what somebody who waits is told has changed; after the commit, must not block
	Connected func(elevation.EndpointID) bool                 // the endpoint has a live session
	// Who asks an endpoint about its user of that name, or of that uid without a name:
	// elevation.ErrNotFound if it has none, another error if it does not say; nil = none
	// is asked.
	Who     func(ctx context.Context, ep elevation.EndpointID, name, uid string) (elevation.User, error)
	Orders  RightsSigner // of standing rights; nil: nobody orders anything
	Outside *http.Client // calls ticket systems, guarded; nil = none is called
	// RulesAt is a version of the rules as it was in force, nil where it can not be
	// read; nil = only the present ones are known.
	RulesAt func(ctx context.Context, version int64) (*rules.Set, error)
	// Unwrap opens the keys of endpoints for offline codes; nil = there are no codes.
	Unwrap func(purpose string, wrapped []byte) ([]byte, error)
	Log    *slog.Logger
}

// Queue is the flow. Its methods are safe for concurrent use.
type Queue struct {
	cfg Config

	sweepSoon chan struct{} // 1; something falls due before the planned sweep
	lookups   chan struct{} // one place for each ticket that is looked up
	codes     *codes        // of requests that wait

	offlineCodes *auth.Limiter // that one account may tell

	mu       sync.Mutex     // guards the fields below
	asking   map[string]int // tickets that are looked up, by whose
	usual    map[elevation.TeamID]usual
	climbed  *store.Staff // whose ladders everything that waits goes by
	prunedAt time.Time
	planned  time.Time // of the next sweep, zero = none
}

// New makes a queue over an open store.
func New(cfg Config) (*Queue, error) {
	if cfg.Store == nil || cfg.Signer == nil || cfg.Cluster == "" {
		return nil, errors.New("queue: a store, a signer and the cluster's name are needed")
	}
	if cfg.Rules == nil {
		cfg.Rules = func() *rules.Set { return nil }
	}
	if cfg.Policy == nil {
		cfg.Policy = func(map[string]string) elevation.Policy { return elevation.Policy{} }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wake == nil {
		cfg.Wake = func(elevation.EndpointID) {}
	}
	if cfg.Moved == nil {
		cfg.Moved = func(elevation.EndpointID, elevation.RequestID) {}
	}
	if cfg.Connected == nil {
		cfg.Connected = func(elevation.EndpointID) bool { return false }
	}
	if cfg.RulesAt == nil {
		cfg.RulesAt = func(_ context.Context, version int64) (*rules.Set, error) {
			if set := cfg.Rules(); set.Version() == version {
				return set, nil
			}
			return nil, nil
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Queue{cfg: cfg, sweepSoon: make(chan struct{}, 1), lookups: make(chan struct{}, ticketLookups), codes: newCodes(), asking: map[string]int{},
		offlineCodes: auth.NewLimiter(offlineCodeRate/3600.0, offlineCodeBurst, codeAccounts)}, nil
}

// DecidedError says that somebody else was first, and who. It wraps
// [elevation.ErrAlreadyDecided].
type DecidedError struct{ Decision elevation.Decision }

func (e *DecidedError) Error() string {
	return fmt.Sprintf("%v: %s by %s", elevation.ErrAlreadyDecided, e.Decision.Verdict, e.Decision.By.Name)
}

// Unwrap makes errors.Is(err, elevation.ErrAlreadyDecided) true.
func (e *DecidedError) Unwrap() error { return elevation.ErrAlreadyDecided }

// Answer is what an attempt got. Exactly one field is set.
type Answer struct {
	Decided bool         // the decision waits for the endpoint as a durable frame
	Need    *wire.Need   // the person must give something, or joins what waits
	Closed  *wire.Closed // refused; nothing is stored
}

// View is a request as its readers see it now.
type View struct {
	Request   elevation.Request
	Account   elevation.UserID // of the person at the endpoint, by a strong link; "" = none
	Endpoint  store.Endpoint
	State     elevation.State
	Delivery  elevation.Delivery
	Connected bool
	Position  int // 1 = next, 101 = beyond the first hundred, 0 = it does not wait
	UsualWait time.Duration
	CanAnswer []string // logins, while it waits
	Veiled    bool     // the names of approvers are not for the reader
	Notes     bool     // approvers' notes are in it; false: the reader may not know of any
	// Listed and Changed are what the endpoint said of its use, the newest; only
	// where one request is read.
	Listed  []store.Listed
	Changed []store.Changed
	// CanAnswerFrom is when somebody can, while nobody can; zero = nobody ever.
	CanAnswerFrom time.Time
}

// Filter narrows lists and counts. Zero fields do not narrow.
type Filter struct {
	Status      []string // pending, available, …, all
	AccessTypes []elevation.AccessType
	Endpoint    string // id or name
	User        string // name or uid on the endpoint
	Team        string
	Program     string // last part of the path
	Publisher   string
	Priorities  []elevation.Priority
	Since       time.Time
	Mine        bool
	Text        string // the parameter q
	Sort        string // "" = queue for pending, else newest
	Cursor      string
	Skip        int // rows before the first page, where there is no cursor
	Limit       int // 0 = 50, at most 500
}

// Page is one page of a list.
type Page struct {
	Items             []View
	Next              string // cursor, "" on the last page
	Total             int
	TotalIsLowerBound bool
}

// Counts are the numbers on the tabs. Available includes what is in use,
// Pending what is held for undo.
type Counts struct {
	All, Available, Pending, Approved, Revoked, Expired, Denied int
}

// TimelineItem is one line of what happened.
type TimelineItem struct {
	At   time.Time
	Kind string
	By   string
	Text string
}

// Explanation says why a request was answered as it was, or who is asked.
type Explanation struct {
	Outcome  string // "approve", "deny" or "ask"
	Sentence string
	Trace    []elevation.TraceLine
}

// ReviewIn is one person's answer.
type ReviewIn struct {
	Verdict  elevation.Verdict
	Comment  string        // for the requester
	Note     string        // for other approvers only
	Duration time.Duration // 0 = as asked
	Start    time.Time     // zero = as asked
	Lasts    string        // "" or "once"; else how long the same answer is good
}

func (q *Queue) now() time.Time { return q.cfg.Now().UTC() }

func (q *Queue) rules() *rules.Set { return q.cfg.Rules() }

// retry runs step until the facts it looked at are still those that it changes.
// Each round that fails means that somebody else got on.
func retry(ctx context.Context, step func() error) error {
	for {
		err := step()
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
