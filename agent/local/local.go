// Package local is the door for this machine's users: a socket, on Windows a pipe,
// that anybody may open, at which everybody is who the kernel says they are and may
// act for nobody else. `assent` is its client; the package holds both sides.
//
// It decides nothing. Questions go to [Flow], attempts to intercept.Elevator,
// permits to [Runner]; what it adds is the conversation of `assent run`: the
// caller's descriptors are taken only after the approval, or relayed where none can
// be passed; a terminal is replaced by a new one; signals and the exit code go
// through. Read proto.go for the frames and their limits, server.go and run.go for
// the agent's side, converse.go and terminal_unix.go for the other.
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
	Connected   bool          `json:"connected"`
	Controller  string        `json:"controller"`
	Cluster     string        `json:"cluster"`
	Endpoint    string        `json:"endpoint"`
	Version     string        `json:"version"`
	Since       time.Time     `json:"since"`        // of the present connection, or of its loss
	Mode        string        `json:"mode"`         // "ask", "observe" or "off", and a pause
	Policy      string        `json:"policy"`       // name and version of the policy obeyed, "" = none
	Sudo        string        `json:"sudo"`         // "on", or why sudo is not intercepted
	Mechanisms  []Mechanism   `json:"mechanisms"`   // all that are served here
	Skew        time.Duration `json:"skew"`         // how far this clock is ahead of the controller's, in nanoseconds
	Containment string        `json:"containment"`  // a privilege.TreeKind
	Locked      string        `json:"locked"`       // why nothing can be elevated, "" = it can
	PausedUntil time.Time     `json:"paused_until"` // while it only observes for a time; zero = it does not
	PausedBy    string        `json:"paused_by"`
	PausedWhy   string        `json:"paused_why"`
	Waiting     int           `json:"waiting"`          // requests of the caller that wait
	Questions   int           `json:"questions"`        // of them: those with a question to answer
	Budget      *Budget       `json:"budget,omitempty"` // nil = there is none
	InForce     int           `json:"in_force"`         // grants of the caller in force
}

// Mechanism is one way to elevate and whether it asks for approvals now.
type Mechanism struct {
	Name  string    `json:"name"`  // "sudo", "polkit" or "setuid"
	Text  string    `json:"text"`  // "on", "starting", or why it does not work
	Again time.Time `json:"again"` // when it is tried again; zero = it works or starts
}

// Budget is how long the caller may have sessions and be administrator today.
type Budget struct {
	PerDay   int64  `json:"per_day_seconds"` // 0 = any time
	Spent    int64  `json:"spent_seconds"`
	Left     int64  `json:"left_seconds"`
	Times    int    `json:"times"`
	Renewals int    `json:"renewals"` // that are allowed besides the first, 0 = any number
	Text     string `json:"text"`     // why there is nothing now, "" = there is
}

// Item is one of the caller's requests as this endpoint knows it.
type Item struct {
	ID            elevation.RequestID `json:"id"`
	State         string              `json:"state"`       // pending available active ended expired revoked denied cancelled
	Access        string              `json:"access_type"` // "run", "session" or "admin"; only the first has a path
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

	From     time.Time           `json:"from"`            // not usable before, zero = it is
	Extends  elevation.RequestID `json:"extends"`         // it asks for more time of that one
	Previous elevation.RequestID `json:"previous"`        // asked before as
	Question string              `json:"question"`        // of an approver, open
	Asker    string              `json:"asker"`           // who asks it
	Code     string              `json:"code"`            // for somebody beside the user, while it waits
	Beside   string              `json:"beside"`          // the address that has it
	SeenBy   string              `json:"seen_by"`         // who looks at it, while it waits
	Position int                 `json:"position"`        // 1 = next, while it waits; 0 = not known
	Usual    time.Duration       `json:"usual_wait"`      // until such a request is answered; 0 = not known
	Timeline []Event             `json:"timeline"`        // only in a view
	Wants    *Wants              `json:"wants,omitempty"` // only in a view of what waits for its reason or a password
	Confirm  string              `json:"confirm"`         // what is shown before an approval that waits is used: "password" or "passkey"
}

