package doors

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestC4GoClient is an automation's day with the Go client: it reads every page,
// answers, is told who was faster, follows what happens from where it stopped,
// and knows a controller that is not there from one that says no.
func TestC4GoClient(t *testing.T) {
	d := desk.New(t)
	ctx := t.Context()
	bo, ann := d.Person("bo", "approver"), d.Person("ann", "approver")
	web := d.Endpoint("web-1")
	for _, program := range []string{"/usr/bin/id", "/usr/bin/ls", "/usr/bin/env"} {
		web.Ask("eve", program)
	}
	waits := web.Ask("eve", "/usr/bin/who")

	c, err := client.New(d.URL+"/", bo.Token)
	if err != nil {
		t.Fatal(err)
	}
	all, err := client.All[client.Request](ctx, c, "/requests", url.Values{"status": {"all"}}, 0)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d requests, %v", len(all), err)
	}
	some, err := client.All[client.Request](ctx, c, "/requests", url.Values{"status": {"all"}}, 2)
	if err != nil || len(some) != 2 || some[0].ID != all[0].ID {
		t.Errorf("two of them: %d, %v", len(some), err)
	}
	got, err := c.Act(ctx, waits, "approve", client.Answer{Comment: "ok", DurationSeconds: 600})
	if err != nil || got.Granted == nil || got.Granted.DurationSeconds != 600 {
		t.Fatalf("%+v %v", got.Granted, err)
	}
	_, err = ann.Act(ctx, waits, "deny", client.Answer{})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 409 || p.Code != "already_decided" || p.Decision == nil || p.Decision.By == nil || p.Decision.By.Login != "bo" {
		t.Errorf("a late denial: %v", err)
	}

	var first client.Event
	stop := errors.New("enough")
	follow := func(after, kind string) client.Event {
		t.Helper()
		var found client.Event
		limited, cancel := context.WithTimeout(ctx, desk.Patience)
		defer cancel()
		err := c.Follow(limited, after, func(e client.Event) error {
			if e.Kind != kind {
				return nil
			}
			found = e
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatalf("no %s came: %v", kind, err)
		}
		return found
	}
	first = follow("1", "request.submitted")
	if decided := follow(first.ID, "request.approved"); decided.Live.Request == nil || decided.Live.Request.ID != waits || decided.ID == first.ID {
		t.Errorf("after %s came %+v", first.ID, decided)
	}
	if e := follow("999999999", "reset"); e.Kind != "reset" {
		t.Errorf("an unknown place: %+v", e)
	}

	away, err := client.New("http://127.0.0.1:9", "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.Request(ctx, waits); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	for _, address := range []string{"", "assent.example", "ftp://assent.example", "http://", "https://user:secret@assent.example"} {
		if _, err := client.New(address, ""); err == nil {
			t.Errorf("the address %q was taken", address)
		}
	}
}
