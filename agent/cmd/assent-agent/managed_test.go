package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// A manager that has started this process is served; whoever else has it in the
// foreground, also where a process has the manager's name and is none.
func TestUnderManager(t *testing.T) {
	failed := errors.New("failed")
	for name, c := range map[string]struct {
		parent  string
		manager error
		want    error
		ran     string
	}{
		"by a person":           {"cmd.exe", nil, nil, "foreground"},
		"by the manager":        {"services.exe", nil, nil, "manager"},
		"it fails under it":     {"services.exe", failed, failed, "manager"},
		"only called like this": {"services.exe", errNoManager, nil, "manager foreground"},
	} {
		var ran []string
		err := underManager(c.parent, nil, func() error { ran = append(ran, "manager"); return c.manager },
			func() error { ran = append(ran, "foreground"); return nil })
		if !errors.Is(err, c.want) || strings.Join(ran, " ") != c.ran {
			t.Errorf("%s: %v, %q ran", name, err, ran)
		}
	}
}

// aManager is a service manager: it says one thing after the other and hears the
// phases.
type aManager struct {
	asked  chan order
	phases chan phase
}

func (m aManager) say(kind orderKind, event uint32) { m.asked <- order{kind, event} }

// manage starts a service under a manager; the last channel has its end.
func manage(t *testing.T, d managed) (aManager, <-chan error) {
	t.Helper()
	m := aManager{make(chan order), make(chan phase, 9)}
	ended := make(chan error, 1)
	go func() {
		ended <- follow(t.Context(), d, m.asked, func(o order) order { return o }, func(p phase) { m.phases <- p })
	}()
	return m, ended
}

func (m aManager) heard() (all []phase) {
	for len(m.phases) > 0 {
		all = append(all, <-m.phases)
	}
	return all
}

func TestServiceUnderItsManager(t *testing.T) {
	var said bytes.Buffer
	settled, slept, gone := make(chan struct{}), make(chan struct{}, 9), errors.New("it could not be settled")
	d := managed{log: slog.New(slog.NewTextHandler(&said, nil)),
		settle: func(context.Context) error { close(settled); return gone },
		serve: func(ctx context.Context, woke <-chan struct{}) error {
			<-settled
			for {
				select {
				case <-woke:
					slept <- struct{}{}
				case <-ctx.Done():
					return nil
				}
			}
		}}
	m, ended := manage(t, d)
	m.say(orderTell, 0)
	m.say(orderPower, powerChanged) // it did not sleep
	m.say(orderOther, 0)
	m.say(orderPower, resumeAutomatic)
	<-slept
	m.say(orderStop, 0)
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
	if got := m.heard(); !slices.Equal(got, []phase{phaseStarts, phaseRuns, phaseRuns, phaseStops}) || len(slept) != 0 {
		t.Errorf("the phases are %v, and it slept %d times more", got, len(slept))
	}
	if !strings.Contains(said.String(), gone.Error()) {
		t.Errorf("said %q", &said)
	}
}

// A service that fails is started again, and one that is asked while it stops says
// that it does.
func TestServiceThatEnds(t *testing.T) {
	failed := errors.New("failed")
	settle := func(context.Context) error { return nil }
	d := managed{log: slog.New(slog.DiscardHandler), settle: settle, serve: func(context.Context, <-chan struct{}) error { return failed }}
	if _, ended := manage(t, d); !errors.Is(<-ended, failed) {
		t.Error("its failure is lost")
	}
	last := make(chan struct{})
	d.serve = func(ctx context.Context, _ <-chan struct{}) error {
		<-ctx.Done()
		<-last
		return nil
	}
	m, ended := manage(t, d)
	for range 3 { // nobody hears of it: more than one is one
		m.say(orderPower, resumeByPerson)
	}
	m.say(orderStop, 0)
	m.say(orderTell, 0)
	m.say(orderStop, 0)
	close(last)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := m.heard(); !slices.Equal(got, []phase{phaseStarts, phaseRuns, phaseStops, phaseStops, phaseStops}) {
		t.Errorf("the phases are %v", got)
	}
}
