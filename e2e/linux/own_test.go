package linux

import (
	"strings"
	"testing"
)

// TestOwnRequests: people see and end their own requests on their machine, by
// any unique ending of the id, and nobody else's.
func TestOwnRequests(t *testing.T) {
	w := machineFor(t, "life")
	made := w.typed("alice", "assent run --wait 0 --reason 'nightly report' -- id -G -n")
	id := strings.TrimSpace(made.Stdout)
	if made.Code != 75 || !strings.HasPrefix(id, "req_") {
		t.Fatalf("%s", made)
	}
	short := id[len(id)-6:]
	if r := w.typed("alice", "assent list"); !strings.Contains(r.Stdout, short) || !strings.Contains(r.Stdout, "pending") {
		t.Errorf("list: %s", r)
	}
	if r := w.typed("alice", "assent view "+short); r.Code != 0 || !strings.Contains(r.Stdout, "nightly report") {
		t.Errorf("view: %s", r)
	}
	for _, verb := range []string{"view", "cancel", "checkin"} {
		if r := w.typed("bob", "assent "+verb+" "+id); r.Code != 5 {
			t.Errorf("bob's %s of alice's request: %s", verb, r)
		}
	}
	if r := w.typed("alice", "assent run --wait 0 --reason 'once more' -- id -G -n"); strings.TrimSpace(r.Stdout) != id {
		t.Errorf("the same thing did not join: %s", r)
	}
	if r := w.typed("alice", "assent cancel "+short); r.Code != 0 {
		t.Errorf("cancel: %s", r)
	}
	w.becomes(id, "cancelled")
}

// TestCheckIn: giving something back ends it, from the machine and by REST.
func TestCheckIn(t *testing.T) {
	w := machineFor(t, "life")
	w.rules("rules:\n  - {name: sleep, match: {path: /usr/bin/sleep, args: ['1357']}, then: approve}\n")
	for _, way := range []string{"assent run --", "sudo"} {
		for _, door := range []string{"assent", "REST"} {
			t.Run(way+"/"+door, func(t *testing.T) {
				w := w.in(t)
				s := w.terminal("alice", way+" sleep 1357")
				w.until(waitLong, func() error { return w.active("/usr/bin/sleep") })
				list, err := w.list("active")
				if err != nil || len(list) != 1 {
					t.Fatalf("%v %v", list, err)
				}
				if door == "REST" {
					w.act(list[0].ID, "revoke", "") // an approver's way; the requester's own is `assent checkin`
					w.becomes(list[0].ID, "revoked")
				} else {
					if r := w.typed("alice", "assent checkin "+list[0].ID); r.Code != 0 {
						t.Errorf("checkin: %s", r)
					}
					if done := w.becomes(list[0].ID, "ended"); *done.EndReason != "checked_in" {
						t.Errorf("ended as %s", *done.EndReason)
					}
				}
				w.ends(s)
				if r := w.asRoot("/usr/bin/pgrep", "-f", `^(/usr/bin/)?sleep 1357$`); r.Code == 0 {
					t.Errorf("still running: %s", r)
				}
				w.nothingLeft()
			})
		}
	}
}
