package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Event is one server-sent event. Kind "reset" means that the place to resume
// from is not known any more: read the lists anew.
type Event struct {
	Kind string
	ID   string
	Live LiveEvent
}

// Follow calls each for every event after the one with id after ("" = from
// now) until ctx ends, the stream breaks or each returns an error.
func (c *Client) Follow(ctx context.Context, after string, each func(Event) error) error {
	return c.Listen(ctx, after, nil, each)
}

// Listen is Follow that calls opened, unless it is nil, once the controller has
// begun to answer: what happens from then on is told to each.
func (c *Client) Listen(ctx context.Context, after string, opened func(), each func(Event) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/api/v1/events", nil)
	if err != nil {
		return fmt.Errorf("make the call: %w", err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w at %s: %v", ErrUnreachable, c.URL, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problem(resp)
	}
	if opened != nil {
		opened()
	}
	alive := time.AfterFunc(silence, func() { _ = resp.Body.Close() })
	defer alive.Stop()
	return readEvents(ctx, bufio.NewScanner(heard{resp.Body, alive}), each)
}

// silence is how long a stream may say nothing, where the controller says that it
// is still there every 15 seconds.
const silence = 45 * time.Second

// heard gives a stream new time whenever something comes.
type heard struct {
	from  io.Reader
	alive *time.Timer
}

// Read reads on.
func (h heard) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	if n > 0 {
		h.alive.Reset(silence)
	}
	return n, err
}

func readEvents(ctx context.Context, lines *bufio.Scanner, each func(Event) error) error {
	lines.Buffer(nil, 1<<20)
	var e Event
	var data strings.Builder
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if data.Len() > 0 {
				if err := json.Unmarshal([]byte(data.String()), &e.Live); err != nil {
					return fmt.Errorf("read an event: %w", err)
				}
			}
			if e.Kind != "" {
				if err := each(e); err != nil {
					return err
				}
			}
			e = Event{}
			data.Reset()
		case name == "event":
			e.Kind = value
		case name == "id":
			e.ID = value
		case name == "data":
			data.WriteString(value)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: the stream broke: %v", ErrUnreachable, err)
	}
	return fmt.Errorf("%w: the stream ended", ErrUnreachable)
}
