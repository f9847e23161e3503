package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// usedByRule is what an endpoint tells of something that its bundle approved an
// hour ago.
func usedByRule(n uint64, rule string) wire.Used {
	return wire.Used{Report: n, Request: elevation.NewRequestID(day), Grant: elevation.NewGrantID(day), Attempt: attempt("a").Attempt, By: wire.UsedRules,
		Rule: rule, Version: 3, Duration: 10 * time.Minute, StartedAt: day.Add(-time.Hour)}
}

const approves = "rules:\n- name: id\n  match: {path: /usr/bin/id, args: [a]}\n  then: approve\n  limits: {duration: 10m}\n"

// TestUsedOffline: what a rule approved on an endpoint is an ordinary request
// afterwards, decided by that rule, with its start and its end.
func TestUsedOffline(t *testing.T) {
	b := newBed(t, approves).people()
	in := usedByRule(1, "id@3")
	b.must(b.Used(context.Background(), ep, in))
	v, err := b.Get(context.Background(), who("bo", "approver"), in.Request)
	b.must(err)
	r := v.Request
	if r.Origin != elevation.FromOffline || r.Decision == nil || r.Decision.Rule != "id@3" || r.Decision.By.Kind != elevation.ByRule || len(r.Reviews) != 0 ||
		r.Grant.ID != in.Grant || !r.Grant.StartedAt.Equal(in.StartedAt) {
		t.Errorf("%+v", r)
	}
	in.Report, in.EndedAt, in.Reason = 2, day.Add(-55*time.Minute), elevation.Completed
	for range 2 {
		b.must(b.Used(context.Background(), ep, in))
	}
	if s := b.state(in.Request); s != elevation.StateEnded {
		t.Errorf("it is %s", s)
	}
	want := "request.approved offline.used grant.started grant.ended"
	if got := strings.Join(b.kinds(in.Request), " "); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if len(b.frames()) != 0 {
		t.Errorf("the endpoint is sent %v", b.frames())
	}
}

// TestUsedOfflineInAnotherOrder: a program that ends at once can be told of by its
// end first.
func TestUsedOfflineInAnotherOrder(t *testing.T) {
	b := newBed(t, approves).people()
	start := usedByRule(2, "id@3")
	end := start
	end.Report, end.EndedAt, end.Reason = 1, day.Add(-55*time.Minute), elevation.Completed
	b.must(b.Used(context.Background(), ep, end))
	b.must(b.Used(context.Background(), ep, start))
	if s := b.state(start.Request); s != elevation.StateEnded {
		t.Errorf("it is %s", s)
	}
	if got := strings.Join(b.kinds(start.Request), " "); got != "request.approved offline.used grant.started grant.ended" {
		t.Errorf("events %s", got)
	}
}

// TestUsedOfflineAgainstTheRules: what the rules of that version do not approve is
// written down as it was, with an alarm.
func TestUsedOfflineAgainstTheRules(t *testing.T) {
	rows := map[string]struct {
		rules  string
		change func(*wire.Used)
	}{
		"another program":    {approves, func(u *wire.Used) { u.Attempt.Subject.Path = "/usr/bin/who" }},
		"a denial":           {"rules:\n- name: id\n  match: {path: /usr/bin/id}\n  then: deny\n", func(*wire.Used) {}},
		"a person":           {"rules: []\n", func(*wire.Used) {}},
		"longer":             {approves, func(u *wire.Used) { u.Duration = time.Hour }},
		"another rule":       {approves, func(u *wire.Used) { u.Rule = "other@3" }},
		"another version":    {approves, func(u *wire.Used) { u.Rule = "id@7" }},
		"no version":         {approves, func(u *wire.Used) { u.Rule = "" }},
		"a code nobody told": {approves, func(u *wire.Used) { u.By, u.Rule, u.Challenge = wire.UsedCode, "", "7K2Q-M9XD" }},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, row.rules).people()
			in := usedByRule(1, "id@3")
			row.change(&in)
			b.must(b.Used(context.Background(), ep, in))
			v, err := b.Get(context.Background(), who("bo", "approver"), in.Request)
			b.must(err)
			if !slices.ContainsFunc(v.Request.Need.Caution, func(c elevation.Caution) bool { return c.Reason == cautionMismatch || c.Reason == cautionCode }) {
				t.Errorf("no caution: %+v", v.Request.Need.Caution)
			}
			if !slices.Contains(b.kinds(in.Request), "endpoint.alarm") {
				t.Errorf("no alarm: %v", b.kinds(in.Request))
			}
			if v.Request.Decision.By.Kind == elevation.ByUser {
				t.Error("it counts as a person's answer")
			}
		})
	}
}

// TestUsedOfflineRefusals: what can not be is refused, and so is a request of
// somebody else.
func TestUsedOfflineRefusals(t *testing.T) {
	b := newBed(t, approves).people()
	other := b.submit("b")
	for name, change := range map[string]func(*wire.Used){
		"no number":      func(u *wire.Used) { u.Report = 0 },
		"no request":     func(u *wire.Used) { u.Request = "req_x" },
		"no grant":       func(u *wire.Used) { u.Grant = "" },
		"no reason":      func(u *wire.Used) { u.EndedAt, u.Reason = day, "because" },
		"by nobody":      func(u *wire.Used) { u.By = "" },
		"no time":        func(u *wire.Used) { u.Duration = 0 },
		"much time":      func(u *wire.Used) { u.Duration = elevation.MaxDuration + 1 },
		"no attempt":     func(u *wire.Used) { u.Attempt = elevation.Attempt{} },
		"another's id":   func(u *wire.Used) { u.Request = other },
		"a long rule":    func(u *wire.Used) { u.Rule = strings.Repeat("x", 301) },
		"a long text":    func(u *wire.Used) { u.Justification = strings.Repeat("x", elevation.MaxJustification+1) },
		"no text at all": func(u *wire.Used) { u.Ticket = "\x00" },
	} {
		in := usedByRule(9, "id@3")
		change(&in)
		if err := b.Used(context.Background(), ep, in); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := b.state(other); s != elevation.StatePending {
		t.Errorf("the other request is %s", s)
	}
}
