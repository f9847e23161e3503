package local

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/local/pipe"
)

// told is a flow that only says how it is, and to whom.
type told struct{ Flow }

func (told) Status(user string) Status { return Status{Connected: true, Endpoint: user} }

func TestClientOfAPipe(t *testing.T) {
	path := Address(t.TempDir())
	d, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := d.accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	c, err := pipe.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	theirs, ok := (<-accepted).(*pipeConn)
	if !ok {
		t.Fatal("it is no pipe")
	}
	defer theirs.Close()
	if err := theirs.hear(); err != nil {
		t.Fatal(err)
	}
	token, err := windows.OpenCurrentProcessToken()
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	pipeClientContract(t, theirs.client, pipe.Peer{User: user.User.Sid.String(), PID: os.Getpid(), Session: session})
}

// The door on Windows knows whoever has said something, and waits for nobody who
// says nothing when it closes. What [crowdDoor] does elsewhere is this.
func TestPipeDoor(t *testing.T) {
	path := Address(t.TempDir())
	s, err := Listen(Config{Path: path, Flow: told{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	silent, err := pipe.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for range maxPerUser + 1 { // each is counted out again
		if st, err := (Client{Path: path}).Status(t.Context()); err != nil || !st.Connected || len(st.Endpoint) < 5 || st.Endpoint[:4] != "S-1-" {
			t.Fatalf("%+v, %v", st, err)
		}
	}
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(firstWithin / 2):
		t.Error("it waits for somebody who says nothing")
	}
	if _, err := (Client{Path: path}).Status(t.Context()); err == nil {
		t.Error("it is still open")
	}
}
