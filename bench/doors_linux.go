package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file measures how soon others hear of a request: a receiver of a webhook,
// and two hundred readers of the event stream. The clock begins when the call
// that submitted it has answered, which is after its commit. The floor of each is
// the same bytes to the same receivers without anything in between: a bare POST,
// a bare write to each connection, after a commit of one event alone.

const (
	doorRounds  = 150
	doorReaders = 200
	perAccount  = 16 // streams that one account may have
	doorPause   = 15 * time.Millisecond
	doorWithin  = 10 * time.Second
	doorMachine = elevation.EndpointID("ep_01a00000-0000-7000-8000-00000000d001")
)

// doorSite is a controller in this process with one machine and its receivers.
type doorSite struct {
	c     *controller.Controller
	admin *client.Client
	heard chan heard // what any receiver got
	stop  func() error
	asked int // so far: no two ask for the same
}

// heard is a message that one receiver got.
type heard struct {
	id string // of the request, or what the floor sends in its place
	at time.Time
}

// doors measures both ways out.
func doors(ctx context.Context, t *table) error {
	dir, err := os.MkdirTemp("", "assent-bench-doors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := newDoorSite(ctx, dir)
	if err != nil {
		return err
	}
	hook, err := d.webhook(ctx)
	if err == nil {
		err = hook.compare(ctx, t, "request committed → webhook delivered, p95 (floor: a bare POST after a bare commit)", 250*time.Millisecond)
		hook.close()
	}
	if err == nil {
		var events *way
		if events, err = d.events(ctx); err == nil {
			err = events.compare(ctx, t, fmt.Sprintf("request committed → event at each of %d readers, p95 (floor: a bare write to each after a bare commit)", doorReaders), 100*time.Millisecond)
			events.close()
		}
	}
	return errors.Join(err, d.stop())
}

func newDoorSite(ctx context.Context, dir string) (*doorSite, error) {
	c, err := controller.New(ctx, controller.Config{Data: dir, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", NotifyAllow: []string{"127.0.0.0/8"}})
	if err != nil {
		return nil, err
	}
	d := &doorSite{c: c, heard: make(chan heard, 4*doorReaders)}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- c.Run(running) }()
	d.stop = func() error { cancel(); return <-done }
	token, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if err == nil {
		d.admin, err = client.New("http://"+c.Addr(), strings.TrimSpace(string(token)))
	}
	if err == nil {
		err = c.Store().Update(ctx, func(tx *store.Tx) error {
			now := time.Now()
			if err := tx.InsertEndpoint(store.Endpoint{ID: doorMachine, Name: "bench", SPKI: []byte("bench"), Labels: map[string]string{}, AcceptLabels: []string{},
				Mode: "ask", EnrolledAt: now}); err != nil {
				return err
			}
			return tx.Append(benchEvent(now))
		})
	}
	if err == nil { // thousands of requests of a few people wait in a moment
		err = d.admin.Call(ctx, http.MethodPut, "/settings", nil, map[string]any{"quota": map[string]any{"pending_per_user": 0, "pending_per_endpoint": 0, "cooldown_seconds": 0}}, nil)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func benchEvent(now time.Time) audit.Event {
	return audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "bench"}, Endpoint: doorMachine}
}

// submit queues a request as an endpoint does, and says when its call answered.
func (d *doorSite) submit(ctx context.Context) (string, time.Time, error) {
	d.asked++
	n := d.asked
	in := wire.Attempt{Request: elevation.NewRequestID(time.Now()), Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		User: elevation.User{Name: fmt.Sprintf("user%d", n), UID: fmt.Sprint(1000 + n), Groups: []string{"users"}},
		Subject: elevation.Subject{Path: "/usr/bin/systemctl", Args: []string{"restart", fmt.Sprintf("unit%d", n)}, ArgsDigest: bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 16), Cwd: "/home/user",
			RunAs: "root", SHA256: fmt.Sprintf("%064x", n), Size: 123_456, Parent: "/usr/bin/bash", Marks: []string{}}}}
	answer, err := d.c.Queue().Draft(ctx, doorMachine, in)
	if err == nil && (answer.Need == nil || answer.Need.Joined != "") {
		err = fmt.Errorf("an attempt is not asked about: %+v", answer)
	}
	if err != nil {
		return "", time.Time{}, err
	}
	_, err = d.c.Queue().Complete(ctx, doorMachine, wire.Complete{Request: in.Request, Justification: "restart after the update, INC-4821"})
	return string(in.Request), time.Now(), err
}

// commit is a commit of one event and nothing else.
func (d *doorSite) commit(ctx context.Context) (time.Time, error) {
	err := d.c.Store().Update(ctx, func(tx *store.Tx) error { return tx.Append(benchEvent(time.Now())) })
	return time.Now(), err
}

// way is one way out, with receivers that say in heard what they got.
type way struct {
	d         *doorSite
	receivers int
	example   []byte                                          // what one message looks like
	bare      func(ctx context.Context, message []byte) error // to all receivers
	close     func()
}

