// Package linux tests the Linux endpoint in full on real machines: every way to
// elevate, every way in which what was granted ends, the packages, and the ways
// round that must not work.
//
// Each group of scenes has a machine and a controller of its own, made by the
// first test that asks for it, so groups run side by side and share no rules, no
// policies and no outages. world_test.go builds them and has the words that the
// scenes are told in.
package linux

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

func TestMain(m *testing.M) {
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "1000"); err != nil { // turns and places are given by this file
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := stage.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the machines:", err)
	}
	os.Exit(code)
}

// stage is the network that all groups are on.
var stage = theStage{groups: map[string]*group{}, places: make(chan struct{}, atOnce)}

// atOnce is how many groups have machines at the same time: their scenes wait more
// than they compute. A machine takes 18 of the 128 places to watch files that a
// kernel has, and a few groups have two.
const atOnce = 5

type theStage struct {
	once sync.Once
	err  error
	lab  *machine.Lab
	bin  string

	places chan struct{}

	mu     sync.Mutex // guards the field below
	groups map[string]*group
}

// number gives a test its turn in a group: it plays when before is closed (nil: at
// once), and closes ended.
func (s *theStage) number(name string) (g *group, before <-chan struct{}, ended chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g = s.groups[name]; g == nil {
		g = &group{}
		s.groups[name] = g
	}
	before, ended = g.last, make(chan struct{})
	g.last = ended
	g.left++
	return g, before, ended
}

// over counts the end of a test and reports whether it was the last of its group.
func (s *theStage) over(g *group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.left--
	return g.left == 0
}

// close ends the machine and its controller; again, it does nothing.
func (s *scene) close() error {
	var errs []error
	if s.controller != nil {
		errs = append(errs, s.controller.Kill())
	}
	if s.machine != nil {
		errs = append(errs, s.machine.PowerCut())
	}
	if s.near != nil && s.near.machine != nil {
		errs = append(errs, s.near.machine.PowerCut())
	}
	s.controller, s.machine, s.near = nil, nil, nil
	return errors.Join(errs...)
}

func (s *theStage) open() error {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
		defer cancel()
		if s.lab, s.err = machine.New(ctx); s.err != nil {
			return
		}
		s.bin = filepath.Join(s.lab.Dir(), "bin")
		s.err = lab.BuildFailPoints(ctx, s.bin)
	})
	return s.err
}

func (s *theStage) close() error {
	if s.lab == nil {
		return nil
	}
	var errs []error
	for _, g := range s.groups {
		errs = append(errs, g.scene.close())
	}
	return errors.Join(append(errs, s.lab.Close())...)
}

// group is what the scenes of one name share. Its tests play in the order in which
// they stand in the sources: each takes a number before it becomes parallel, and
// waits until the one before has ended.
type group struct {
	last <-chan struct{} // closed when the newest test that took a number has ended
	left int             // tests that have not ended; guarded by theStage.mu
	once sync.Once

	// Of the test whose turn it is:
	placed bool // it has one of the places, until its last test has ended
	err    error
	scene  scene
}

// scene is one machine with its agent, and a controller that serves only it.
type scene struct {
	t          *testing.T // of the test that plays
	machine    *machine.Machine
	controller *lab.Controller
	api        *client.Client // as the first administrator
	near       *second
}

// machineFor gives the machine of a group of scenes, with no rules and nothing
// waiting. Tests of other groups run at the same time; those of the same group
// one after the other. The agent is installed and connected, in mode ask.
func machineFor(t *testing.T, name string) *scene { return open(t, name, true) }

// bareMachineFor is machineFor without an agent.
func bareMachineFor(t *testing.T, name string) *scene { return open(t, name, false) }

func open(t *testing.T, name string, agent bool) *scene {
	t.Helper()
	testgroup.Need(t, "nspawn")
	testgroup.Need(t, "shim")
	g, before, ended := stage.number(name)
	t.Cleanup(func() {
		if stage.over(g) { // its machine gives back what all machines share: places to watch files, processes
			if err := g.scene.close(); err != nil {
				t.Error(err)
			}
			if g.placed {
				<-stage.places
			}
		}
		close(ended)
	})
	t.Parallel()
	if err := stage.open(); err != nil {
		t.Fatal(err)
	}
	if before != nil {
		<-before
	}
	g.once.Do(func() {
		stage.places <- struct{}{}
		g.placed = true
		g.err = g.scene.build(name, agent)
	})
	if g.err != nil {
		t.Fatal(g.err)
	}
	s := g.scene
	s.t = t
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("agent of %s:\n%s", s.machine.Name, tail(s.machine.Journal(context.Background(), "assent-agent.service"), 60))
			t.Logf("controller:\n%s", tail(s.controller.Log(), 40))
		}
	})
	if agent {
		s.rules("rules: []\n")
		s.clear()
	}
	return &s
}

func (s *scene) build(name string, agent bool) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	s.near = &second{}
	s.controller, err = lab.StartController(ctx, lab.Config{Bin: stage.bin, Data: filepath.Join(stage.lab.Dir(), "controller-"+name),
		AgentListen: stage.lab.Host.String() + ":0"})
	if err != nil {
		return err
	}
	if s.api, err = client.New(s.controller.URL, s.controller.Token); err != nil {
		return err
	}
	booted, err := stage.lab.Boot(ctx, name)
	if err != nil {
		return err
	}
	s.machine = booted[0]
	if !agent {
		return nil
	}
	return lab.InstallAgent(ctx, s.machine, s.controller)
}

