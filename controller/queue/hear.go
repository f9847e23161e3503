package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Heard is what another system says about requests. It is advice for approvers: it
// answers nothing.
type Heard struct {
	By      elevation.Actor // the hook
	Request elevation.RequestID
	Ticket  string // in place of Request: every request that carries it and is not over
	State   string // of the ticket, in their words
	Closed  bool   // nobody works on the ticket any more
	Text    string
	// Once is part of the same transaction; its error undoes everything.
	Once func(tx *store.Tx) error
}

// maxHeard is how many requests one saying is about at most.
const maxHeard = 50

// ticketClosed is the reason for caution of a ticket on which nobody works.
const ticketClosed = "ticket_closed"

// Hear keeps what another system says as a note of approvers, and marks caution
// where a ticket is closed while its request waits. It returns how many requests
// that was about. [elevation.ErrNotFound] when the request is not there.
func (q *Queue) Hear(ctx context.Context, h Heard) (n int, err error) {
	if h.Request == "" && strings.TrimSpace(h.Ticket) == "" {
		return 0, fmt.Errorf("%w: say a request or a ticket", elevation.ErrInvalid)
	}
	var done []*change
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		done = nil
		if err := h.Once(tx); err != nil {
			return err
		}
		list, err := heardOf(tx, h)
		if err != nil {
			return err
		}
		for _, r := range list {
			c := &change{now: q.now(), next: r}
			switch err := c.hear(h); {
			case errors.Is(err, errSame):
				continue
			case err != nil:
				return err
			}
			if err := c.write(tx); err != nil {
				return err
			}
			done = append(done, c)
		}
		n = len(list)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, c := range done {
		q.committed(c)
	}
	return n, nil
}

// heardOf are the requests that a saying is about.
func heardOf(tx *store.Tx, h Heard) ([]elevation.Request, error) {
	if h.Request != "" {
		r, err := tx.Request(h.Request)
		return []elevation.Request{r}, err
	}
	page, err := tx.RequestPage(store.RequestFilter{Text: h.Ticket, Limit: maxHeard, Sort: "newest",
		States: []elevation.State{elevation.StatePending, elevation.StateHeld, elevation.StateApproved, elevation.StateAvailable, elevation.StateActive}})
	return slices.DeleteFunc(page.Items, func(r elevation.Request) bool { return r.Ticket != h.Ticket }), err
}

// hear changes one request.
func (c *change) hear(h Heard) error {
	text := inert.Text(strings.TrimSpace(h.Text))
	if h.Ticket != "" {
		said := "ticket " + inert.Text(h.Ticket)
		if h.State != "" {
			said += " is " + inert.Text(h.State)
		}
		if text != "" {
			said += ": " + text
		}
		text = said
	}
	text = inert.Clip(text, elevation.MaxComment)
	err := c.noteAlone(h.By, text)
	if err != nil && !errors.Is(err, errSame) {
		return err
	}
	marked := slices.ContainsFunc(c.next.Need.Caution, func(x elevation.Caution) bool { return x.Reason == ticketClosed })
	if !h.Closed || marked || c.next.State(c.now) != elevation.StatePending {
		return err
	}
	c.event(audit.RequestNoted, h.By, map[string]string{"caution": ticketClosed, "ticket": audit.Clip(h.Ticket, 200)}, nil)
	c.next.Need.Caution = append(slices.Clone(c.next.Need.Caution),
		elevation.Caution{Reason: ticketClosed, Fact: inert.Clip("the ticket "+inert.Text(h.Ticket)+" is "+inert.Text(h.State), 200)})
	return nil
}
