package console

import (
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
)

// busy is a queue as it is in the morning: some people, the usual programs.
func busy(d *desk.Desk, n int) (ids []string) {
	d.T.Helper()
	hosts := []*desk.Endpoint{d.Endpoint("web-0134", "role=web"), d.Endpoint("ubu-0810", "role=laptop"), d.Endpoint("build-7", "role=build")}
	asks := []struct {
		user, reason string
		argv         []string
	}{
		{"dina.osei", "Packet capture for INC-4821, the VPN drops every few minutes.", []string{"/usr/bin/apt", "install", "wireshark"}},
		{"carl.meyer", "nginx does not take the new certificate before it is restarted.", []string{"/usr/bin/systemctl", "restart", "nginx"}},
		{"eve.novak", "The clock is four minutes off, signatures fail.", []string{"/usr/sbin/ntpdate", "pool.ntp.org"}},
		{"ana.silva", "The second screen stays black without the module.", []string{"/usr/sbin/modprobe", "evdi"}},
		{"hiro.sato", "The backup job filled the disk, I want to see which files.", []string{"/usr/bin/du", "-xh", "--max-depth=2", "/var"}},
		{"luis", "Logs of the agent for the ticket with the vendor.", []string{"/usr/bin/journalctl", "-u", "assent-agent", "--since", "yesterday"}},
	}
	for i := range n {
		a := asks[i%len(asks)]
		h := hosts[i%len(hosts)]
		argv := a.argv
		if i >= len(asks) { // the same again would only join what waits
			argv = append(argv[:len(argv):len(argv)], fmt.Sprintf("--try=%d", i/len(asks)))
		}
		attempt := h.Attempt(a.user, argv...)
		attempt.AtTerminal = false // nobody sits there, so an answer can be taken back
		ids = append(ids, h.AskWith(attempt, a.reason, ""))
	}
	return ids
}

// throng puts n more like the request into the queue, as if each had been asked for
// some time before that, at endpoints that are away. They go straight into the database: only what the page
// does with very many is looked at.
func throng(t testing.TB, d *desk.Desk, like string, n int) {
	t.Helper()
	const batch = 2000
	programs := []string{"/usr/bin/apt", "/usr/bin/systemctl", "/usr/sbin/modprobe", "/usr/bin/journalctl", "/usr/bin/mount"}
	priorities := []elevation.Priority{elevation.Normal, elevation.Normal, elevation.Normal, elevation.Low}
	hosts := make([]elevation.EndpointID, max(1, n/100))
	err := d.Store().Update(t.Context(), func(tx *store.Tx) error {
		for i := range hosts {
			hosts[i] = elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, d.Now()))
			if err := tx.InsertEndpoint(store.Endpoint{ID: hosts[i], Name: fmt.Sprintf("lap-%04d", i), SPKI: fmt.Append(nil, "key of ", i), Mode: "ask",
				EnrolledAt: d.Now(), Labels: map[string]string{"site": "fra"}, AcceptLabels: []string{}}); err != nil {
				return err
			}
		}
		return tx.Append(audit.Event{At: d.Now(), Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < n; from += batch {
		err := d.Store().Update(t.Context(), func(tx *store.Tx) error {
			r, err := tx.Request(elevation.RequestID(like))
			if err != nil {
				return err
			}
			for i := from; i < min(n, from+batch); i++ {
				one := r
				one.DraftedAt = r.DraftedAt.Add(-2*time.Minute + time.Duration(i)*time.Millisecond)
				one.SubmittedAt = one.DraftedAt
				one.ID = elevation.NewRequestID(one.DraftedAt)
				one.Endpoint = hosts[i%len(hosts)]
				one.Attempt.User.Name, one.Attempt.User.UID = fmt.Sprintf("user%04d", i%4000), fmt.Sprint(20_000+i%4000)
				one.Attempt.Subject.Path = programs[i%len(programs)]
				one.Attempt.Subject.Args = []string{"restart", fmt.Sprintf("unit-%d", i)}
				one.Justification, one.Priority = fmt.Sprintf("number %d of a long morning", i), priorities[i%len(priorities)]
				if err := tx.InsertRequest(&one, d.Now()); err != nil {
					return err
				}
			}
			return tx.Append(audit.Event{At: d.Now(), Kind: audit.RequestSubmitted, Actor: elevation.Actor{Kind: elevation.BySystem}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
