package local

import (
	"context"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Client speaks with the agent of this machine as the user who runs it. Its
// methods return [ErrNoAgent] when nobody answers at Path.
type Client struct {
	Path string // of the users' door, see [Address]

	dialer func(ctx context.Context, path string) (net.Conn, error) // nil = that of this system
	sudo   *sudoer                                                  // as above
}

func (c Client) sudoer() sudoer {
	if c.sudo != nil {
		return *c.sudo
	}
	return ownSudo()
}

// UsualRuntime is the folder of the door where nobody says another; [Address] is
// made of it.
func UsualRuntime() string {
	switch runtime.GOOS {
	case "windows":
		return `C:\ProgramData\Assent\run`
	case "darwin":
		return "/var/run/assent"
	}
	return "/run/assent"
}

// Streams are the descriptors of the command. Prompts go to Err and are
// answered at the terminal that controls the process; In is not read before
// the approval.
type Streams struct {
	In, Out, Err *os.File
}

// Status asks how the agent is.
func (c Client) Status(ctx context.Context) (Status, error) {
	a, err := c.ask(ctx, ask{What: "status"})
	if err != nil || a.Status == nil {
		return Status{}, err
	}
	return *a.Status, nil
}

// List lists the caller's requests on this endpoint, newest first. more says
// that there are older ones that did not fit.
func (c Client) List(ctx context.Context) (items []Item, more bool, err error) {
	a, err := c.ask(ctx, ask{What: "list"})
	return a.Items, a.More, err
}

// View shows one request of the caller. id may be a unique ending of six or
// more characters, here and below.
func (c Client) View(ctx context.Context, id string) (Item, error) {
	return c.one(ctx, ask{What: "view", ID: id})
}

// Cancel takes a request back that waits or was not used.
func (c Client) Cancel(ctx context.Context, id string) (Item, error) {
	return c.one(ctx, ask{What: "cancel", ID: id})
}

// CheckIn gives an approval back that is in use.
func (c Client) CheckIn(ctx context.Context, id string) (Item, error) {
	return c.one(ctx, ask{What: "checkin", ID: id})
}

// Answer replies to the questions of approvers about a request that waits.
func (c Client) Answer(ctx context.Context, id, text string) (Item, error) {
	return c.one(ctx, ask{What: "answer", ID: id, Text: text})
}

// Extend asks for more time for what is in use; it gives the new request.
func (c Client) Extend(ctx context.Context, id string, more time.Duration, reason string) (Item, error) {
	return c.one(ctx, ask{What: "extend", ID: id, For: more, Text: reason})
}

// Resubmit asks again for what was denied, revoked or ran out; it gives the new
// request.
func (c Client) Resubmit(ctx context.Context, id, reason string) (Item, error) {
	return c.one(ctx, ask{What: "resubmit", ID: id, Text: reason})
}

// Remove takes a request that is over off the list.
func (c Client) Remove(ctx context.Context, id string) (Item, error) {
	return c.one(ctx, ask{What: "remove", ID: id})
}

func (c Client) one(ctx context.Context, q ask) (Item, error) {
	a, err := c.ask(ctx, q)
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
