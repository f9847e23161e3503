// Command demo is what `make demo` starts: a controller with an invented past and
// a simulated fleet beside it, to look at. It needs no rights and changes nothing
// on this machine; everything is on loopback and in a temporary folder, which is
// removed at the end. The visitor has a simulated computer of their own, a page
// of agentsim.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/office"
)

// startTime bounds how long everything may take until it can be looked at.
const startTime = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := show(ctx, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// show runs both programs, which lie in bin, until ctx or one of them ends.
func show(ctx context.Context, out, errOut io.Writer) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	dir, err := os.MkdirTemp("", "assent-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := stand{bin: "bin", dir: dir}
	defer s.end(stop) // before the folder is removed
	fmt.Fprintln(out, "An invented office of 200 machines is made, with two weeks of its past …")
	seen, err := s.open(ctx, errOut)
	if err != nil {
		return err
	}
	fmt.Fprint(out, invitation(seen))
	err = s.await()
	if ctx.Err() != nil {
		fmt.Fprintln(out, "\nEnding; nothing of this stays.")
		return nil
	}
	return err
}

// stand is the two programs and their folder.
type stand struct {
	bin, dir string
	running  []*program
}

// program is one of ours that was started. over is closed when it has ended.
type program struct {
	name string
	over chan struct{}
	err  error
}

// places are what a visitor can open.
type places struct{ console, start, seats, computer string }

// open starts everything and makes it ready for a visitor.
func (s *stand) open(ctx context.Context, errOut io.Writer) (places, error) {
	data := filepath.Join(s.dir, "data")
	lines := map[string]string{"console ": "", "agents ": "", "role ": "", "sign in ": ""}
	controller := s.command(ctx, "assent-controller", "serve", "--demo", "--data", data, "--listen", free("127.0.0.1:8080"), "--agent-listen", "127.0.0.1:0")
	controller.Stderr = errOut
	said, err := controller.StdoutPipe()
	if err == nil {
		err = s.start("controller", controller, said, lines)
	}
	if err != nil {
		return places{}, err
	}
	api, token, err := enrolment(ctx, lines["console "], data)
	if err != nil {
		return places{}, fmt.Errorf("make a token for the fleet: %w", err)
	}
	terminal := map[string]string{"terminal ": ""}
	fleet := s.command(ctx, "agentsim", "--controller", lines["agents "], "--endpoints", "24", "--scenario", "demo", "--rate", "0.03/s", "--use", "20s",
		"--data", filepath.Join(s.dir, "fleet"), "--terminal", "127.0.0.1:0")
	fleet.Env = append(os.Environ(), "ASSENT_ENROLL_TOKEN="+token)
	told, err := fleet.StderrPipe()
	if err == nil {
		err = s.start("fleet", fleet, told, terminal)
	}
	if err != nil {
		return places{}, err
	}
	if err := visitor(ctx, api, terminal["terminal "]); err != nil {
		return places{}, fmt.Errorf("tie the visitor to their computer: %w", err)
	}
	return places{console: lines["console "], start: lines["sign in "], seats: lines["role "], computer: terminal["terminal "]}, nil
}

// invitation is what a visitor reads.
func invitation(at places) string {
	return fmt.Sprintf(`
  Start here      %s
                  as administrator. Others, to look at; each address is
                  good for as long as this runs, in any browser:
%s
  Your computer   %s   (simulated)
  Console         %s

  Try             Open your computer and the console side by side. Type
                  sudo apt install wireshark, then answer it in the queue:
                  J and K move, A approves, D denies, ? shows all keys.
                  24 simulated machines ask too, about every half minute.
  Stop            Ctrl-C. Nothing on this machine is elevated, and nothing
                  of this stays.

`, at.start, seats(at.seats), at.computer, at.console)
}

// command is one of our programs, ended gently with ctx and for sure with this process.
func (s *stand) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 12 * time.Second
	withParent(c)
	return c
}

// start starts a program and reads what is wanted of what it prints.
func (s *stand) start(name string, c *exec.Cmd, printed io.Reader, want map[string]string) error {
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the %s: %w", name, err)
	}
	p := &program{name: name, over: make(chan struct{})}
	s.running = append(s.running, p)
	err := read(printed, want)
	go func() { // ended by ctx, and waited for by end
		defer close(p.over)
		p.err = c.Wait()
	}()
	if err != nil {
		return fmt.Errorf("the %s did not start: %w", name, err)
	}
	return nil
}

// await says which of the two programs ended first.
func (s *stand) await() error {
	first, second := s.running[0], s.running[1]
	select {
	case <-first.over:
	case <-second.over:
		first = second
	}
	if first.err == nil {
		return fmt.Errorf("the %s ended of itself", first.name)
	}
	return fmt.Errorf("the %s ended: %w", first.name, first.err)
}

// end ends what runs and waits until it has left the folder, which is removed then.
func (s *stand) end(stop context.CancelFunc) {
	stop()
	for _, p := range s.running {
		<-p.over
	}
}

// seats are the printed lines "ROLE LOGIN LINK" as a table.
func seats(lines string) string {
	var out strings.Builder
	for line := range strings.Lines(lines) {
		if f := strings.Fields(line); len(f) == 3 {
			fmt.Fprintf(&out, "  %-15s %s\n", strings.ReplaceAll(f[0], "_", " "), f[2])
		}
	}
	return out.String()
}

// visitor makes the account of the visitor that of whoever sits at the simulated
// computer, so that their requests are under "My requests".
func visitor(ctx context.Context, api *client.Client, page string) error {
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/name", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	host, err := io.ReadAll(io.LimitReader(answer.Body, 300))
	if err != nil {
		return err
	}
	return api.Call(ctx, http.MethodPost, "/links", nil, map[string]string{"account": office.Visitor, "endpoint": string(host), "user": office.Visitor}, nil)
}

// read fills in what stands behind each of the beginnings of lines, further
// lines with a beginning below the first; what comes after all of them is read
// and dropped.
func read(from io.Reader, want map[string]string) error {
	found := make(chan error, 1)
	go func() {
		lines, left, last := bufio.NewScanner(from), len(want), ""
		for lines.Scan() {
			last = lines.Text()
			for prefix := range want {
				rest, ok := strings.CutPrefix(lines.Text(), prefix)
				switch {
				case !ok || left == 0:
				case want[prefix] != "":
					want[prefix] += "\n" + rest
				default:
					want[prefix] = rest
					if left--; left == 0 {
						found <- nil
					}
				}
			}
		}
		if left > 0 {
			found <- errors.New(cmp.Or(last, "see its message above"))
		}
	}()
	select {
	case err := <-found:
		return err
	case <-time.After(startTime):
		return fmt.Errorf("nothing was heard of it within %v", startTime)
	}
}

// enrolment makes a token for the fleet once the console answers.
func enrolment(ctx context.Context, console, data string) (c *client.Client, token string, err error) {
	raw, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		return nil, "", err
	}
	if c, err = client.New(console, strings.TrimSpace(string(raw))); err != nil {
		return nil, "", err
	}
	in := client.NewEnrollToken{TTLSeconds: 3600, MaxUses: 24, Mode: "ask", Labels: map[string]string{"role": "workstation", "site": "berlin"}}
	var made client.EnrollToken
	for deadline := time.Now().Add(startTime); ; {
		err := c.Call(ctx, "POST", "/enrollment-tokens", nil, in, &made)
		if err == nil {
			return c, made.Token, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, "", err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// free is the address, or one with a free port when that is taken.
func free(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return address
}
