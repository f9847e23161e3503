package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/wire"
)

// leftHere is what an installer left, in memory.
type leftHere struct {
	leftover
	broken  error // it can not be read
	locked  error // the token can not be removed
	forgets int
}

func (l *leftHere) read() (leftover, error) {
	if l.broken != nil {
		return leftover{}, l.broken
	}
	return l.leftover, nil
}

func (l *leftHere) forget() error {
	if l.locked != nil {
		return l.locked
	}
	l.forgets++
	l.token = ""
	return nil
}

// contractOfLeaving is what every place for an enrolment is: what is put there is
// read, and only the token goes. put leaves something there, nothing for the zero value.
func contractOfLeaving(t *testing.T, l leaving, put func(leftover)) {
	t.Helper()
	if got, err := l.read(); err != nil || got != (leftover{}) {
		t.Fatalf("before anything was left: %v %v", got, err)
	}
	if err := l.forget(); err != nil {
		t.Errorf("forget nothing: %v", err)
	}
	put(leftover{"https://c:8443", "asn1_x", "ring=1"})
	if got, err := l.read(); err != nil || got != (leftover{"https://c:8443", "asn1_x", "ring=1"}) {
		t.Fatalf("left: %v %v", got, err)
	}
	for range 2 {
		if err := l.forget(); err != nil {
			t.Errorf("forget: %v", err)
		}
	}
	if got, err := l.read(); err != nil || got.token != "" {
		t.Errorf("forgotten, and there is %v %v", got, err)
	}
}

func TestLeftInMemory(t *testing.T) {
	l := &leftHere{}
	contractOfLeaving(t, l, func(put leftover) { l.leftover = put })
}

// aNewcomer is an endpoint with a folder of its own; enroll stands for the controller.
func aNewcomer(t *testing.T, left *leftHere, enroll func(link.EnrollConfig) error) (newcomer, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	return newcomer{load: func(string) (link.Identity, error) { return link.Identity{}, link.ErrNotEnrolled },
		set: &settings{data: filepath.Join(t.TempDir(), "data")}, left: left, again: time.Second, log: slog.New(slog.NewTextHandler(&said, nil)),
		enroll: func(_ context.Context, c link.EnrollConfig) (link.Identity, error) { return link.Identity{}, enroll(c) }}, &said
}

func TestEnrolWithWhatWasLeft(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		left   leftHere
		config string
		answer error
		want   error
		asked  string // the controller that was asked, "" = none
		gone   bool   // the token
	}{
		"all of it":              {left: leftHere{leftover: leftover{"https://c", "asn1_x", "ring=1"}}, asked: "https://c", gone: true},
		"the controller is ours": {left: leftHere{leftover: leftover{"", "asn1_x", ""}}, config: "https://ours", asked: "https://ours", gone: true},
		"what was left counts":   {left: leftHere{leftover: leftover{"https://c", "asn1_x", ""}}, config: "https://ours", asked: "https://c", gone: true},
		"no token":               {left: leftHere{leftover: leftover{"https://c", "", ""}}, want: errNothingLeft},
		"no controller":          {left: leftHere{leftover: leftover{"", "asn1_x", ""}}, want: errNothingLeft},
		"nothing":                {want: errNothingLeft},
		"not to be read":         {left: leftHere{broken: refused, leftover: leftover{"https://c", "asn1_x", ""}}, want: refused},
		"the controller refuses": {left: leftHere{leftover: leftover{"https://c", "asn1_x", ""}}, answer: refused, want: refused, asked: "https://c"},
		"the token stays":        {left: leftHere{leftover: leftover{"https://c", "asn1_x", ""}, locked: refused}, want: refused, asked: "https://c"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			var n newcomer
			n, _ = aNewcomer(t, &c.left, func(e link.EnrollConfig) error {
				asked = e.URL
				if e.Token != c.left.token || e.Dir != n.set.data || e.Facts.Reported[wire.ReportedInstall] != wire.InstalledByPackage {
					t.Errorf("asked with %+v", e)
				}
				if ring := e.Facts.Reported["ring"]; (ring == "1") != (c.left.label != "") {
					t.Errorf("asked with the label %q", ring)
				}
				return c.answer
			})
			n.file.Controller = c.config
			if err := n.enrolLeft(t.Context()); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if asked != c.asked || (c.left.token == "" && c.left.forgets > 0) != c.gone {
				t.Errorf("asked %q, the token is %q", asked, c.left.token)
			}
		})
	}
}

// An endpoint waits for its enrolment, says once why, and goes on as soon as
// somebody has enrolled it by hand; a token that was left is gone then.
func TestNewcomerWaits(t *testing.T) {
	left := &leftHere{broken: errors.New("the key is locked")}
	n, said := aNewcomer(t, left, nil)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := n.identity(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
	})
	if n := strings.Count(said.String(), "the key is locked"); n != 1 {
		t.Errorf("said %d times: %s", n, said)
	}
	left.broken, left.leftover = nil, leftover{"https://c", "asn1_x", ""}
	n.load = func(string) (link.Identity, error) { return link.Identity{URL: "https://c"}, nil } // by hand
	if id, err := n.identity(t.Context()); err != nil || id.URL != "https://c" || left.token != "" || left.forgets != 1 {
		t.Errorf("enrolled: %v %v, and the token is %q", id, err, left.token)
	}
	left.leftover, left.locked = leftover{"https://c", "asn1_x", ""}, errors.New("it is in use")
	if _, err := n.identity(t.Context()); err != nil || !strings.Contains(said.String(), "it is in use") {
		t.Errorf("a token that can not be removed: %v, said %s", err, said)
	}
}

// An identity that can not be read is no reason to enrol again.
func TestNewcomerWithADamagedIdentity(t *testing.T) {
	n, _ := aNewcomer(t, &leftHere{leftover: leftover{"https://c", "asn1_x", ""}}, func(link.EnrollConfig) error {
		t.Error("it was enrolled over what was there")
		return nil
	})
	n.load = func(string) (link.Identity, error) { return link.Identity{}, link.ErrIdentity }
	if _, err := n.identity(t.Context()); !errors.Is(err, link.ErrIdentity) {
		t.Errorf("got %v", err)
	}
}

// What was left is used at once, and what it makes is the identity.
func TestNewcomerIsEnrolled(t *testing.T) {
	enrolled := false
	n, said := aNewcomer(t, &leftHere{leftover: leftover{"https://c", "asn1_x", ""}}, func(link.EnrollConfig) error {
		enrolled = true
		return nil
	})
	n.load = func(string) (link.Identity, error) {
		if !enrolled {
			return link.Identity{}, link.ErrNotEnrolled
		}
		return link.Identity{URL: "https://c"}, nil
	}
	if id, err := n.identity(t.Context()); err != nil || id.URL != "https://c" || said.Len() > 0 {
		t.Errorf("%v %v, said %s", id, err, said)
	}
}
