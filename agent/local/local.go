// Package local is the door for this machine's users: a socket that anybody may
// open, at which everybody is who the kernel says they are and may act for
// nobody else. `assent` is its client; the package holds both sides.
//
// It decides nothing. Questions go to [Flow], attempts to intercept.Elevator,
// permits to [Runner]; what it adds is the conversation of `assent run`: the
// caller's descriptors are taken only after the approval, a terminal is
// replaced by a new one, signals and the exit code go through.
//
// Read proto.go for the frames and their limits, server_linux.go and
// run_linux.go for the agent's side, client_linux.go and terminal_linux.go for
// the other.
package local

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// Status is what the agent says of itself.
type Status struct {
	Connected   bool      `json:"connected"`
	Controller  string    `json:"controller"`
	Cluster     string    `json:"cluster"`
	Endpoint    string    `json:"endpoint"`
	Version     string    `json:"version"`
	Since       time.Time `json:"since"`       // of the present connection, or of its loss
	Mode        string    `json:"mode"`        // "ask" or "observe"
	Sudo        string    `json:"sudo"`        // "on", or why sudo is not intercepted
	Containment string    `json:"containment"` // a privilege.TreeKind
	Locked      string    `json:"locked"`      // why nothing can be elevated, "" = it can
	Waiting     int       `json:"waiting"`     // requests of the caller that wait
	InForce     int       `json:"in_force"`    // grants of the caller in force
}

// Item is one of the caller's requests as this endpoint knows it.
type Item struct {
	ID            elevation.RequestID `json:"id"`
	State         string              `json:"state"` // pending available active ended expired revoked denied cancelled
	Path          string              `json:"path"`
	Args          []string            `json:"args"` // masked
	RunAs         string              `json:"run_as"`
	Cwd           string              `json:"cwd"`
	Mechanism     string              `json:"mechanism"`
	Justification string              `json:"justification"`
	Ticket        string              `json:"ticket"`
	At            time.Time           `json:"at"`
	ChangedAt     time.Time           `json:"changed_at"`
	Until         time.Time           `json:"until"` // use within, or the forced end; zero = none
	By            string              `json:"by"`    // who answered
	Text          string              `json:"text"`  // what they said
	EndReason     elevation.EndReason `json:"end_reason"`
	Exit          *int                `json:"exit"`
	Grant         elevation.GrantID   `json:"grant"`
}

// Flow answers questions about the requests of one user. It must check itself
// that a request is of that user and return [ErrNotFound] when it is not.
type Flow interface {
	Status(uid uint32) Status
	List(uid uint32) []Item // newest first
	View(uid uint32, id elevation.RequestID) (Item, error)
	Cancel(uid uint32, id elevation.RequestID) error
	CheckIn(uid uint32, id elevation.RequestID) error
}

// Runner starts the program of a permit. The caller has filled all of spec
// except the grant and its time. Release gives back a permit that is not used
// after all.
type Runner interface {
	Run(ctx context.Context, permit intercept.Permit, spec privilege.Spec) (*privilege.Running, error)
	Release(id elevation.GrantID)
}

// Errors of [Flow] and of the client.
var (
	ErrNotFound  = errors.New("there is no such request of yours on this endpoint")
	ErrAmbiguous = errors.New("several requests end like that")
	ErrConflict  = errors.New("the request is not in a state for that")
	ErrNoAgent   = errors.New("the Assent agent does not answer")
	ErrBusy      = errors.New("the agent has too many connections of yours")
)

// DefaultHold is how long an approved attempt goes on by itself; after that the
// person at the terminal is asked to press Enter, and nobody else waits.
const DefaultHold = 10 * time.Minute

// Config is what a [Server] is made of.
type Config struct {
	Path     string // of the socket; its folder must exist and be root's
	Flow     Flow
	Elevator intercept.Elevator
	Runner   Runner
	Salt     []byte        // of this endpoint, for intercept.Observe
	Hold     time.Duration // 0 = DefaultHold
	Log      *slog.Logger
}

// RunOptions is one `assent run`.
type RunOptions struct {
	Command  string
	Args     []string
	As       string // "" = root
	Reason   string
	Ticket   string
	For      time.Duration
	Priority elevation.Priority
	Wait     time.Duration // 0 = as long as it takes
	NoWait   bool          // make the request and return
}

// Outcome says how an `assent run` ended. Exit is what the client exits with.
type Outcome struct {
	Kind    OutcomeKind         `json:"outcome"`
	Exit    int                 `json:"exit"`
	Request elevation.RequestID `json:"request,omitempty"`
	Text    string              `json:"text,omitempty"`
	Hints   []string            `json:"-"`
}

// OutcomeKind is the kind of an [Outcome].
type OutcomeKind string

// The outcomes and their exit codes. Ran has the command's own.
const (
	Ran         OutcomeKind = "ran"
	Denied      OutcomeKind = "denied"      // 77
	Kept        OutcomeKind = "kept"        // 75
	WaitOver    OutcomeKind = "wait_over"   // 124
	Expired     OutcomeKind = "expired"     // 124
	Cancelled   OutcomeKind = "cancelled"   // 130
	Withdrawn   OutcomeKind = "withdrawn"   // 130
	Unreachable OutcomeKind = "unreachable" // 69
	Invalid     OutcomeKind = "invalid"     // 2
	NotFound    OutcomeKind = "not_found"   // 127
	Failed      OutcomeKind = "failed"      // 1
)

// ExitCode is what `assent run` exits with for an outcome without a command.
func (k OutcomeKind) ExitCode() int {
	switch k {
	case Denied:
		return 77
	case Kept:
		return 75
	case WaitOver, Expired:
		return 124
	case Cancelled, Withdrawn:
		return 130
	case Unreachable:
		return 69
	case Invalid:
		return 2
	case NotFound:
		return 127
	}
	return 1
}
