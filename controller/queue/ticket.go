package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Bounds of asking the ticket system.
const (
	ticketLookups = 8                // at the same time; more wait
	ticketTime    = 10 * time.Second // for one, waiting included, whatever the setting says
	ticketAnswer  = 64 << 10         // bytes that are read of an answer
	ticketPlace   = "{ticket}"
)

// verdictOfTicket is what a ticket system may say beside its status code.
type verdictOfTicket struct {
	Valid  *bool  `json:"valid"`
	Reason string `json:"reason"`
}

// lookUp asks the configured ticket system whether a ticket is good: an answer
// of 2xx says so, unless it is JSON with "valid": false. Anything else, also an
// address that is not allowed or does not answer, means that the ticket is not
// accepted. It is never called inside a transaction.
func (q *Queue) lookUp(ctx context.Context, ticket string) error {
	set := q.cfg.Store.Settings().TicketValidator
	if set.URL == "" {
		return nil
	}
	if strings.Trim(ticket, ".") == "" {
		return fmt.Errorf("%w: a ticket is needed", elevation.ErrInvalid)
	}
	if q.cfg.Outside == nil {
		return ticketDown(errors.New("this controller calls nobody"))
	}
	ctx, cancel := context.WithTimeout(ctx, min(max(set.Timeout, time.Second), ticketTime))
	defer cancel()
	select {
	case q.lookups <- struct{}{}:
		defer func() { <-q.lookups }()
	case <-ctx.Done():
		return ticketDown(ctx.Err())
	}
	status, raw, err := q.askTicket(ctx, ticketURL(set.URL, ticket))
	if err != nil {
		q.cfg.Log.Warn("the ticket system does not answer", "error", err)
		return ticketDown(err)
	}
	var said verdictOfTicket
	parsed := json.Unmarshal(raw, &said) == nil
	switch {
	case status >= 200 && status < 300 && (!parsed || said.Valid == nil || *said.Valid):
		return nil
	case status >= 200 && status < 300 || status == http.StatusNotFound || status == http.StatusGone:
		why := ""
		if parsed && said.Reason != "" {
			why = ": " + inert.Clip(inert.Text(said.Reason), 200)
		}
		return fmt.Errorf("%w: the ticket system does not know %s as a ticket to work on%s", elevation.ErrInvalid, inert.Text(ticket), why)
	}
	q.cfg.Log.Warn("the ticket system does not answer as it should", "status", status)
	return ticketDown(fmt.Errorf("status %d", status))
}

func ticketDown(err error) error {
	why := "it does not answer"
	if errors.Is(err, context.DeadlineExceeded) {
		why = "it takes too long"
	}
	return fmt.Errorf("%w: the ticket can not be looked up (%s); try again later, or ask your administrator about the ticket system", elevation.ErrInvalid, why)
}

func (q *Queue) askTicket(ctx context.Context, address string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("make the call: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := q.cfg.Outside.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("look up a ticket: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, ticketAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read about a ticket: %w", err)
	}
	return resp.StatusCode, raw, nil
}

// ticketURL puts a ticket into the address: where it says {ticket}, else as the
// parameter "ticket".
func ticketURL(address, ticket string) string {
	if strings.Contains(address, ticketPlace) {
		path, query, asked := strings.Cut(address, "?")
		path = strings.ReplaceAll(path, ticketPlace, url.PathEscape(ticket))
		if asked {
			path += "?" + strings.ReplaceAll(query, ticketPlace, url.QueryEscape(ticket))
		}
		return path
	}
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	return address + sep + "ticket=" + url.QueryEscape(ticket)
}
