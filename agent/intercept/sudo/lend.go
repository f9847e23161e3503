package sudo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file is for systems where sudo has no plugin of ours (macOS): sudo runs what
// was approved by a rule that is there for a moment. It is for our own program, which
// becomes what was approved, once: see errand.go.

// LentFor is how long such a rule may be there: sudo starts within it, or not at all.
const LentFor = 15 * time.Second

// ErrNotLent: sudo is not lent that program. It can run without sudo.
var ErrNotLent = errors.New("sudo can not be lent this program")

// Lender is where rules are lent from.
type Lender struct {
	Dir     string // that sudo reads
	Program string // ours, that sudo starts
	Door    string // where it asks
}

// Lent is the rule for one program.
type Lent struct {
	Path   string   // of the rule's file
	Argv   []string // what sudo is to be told
	Errand Errand   // what that becomes
	text   string
}

// Rule is the rule by which sudo runs our program for whoever asked, until then, and
// what that is to become. Nothing is written yet.
func (l Lender) Rule(grant elevation.GrantID, spec privilege.Spec, until time.Time) (Lent, error) {
	fail := func(err error) (Lent, error) { return Lent{}, fmt.Errorf("%w: %w", ErrNotLent, err) }
	if spec.Called != "" && spec.Called != filepath.Base(spec.Path) {
		return fail(errors.New("it is called by another name"))
	}
	for _, path := range []string{spec.Path, l.Program} {
		if only, err := privilege.RootOnly(path); err != nil || !only {
			return fail(errors.Join(fmt.Errorf("others than root can change %s", path), err))
		}
	}
	if err := exact(spec); err != nil {
		return fail(err)
	}
	path, err := dropinPath(l.Dir, spec.Requester.UID, grant)
	if err != nil {
		return fail(err)
	}
	args := []string{errandVerb, l.Door, string(grant)}
	text, err := sudoRule{UID: spec.Requester.UID, NotAfter: until, Path: l.Program, Args: args}.Text()
	if err != nil {
		return fail(err)
	}
	return Lent{Path: path, Argv: append([]string{l.Program}, args...), text: text,
		Errand: Errand{Path: []byte(spec.Path), Args: privilege.InBytes(spec.Args), Cwd: []byte(spec.Cwd), SHA256: spec.SHA256}}, nil
}

// exact refuses what is left to another way: what is not run as root, which could not
// ask at the door; and what sudo itself would not hold to, as if it were told it.
func exact(spec privilege.Spec) error {
	switch {
	case spec.RunAs.UID != 0:
		return errors.New("it runs as somebody else than root")
	case spec.SHA256 == "":
		return errors.New("it is not known which file it is")
	case slices.ContainsFunc(spec.Args, func(a string) bool { return a == "" || strings.ContainsAny(a, " \t") }):
		return errors.New("an argument is empty or has a blank")
	case len(spec.Args) > 1 && elevation.Unbounded(spec.Path):
		return errors.New("it runs what its arguments say")
	}
	_, err := sudoRule{UID: 1, NotAfter: time.Unix(1, 0), SHA256: spec.SHA256, Path: spec.Path, Args: spec.Args, Cwd: spec.Cwd}.Text()
	if err == nil && spec.Cwd == "" {
		err = errors.New("it has no folder")
	}
	return err
}

// Give puts the rule into force, once visudo finds nothing wrong with it. After an
// error it is not there.
func (l Lent) Give(ctx context.Context) error { return writeDropin(ctx, l.Path, l.text) }

// TakeBack takes it out of force. One that is not there is no error.
func (l Lent) TakeBack() error { return removeDropin(l.Path) }
