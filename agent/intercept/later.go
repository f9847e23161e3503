package intercept

import (
	"context"
	"errors"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// Desk is where the reason is given for an attempt whose person can not be asked
// where it happens; package agent implements it.
type Desk interface {
	// AwaitReason waits for what need demands. [ErrNobody] when nobody gave it in
	// time, [ErrWithdrawn] when the person took the attempt back.
	AwaitReason(ctx context.Context, attempt elevation.Attempt, need wire.Need) (justification, ticket string, err error)
}

// Later is the [Person] behind an attempt that was refused for now: they hear of
// it by Tell, give the reason with `assent answer`, and try again once approved.
type Later struct {
	Desk    Desk
	Attempt elevation.Attempt
	Tell    func(line string) // best effort; must not be nil
	// Held says that it is no later: the attempt itself waits, for a short time in
	// which nothing can be asked of the person but what Tell says.
	Held bool

	told elevation.RequestID
}

var _ Person = (*Later)(nil)

// What is the attempt in a few words.
func What(a elevation.Attempt) string {
	text := strings.Join(append([]string{a.Subject.Path}, a.Subject.Args...), " ")
	if a.Mechanism == string(elevation.ByPolkit) && strings.HasSuffix(a.Subject.Path, ".policy") { // the file only defines the action
		text = strings.Join(a.Subject.Args, " ")
	}
	if a.Subject.RunAs != Elevated {
		text += " as " + a.Subject.RunAs
	}
	return inert.Clip(inert.Text(text), 120)
}

// Ask implements [Person].
func (l *Later) Ask(ctx context.Context, need wire.Need) (justification, ticket string, err error) {
	l.Tell("assent: " + What(l.Attempt) + " needs an approval. Give the reason: assent answer " + elevation.ShortID(string(need.Request)) + " REASON")
	return l.Desk.AwaitReason(ctx, l.Attempt, need)
}

// Waiting implements [Person]: it says once that the request is on its way.
func (l *Later) Waiting(w Waiting) {
	if l.told == w.Request || w.Request == "" || w.Passkey {
		return
	}
	l.told = w.Request
	l.Tell("assent: " + What(l.Attempt) + " waits for an approval as " + elevation.ShortID(string(w.Request)) + "; you are told when to try again")
}

// Question implements [Person]. Nobody stands at a prompt: `assent list` shows it.
func (l *Later) Question(context.Context, Question) (string, error) { return "", ErrNobody }

// Say implements [Person].
func (l *Later) Say(text string) { l.Tell("assent: " + inert.Clip(inert.Text(text), 400)) }

// ErrWantsMore says that an approval comes with conditions that are kept only by a
// mechanism that starts the program itself.
var ErrWantsMore = errors.New("the approval has conditions that can not be kept here; use: assent run -- COMMAND")

// Unconditional refuses a grant that wants something of what the program starts,
// for mechanisms that only let a program go on.
func Unconditional(g elevation.Grant) error {
	if g.Children == "" || g.Children == elevation.ChildrenAllow {
		return nil
	}
	return ErrWantsMore
}

// AsUser is the account as requests name it.
func (a Account) AsUser() elevation.User { return a.elevationUser() }
