package linux

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// in is the scene for a test inside of the one that plays.
func (s *scene) in(t *testing.T) *scene {
	inner := *s
	inner.t = t
	return &inner
}

// second is another machine of a group.
type second struct {
	once    sync.Once
	machine *machine.Machine
	err     error
}

// neighbour is a second machine of the group with an agent of the same controller,
// booted by the first test that asks for it.
func (s *scene) neighbour() *scene {
	s.t.Helper()
	s.near.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
		defer cancel()
		booted, err := stage.lab.Boot(ctx, s.machine.Name+"-near")
		if err != nil {
			s.near.err = err
			return
		}
		s.near.machine = booted[0]
		s.near.err = lab.InstallAgent(ctx, s.near.machine, s.controller)
	})
	if s.near.err != nil {
		s.t.Fatal(s.near.err)
	}
	near := *s
	near.machine = s.near.machine
	return &near
}

// connected waits until every endpoint has a live session.
func (s *scene) connected() {
	s.t.Helper()
	s.until(20*time.Second, func() error {
		all, err := client.All[client.Endpoint](s.t.Context(), s.api, "/endpoints", nil, 100)
		for _, e := range all {
			if !e.Connected {
				err = errors.Join(err, fmt.Errorf("%s is not connected", e.Name))
			}
		}
		return err
	})
}

// leaves takes the terminal away from under a sudo that waits, and waits until the
// agent keeps the request for later.
func (s *scene) leaves(term *machine.Session, id string) {
	s.t.Helper()
	if err := term.Hangup(); err != nil {
		s.t.Fatal(err)
	}
	s.until(20*time.Second, func() error {
		if log := s.machine.Journal(s.t.Context(), "assent-agent.service"); !strings.Contains(log, "kept as "+id) {
			return errors.New("the agent does not keep " + id)
		}
		return nil
	})
}

// kinds are the audit events of a request, in order.
func (s *scene) kinds(id string) []string {
	s.t.Helper()
	page, err := client.Get[client.AuditPage](s.t.Context(), s.api, "/audit", url.Values{"request": {id}, "limit": {"500"}})
	if err != nil {
		s.t.Fatal(err)
	}
	var kinds []string
	for _, e := range page.Items {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// total is the number of all requests.
func (s *scene) total() int64 {
	s.t.Helper()
	c, err := client.Get[client.Counts](s.t.Context(), s.api, "/counts", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.All
}

// nothingLeft checks that no grant of the machine outlived its end.
func (s *scene) nothingLeft() {
	s.t.Helper()
	err := s.comes(10*time.Second, func() error {
		files := s.asRoot("/usr/bin/find", "/etc/sudoers.d", "-name", "zz-assent*")
		scopes := s.asRoot("/usr/bin/systemctl", "list-units", "--plain", "--no-legend", "--state=active", "assent-*.scope")
		if left := strings.TrimSpace(files.Stdout + scopes.Stdout); left != "" {
			return errors.New("left behind: " + left)
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
}
