package local

import (
	"context"
	"os"

	"github.com/assent-epm/assent/shared/elevation"
)

// Client speaks with the agent of this machine as the user who runs it. Its
// methods return [ErrNoAgent] when nobody answers at Path.
type Client struct {
	Path string // of the users' socket
}

// Streams are the descriptors of the command. Prompts go to Err and are
// answered at the terminal that controls the process; In is not read before
// the approval.
type Streams struct {
	In, Out, Err *os.File
}

// Status asks how the agent is.
func (c Client) Status(ctx context.Context) (Status, error) {
	a, err := c.ask(ctx, "status", "")
	if err != nil || a.Status == nil {
		return Status{}, err
	}
	return *a.Status, nil
}

// List lists the caller's requests on this endpoint, newest first. more says
// that there are older ones that did not fit.
func (c Client) List(ctx context.Context) (items []Item, more bool, err error) {
	a, err := c.ask(ctx, "list", "")
	return a.Items, a.More, err
}

// View shows one request of the caller. id may be a unique ending of six or
// more characters, here and below.
func (c Client) View(ctx context.Context, id string) (Item, error) { return c.one(ctx, "view", id) }

// Cancel takes a request back that waits or was not used.
func (c Client) Cancel(ctx context.Context, id string) (Item, error) { return c.one(ctx, "cancel", id) }

// CheckIn gives an approval back that is in use.
func (c Client) CheckIn(ctx context.Context, id string) (Item, error) {
	return c.one(ctx, "checkin", id)
}

func (c Client) one(ctx context.Context, what, id string) (Item, error) {
	a, err := c.ask(ctx, what, id)
	if err != nil {
		return Item{}, err
	}
	if len(a.Items) != 1 {
		return Item{}, ErrNotFound
	}
	return a.Items[0], nil
}

// result is an [Outcome] without a command's exit code.
func result(k OutcomeKind, id elevation.RequestID, text string, hints ...string) Outcome {
	return Outcome{Kind: k, Exit: k.ExitCode(), Request: id, Text: text, Hints: hints}
}