// compare measures ours and the floor in turns.
func (w *way) compare(ctx context.Context, t *table, what string, goal time.Duration) error {
	var base, ours sample
	for n := range doorRounds {
		for turn := range 2 {
			var got sample
			var err error
			if (n+turn)%2 == 0 {
				got, err = w.ours(ctx)
			} else {
				got, err = w.floor(ctx)
			}
			if err != nil {
				return err
			}
			switch {
			case n < 5: // the first ones open connections
			case (n+turn)%2 == 0:
				ours = append(ours, got...)
			default:
				base = append(base, got...)
			}
			select {
			case <-time.After(doorPause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	most := float64(goal)
	t.add(row{what, micros(ours.at(0.95)), micros(base.at(0.95)), fmt.Sprintf("%s more, median %s", micros(ours.at(0.95)-base.at(0.95)), micros(ours.median())),
		"≤ " + goal.String(), within(ours.at(0.95), most, micros)})
	return nil
}

func (w *way) ours(ctx context.Context) (sample, error) {
	id, began, err := w.d.submit(ctx)
	if err != nil {
		return nil, err
	}
	return w.wait(ctx, id, began)
}

func (w *way) floor(ctx context.Context) (sample, error) {
	id := string(elevation.NewRequestID(time.Now()))
	began, err := w.d.commit(ctx)
	if err == nil {
		err = w.bare(ctx, bytes.ReplaceAll(w.example, []byte("REQUEST"), []byte(id)))
	}
	if err != nil {
		return nil, err
	}
	return w.wait(ctx, id, began)
}

// wait collects when each receiver got a message.
func (w *way) wait(ctx context.Context, id string, began time.Time) (sample, error) {
	late := time.NewTimer(doorWithin)
	defer late.Stop()
	var out sample
	for len(out) < w.receivers {
		select {
		case h := <-w.d.heard:
			if h.id == id {
				out = append(out, max(0, float64(h.at.Sub(began))))
			}
		case <-late.C:
			return nil, fmt.Errorf("%d of %d heard of it within %v", len(out), w.receivers, doorWithin)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// message is what of a webhook or an event is looked at.
type message struct {
	Data *struct {
		Request *struct {
			ID string `json:"id"`
		} `json:"request"`
	} `json:"data"`
	Request *struct {
		ID string `json:"id"`
	} `json:"request"`
}

func requestIn(raw []byte) string {
	var m message
	switch {
	case json.Unmarshal(raw, &m) != nil:
	case m.Request != nil:
		return m.Request.ID
	case m.Data != nil && m.Data.Request != nil:
		return m.Data.Request.ID
	}
	return ""
}

// webhook makes a receiver with a channel and an alert for it.
func (d *doorSite) webhook(ctx context.Context) (*way, error) {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err == nil {
			d.heard <- heard{requestIn(raw), time.Now()}
		}
	}))
	channel, err := d.admin.AddChannel(ctx, client.NewChannel{Name: "bench", Kind: "webhook", Config: client.ChannelConfig{URL: &receiver.URL}})
	if err == nil {
		_, err = d.admin.AddAlert(ctx, client.NewAlert{Name: "bench", Events: []string{"request.submitted"}, Channels: []string{channel.ID}})
	}
	if err != nil {
		receiver.Close()
		return nil, err
	}
	w := &way{d: d, receivers: 1, close: receiver.Close, example: fmt.Appendf(nil, `{"data":{"request":{"id":"REQUEST","justification":%q}}}`, strings.Repeat("x", 2500))}
	w.bare = func(ctx context.Context, message []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, receiver.URL, bytes.NewReader(message))
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	return w, nil
}

// events opens the readers: of the controller, and as many of a bare server.
func (d *doorSite) events(ctx context.Context) (*way, error) {
	bare := &bareStream{readers: map[chan []byte]bool{}}
	server := httptest.NewServer(bare)
	reading, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	w := &way{d: d, receivers: doorReaders, bare: func(_ context.Context, message []byte) error { bare.write(message); return nil },
		example: fmt.Appendf(nil, "event: request.submitted\nid: 1\ndata: {\"request\":{\"id\":\"REQUEST\",\"justification\":%q}}\n\n", strings.Repeat("x", 2500)),
		close: func() {
			cancel()
			server.CloseClientConnections()
			all.Wait()
			server.Close()
		}}
	token := ""
	for n := range doorReaders {
		if n%perAccount == 0 {
			login := fmt.Sprintf("reader%d", n)
			_, err := client.Post[client.User](ctx, d.admin, "/users", client.NewUser{Login: login, Roles: []string{"approver"}})
			made, err2 := client.Post[client.Token](ctx, d.admin, "/tokens", client.NewToken{Name: "bench", User: login})
			if err := errors.Join(err, err2); err != nil {
				w.close()
				return nil, err
			}
			token = made.Token
		}
		for _, url := range []string{"http://" + d.c.Addr() + "/api/v1/events", server.URL} {
			body, err := openReader(reading, url, token)
			if err != nil {
				w.close()
				return nil, err
			}
			all.Go(func() { d.read(reading, body) })
		}
	}
	return w, nil
}

// openReader opens one stream on a connection of its own and waits for its first line.
func openReader(ctx context.Context, url, token string) (*bufio.Reader, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Transport{}).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := bufio.NewReaderSize(resp.Body, 16<<10)
	if _, err := body.ReadString('\n'); err != nil || resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("open a stream: %s", resp.Status), err, resp.Body.Close())
	}
	return body, nil
}

// read says of each event about a request when it came.
func (d *doorSite) read(ctx context.Context, body *bufio.Reader) {
	for {
		line, err := body.ReadBytes('\n')
		if err != nil {
			return
		}
		at := time.Now()
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		select {
		case d.heard <- heard{requestIn(data), at}:
		case <-ctx.Done():
			return
		}
	}
}

// bareStream writes what it is given to all who are connected.
type bareStream struct {
	mu      sync.Mutex // guards the field below
	readers map[chan []byte]bool
}

func (b *bareStream) write(message []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for reader := range b.readers {
		reader <- message
	}
}

// ServeHTTP is one reader's stream.
func (b *bareStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	messages := make(chan []byte, 8)
	b.mu.Lock()
	b.readers[messages] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.readers, messages)
		b.mu.Unlock()
	}()
	next := []byte(": hello\n\n")
	for {
		_, err := w.Write(next)
		if err := errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
			return
		}
		select {
		case next = <-messages:
		case <-r.Context().Done():
			return
		}
	}
}
