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
	Mode        string    `json:"mode"`        // "ask", "observe" or "off", and what the agent makes of it
	Policy      string    `json:"policy"`      // name and version of the policy obeyed, "" = none
	Sudo        string    `json:"sudo"`        // "on", or why sudo is not intercepted
	Containment string    `json:"containment"` // a privilege.TreeKind
	Locked      string    `json:"locked"`      // why nothing can be elevated, "" = it can
	Waiting     int       `json:"waiting"`     // requests of the caller that wait
	Questions   int       `json:"questions"`   // of them: those with a question to answer
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

	From     time.Time           `json:"from"`     // not usable before, zero = it is
	Extends  elevation.RequestID `json:"extends"`  // it asks for more time of that one
	Previous elevation.RequestID `json:"previous"` // asked before as
	Question string              `json:"question"` // of an approver, open
	Asker    string              `json:"asker"`    // who asks it
	Code     string              `json:"code"`     // for somebody beside the user, while it waits
	Beside   string              `json:"beside"`   // the address that has it
	SeenBy   string              `json:"seen_by"`  // who looks at it, while it waits
	Timeline []Event             `json:"timeline"` // only in a view
}

// Event is one line of a request's story as this endpoint knows it.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // asked, queued, question, answer, approved, denied, started, extended, ended, ...
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// Flow answers questions about the requests of one user. It must check itself
// that a request is of that user and return [ErrNotFound] when it is not.
type Flow interface {
	Status(uid uint32) Status
	List(uid uint32) []Item // newest first
	View(uid uint32, id elevation.RequestID) (Item, error)
	Cancel(uid uint32, id elevation.RequestID) error
	CheckIn(uid uint32, id elevation.RequestID) error
	// Answer replies to the questions about a request that waits.
	Answer(uid uint32, id elevation.RequestID, text string) error
	// Extend asks for more time for what is in use, Resubmit asks again for what
	// was denied, revoked or not used in time. Both give the new request.
	Extend(uid uint32, id elevation.RequestID, more time.Duration, reason string) (elevation.RequestID, error)
	Resubmit(uid uint32, id elevation.RequestID, reason string) (elevation.RequestID, error)
	// Remove takes what is over off the list.
	Remove(uid uint32, id elevation.RequestID) error
	// Watch passes on what happens to the user's requests from now on. The
	// channel is closed when the reader is too slow; stop ends it. [ErrBusy] when
	// too many watch.
	Watch(uid uint32) (notices <-chan Notice, stop func(), err error)
}

// Notice tells a user of one step of a request.
type Notice struct {
	At      time.Time           `json:"at"`
	Request elevation.RequestID `json:"request"`
	Kind    string              `json:"kind"` // as in a timeline: queued, seen, votes, question, approved, denied, revoked, ends_soon, ended, expired, ...
	Path    string              `json:"path"`
	By      string              `json:"by"`
	Text    string              `json:"text"`
	Until   time.Time           `json:"until"` // use within, or the end of what is in use; zero = none
	Line    string              `json:"line"`  // all of it in words
}

// Runner starts the program of a permit. The caller has filled all of spec
// except the grant and its time; say tells the person in front of the program
// something while it runs. Release gives back a permit that is not used
// after all.
type Runner interface {
	Run(ctx context.Context, permit intercept.Permit, spec privilege.Spec, say func(string)) (*privilege.Running, error)
	Release(id elevation.GrantID)
}

// Errors of [Flow] and of the client.
var (
	ErrNotFound  = errors.New("there is no such request of yours on this endpoint")
	ErrAmbiguous = errors.New("several requests end like that")
	ErrConflict  = errors.New("the request is not in a state for that")
	ErrInvalid   = errors.New("that can not be sent")
	ErrOffline   = errors.New("the Assent controller can not be reached")
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
	Salt     []byte // of this endpoint, for intercept.Observe
	// Masks are the patterns of secrets in arguments; nil = only the known ones.
	Masks func() intercept.Patterns
	Hold  time.Duration // 0 = DefaultHold
	Log   *slog.Logger
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
	// Emergency asks how to go on by emergency access, which is taken at the console.
	Emergency bool
	QR        bool // draw the code for somebody beside the user
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
