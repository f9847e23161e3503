package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
)

// Times and limits of following the log for a log server.
const (
	streamBatch = 200
	streamPoll  = time.Second      // the fallback when a wake-up was lost, and how often is saved
	streamSure  = 15 * time.Second // so long after it was written a line counts as taken
	streamsLook = 5 * time.Second  // for channels that came or went, without a wake-up
)

// streams keeps one stream for each syslog channel that wants the whole log, until
// ctx ends.
func (n *Notify) streams(ctx context.Context) {
	type running struct {
		config []byte
		stop   context.CancelFunc
		done   chan struct{}
	}
	now := map[string]running{}
	end := func(id string) {
		now[id].stop()
		<-now[id].done
		delete(now, id)
	}
	defer func() {
		var wg sync.WaitGroup
		for _, r := range now {
			r.stop()
			wg.Go(func() { <-r.done })
		}
		wg.Wait()
	}()
	for ctx.Err() == nil {
		list, err := n.streaming(ctx)
		if err != nil && ctx.Err() == nil {
			n.cfg.Log.Error("look for log servers", "error", err)
		}
		for id, r := range now {
			same := func(ch store.Channel) bool { return ch.ID == id && bytes.Equal(ch.Config, r.config) }
			if err == nil && !slices.ContainsFunc(list, same) {
				end(id)
			}
		}
		for _, ch := range list {
			if _, ok := now[ch.ID]; ok {
				continue
			}
			flow, stop := context.WithCancel(ctx)
			r := running{config: ch.Config, stop: stop, done: make(chan struct{})}
			now[ch.ID] = r
			go func() {
				defer close(r.done)
				(&stream{n: n, ch: ch, sure: n.sure, log: n.cfg.Log.With("channel", ch.ID)}).run(flow)
			}()
		}
		if !waitFor(ctx, n.changed, streamsLook) {
			return
		}
	}
}

// streaming are the channels in use that want the whole log.
func (n *Notify) streaming(ctx context.Context) (out []store.Channel, err error) {
	var all []store.Channel
	err = n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.Channels()
		return err
	})
	for _, ch := range all {
		if ch.Kind != Syslog || !ch.DisabledAt.IsZero() {
			continue
		}
		s, err := n.sender(ch)
		if err != nil {
			continue // shown by its test
		}
		if s, ok := s.(*syslogSender); ok && s.cfg.Stream {
			out = append(out, ch)
		}
	}
	return out, err
}

// fault keeps why a log server does not follow.
func (n *Notify) fault(channel, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if why == "" {
		delete(n.faults, channel)
		return
	}
	n.faults[channel] = why
}

// StreamError is why a log server does not follow now, "" when it does.
func (n *Notify) StreamError(channel string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.faults[channel]
}

// stream follows the log for one log server. TCP tells nobody that a line was
// taken, so a line counts as taken when the other side has acknowledged its bytes,
// where the system says so, and has kept the connection for a while; after a broken
// connection everything from the first line that does not is sent again, marked, with
// the same seq and id.
type stream struct {
	n    *Notify
	ch   store.Channel
	sure time.Duration
	log  *slog.Logger

	at store.Stream // as it is saved
}

// run follows until ctx ends.
func (s *stream) run(ctx context.Context) {
	tries := 0
	for ctx.Err() == nil {
		before := s.at.Sent
		err := s.connect(ctx)
		if ctx.Err() != nil || err == nil {
			s.n.fault(s.ch.ID, "")
			return
		}
		s.n.fault(s.ch.ID, errorText(err))
		if tries++; s.at.Sent > before {
			tries = 1
		}
		wait := min(backOff(tries), time.Minute)
		s.log.Warn("the log server does not follow", "error", errorText(err), "seq", s.at.Pos, "again_in", wait)
		if !waitFor(ctx, nil, wait) {
			return
		}
	}
}

