package sudo

import (
	"context"
	"slices"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Whatever the policy says of sudo, whoever has a right of their own keeps it,
// and nobody gets one.
func TestStances(t *testing.T) {
	if !inside(t) {
		return
	}
	write(t, "/etc/sudoers.d/bob", 0o440, "bob ALL=(root) NOPASSWD: /usr/bin/id -u\n")
	installShim(t)
	m := serve(t, func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
		return intercept.Permit{}, &intercept.Refused{By: "bo"}
	})
	tests := []struct {
		stance elevation.Stance
		why    wire.SeenKind
		others string // what somebody without rights reads
		seen   []string
	}{
		{elevation.StanceDeny, "", "policy does not let sudo ask", nil},
		{"nonsense", "", "policy does not let sudo ask", nil},
		{elevation.StanceAsk, "", "denied by bo", nil},
		{elevation.StanceOff, "", askedForPassword, nil},
		{elevation.StanceObserve, wire.SeenObserved, askedForPassword,
			[]string{"observed alice /usr/bin/id -u", "own bob /usr/bin/id -u", "own carol /usr/bin/id -u", "observed bob /usr/bin/id -g"}},
		{elevation.StanceObserve, wire.SeenBreakGlass, "break-glass group",
			[]string{"break_glass alice /usr/bin/id -u", "break_glass bob /usr/bin/id -u", "break_glass carol /usr/bin/id -u", "break_glass bob /usr/bin/id -g"}},
	}
	for _, tt := range tests {
		t.Run(string(tt.stance)+" "+string(tt.why), func(t *testing.T) {
			m.house.is(tt.stance, tt.why)
			sudo(t, alice, "id", "-u").expect(t, 1, tt.others)
			for _, uid := range []uint32{bob, carol} {
				if r := sudo(t, uid, "id", "-u"); r.code != 0 || r.out != "0\n" || tt.why == "" && r.err != "" {
					t.Errorf("%d: %v", uid, r)
				}
			}
			sudo(t, bob, "id", "-g").expect(t, 1, tt.others)
			for _, quiet := range [][]string{{"-n", "-l"}, {"-n", "-v"}, {"-k"}, {"-K"}, {"-V"}} {
				sudo(t, alice, quiet...)
			}
			want := slices.Sorted(slices.Values(tt.seen))
			if len(want) == 0 {
				return // asked below, for all of them
			}
			waitFor(t, "what was seen", func() bool { return len(m.house.list()) >= len(want) })
			if got := slices.Sorted(slices.Values(m.house.list())); !slices.Equal(got, want) {
				t.Errorf("seen %q, want %q", got, want)
			}
		})
	}
	if n := m.elevator.asked(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}