// Wants is what an attempt waits for that its person has to give, for a program
// that asks them.
type Wants struct {
	Reason  int             `json:"reason_min"` // characters; 0 = no reason is wanted, or not any more
	Presets []string        `json:"presets"`
	Ticket  string          `json:"ticket"` // pattern; "" = none is wanted
	GoesTo  []string        `json:"goes_to"`
	Usual   time.Duration   `json:"usual_wait"` // until they answer; 0 = not known
	Message string          `json:"message"`    // of the rule
	Words   elevation.Words `json:"words"`      // of the company

	Password string `json:"password"` // the account whose password confirms it; "" = none is wanted
	Tries    int    `json:"tries"`    // that are left for it
	Wrong    bool   `json:"wrong"`    // what was typed before was not the password
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
	Status(user string) Status
	List(user string) []Item // newest first
	View(user string, id elevation.RequestID) (Item, error)
	Cancel(user string, id elevation.RequestID) error
	CheckIn(user string, id elevation.RequestID) error
	// Answer replies to the questions about a request that waits.
	Answer(user string, id elevation.RequestID, text string) error
	// Extend asks for more time for what is in use, Resubmit asks again for what
	// was denied, revoked or not used in time. Both give the new request.
	Extend(user string, id elevation.RequestID, more time.Duration, reason string) (elevation.RequestID, error)
	Resubmit(user string, id elevation.RequestID, reason string) (elevation.RequestID, error)
	// Remove takes what is over off the list.
	Remove(user string, id elevation.RequestID) error
	// Watch passes on what happens to the user's requests from now on. The
	// channel is closed when the reader is too slow; stop ends it. [ErrBusy] when
	// too many watch.
	Watch(user string) (notices <-chan Notice, stop func(), err error)
	// Sits says that a program watches which can ask the user for a reason, until
	// gone is called.
	Sits(user string) (gone func())
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
	// Args are those of Path, of [NoticeInstead] alone.
	Args []string `json:"args,omitempty"`
}

// NoticeInstead is the kind of a notice about no request: the system asks for an
// administrator, and the person may ask here instead. Path is the program, "" = it
// is not known or can not be told.
const NoticeInstead = "ask_instead"

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
	ErrVersion   = errors.New("assent and the agent are of different versions")
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
	Sessions Sessions // nil: only single programs
	BySudo   BySudo   // nil: nobody becomes sudo
	Inside   bool     // a command that comes by this door may be one of a session; elsewhere sudo's are
	Offline  Offline  // nil: no codes are taken
	Portal   Portal   // nil: no links are made
	Confirms Confirms // nil: nothing is confirmed away from a prompt
	Salt     []byte   // of this endpoint, for intercept.Observe
	// Masks are the patterns of secrets in arguments; nil = only the known ones.
	Masks func() intercept.Patterns
	Hold  time.Duration // 0 = DefaultHold
	Voice intercept.Voice
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
	Menu      bool // it comes from the menu of a file manager
	Mute      bool // say nothing while it waits and runs: the caller shows how it stands
	QR        bool // draw the code for somebody beside the user
	// Whole asks for a session or administrator rights in place of a command.
	Whole *Session
}

// Outcome says how an `assent run` ended. Exit is what the client exits with.
type Outcome struct {
	Kind    OutcomeKind         `json:"outcome"`
	Exit    int                 `json:"exit"`
	Request elevation.RequestID `json:"request,omitempty"`
	Text    string              `json:"text,omitempty"`
	Hints   []string            `json:"-"`
	Opened  Opened              `json:"-"` // of SessionOpen
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
	SessionOpen OutcomeKind = "session"     // 0, or the job's own
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
	case SessionOpen:
		return 0
	}
	return 1
}
