package pipe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// roleEnv turns this program into a client in a process of its own.
const roleEnv = "PIPE_TEST_CLIENT"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := client(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// client is "NAME TEXT": it sends the text and prints the answer, or holds the
// pipe open until it is killed when the text is "hold".
func client(role string) error {
	name, text, _ := strings.Cut(role, " ")
	c, err := Dial(context.Background(), name)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "%s\n", text); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	fmt.Print(answer)
	return err
}

func other(t *testing.T, name, text string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), roleEnv+"="+name+" "+text)
	return cmd
}

func listening(t *testing.T) *Listener {
	t.Helper()
	l, err := Listen(Name(strings.ToLower(t.Name())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func accept(t *testing.T, l *Listener) *Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// pair is both ends of one connection.
func pair(t *testing.T, l *Listener) (server, client *Conn) {
	t.Helper()
	client, err := Dial(t.Context(), l.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return accept(t, l), client
}

func self(t *testing.T) string {
	t.Helper()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	return user.User.Sid.String()
}

// Clients of other processes, at once: each is who the kernel says, whatever it
// sends.
func TestTwoClients(t *testing.T) {
	l := listening(t)
	var cmds []*exec.Cmd
	var outs []*strings.Builder
	for _, text := range []string{"I am S-1-5-18", "root"} {
		cmd, out := other(t, l.Name(), text), &strings.Builder{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	conns := []*Conn{accept(t, l), accept(t, l)} // both are open now
	pids := map[int]bool{}
	for _, c := range conns {
		p, err := c.Peer()
		if err != nil {
			t.Fatal(err)
		}
		if p.User != self(t) {
			t.Errorf("the client is %+v", p)
		}
		pids[p.PID] = true
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "%d said %s", p.PID, line); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("client: %v %s", err, outs[i])
		}
		if !pids[cmd.Process.Pid] || !strings.HasPrefix(outs[i].String(), fmt.Sprint(cmd.Process.Pid)+" said ") {
			t.Errorf("client %d was told %q, known are %v", cmd.Process.Pid, outs[i], pids)
		}
	}
}

// Somebody made a pipe of that name first: nothing is shared with them.
func TestE21SquattedName(t *testing.T) {
	name := Name("squatted")
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX, windows.PIPE_TYPE_BYTE, windows.PIPE_UNLIMITED_INSTANCES, 0, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(name); !errors.Is(err, ErrTaken) {
		t.Errorf("listen: %v, %v", l, err)
	}
	if err := windows.CloseHandle(theirs); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Wine does not refuse clients of other machines, and there are none in it:
// what is passed to Windows is what is asserted, here and in TestAccess.
func TestE22RemoteClientsAreRefusedByMode(t *testing.T) {
	if pipeMode&0x8 == 0 || windows.PIPE_REJECT_REMOTE_CLIENTS != 0x8 {
		t.Error("the pipe is open to other machines")
	}
}

// A client that hides who it is, is refused.
func TestE23AnonymousClient(t *testing.T) {
	l := listening(t)
	path, err := windows.UTF16PtrFromString(l.Name())
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateFile(path, clientAccess, 0, nil, windows.OPEN_EXISTING, windows.SECURITY_SQOS_PRESENT, 0) // anonymous is 0
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(h)
	c := accept(t, l)
	p, err := c.Peer()
	if err == nil {
		t.Skipf("Wine lets every server act as its clients, whatever they allow: it says %+v. Refusing by level is shown by TestJudge.", p)
	}
	if !errors.Is(err, ErrPeer) {
		t.Error(err)
	}
}

// We let a server know who we are, and not act as us.
func TestIdentificationLevel(t *testing.T) {
	c, _ := pair(t, listening(t))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f, _, reverted, err := asClient(c.end)
	if err != nil || !reverted {
		t.Fatalf("reverted %v, %v", reverted, err)
	}
	if f.level != levelIdentification {
		t.Skipf("Wine knows no levels: it says %d", f.level)
	}
	var token windows.Token
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token); !errors.Is(err, windows.ERROR_NO_TOKEN) {
		t.Errorf("the thread is still somebody else: %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	c, dialled := pair(t, listening(t))
	for name, one := range map[string]*Conn{"server": c, "client": dialled} {
		if err := one.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n, err := one.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if err := one.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dialled.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 4)); n != 1 || err != nil {
		t.Errorf("after a deadline: %d, %v", n, err)
	}
	if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; err == nil; i++ { // nobody reads
		if _, err = c.Write(make([]byte, bufferSize)); i > 100 {
			t.Fatal("writing without a reader has no end")
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
}

// A client whose process is killed ends the connection, and the next one is served.
func TestClientVanishes(t *testing.T) {
	l := listening(t)
	cmd := other(t, l.Name(), "hold")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := accept(t, l)
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); line != "hold\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if b, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v", b, err)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("wrote to nobody")
	}
	dialled, err := Dial(t.Context(), l.Name())
	if err != nil {
		t.Fatal(err)
	}
	dialled.Close() // also one that is gone before it is accepted
	said := make(chan string, 1)
	go func() {
		for {
			next, err := l.Accept()
			if err != nil {
				said <- err.Error()
				return
			}
			line, err := bufio.NewReader(next).ReadString('\n')
			next.Close()
			if err == nil {
				said <- line
				return
			}
		}
	}()
	next, err := Dial(t.Context(), l.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := next.Write([]byte("the next\n")); err != nil {
		t.Error(err)
	}
	if got := <-said; got != "the next\n" {
		t.Errorf("served %q", got)
	}
}

// TestHere: Wine has one user, so that nobody else's pipe can be met: TestWhosePipe.
func TestHere(t *testing.T) {
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	contract(t, here{}, known{user: self(t), pid: os.Getpid(), session: session})
}
