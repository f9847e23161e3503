package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// rules replaces all rules.
func (w *world) rules(t *testing.T, yaml string) {
	t.Helper()
	if _, err := client.Post[client.RuleVersion](t.Context(), w.api, "/rules/apply", client.ApplyRules{YAML: yaml}); err != nil {
		t.Fatalf("apply rules: %v\n%s", err, yaml)
	}
}

// pending waits for the one waiting request of a program.
func (w *world) pending(t *testing.T, path string) client.Request {
	t.Helper()
	var found client.Request
	err := until(t.Context(), 10*time.Second, func() error {
		list, err := w.list(t, "pending")
		if err != nil {
			return err
		}
		n := 0
		for _, r := range list {
			if r.Subject.Path == path {
				found, n = r, n+1
			}
		}
		if n != 1 {
			return fmt.Errorf("%d requests wait for %s", n, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// act does one action as the administrator.
func (w *world) act(t *testing.T, id, action, comment string) client.Request {
	t.Helper()
	r, err := w.api.Act(t.Context(), id, action, client.Answer{Comment: comment})
	if err != nil {
		t.Fatalf("%s %s: %v", action, id, err)
	}
	return r
}

// becomes waits until a request is in a state.
func (w *world) becomes(t *testing.T, id, state string) client.Request {
	t.Helper()
	var r client.Request
	err := until(t.Context(), 15*time.Second, func() (err error) {
		if r, err = w.api.Request(t.Context(), id); err == nil && r.State != state {
			err = fmt.Errorf("%s is %s, not %s", id, r.State, state)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kinds are the audit events of a request, in order.
func (w *world) kinds(t *testing.T, id string) []string {
	t.Helper()
	page, err := client.Get[client.AuditPage](t.Context(), w.api, "/audit", url.Values{"request": {id}, "limit": {"500"}})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range page.Items {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// typed runs a command line for a user and waits for it.
func typed(t *testing.T, m *machine.Machine, user, command string) machine.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := m.SSH(ctx, user, command, machine.Options{})
	if err != nil {
		t.Fatalf("%s on %s: %q: %v", user, m.Name, command, err)
	}
	return r
}

// terminal opens a command line on a terminal.
func terminal(t *testing.T, m *machine.Machine, user, command string) *machine.Session {
	t.Helper()
	s, err := m.Open(t.Context(), user, command, machine.Options{TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Hangup() })
	return s
}

// sees waits for text on a terminal.
func sees(t *testing.T, s *machine.Session, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if err := s.Expect(ctx, text); err != nil {
		t.Fatalf("waiting for %q: %v", text, err)
	}
}

func types(t *testing.T, s *machine.Session, text string) {
	t.Helper()
	if err := s.Send(text); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the command's end.
func ends(t *testing.T, s *machine.Session) machine.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := s.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asRoot runs a program on a machine outside of Assent.
func asRoot(t *testing.T, m *machine.Machine, argv ...string) machine.Result {
	t.Helper()
	r, err := m.Exec(t.Context(), argv...)
	if err != nil {
		t.Fatalf("%v on %s: %v", argv, m.Name, err)
	}
	return r
}

// nothingLeft checks that no grant of a machine outlived its end.
func nothingLeft(t *testing.T, m *machine.Machine) {
	t.Helper()
	err := until(t.Context(), 10*time.Second, func() error {
		files := asRoot(t, m, "/usr/bin/find", "/etc/sudoers.d", "-name", "zz-assent*")
		scopes := asRoot(t, m, "/usr/bin/systemctl", "list-units", "--plain", "--no-legend", "--state=active", "assent-*.scope")
		if left := strings.TrimSpace(files.Stdout + scopes.Stdout); left != "" {
			return errors.New("left behind: " + left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// total is the number of all requests.
func (w *world) total(t *testing.T) int64 {
	t.Helper()
	c, err := client.Get[client.Counts](t.Context(), w.api, "/counts", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.All
}

// list are the requests of a status.
func (w *world) list(t *testing.T, status string) ([]client.Request, error) {
	return client.All[client.Request](t.Context(), w.api, "/requests", url.Values{"status": {status}}, 500)
}
