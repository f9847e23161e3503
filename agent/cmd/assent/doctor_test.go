package main

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
)

func TestChecks(t *testing.T) {
	well := local.Status{Connected: true, Controller: "https://x", Mode: "ask", Sudo: "on", Containment: "scope"}
	for name, tt := range map[string]struct {
		change func(*local.Status)
		name   string
		level  string
	}{
		"well":             {func(*local.Status) {}, "", ""},
		"no connection":    {func(s *local.Status) { s.Connected = false }, "controller", "fail"},
		"locked":           {func(s *local.Status) { s.Locked = "stolen" }, "lock", "fail"},
		"another sudo":     {func(s *local.Status) { s.Sudo = "this sudo has no plugins" }, "sudo", "warn"},
		"nothing contains": {func(s *local.Status) { s.Containment = "session" }, "containment", "warn"},
		"a clock apart":    {func(s *local.Status) { s.Skew = -2 * time.Minute }, "clock", "warn"},
		"a clock far off":  {func(s *local.Status) { s.Skew = time.Hour }, "clock", "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			st := well
			tt.change(&st)
			for _, c := range checks(st) {
				want := "ok"
				if c.Name == tt.name {
					want = tt.level
				}
				if c.Level != want || c.Level != "ok" && c.Hint == "" {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}
