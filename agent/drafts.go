package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is about attempts whose person can not be asked where they happen:
// they wait here for the reason, which `assent answer` gives. Nothing of them is
// kept over a restart: the same thing tried again asks again.

const (
	draftsEach  = 16 // of one user at a time
	draftWithin = 30 * time.Minute
)

// draft is one attempt that waits for its reason.
type draft struct {
	attempt elevation.Attempt
	need    wire.Need
	at      time.Time
	reason  string // given; a ticket is wanted too
	done    chan given
}

type given struct {
	reason, ticket string
	err            error
}

// AwaitReason implements intercept's Desk: it waits until the user of the attempt
// has given the reason.
func (a *Agent) AwaitReason(ctx context.Context, attempt elevation.Attempt, need wire.Need) (reason, ticket string, err error) {
	d := &draft{attempt: attempt, need: need, at: a.now(), done: make(chan given, 1)}
	if err := a.drafted(d); err != nil {
		return "", "", err
	}
	defer a.publish(note{ID: need.Request, Attempt: attempt}, happening{At: a.now(), Kind: "settled", By: "Assent"})
	defer a.undraft(need.Request)
	late := time.NewTimer(draftWithin)
	defer late.Stop()
	a.publish(note{ID: need.Request, Attempt: attempt}, happening{At: d.at, Kind: "reason", By: "Assent",
		Text: "give it with: assent answer " + elevation.ShortID(string(need.Request)) + " TEXT"})
	select {
	case g := <-d.done:
		return g.reason, g.ticket, g.err
	case <-late.C:
		return "", "", intercept.ErrNobody
	case <-ctx.Done():
		return "", "", context.Cause(ctx)
	}
}

func (a *Agent) drafted(d *draft) error {
	if elevation.CheckID(elevation.RequestPrefix, string(d.need.Request)) != nil {
		return intercept.ErrNobody
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, other := range a.drafts {
		if other.attempt.User.UID == d.attempt.User.UID {
			n++
		}
	}
	if n >= draftsEach {
		return fmt.Errorf("%w: %d attempts wait for a reason already", intercept.ErrNobody, n)
	}
	if a.drafts == nil {
		a.drafts = map[elevation.RequestID]*draft{}
	}
	a.drafts[d.need.Request] = d
	return nil
}

func (a *Agent) undraft(id elevation.RequestID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.drafts, id)
}

// draftOf is a copy of the draft of a user, nil = there is none.
func (a *Agent) draftOf(user string, id elevation.RequestID) *draft {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.drafts[id]
	if d == nil || d.attempt.User.UID != user {
		return nil
	}
	c := *d
	return &c
}

// draftItems are the drafts of a user, newest first.
func (a *Agent) draftItems(user string) []local.Item {
	a.mu.Lock()
	defer a.mu.Unlock()
	var items []local.Item
	for _, d := range a.drafts {
		if d.attempt.User.UID == user {
			items = append(items, d.item())
		}
	}
	slices.SortFunc(items, func(x, y local.Item) int { return cmp.Compare(y.ID, x.ID) })
	return items
}

func (d *draft) item() local.Item {
	s := d.attempt.Subject
	return local.Item{ID: d.need.Request, State: string(elevation.StatePending), Path: s.Path, Args: s.Args, RunAs: s.RunAs, Cwd: s.Cwd,
		Mechanism: d.attempt.Mechanism, At: d.at, ChangedAt: d.at, Justification: d.reason, Question: d.question(), Asker: "Assent"}
}

// wants is what the person has to tell next, for a program that asks them.
func (d *draft) wants(w elevation.Words) *local.Wants {
	is := &local.Wants{Ticket: d.need.Ticket, GoesTo: d.need.GoesTo, Usual: d.need.UsualWait, Message: d.need.Message, Words: w}
	if d.need.ReasonMin > 0 && d.reason == "" {
		is.Reason, is.Presets = d.need.ReasonMin, d.need.Presets[:min(len(d.need.Presets), 9)]
	}
	return is
}

// question is what the person has to tell next.
func (d *draft) question() string {
	if d.need.ReasonMin > 0 && d.reason == "" {
		text := fmt.Sprintf("why do you need this? (at least %d characters)", d.need.ReasonMin)
		for i, p := range d.need.Presets[:min(len(d.need.Presets), 9)] {
			text += fmt.Sprintf(" %d = %s;", i+1, p)
		}
		return strings.TrimSuffix(text, ";")
	}
	return "which ticket is this for? (" + d.need.Ticket + ")"
}

// giveReason takes what a draft waits for, and waits a moment for the
// controller's word on it.
func (a *Agent) giveReason(d *draft, text string) error {
	text = strings.TrimSpace(text)
	asksReason := d.need.ReasonMin > 0 && d.reason == ""
	if n, err := strconv.Atoi(text); err == nil && asksReason && n >= 1 && n <= min(len(d.need.Presets), 9) {
		text = d.need.Presets[n-1]
	}
	switch {
	case elevation.CheckText("reason", text, elevation.MaxJustification) != nil:
		return fmt.Errorf("%w: that is no plain text, or too long", local.ErrInvalid)
	case asksReason && utf8.RuneCountInString(text) < d.need.ReasonMin, text == "":
		return fmt.Errorf("%w: please give at least %d characters", local.ErrInvalid, max(1, d.need.ReasonMin))
	}
	g := given{reason: d.reason, ticket: text}
	if asksReason {
		g = given{reason: text}
		if d.need.Ticket != "" {
			return a.wantTicket(d.need.Request, text)
		}
	}
	return a.confirmed(d.need.Request, d.attempt, func() error { return d.settle(g) })
}

// wantTicket keeps the reason of a draft: its ticket is asked for next.
func (a *Agent) wantTicket(id elevation.RequestID, reason string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.drafts[id]
	if d == nil {
		return local.ErrNotFound
	}
	d.reason = reason
	return nil
}

var errSettled = errors.New("the reason was given already")

// settle ends the wait of a draft, once.
func (d *draft) settle(g given) error {
	select {
	case d.done <- g:
		return nil
	default:
		return fmt.Errorf("%w: %w", local.ErrConflict, errSettled)
	}
}

// dropDraft takes an attempt back that never was a request.
func (a *Agent) dropDraft(d *draft) error {
	a.Log.Info("an attempt was taken back before its reason was given", "request", d.need.Request, "path", inert.Text(d.attempt.Subject.Path))
	return d.settle(given{err: intercept.ErrWithdrawn})
}
