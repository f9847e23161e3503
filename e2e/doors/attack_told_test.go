package doors

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

// TestN1AFailureToTellOfFailuresIsNoNews: an alert about what could not be
// delivered, that can not be delivered itself, does not feed itself.
func TestN1AFailureToTellOfFailuresIsNoNews(t *testing.T) {
	d, box, r := newDesk(t), newPostbox(t), newReceiver(t)
	mail := box.channel(d)
	alert(d, client.NewAlert{Events: []string{"request.created", "delivery.failed"}, Channels: []string{mail.ID},
		Recipients: &client.AlertRecipients{Roles: []string{"administrator"}}}) // who has no address
	hook(d, r, "request.created")
	web := d.Endpoint("web-1")
	web.Ask("dina", "/usr/bin/id")
	deliveries(d, mail.ID, "telling of the failure has failed too", func(list []client.Delivery) bool {
		return len(list) >= 2 && !strings.Contains(states(list), "waiting")
	})
	for i, n := range []string{"-u", "-g", "-n", "-r"} { // others are told meanwhile
		web.Ask("dina", "/usr/bin/id", n)
		r.wait(d, i+2)
	}
	list := deliveries(d, mail.ID, "everything is over", func(list []client.Delivery) bool {
		return len(list) >= 10 && !strings.Contains(states(list), "waiting")
	})
	if len(list) != 10 || len(audited(t, d, "delivery.failed")) != 5 {
		t.Errorf("of 5 failures came %d deliveries and %d events", len(list), len(audited(t, d, "delivery.failed")))
	}
}
