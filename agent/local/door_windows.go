package local

import (
	"context"
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

func (p pipes) peer(c net.Conn) (peer, error) { return peerOfPipe(c, privilege.Started) }
func (pipes) crowd(c net.Conn) string         { return crowdOfPipe(c) }

func (p pipes) Close() error { return p.l.Close() }

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
