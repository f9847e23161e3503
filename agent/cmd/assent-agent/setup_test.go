package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/link"
)

// aSite is a machine in memory. It does what it is told, and fails where fails says.
type aSite struct {
	fails map[string]error
	asks  []string // in order

	others   bool // others can change the program
	service  string
	reaper   bool
	folder   bool
	enrolled bool
	token    bool
	ledger   bool
	removing bool
	inForce  int // grants
	taken    int // standing rights
	rights   int // of this system
}

func (s *aSite) ask(what string) error {
	s.asks = append(s.asks, what)
	return s.fails[what]
}

func (s *aSite) mayServe() error { return s.ask("rights") }

func (s *aSite) program() (string, bool, error) {
	return `C:\Assent\assent-agent.exe`, !s.others, s.ask("program")
}

func (s *aSite) control(verb string) error {
	if err := s.ask(verb); err != nil {
		return err
	}
	to := map[string]string{"install": "stopped", "start": "runs", "stop": "stopped", "uninstall": ""}[verb]
	if (s.service == "") != (verb == "install") {
		return errors.New("the manager knows no such service, or knows it already")
	}
	s.service = to
	return nil
}

func (s *aSite) claim() error {
	err := s.ask("claim")
	s.folder = s.folder || err == nil
	return err
}

func (s *aSite) scheduleReaper() error {
	err := s.ask("schedule")
	s.reaper = s.reaper || err == nil
	return err
}

func (s *aSite) unscheduleReaper() error {
	err := s.ask("unschedule")
	s.reaper = s.reaper && err != nil
	return err
}

func (s *aSite) identity() error {
	if err := s.ask("identity"); err != nil {
		return err
	}
	if !s.enrolled {
		return link.ErrNotEnrolled
	}
	return nil
}

func (s *aSite) enrolLeft(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("it could take for ever")
	}
	if err := s.ask("enrol"); err != nil {
		return err
	}
	if !s.token || !s.folder {
		return errNothingLeft
	}
	s.enrolled, s.token = true, false
	return nil
}

func (s *aSite) served() bool { return s.ledger }

func (s *aSite) markRemoval() func() {
	s.removing = true
	return func() { s.removing = false }
}

func (s *aSite) undo(what string, n *int) error {
	if err := s.ask(what); err != nil {
		return err
	}
	*n = 0
	return nil
}

func (s *aSite) giveBack() error { return s.undo("give back", &s.taken) }
func (s *aSite) undoHere() error { return s.undo("undo", &s.rights) }
func (s *aSite) endAll() error   { return s.undo("end", &s.inForce) }

// serving is a machine on which the service runs and has something in force.
func serving() *aSite {
	return &aSite{service: "runs", reaper: true, folder: true, enrolled: true, ledger: true, inForce: 2, taken: 1, rights: 1}
}

func TestInstall(t *testing.T) {
	s := &aSite{}
	if err := installOn(s); err != nil || s.service != "runs" || !s.reaper {
		t.Errorf("%v: %+v", err, s)
	}
	for name, s := range map[string]*aSite{
		"not allowed":             {fails: map[string]error{"rights": errors.New("no")}},
		"a program of others":     {others: true},
		"a program not looked at": {fails: map[string]error{"program": errors.New("no")}},
	} {
		if err := installOn(s); err == nil || s.service != "" || s.reaper {
			t.Errorf("%s: %v: %+v", name, err, s)
		}
	}
	s = &aSite{fails: map[string]error{"schedule": errors.New("no scheduler")}}
	if err := installOn(s); err == nil || s.service != "runs" {
		t.Errorf("without the reaper of the start: %v: %+v", err, s)
	}
}

func TestUninstall(t *testing.T) {
	s := serving()
	if err := uninstallFrom(s); err != nil || s.service != "" || s.reaper || s.removing || s.inForce+s.taken+s.rights > 0 {
		t.Errorf("%v: %+v", err, s)
	}
	if want := "rights stop give back undo end uninstall unschedule"; strings.Join(s.asks, " ") != want {
		t.Errorf("in the order %q, want %q", s.asks, want)
	}
	never := &aSite{service: "stopped", reaper: true} // it never served
	if err := uninstallFrom(never); err != nil || never.service != "" || never.reaper || slices.Contains(never.asks, "end") {
		t.Errorf("%v: %+v", err, never)
	}
}

// Whatever can not be taken back keeps the service and the reaper; the other things
// are taken back all the same.
func TestUninstallKeepsWhatTakesBack(t *testing.T) {
	for _, step := range []string{"give back", "undo", "end"} {
		for name, remove := range map[string]func(site) error{"by hand": uninstallFrom, "by a package": uninstallPackageFrom} {
			s := serving()
			s.fails = map[string]error{step: errors.New("no")}
			if err := remove(s); err == nil || s.service == "" || !s.reaper || s.removing {
				t.Errorf("%s, %s fails: %v: %+v", name, step, err, s)
			}
			if left := s.inForce/2 + s.taken + s.rights; left != 1 {
				t.Errorf("%s, %s fails: %d things are left", name, step, left)
			}
		}
	}
	s := serving()
	s.fails = map[string]error{"rights": errors.New("no")}
	if err := errors.Join(uninstallFrom(s), uninstallPackageFrom(s)); err == nil || s.service != "runs" || s.inForce != 2 {
		t.Errorf("who is no administrator: %v: %+v", err, s)
	}
	s = serving()
	s.fails = map[string]error{"uninstall": errors.New("it is marked for deletion")}
	if err := uninstallFrom(s); err == nil || !s.reaper {
		t.Errorf("a service that stays: %v: %+v", err, s)
	}
	s = serving()
	s.fails = map[string]error{"unschedule": errors.New("no")}
	if err := uninstallFrom(s); err == nil || s.service != "" {
		t.Errorf("a task that stays: %v: %+v", err, s)
	}
	s = serving()
	s.fails = map[string]error{"stop": errors.New("it does not run")}
	if err := uninstallFrom(s); err != nil || s.service != "" {
		t.Errorf("a service that does not run: %v: %+v", err, s)
	}
}

func TestInstallPackage(t *testing.T) {
	no := errors.New("no")
	for name, c := range map[string]struct {
		site     aSite
		want     error
		enrolled bool
		reaper   bool
	}{
		"with what was left":      {aSite{token: true}, nil, true, true},
		"nothing was left":        {aSite{}, errNotEnrolled, false, true},
		"no controller":           {aSite{token: true, fails: map[string]error{"enrol": no}}, errNotEnrolled, false, true},
		"an upgrade":              {aSite{token: true, enrolled: true}, errAsItWas, true, true},
		"a damaged identity":      {aSite{token: true, fails: map[string]error{"identity": link.ErrIdentity}}, link.ErrIdentity, false, true},
		"a folder of others":      {aSite{token: true, fails: map[string]error{"claim": no}}, no, false, false},
		"no reaper for the start": {aSite{token: true, fails: map[string]error{"schedule": no}}, no, false, false},
		"not allowed":             {aSite{token: true, fails: map[string]error{"rights": no}}, no, false, false},
	} {
		s := &c.site
		if err := installPackageOn(t.Context(), s); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || s.enrolled != c.enrolled || s.reaper != c.reaper {
			t.Errorf("%s: %v: %+v", name, err, s)
		}
	}
}

func TestUninstallPackage(t *testing.T) {
	s := serving()
	if err := uninstallPackageFrom(s); err != nil || s.reaper || s.inForce+s.taken+s.rights > 0 || s.service != "runs" {
		t.Errorf("%v: %+v", err, s) // the service is the installer's
	}
}
