package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/assent-epm/assent/agent/acl"
)

// This file has the order in which a program of Windows is started. It runs
// everywhere; start_windows.go has the calls.

// winSystem is what the start of a program asks of Windows.
type winSystem interface {
	winFiles
	// sessionToken is that of whoever is logged on to a session.
	sessionToken(session uint32) (winToken, error)
	logOn(winLogOn) (winToken, error)
	// facts are of the machine and of the person of a token, but for Temp.
	facts(winToken) (systemFacts, error)
	// create makes a process that does not run yet.
	create(winProcess) (winChild, error)
}

// winTrees are [Trees].
type winTrees interface {
	Plan(name string, uid uint32) (TreeRef, error)
	Births(TreeRef) (*Births, error)
	End(ctx context.Context, ref TreeRef, grace time.Duration) error
}

// winProcess is a process to be made.
type winProcess struct {
	token   winToken
	program string // its file
	line    string // its arguments
	folder  string // in which it begins
	env     []string
	files   []*os.File // the only ones that it gets; none = a console of its own

	// guard is the access list, with its owner, of the process and its thread;
	// "" = those of its token.
	guard       string
	mitigations uint64
}

// winChild is a process that was made.
type winChild interface {
	pid() int
	// contain puts it into a tree of its own and reads back that it is there.
	contain(TreeRef) (TreeRef, error)
	image() (string, error) // the file that it runs
	token() (winToken, error)
	lists() ([]acl.List, error) // access lists of it and its thread
	resume() error
	end() error
	wait() error // until it has ended
	code() (int, error)
	close()
}

// mitigations of a program with rights: libraries come from the system's folder
// first, never from another machine or a place of low trust, and nobody's hooks
// are loaded into it.
const mitigations = uint64(1)<<32 | 1<<52 | 1<<56 | 1<<60

// winStart starts a program.
type winStart struct {
	sys   winSystem
	trees winTrees
	only  func(path string) (bool, error) // whether only administrators change a path
	most  int64                           // bytes of a copy, 0 = maxImage
}

// start makes the process stopped, puts it into its job, reads back what it is,
// and lets it go. After an error there is no process, no tree and no copy.
func (w winStart) start(ctx context.Context, spec Spec) (*Running, error) {
	if spec.Alone {
		return nil, fmt.Errorf("%w: a program is not kept from starting others on Windows", ErrNotContained)
	}
	ref, err := w.trees.Plan(string(spec.Grant), 0)
	if err != nil {
		return nil, err
	}
	held, err := w.holdImage(spec)
	if err != nil {
		return nil, err
	}
	defer held.close()
	run, err := w.startHeld(ctx, spec, held, ref)
	if err != nil {
		return nil, errors.Join(err, held.discard(w.sys))
	}
	return run, nil
}

func (w winStart) startHeld(ctx context.Context, spec Spec, held *winImage, ref TreeRef) (*Running, error) {
	token, err := w.tokenFor(spec)
	if err != nil {
		return nil, err
	}
	defer token.close()
	p, err := w.processOf(spec, held, token, ref)
	if err != nil {
		return nil, err
	}
	c, err := w.sys.create(p)
	if err != nil {
		return nil, err
	}
	ref.PID = c.pid()
	run := &Running{PID: ref.PID, Tree: ref, done: make(chan struct{})}
	if err := w.release(ctx, spec, held, c, run); err != nil {
		err = errors.Join(err, c.end()) // it may be in no tree
		c.close()
		run.Births.Close()
		return nil, errors.Join(err, w.trees.End(context.WithoutCancel(ctx), run.Tree, 0))
	}
	go run.follow(c)
	return run, nil
}

// release lets the process go once it is in its tree and exactly what it should be.
func (w winStart) release(ctx context.Context, spec Spec, held *winImage, c winChild, run *Running) (err error) {
	if run.Tree, err = c.contain(run.Tree); err != nil {
		return fmt.Errorf("%w: %w", ErrNotContained, err)
	}
	if spec.Follow {
		if run.Births, err = w.trees.Births(run.Tree); err != nil {
			return err
		}
	}
	if err := w.checkRuns(held, c); err != nil {
		return err
	}
	token, err := c.token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	defer token.close()
	if err := spec.verifyToken(token); err != nil {
		return err
	}
	if !spec.Own {
		if err := checkGuarded(c); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if spec.Contained != nil {
		if err := spec.Contained(); err != nil {
			return err
		}
	}
	if err := c.resume(); err != nil {
		return fmt.Errorf("let the program go: %w", err)
	}
	return nil
}

// checkGuarded reads back that nobody else can open a process or its thread.
func checkGuarded(c winChild) error {
	lists, err := c.lists()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	for _, list := range lists {
		if !list.Exclusive() {
			return fmt.Errorf("%w: others than administrators could open it", ErrIdentity)
		}
	}
	return nil
}

// processOf is the process that a spec asks for. With rights it is guarded, and
// begins in a folder of the system's.
func (w winStart) processOf(spec Spec, held *winImage, token winToken, ref TreeRef) (p winProcess, err error) {
	line, err := commandLine(append([]string{spec.argv0()}, spec.Args...))
	if err != nil {
		return p, err
	}
	facts, err := w.sys.facts(token)
	if err != nil {
		return p, err
	}
	if facts.Temp = held.temp(); facts.Temp == "" {
		facts.Temp = facts.Root + `\Temp`
	}
	p = winProcess{token: token, program: held.path, line: line, folder: spec.Cwd, env: windowsEnvironment(spec, facts, ref.Name)}
	if !spec.Own {
		p.folder = facts.Root + `\System32` // libraries are also looked for where a program begins
		p.guard, p.mitigations = "O:BA"+acl.Guarded, mitigations
	}
	for _, f := range spec.Files {
		if f != nil { // there are all of them or none
			p.files = append(p.files, f)
		}
	}
	return p, nil
}

// follow waits for the end of a program of Windows.
func (r *Running) follow(c winChild) {
	code, err := r.outcome(c)
	c.close()
	r.finish(code, err)
}

func (r *Running) outcome(c winChild) (int, error) {
	if err := c.wait(); err != nil {
		return 0, fmt.Errorf("wait for process %d: %w", r.PID, err)
	}
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	code, err := c.code()
	if err != nil {
		return 0, fmt.Errorf("wait for process %d: %w", r.PID, err)
	}
	return code, nil
}

// unlessOver calls end while the program has not ended.
func (r *Running) unlessOver(end func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil
	}
	if err := end(); err != nil {
		return fmt.Errorf("end the program: %w", err)
	}
	return nil
}
