package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// This file relays the standard streams of a program in frames, where a client can
// not lend its own (Windows). Both sides have the same two halves: a pump reads
// and sends, a sink takes and writes. A pump sends no more than its sink has room
// for, so that whoever does not read stops the writer and nobody else.

const (
	streamRoom  = 64 << 10 // bytes on the way, of one stream
	streamChunk = 16 << 10 // in one frame
)

// Of both sides.
const (
	kData  kind = "data"  // bytes of one stream
	kTaken kind = "taken" // there is room for that many bytes more, or nobody takes them
)

type data struct {
	To    int    `cbor:"to"` // 0, 1 or 2
	Bytes []byte `cbor:"bytes"`
	End   bool   `cbor:"end"` // there will be no more
}

type taken struct {
	To     int  `cbor:"to"`
	N      int  `cbor:"n"`
	Closed bool `cbor:"closed"` // nobody takes any more
}

// drainTime is how long a stream may be silent after the program's end before
// nothing more is expected: processes in the background can hold it open.
const drainTime = 50 * time.Millisecond

// errRoom: more was sent than there was room for.
var errRoom = fmt.Errorf("%w: more than there is room for", errFrame)

// sender writes frames to the other side.
type sender func(k kind, body any) error

// pump reads one stream and sends it.
type pump struct {
	to   int
	src  io.ReadCloser
	send sender
	done chan struct{} // closed when nothing more is sent

	mu      sync.Mutex // guards the fields below
	room    int
	more    chan struct{} // 1; there is room again
	reading time.Time     // since when it waits for something to read, zero = it does not
}

func newPump(to int, src io.ReadCloser, send sender) *pump {
	return &pump{to: to, src: src, send: send, done: make(chan struct{}), room: streamRoom, more: make(chan struct{}, 1)}
}

// run goes on until the stream ends, the other side is gone, or ctx ends.
func (p *pump) run(ctx context.Context) {
	defer close(p.done)
	defer p.src.Close()
	buf := make([]byte, streamChunk)
	for {
		room := p.wait(ctx)
		if room == 0 {
			return
		}
		p.since(time.Now())
		n, err := p.src.Read(buf[:min(room, len(buf))])
		p.since(time.Time{})
		if n > 0 {
			p.take(n)
			if p.send(kData, data{To: p.to, Bytes: buf[:n]}) != nil {
				return // the other side is gone
			}
		}
		if err != nil {
			_ = p.send(kData, data{To: p.to, End: true}) // as above
			return
		}
	}
}

// wait is how much there is room for, 0 when that never comes.
func (p *pump) wait(ctx context.Context) int {
	for {
		p.mu.Lock()
		room := p.room
		p.mu.Unlock()
		if room != 0 {
			return max(room, 0)
		}
		select {
		case <-p.more:
		case <-ctx.Done():
			return 0
		}
	}
}

func (p *pump) since(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = t
}

func (p *pump) take(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room > 0 {
		p.room -= n
	}
}

// taken hears of room, or that nobody takes any more.
func (p *pump) taken(m taken) error {
	p.mu.Lock()
	if m.N < 0 || m.N > streamRoom || p.room >= 0 && p.room+m.N > streamRoom {
		p.mu.Unlock()
		return errRoom
	}
	switch {
	case p.room < 0:
	case m.Closed:
		p.room = -1
	default:
		p.room += m.N
	}
	p.mu.Unlock()
	if m.Closed {
		_ = p.src.Close() // whoever writes to it is told so by the system
	}
	select {
	case p.more <- struct{}{}:
	default:
	}
	return nil
}

// silent reports whether it has waited that long for something to read.
func (p *pump) silent(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.reading.IsZero() && time.Since(p.reading) > d
}

// sink writes what comes for one stream.
type sink struct {
	to   int
	dst  io.Writer
	end  func() // closes dst, where it is ours
	send sender
	done chan struct{} // closed when all is written

	mu    sync.Mutex // guards the fields below
	held  []byte
	ended bool
	more  chan struct{} // 1
}

func newSink(to int, dst io.Writer, end func(), send sender) *sink {
	return &sink{to: to, dst: dst, end: end, send: send, done: make(chan struct{}), more: make(chan struct{}, 1)}
}

// put takes bytes without waiting: the sender knows how much room there is.
func (s *sink) put(m data) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended && len(m.Bytes) > 0 || len(s.held)+len(m.Bytes) > streamRoom {
		return errRoom
	}
	s.held = append(s.held, m.Bytes...)
	s.ended = s.ended || m.End
	s.wakeLocked()
	return nil
}

// stop says that nothing more comes; what is held is still written.
func (s *sink) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wakeLocked()
}

func (s *sink) wakeLocked() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// run writes until the end of the stream, or ctx ends.
func (s *sink) run(ctx context.Context) {
	defer close(s.done)
	defer s.end()
	for {
		s.mu.Lock()
		held, ended := s.held, s.ended
		s.held = nil
		s.mu.Unlock()
		if len(held) > 0 {
			if _, err := s.dst.Write(held); err != nil {
				_ = s.send(kTaken, taken{To: s.to, Closed: true}) // a lost peer is noticed by the reader
				s.drop(ctx)
				return
			}
			_ = s.send(kTaken, taken{To: s.to, N: len(held)}) // as above
			continue
		}
		if ended {
			return
		}
		select {
		case <-s.more:
		case <-ctx.Done():
			return
		}
	}
}

