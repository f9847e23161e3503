package sudo

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
)

// Times of one exchange with the plugin. The plugin gives up after 2 s without
// a first frame and after 5 s of silence later.
const (
	beat      = time.Second
	readTime  = 5 * time.Second // for the whole call
	writeTime = 5 * time.Second // a stopped sudo fills its socket
)

// Why an exchange ended while the request is kept.
var (
	errGone = errors.New("sudo is gone")               // it or its terminal, without a word
	errLeft = errors.New("the person left it waiting") // with b
)

// conn is one exchange with the plugin.
type conn struct {
	c net.Conn
	r *bufio.Reader

	server  context.Context // ends with the server
	ctx     context.Context // ends when the plugin withdraws or goes
	cancel  context.CancelCauseFunc
	replies chan string

	mu     sync.Mutex // guards writing and what follows
	broken bool
	asking bool          // the plugin reads the terminal and nothing of ours
	redraw func() string // the waiting line as it is now, nil = none
}

func newConn(ctx context.Context, c net.Conn) *conn {
	k := &conn{c: c, server: ctx, r: bufio.NewReaderSize(c, 16<<10), replies: make(chan string, 1)}
	k.ctx, k.cancel = context.WithCancelCause(ctx)
	return k
}

// send writes one frame; a plugin that takes nothing ends the exchange.
func (k *conn) send(kind byte, body string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sendLocked(kind, body)
}

func (k *conn) sendLocked(kind byte, body string) error {
	if k.broken {
		return errGone
	}
	k.c.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := k.c.Write(appendFrame(nil, kind, body)); err != nil {
		k.broken = true
		k.cancel(errGone)
		return err
	}
	return nil
}

// show sets the waiting line that every heartbeat draws anew, nil = none.
func (k *conn) show(line func() string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.redraw = line
	if line != nil && !k.asking {
		k.sendLocked('T', line())
	}
}

// heartbeats tells the plugin every second that we live, until the exchange ends.
func (k *conn) heartbeats() {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-tick.C:
		}
		k.mu.Lock()
		if k.asking { // it would fill the socket while the person thinks, and the plugin does not need it
			k.mu.Unlock()
			continue
		}
		kind, body := byte('H'), ""
		if k.redraw != nil {
			kind, body = 'T', k.redraw()
		}
		err := k.sendLocked(kind, body)
		k.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// listen takes replies and the withdrawal until the plugin closes.
func (k *conn) listen() {
	for {
		kind, body, err := readFrame(k.r, maxReply)
		switch {
		case err != nil:
			k.cancel(errGone)
			return
		case kind == 'X':
			k.cancel(intercept.ErrWithdrawn)
			return
		case kind == 'B':
			k.cancel(errLeft)
			return
		case kind == 'R':
			select {
			case k.replies <- body:
			default: // a reply that nobody asked for
				k.cancel(errGone)
				return
			}
		default:
			k.cancel(errGone)
			return
		}
	}
}

// prompt asks one line, secret one that is not shown while it is typed.
func (k *conn) prompt(ctx context.Context, text string) (string, error) { return k.ask(ctx, 'P', text) }
func (k *conn) secret(ctx context.Context, text string) (string, error) { return k.ask(ctx, 'S', text) }

func (k *conn) ask(ctx context.Context, kind byte, text string) (string, error) {
	k.mu.Lock()
	k.asking = true
	err := k.sendLocked(kind, text)
	k.mu.Unlock()
	if err != nil {
		return "", err
	}
	select {
	case s := <-k.replies:
		k.mu.Lock()
		k.asking = false
		k.sendLocked('H', "")
		k.mu.Unlock()
		return s, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-k.ctx.Done():
		return "", context.Cause(k.ctx)
	}
}