// connect follows the log over one connection, until that is broken or ctx ends.
func (s *stream) connect(ctx context.Context) error {
	made, err := s.n.sender(s.ch)
	if err != nil {
		return err
	}
	server, ok := made.(*syslogSender)
	if !ok {
		return errors.New("it is no log server")
	}
	err = s.n.cfg.Store.View(ctx, func(tx *store.Tx) error {
		s.at, err = tx.Stream(s.ch)
		return err
	})
	if err != nil {
		return err
	}
	w, err := server.dial(ctx)
	if err != nil {
		return err
	}
	s.n.fault(s.ch.ID, "")
	f := &flow{stream: s, server: server, w: w, next: s.at.Pos, stored: s.at}
	if err = f.follow(ctx); err != nil {
		w.close()
		f.keep(context.WithoutCancel(ctx), false)
		return err
	}
	read, _ := w.bye(syslogBye)
	f.keep(context.WithoutCancel(ctx), read)
	return nil
}

// flow is the log on its way over one connection.
type flow struct {
	*stream
	server *syslogSender
	w      *wire
	next   uint64 // the last event that was written
	marks  []mark
	saved  time.Time
	stored store.Stream
}

// mark is a place in the bytes of a connection.
type mark struct {
	seq  uint64
	end  int64 // bytes up to it
	when time.Time
}

// follow writes events in order until ctx ends, which is no error.
func (f *flow) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		news := f.n.cfg.Store.Appended()
		var list []audit.Event
		err := f.n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
			list, err = tx.Happened(f.next, streamBatch, audit.Kinds())
			return err
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case f.w.broken():
			return errors.New("the log server has closed the connection")
		}
		if err := f.write(list); err != nil {
			return describeCall(ctx, "write to the log server", err)
		}
		if f.n.cfg.Now().Sub(f.saved) >= streamPoll {
			f.keep(ctx, false)
		}
		if len(list) == streamBatch {
			continue
		}
		if !f.wait(ctx, news) {
			return nil
		}
	}
	return nil
}

// wait returns when there may be news, or the connection is broken.
func (f *flow) wait(ctx context.Context, news <-chan struct{}) bool {
	timer := time.NewTimer(streamPoll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-f.w.over:
	case <-news:
	case <-timer.C:
	}
	return true
}

func (f *flow) write(list []audit.Event) error {
	var frames []byte
	for _, e := range list {
		head := f.server.head
		if e.Seq <= f.at.Sent {
			head.Extra = []string{"resent", "true"}
		}
		line, err := e.Framed(f.server.form, head)
		if err != nil {
			return fmt.Errorf("write event %d: %w", e.Seq, err)
		}
		frames = append(frames, frame(line)...)
	}
	if len(list) == 0 {
		return nil
	}
	// Known before the first byte leaves: what comes after it may be there twice.
	last := list[len(list)-1].Seq
	if err := f.w.write(frames); err != nil {
		f.at.Sent = max(f.at.Sent, last)
		return err
	}
	f.next, f.at.Sent = last, max(f.at.Sent, last)
	f.marks = append(f.marks, mark{seq: last, end: f.w.sent, when: f.n.cfg.Now()})
	return nil
}

// keep saves how far the other side has come. all says that it has read everything.
func (f *flow) keep(ctx context.Context, all bool) {
	acked := f.w.sent - f.w.unsent()
	pos, now := f.at.Pos, f.n.cfg.Now()
	for len(f.marks) > 0 && (all || !f.w.broken() && f.marks[0].end <= acked && now.Sub(f.marks[0].when) >= f.sure) {
		pos, f.marks = f.marks[0].seq, f.marks[1:]
	}
	f.saved, f.at.Pos = now, pos
	if f.at == f.stored {
		return
	}
	f.stored = f.at
	if err := f.n.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutStream(f.at) }); err != nil && ctx.Err() == nil {
		f.log.Error("save how far the log was followed", "error", err)
	}
}
