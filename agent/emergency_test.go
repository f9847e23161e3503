package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/wire"
)

// A person who waits is told once how to go on at once: when nobody can answer,
// or when they want to know.
func TestEmergencyIsSaidOnce(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		wanted bool
		news   []wire.Progress // without the request
		want   string          // in the one line said, "" = none
	}{
		"somebody is there":        {false, []wire.Progress{{CanAnswer: []string{"bo"}, Emergency: wire.EmergencyPossible}}, ""},
		"nobody is there":          {false, []wire.Progress{{CanAnswerFrom: later, Emergency: wire.EmergencyPossible}, {CanAnswerFrom: later, Emergency: wire.EmergencyPossible}}, "Nobody can answer this before "},
		"nobody is there any more": {false, []wire.Progress{{CanAnswer: []string{"bo"}, Emergency: wire.EmergencyPossible}, {Emergency: wire.EmergencyPossible}}, "Nobody is there"},
		"wanted":                   {true, []wire.Progress{{CanAnswer: []string{"bo"}, Emergency: wire.EmergencyPossible}}, "https://assent.example, open request req_"},
		"wanted, but off":          {true, []wire.Progress{{Emergency: wire.EmergencyOff}}, "turned off"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			p := &person{reason: "the shop is down"}
			done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), Emergency: tt.wanted}, p)
			m := next[wire.Attempt](d)
			d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
			next[wire.Complete](d)
			for i, n := range tt.news {
				n.Request, n.Position = m.Request, i+1
				d.answer(wire.TProgress, n)
				for !p.shows(i + 1) { // news of the same kind replace each other
					<-time.After(time.Millisecond)
				}
			}
			d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
			if r := <-done; r.err != nil {
				t.Fatal(r.err)
			}
			got := strings.Join(p.said, "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) || len(p.said) > 1 {
				t.Errorf("said %q", got)
			}
		})
	}
}

// shows reports whether a waiting line with that place was shown.
func (p *person) shows(place int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.lines {
		if w.Position == place {
			return true
		}
	}
	return false
}

// Whoever does not wait is told too, when they want to know; the others get
// nothing but the id.
func TestEmergencyWithoutWaiting(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		d := newDesk(t, t.TempDir())
		p := &person{}
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), Justification: "the shop is down", NoWait: true, Emergency: wanted}, p)
		m := next[wire.Attempt](d)
		d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
		next[wire.Complete](d)
		d.answer(wire.TProgress, wire.Progress{Request: m.Request, Emergency: wire.EmergencyPossible})
		var kept *intercept.Kept
		if r := <-done; !errors.As(r.err, &kept) || kept.Request != m.Request {
			t.Fatal(r.err)
		}
		if got := strings.Join(p.said, "\n"); strings.Contains(got, string(m.Request)) != wanted || !wanted && got != "" {
			t.Errorf("wanted %t: said %q", wanted, got)
		}
	}
}
