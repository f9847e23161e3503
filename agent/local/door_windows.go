package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/local/pipe"
	"github.com/assent-epm/assent/agent/privilege"
)

// Address is where the agent with this runtime folder is spoken with. Windows does
// not tell small letters of folders from large ones.
func Address(runtime string) string {
	return pipe.Name(privilege.Realm(strings.ToLower(filepath.Clean(runtime))))
}

// pipes is the door on Windows.
type pipes struct{ l *pipe.Listener }

func listen(path string) (door, error) {
	l, err := pipe.Listen(path)
	if err != nil {
		return nil, err
	}
	return pipes{l}, nil
}

func (p pipes) accept() (net.Conn, error) {
	c, err := p.l.Accept()
	if err != nil {
		return nil, err
	}
	return &pipeConn{heard{Conn: c}, c}, nil
}

// peer hears a byte first: the system knows who somebody is by what they send.
func (p pipes) peer(c net.Conn) (peer, error) {
	pc, ok := c.(*pipeConn)
	if !ok {
		return peer{}, errors.ErrUnsupported
	}
	if err := pc.hear(); err != nil {
		return peer{}, err
	}
	who, err := pc.pipe.Peer()
	if err != nil {
		return peer{}, err
	}
	started, _ := privilege.Started(who.PID) // 0 is no process: nothing is opened for it
	return peer{user: who.User, pid: who.PID, from: Caller{PID: who.PID, Started: started, User: who.User, Session: who.Session}}, nil
}

// crowd is the session: it is known of who says nothing, too, and people can not
// choose another one.
func (pipes) crowd(c net.Conn) string {
	if pc, ok := c.(*pipeConn); ok {
		if n, err := pc.pipe.Session(); err == nil {
			return fmt.Sprintf("session %d", n)
		}
	}
	return "session unknown"
}

func (p pipes) Close() error { return p.l.Close() }

// pipeConn is an accepted pipe.
type pipeConn struct {
	heard
	pipe *pipe.Conn
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	c, err := pipe.Dial(ctx, path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// atOnce bounds the refusal of one client, whose buffer is empty: nothing is waited
// for, and a busy machine does not let it pass before the write.
const atOnce = time.Second

func writeAtOnce(c net.Conn, text []byte) {
	if c.SetWriteDeadline(time.Now().Add(atOnce)) == nil {
		_, _ = c.Write(text) // whether they hear it is up to them
	}
}