// rules replaces all rules.
func (s *scene) rules(yaml string) {
	s.t.Helper()
	if _, err := client.Post[client.RuleVersion](s.t.Context(), s.api, "/rules/apply", client.ApplyRules{YAML: yaml}); err != nil {
		s.t.Fatalf("apply rules: %v\n%s", err, yaml)
	}
}

// clear takes away what an earlier scene left waiting or unused.
func (s *scene) clear() {
	s.t.Helper()
	for status, action := range map[string]string{"pending": "remove", "available": "revoke"} {
		all, err := s.list(status)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range all {
			if _, err := s.api.Act(s.t.Context(), r.ID, action, client.Answer{}); err != nil {
				s.t.Logf("%s %s: %v", action, r.ID, err) // it may have ended meanwhile
			}
		}
	}
}

func (s *scene) list(status string) ([]client.Request, error) {
	return client.All[client.Request](s.t.Context(), s.api, "/requests", url.Values{"status": {status}}, 500)
}

// pending waits for the one waiting request that is chosen.
func (s *scene) pending(chosen func(client.Request) bool) client.Request {
	s.t.Helper()
	var found client.Request
	s.until(15*time.Second, func() error {
		all, err := s.list("pending")
		if err != nil {
			return err
		}
		n := 0
		for _, r := range all {
			if chosen(r) {
				found, n = r, n+1
			}
		}
		if n != 1 {
			return fmt.Errorf("%d of %d waiting requests are the one", n, len(all))
		}
		return nil
	})
	return found
}

// program chooses requests for a program.
func program(path string) func(client.Request) bool {
	return func(r client.Request) bool { return r.Subject.Path == path }
}

// act does one action as the administrator.
func (s *scene) act(id, action, comment string) client.Request {
	s.t.Helper()
	r, err := s.api.Act(s.t.Context(), id, action, client.Answer{Comment: comment})
	if err != nil {
		s.t.Fatalf("%s %s: %v", action, id, err)
	}
	return r
}

// becomes waits until a request is in a state.
func (s *scene) becomes(id, state string) client.Request {
	s.t.Helper()
	var r client.Request
	s.until(20*time.Second, func() (err error) {
		if r, err = s.api.Request(s.t.Context(), id); err == nil && r.State != state {
			err = fmt.Errorf("%s is %s, not %s", id, r.State, state)
		}
		return err
	})
	return r
}

// typed runs a command line for a user over ssh and waits for it.
func (s *scene) typed(user, command string) machine.Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 40*time.Second)
	defer cancel()
	r, err := s.machine.SSH(ctx, user, command, machine.Options{})
	if err != nil {
		s.t.Fatalf("%s on %s: %q: %v", user, s.machine.Name, command, err)
	}
	return r
}

// terminal opens a command line on a terminal over ssh.
func (s *scene) terminal(user, command string) *machine.Session {
	s.t.Helper()
	term, err := s.machine.Open(s.t.Context(), user, command, machine.Options{TTY: true})
	if err != nil {
		s.t.Fatal(err)
	}
	t := s.t
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the terminal of %s: %q", user, tail(term.Text(), 40))
		}
		_ = term.Hangup()
	})
	return term
}

// sees waits for text on a terminal.
func (s *scene) sees(term *machine.Session, text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := term.Expect(ctx, text); err != nil {
		s.t.Fatalf("waiting for %q: %v", text, err)
	}
}

func (s *scene) types(term *machine.Session, text string) {
	s.t.Helper()
	if err := term.Send(text); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for a terminal's command to end.
func (s *scene) ends(term *machine.Session) machine.Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	r, err := term.Wait(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// asRoot runs a program on the machine outside of Assent.
func (s *scene) asRoot(argv ...string) machine.Result {
	s.t.Helper()
	r, err := s.machine.Exec(s.t.Context(), argv...)
	if err != nil {
		s.t.Fatalf("%v on %s: %v", argv, s.machine.Name, err)
	}
	return r
}

// until asks again and again until cond is nil, at most for d.
func (s *scene) until(d time.Duration, cond func() error) {
	s.t.Helper()
	if err := s.comes(d, cond); err != nil {
		s.t.Fatal(err)
	}
}

// comes is until for tests that go on when it does not come.
func (s *scene) comes(d time.Duration, cond func() error) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", d, err)
		case <-tick.C:
		}
	}
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// TestMachineForScenes: somebody without rights types sudo, is asked, and runs.
func TestMachineForScenes(t *testing.T) {
	s := machineFor(t, "plain")
	term := s.terminal(machine.Alice, "sudo id -un")
	s.sees(term, "Reason:")
	s.types(term, "looking who I am\n")
	r := s.pending(program("/usr/bin/id"))
	s.act(r.ID, "approve", "fine")
	if got := s.ends(term); got.Code != 0 || !strings.Contains(got.Stdout, "root") {
		t.Errorf("sudo ended as %s", got)
	}
	s.becomes(r.ID, "ended")
}
