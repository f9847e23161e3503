package e2e

import (
	"strings"
	"testing"
)

// TestOwnRequests: people see and end their own requests on their machine, by
// any unique ending of the id, and nobody else's.
func TestOwnRequests(t *testing.T) {
	w := theWorld(t)
	made := typed(t, w.desk, "alice", "assent run --wait 0 --reason 'nightly report' -- id -G -n")
	id := strings.TrimSpace(made.Stdout)
	if made.Code != 75 || !strings.HasPrefix(id, "req_") {
		t.Fatalf("%s", made)
	}
	short := id[len(id)-6:]
	if r := typed(t, w.desk, "alice", "assent list"); !strings.Contains(r.Stdout, short) || !strings.Contains(r.Stdout, "pending") {
		t.Errorf("list: %s", r)
	}
	if r := typed(t, w.desk, "alice", "assent view "+short); r.Code != 0 || !strings.Contains(r.Stdout, "nightly report") {
		t.Errorf("view: %s", r)
	}
	for _, verb := range []string{"view", "cancel", "checkin"} {
		if r := typed(t, w.desk, "bob", "assent "+verb+" "+id); r.Code != 5 {
			t.Errorf("bob's %s of alice's request: %s", verb, r)
		}
	}
	if r := typed(t, w.desk, "alice", "assent run --wait 0 --reason 'once more' -- id -G -n"); strings.TrimSpace(r.Stdout) != id {
		t.Errorf("the same thing did not join: %s", r)
	}
	if r := typed(t, w.desk, "alice", "assent cancel "+short); r.Code != 0 {
		t.Errorf("cancel: %s", r)
	}
	w.becomes(t, id, "cancelled")
}

// TestCheckIn: giving something back ends it, from the machine and by REST.
func TestCheckIn(t *testing.T) {
	w := theWorld(t)
	w.rules(t, "rules:\n  - {name: sleep, match: {path: /usr/bin/sleep, args: ['1357']}, then: approve}\n")
	for _, way := range []string{"assent run --", "sudo"} {
		for _, door := range []string{"assent", "REST"} {
			t.Run(way+"/"+door, func(t *testing.T) {
				s := terminal(t, w.desk, "alice", way+" sleep 1357")
				if err := until(t.Context(), waitLong, func() error { return w.active(t, "/usr/bin/sleep") }); err != nil {
					t.Fatal(err)
				}
				list, err := w.list(t, "active")
				if err != nil || len(list) != 1 {
					t.Fatalf("%v %v", list, err)
				}
				if door == "REST" {
					w.act(t, list[0].ID, "revoke", "") // an approver's way; the requester's own is `assent checkin`
					w.becomes(t, list[0].ID, "revoked")
				} else {
					if r := typed(t, w.desk, "alice", "assent checkin "+list[0].ID); r.Code != 0 {
						t.Errorf("checkin: %s", r)
					}
					if done := w.becomes(t, list[0].ID, "ended"); *done.EndReason != "checked_in" {
						t.Errorf("ended as %s", *done.EndReason)
					}
				}
				ends(t, s)
				if r := asRoot(t, w.desk, "/usr/bin/pgrep", "-f", `^(/usr/bin/)?sleep 1357$`); r.Code == 0 {
					t.Errorf("still running: %s", r)
				}
				nothingLeft(t, w.desk)
			})
		}
	}
}
