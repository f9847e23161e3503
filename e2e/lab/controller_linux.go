// Package lab puts Assent onto machines: a controller on the host, agents on
// booted machines, people with tokens. It is what whole-system tests and benches
// stand on, and knows the programs only from outside, by the contract.
//
// A controller is a child process that the kernel ends with this one. Nothing
// here is faked: real TLS, real enrolment, real units. See e2e/machine for the
// machines themselves.
package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/assent-epm/assent/e2e/machine"
)

// Config of a controller.
type Config struct {
	Bin         string   // folder of the programs, see Bin
	Data        string   // its data folder, made when missing
	Listen      string   // console and REST, "127.0.0.1:0" when empty
	AgentListen string   // where agents come in, "127.0.0.1:0" when empty
	Env         []string // more environment, such as a fail point
}

// Controller is a running, or at the moment killed, controller.
type Controller struct {
	URL      string // console and REST
	AgentURL string // agents' address
	SignIn   string // the one-time link of the first start, "" later
	Token    string // API token of the first administrator

	cfg    Config
	listen string
	agents string

	mu   sync.Mutex // guards the fields below
	proc *os.Process
	gone <-chan struct{}
}

// StartController runs `assent-controller serve` and returns when it is ready.
func StartController(ctx context.Context, cfg Config) (*Controller, error) {
	const anyPort = "127.0.0.1:0"
	cfg.Listen, cfg.AgentListen = cmp.Or(cfg.Listen, anyPort), cmp.Or(cfg.AgentListen, anyPort)
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, err
	}
	c := &Controller{cfg: cfg, listen: cfg.Listen, agents: cfg.AgentListen}
	return c, c.Start(ctx)
}

// Start runs a killed controller again, on the addresses that it had.
func (c *Controller) Start(ctx context.Context) error {
	if err := c.start(ctx); err != nil {
		logged, _ := os.ReadFile(c.path("stderr.log"))
		return errors.Join(fmt.Errorf("start the controller: %w\n%s", err, tail(logged)), c.Kill())
	}
	return nil
}

func (c *Controller) start(ctx context.Context) error {
	if err := os.RemoveAll(c.path("addresses.json")); err != nil {
		return err
	}
	const mode = os.O_CREATE | os.O_APPEND | os.O_WRONLY
	stdout, err := os.OpenFile(c.path("stdout.log"), mode, 0o600)
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := os.OpenFile(c.path("stderr.log"), mode, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	cmd := program(c.cfg.Bin, "assent-controller", "serve", "--data", c.cfg.Data, "--listen", c.listen, "--agent-listen", c.agents)
	cmd.Env = append(os.Environ(), c.cfg.Env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	gone, err := machine.Bind(cmd)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.proc, c.gone = cmd.Process, gone
	c.mu.Unlock()
	return until(ctx, gone, c.learn)
}

// learn reads where the controller listens and asks whether it is ready.
func (c *Controller) learn(ctx context.Context) error {
	raw, err := os.ReadFile(c.path("addresses.json"))
	if err != nil {
		return err
	}
	var at struct {
		Listen      string `json:"listen"`
		AgentListen string `json:"agent_listen"`
	}
	if err := json.Unmarshal(raw, &at); err != nil {
		return err
	}
	c.listen, c.agents = at.Listen, at.AgentListen
	c.URL, c.AgentURL = "http://"+at.Listen, "https://"+at.AgentListen
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it is not ready: %s", answer.Status)
	}
	token, err := os.ReadFile(c.path("admin.token"))
	if err != nil {
		return err
	}
	c.Token = strings.TrimSpace(string(token))
	printed, err := os.ReadFile(c.path("stdout.log"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(printed)) {
		if link, found := strings.CutPrefix(line, "sign in "); found {
			c.SignIn = strings.TrimSpace(link)
		}
	}
	return nil
}

// Kill ends the controller as a crash does. A dead one stays dead.
func (c *Controller) Kill() error { return c.end(syscall.SIGKILL) }

// Stop asks the controller to end and waits.
func (c *Controller) Stop() error { return c.end(syscall.SIGTERM) }

func (c *Controller) end(signal syscall.Signal) error {
	c.mu.Lock()
	proc, gone := c.proc, c.gone
	c.proc = nil
	c.mu.Unlock()
	if proc == nil {
		return nil
	}
	if err := proc.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the controller: %w", err)
	}
	<-gone
	return nil
}

// Gone is closed when the running controller has ended by itself or by Kill.
func (c *Controller) Gone() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// Signal sends a signal, such as SIGSTOP, to the running controller.
func (c *Controller) Signal(signal syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil {
		return errors.New("the controller does not run")
	}
	return c.proc.Signal(signal)
}

// Ctl runs assentctl as the first administrator.
func (c *Controller) Ctl(ctx context.Context, args ...string) (machine.Result, error) {
	return c.CtlAs(ctx, c.Token, args...)
}

// CtlAs runs assentctl with somebody's API token.
func (c *Controller) CtlAs(ctx context.Context, token string, args ...string) (machine.Result, error) {
	cmd := program(c.cfg.Bin, "assentctl", args...)
	cmd.Env = append(os.Environ(), "ASSENT_URL="+c.URL, "ASSENT_TOKEN="+token, "NO_COLOR=1")
	return finish(ctx, cmd)
}

// AddUser makes an account with a role and answers an API token of it.
func (c *Controller) AddUser(ctx context.Context, login, role string) (string, error) {
	cmd := program(c.cfg.Bin, "assent-controller", "user", "add", login, "--role", role, "--token", "--data", c.cfg.Data)
	return line(finish(ctx, cmd))
}

// EnrollToken makes an enrolment token for several endpoints in ask mode.
func (c *Controller) EnrollToken(ctx context.Context) (string, error) {
	result, err := c.Ctl(ctx, "enroll-token", "add", "--ttl", "1h", "--max-uses", "100", "--mode", "ask", "--format", "json")
	if err != nil {
		return "", err
	}
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(result.Stdout), &made); err != nil || made.Token == "" {
		return "", fmt.Errorf("make an enrolment token: %s", result)
	}
	return made.Token, nil
}

// Pending lists the ids of pending requests in the order of the queue.
func (c *Controller) Pending(ctx context.Context) ([]string, error) {
	result, err := c.Ctl(ctx, "approval", "list", "--format", "id")
	if err != nil {
		return nil, err
	}
	if result.Code != 0 {
		return nil, fmt.Errorf("list pending requests: %s", result)
	}
	return strings.Fields(result.Stdout), nil
}

// Log is what the controller logged.
func (c *Controller) Log() string {
	raw, _ := os.ReadFile(c.path("stderr.log"))
	return string(raw)
}

func (c *Controller) path(name string) string { return filepath.Join(c.cfg.Data, name) }

func tail(raw []byte) string {
	const most = 4000
	if len(raw) > most {
		raw = raw[len(raw)-most:]
	}
	return string(raw)
}

// until tries again every few milliseconds, because nothing tells when another
// process is ready; it gives up when ctx is done or the process is gone.
func until(ctx context.Context, gone <-chan struct{}, try func(context.Context) error) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-gone:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
