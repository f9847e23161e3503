// Package intercept holds what every mechanism that sees an attempt shares: how
// to find out what would run ([Observe]), how to talk with the person who waits
// ([Person]), and the flow that answers ([Elevator], implemented by agent).
//
// A mechanism (sudo and later others, one folder each; `assent run` through
// agent/local) holds the attempt, calls Elevate, applies the permit and lets
// the attempt go on. It never decides anything itself: whatever is not a permit
// is a refusal.
package intercept

import (
	"context"
	"errors"
	"time"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// Elevator turns an attempt into a permit, or into one of the errors below.
// When ctx ends with cause [ErrWithdrawn] the request is taken back; when it
// ends with any other cause (a lost terminal) the request is kept.
type Elevator interface {
	Elevate(ctx context.Context, ask Ask, p Person) (Permit, error)
}

// House is what every mechanism obeys and tells; package agent implements it.
type House interface {
	// Stance is what is done with an attempt of who by mechanism m. For one that
	// is only observed why says how it is told.
	Stance(m elevation.Mechanism, who Account) (s elevation.Stance, why wire.SeenKind)
	// Saw tells the controller of what went on without a question. It never
	// blocks and may drop what comes too often.
	Saw(kind wire.SeenKind, attempt elevation.Attempt)
}

// Ask is one attempt with how it may be answered.
type Ask struct {
	Attempt       elevation.Attempt
	Justification string // given ahead, "" = ask the person if needed
	Ticket        string
	RulesOnly     bool          // never ask a person: only a rule or a waiting grant may answer
	NoWait        bool          // queue it and return *Kept at once
	Wait          time.Duration // give up waiting after this, 0 = until the request expires
	AtTerminal    bool          // somebody sees the answer at once
	Emergency     bool          // the person wants to be told how to take it as emergency access
	Tongue        words.Tongue  // in which the person is told something
	// Inside is the session in which this is one command: only a denial is wanted.
	Inside elevation.GrantID
}

// Permit is a verified, unused grant that the caller may apply now, once. It is
// in the ledger as held; the caller arms it before any effect.
type Permit struct {
	Grant elevation.Grant
	Raw   []byte // as signed
}

// Person is how a held attempt talks with whoever waits for it.
type Person interface {
	// Ask asks for what need demands. [ErrNobody] when there is no way to ask,
	// [ErrWithdrawn] when the person gave up.
	Ask(ctx context.Context, need wire.Need) (justification, ticket string, err error)
	// Waiting shows the one waiting line, or renews it.
	Waiting(Waiting)
	// Question shows what an approver wants to know and takes the answer, "" =
	// the person answers later. It is called beside the other methods, and ends
	// soon after ctx does, or once the person has pressed Enter. [ErrNobody] when
	// there is no way to ask, [ErrWithdrawn] when the person gave up.
	Question(ctx context.Context, q Question) (answer string, err error)
	// Say prints one line.
	Say(text string)
}

// Confirmer is a [Person] who can be asked for the password of a user, without
// showing it. [ErrNobody] when there is no way to ask, [ErrWithdrawn] when the
// person gave up.
type Confirmer interface {
	Secret(ctx context.Context, user string) (string, error)
}

// Question is what an approver asks back.
type Question struct {
	Request elevation.RequestID
	By      string
	Text    string
}

// Waiting is what the waiting line tells.
type Waiting struct {
	Request   elevation.RequestID
	Since     time.Time
	Position  int           // 0 = not known, 101 = beyond the first hundred
	UsualWait time.Duration // 0 = not known
	CanAnswer []string
	// CanAnswerFrom is when somebody can answer, while nobody can now.
	CanAnswerFrom time.Time
	Offline       bool // the controller can not be reached at the moment
	// Code leads somebody beside the requester to the request, "" = none, or it was
	// said in a line of its own; Beside is the address for it, "" = none.
	Code    string
	Beside  string
	Passkey bool         // it is approved, and the person's own passkey is waited for
	Tongue  words.Tongue // of the person, filled by whoever shows it
}

// Why an attempt got no permit.
var (
	ErrWithdrawn   = errors.New("withdrawn")
	ErrNobody      = errors.New("there is no terminal to ask for the reason")
	ErrUnreachable = errors.New("the Assent controller can not be reached")
	ErrNeedsPerson = errors.New("a person must approve this")
	ErrExpired     = errors.New("nobody answered in time")
	ErrCancelled   = errors.New("the request was cancelled")
	ErrWaitOver    = errors.New("waited long enough")
	ErrRemoved     = errors.New("nothing waits any more: Assent is being removed from this machine")
	// Of what is asked for with assent itself.
	ErrObserves = errors.New("this machine only observes for now: nothing can be asked for here")
	ErrOff      = errors.New("asking is switched off on this machine")
)

// Refused says that a person or a rule denied, or that the input was refused.
type Refused struct {
	By   string
	Rule bool
	Text string
}

func (r *Refused) Error() string { return r.In(words.English) }

// In is the refusal in a language. What somebody said stays as they said it.
func (r *Refused) In(t words.Tongue) string {
	if r.Text == "" {
		return t.Say("denied by %s", r.By)
	}
	return t.Say("denied by %s: %s", r.By, r.Text)
}

// Unfit says that a reason or a ticket was given beforehand which does not do,
// and that nobody can be asked for a better one.
type Unfit struct {
	ReasonMin int    // characters that the reason needs, 0 = it does
	Ticket    string // pattern that the ticket needs, "" = it does
}

func (u *Unfit) Error() string { return u.In(words.English) }

// In says in a language what is needed.
func (u *Unfit) In(t words.Tongue) string {
	switch ticket := inert.Clip(inert.Text(u.Ticket), 60); {
	case u.Ticket == "":
		return t.Say("the reason needs at least %d characters", u.ReasonMin)
	case u.ReasonMin == 0:
		return t.Say("a ticket like %s is needed", ticket)
	default:
		return t.Say("the reason needs at least %d characters, and a ticket like %s", u.ReasonMin, ticket)
	}
}

// Kept says that the request goes on without anybody waiting for it: the same
// command typed again joins it or uses its grant.
type Kept struct{ Request elevation.RequestID }

func (k *Kept) Error() string {
	return "kept as " + string(k.Request) + ", run the same command again"
}