// drop throws away what was on the way.
func (s *sink) drop(ctx context.Context) {
	s.end()
	for {
		s.mu.Lock()
		ended := s.ended
		s.held = nil
		s.mu.Unlock()
		if ended {
			return
		}
		select {
		case <-s.more:
		case <-ctx.Done():
			return
		}
	}
}

// streams are the three streams of one program, on either side.
type streams struct {
	pumps []*pump
	sinks []*sink
	stop  context.CancelFunc
	work  sync.WaitGroup
}

func (s *streams) begin(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	for _, p := range s.pumps {
		s.work.Go(func() { p.run(ctx) })
	}
	for _, k := range s.sinks {
		s.work.Go(func() { k.run(ctx) })
	}
}

// heard reports whether a frame is of the streams; it never waits.
func (s *streams) heard(f frame) (ours bool, err error) {
	switch f.Kind {
	case kData:
		var m data
		if err := f.into(&m); err != nil {
			return true, err
		}
		if i := slices.IndexFunc(s.sinks, func(k *sink) bool { return k.to == m.To }); i >= 0 {
			return true, s.sinks[i].put(m)
		}
	case kTaken:
		var m taken
		if err := f.into(&m); err != nil {
			return true, err
		}
		if i := slices.IndexFunc(s.pumps, func(p *pump) bool { return p.to == m.To }); i >= 0 {
			return true, s.pumps[i].taken(m)
		}
	default:
		return false, nil
	}
	return true, fmt.Errorf("%w: there is no such stream", errFrame)
}

// drained waits until all that a program that has ended wrote is sent. Processes
// that it left behind can hold its streams open: silence is the end.
func (s *streams) drained(ctx context.Context) {
	look := time.NewTicker(drainTime / 5)
	defer look.Stop()
	for _, p := range s.pumps {
		for open := true; open; {
			select {
			case <-p.done:
				open = false
			case <-look.C:
				if p.silent(drainTime) {
					_ = p.src.Close() // its read ends
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// close ends everything that goes on.
func (s *streams) close() {
	if s == nil {
		return
	}
	s.stop()
	for _, p := range s.pumps {
		_ = p.src.Close() // its read ends
	}
	for _, k := range s.sinks {
		k.end()
	}
	s.work.Wait()
}

// relayed makes the three descriptors of a program whose streams are relayed, and
// what relays them. The descriptors belong to the caller.
func relayed(send sender) (files [3]*os.File, s *streams, err error) {
	s = &streams{stop: func() {}} // nothing goes on before it begins
	var all []*os.File
	for i := range files {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(all)
			return [3]*os.File{}, nil, fmt.Errorf("relay the standard streams: %w", err)
		}
		all = append(all, r, w)
		if i == 0 {
			files[i] = r
			s.sinks = append(s.sinks, newSink(i, w, sync.OnceFunc(func() { _ = w.Close() }), send)) // the program sees the end
			continue
		}
		files[i] = w
		s.pumps = append(s.pumps, newPump(i, r, send))
	}
	return files, s, nil
}

// follower is how the client follows a program that runs.
type follower interface {
	// finish waits for the last text. With told the program's end is known;
	// otherwise the end of its streams is waited for, where they are its own.
	finish(told bool)
	resize()
}

// lender is the client's side of streams that are relayed.
type lender struct{ *streams }

// lend begins to relay this process's own streams. What was typed ahead comes first
// where the terminal is its input.
func lend(ctx context.Context, std Streams, ahead []byte, send sender) *lender {
	s := &streams{}
	keep := func() {}
	s.sinks = []*sink{newSink(1, orDiscard(std.Out), keep, send), newSink(2, orDiscard(std.Err), keep, send)}
	s.begin(ctx)
	if std.In != nil {
		var from io.Reader = std.In
		if isTerminal(std.In) {
			from = io.MultiReader(bytes.NewReader(ahead), std.In)
		}
		in := newPump(0, io.NopCloser(from), send)
		s.pumps = []*pump{in}
		go in.run(ctx) // ends with the process: a read of what is typed can not be called off
	} else {
		_ = send(kData, data{End: true}) // a lost agent is noticed by the reader
	}
	return &lender{s}
}

func orDiscard(f *os.File) io.Writer {
	if f == nil {
		return io.Discard
	}
	return f
}

// lostWithin is how long the text of a program is written whose agent is gone.
const lostWithin = 2 * time.Second

func (l *lender) finish(told bool) {
	for _, k := range l.sinks {
		k.stop()
	}
	late := time.NewTimer(lostWithin)
	defer late.Stop()
	for _, k := range l.sinks {
		if told {
			<-k.done
			continue
		}
		select {
		case <-k.done:
		case <-late.C:
		}
	}
	l.stop()
}

func (l *lender) resize() {}
