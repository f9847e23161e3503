package privilege

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/assent-epm/assent/shared/elevation"
)

// Running is a program that [Trees.Start] started.
type Running struct {
	// Master is the pseudo terminal's other end, nil when none of the files
	// was a terminal. It belongs to the caller, who closes it.
	Master *os.File
	// Births tells what it starts, if the spec wanted that and the system tells;
	// else nil.
	Births *Births
	Tree   TreeRef
	PID    int

	done chan struct{}
	mu   sync.Mutex // guards the fields below; held while a signal is sent, so that the pid is not reused
	over bool
	hung bool
	code int
	err  error
}

// Start runs one program as spec says, inside a tree of its own. The child is
// made and held back, put into the tree, turned into spec.RunAs, read back, and
// only then becomes the program. An error means that nothing of the program
// ran and that the tree is empty.
func (t *Trees) Start(ctx context.Context, spec Spec) (*Running, error) {
	defer closeFiles(spec.Files[:])
	if err := spec.check(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	run, err := t.start(ctx, spec)
	if err != nil {
		if spec.StageDir != "" {
			_ = os.RemoveAll(StagePath(spec.StageDir, spec.Grant)) // the ledger has its name as well
		}
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return run, nil
}

func (s Spec) check() error {
	if err := elevation.CheckID(elevation.GrantPrefix, string(s.Grant)); err != nil {
		return err
	}
	if err := CheckArguments(s.Path, s.Args); err != nil {
		return err
	}
	if !filepath.IsAbs(s.Path) || filepath.Clean(s.Path) != s.Path {
		return fmt.Errorf("%w: the program's path is not absolute and clean", ErrArguments)
	}
	if strings.ContainsAny(s.Called, "/\x00") || len(s.Called) > 255 {
		return fmt.Errorf("%w: %q is not a plain name", ErrArguments, s.Called)
	}
	if !filepath.IsAbs(s.Cwd) || filepath.Clean(s.Cwd) != s.Cwd {
		return fmt.Errorf("%w: %q is not absolute and clean", ErrFolder, s.Cwd)
	}
	if raw, err := hex.DecodeString(s.SHA256); err != nil || len(raw) != 32 {
		return fmt.Errorf("%w: there is no digest to compare with", ErrChanged)
	}
	return s.checkPeople()
}

// checkUnix refuses a spec whose people are not accounts of Unix.
func (s Spec) checkUnix() error {
	none := ^uint32(0)
	if s.RunAs.Name == "" || s.RunAs.UID == none || s.RunAs.GID == none || s.Requester.UID == none || s.Requester.GID == none {
		return fmt.Errorf("%w: no user", ErrIdentity)
	}
	if s.Own && (s.RunAs.UID != s.Requester.UID || s.RunAs.UID == 0) {
		return fmt.Errorf("%w: not their own", ErrIdentity)
	}
	if s.RunAs.UID == 0 && s.RunAs.Name != "root" {
		return fmt.Errorf("%w: %q has the uid of root", ErrIdentity, s.RunAs.Name)
	}
	for _, f := range s.Files {
		if f == nil {
			return fmt.Errorf("%w: a standard descriptor is missing", ErrArguments)
		}
	}
	return nil
}

func (s Spec) argv0() string {
	if s.Called == "" || s.Called == filepath.Base(s.Path) {
		return s.Path
	}
	return s.Called
}

// StagePath is where the copy of a grant's script is put. The caller writes it
// to the ledger before Start and removes it when the tree is gone.
func StagePath(dir string, id elevation.GrantID) string { return filepath.Join(dir, string(id)) }

func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // only read from or written to by the child
		}
	}
}

// Wait returns the exit code when the program has ended: its own, or 128 and
// the number of the signal that ended it. Processes that it left behind may
// still be in the tree. Any number of callers may wait.
func (r *Running) Wait() (int, error) {
	<-r.done
	return r.code, r.err
}

// hang notes that the program is hung up, unless it has ended by itself.
func (r *Running) hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hung = !r.over
}

// HungUp reports whether the program was hung up because its terminal is gone.
func (r *Running) HungUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hung
}

// Done is closed when the program has ended.
func (r *Running) Done() <-chan struct{} { return r.done }

func (r *Running) finish(code int, err error) {
	r.code, r.err = code, err
	close(r.done)
}
