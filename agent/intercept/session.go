package intercept

import (
	"fmt"
	"path/filepath"

	"github.com/assent-epm/assent/shared/elevation"
)

// ObserveWhole is [Observe] for what is for no one program: a session or
// administrator rights. raw.Args is the whole command line of the job that a
// session is for, none for a terminal. The job runs as its user and is no program
// of the request: it is told to people, and bound by digest.
func ObserveWhole(raw Raw, access elevation.AccessType) (elevation.Attempt, Account, error) {
	fail := func(err error) (elevation.Attempt, Account, error) {
		return elevation.Attempt{}, Account{}, err
	}
	job := access == elevation.Session && len(raw.Args) > 0
	if !job {
		raw.Args, raw.Cwd = nil, topFolder
	}
	raw.Command = string(access)
	if err := checkRaw(raw); err != nil {
		return fail(err)
	}
	who, err := Lookup(raw.User)
	if err != nil {
		return fail(fmt.Errorf("look up the user: %w", err))
	}
	if who.SID == "" && who.UID == 0 {
		return fail(fmt.Errorf("%w: root needs no approval", elevation.ErrInvalid))
	}
	a := elevation.Attempt{AccessType: access, User: who.elevationUser(), Mechanism: raw.Mechanism,
		Subject: elevation.Subject{RunAs: Elevated, Parent: parentProgram(raw.PID)}}
	if job {
		called := filepath.Base(raw.Args[0])
		m := Masking{Program: called, More: raw.Mask}
		a.Subject.Args = append(m.Args(raw.Args[:1]), m.Args(raw.Args[1:])...)
		a.Subject.ArgsDigest = ArgsDigest(raw.Salt, called, raw.Args)
		a.Subject.Cwd = raw.Cwd
	}
	if err := a.Valid(); err != nil {
		return fail(err)
	}
	return a, who, nil
}
