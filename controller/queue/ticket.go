package queue

import (
	"bytes"
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
	ticketsOfOne  = 2                // of them for one caller, so that a slow system is not used up by one
	ticketTime    = 10 * time.Second // for one, waiting included, whatever the setting says
	ticketAnswer  = 64 << 10         // bytes that are read of an answer
	ticketPlace   = "{ticket}"
)

// verdictOfTicket is what a ticket system may say beside its status code.
type verdictOfTicket struct {
	Valid  json.RawMessage `json:"valid"`
	Reason json.RawMessage `json:"reason"`
}

// says reads an answer: whether it is against the ticket, and why. An object that
// can not be read to its end, or whose "valid" is anything but true, is: it might
// have said no.
func says(raw []byte) (no bool, why string) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return false, "" // not JSON: the status code is all
	}
	var said verdictOfTicket
	if json.Unmarshal(raw, &said) != nil {
		return true, ": its answer can not be read"
	}
	var reason string
	if json.Unmarshal(said.Reason, &reason) == nil && reason != "" {
		why = ": " + inert.Clip(inert.Text(reason), 200)
	}
	return len(said.Valid) > 0 && string(said.Valid) != "true", why
}

// lookUpFor is lookUp for one caller, who gets some of the places only.
func (q *Queue) lookUpFor(ctx context.Context, who, ticket string) error {
	q.mu.Lock()
	if q.asking[who] >= ticketsOfOne {
		q.mu.Unlock()
		return &FloodError{Why: fmt.Sprintf("%d of your tickets are being looked up; wait for them", ticketsOfOne), Wait: time.Second}
	}
	q.asking[who]++
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.asking[who]--; q.asking[who] == 0 {
			delete(q.asking, who)
		}
	}()
	return q.lookUp(ctx, ticket)
}

// lookUp asks the configured ticket system whether a ticket is good: an answer
// of 2xx says so, unless it is a JSON object whose "valid" is not true. Anything
// else, also an address that is not allowed or does not answer, means that the
// ticket is not accepted. It is never called inside a transaction.
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
	no, why := says(raw)
	switch {
	case status >= 200 && status < 300 && !no:
		return nil
	case status >= 200 && status < 300 || status == http.StatusNotFound || status == http.StatusGone:
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
