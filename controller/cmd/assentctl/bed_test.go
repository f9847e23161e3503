package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// queued is a controller with an endpoint on which somebody asked for n things.
func queued(t *testing.T, n int) (*client.Client, []string) {
	t.Helper()
	data := t.TempDir()
	c, err := controller.New(t.Context(), controller.Config{Data: data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(running) }()
	t.Cleanup(func() { stop(); <-done })
	now := time.Now()
	ep := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
	err = c.Store().Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: ep, Name: "web-1", SPKI: []byte("1"), Labels: map[string]string{}, Mode: "ask", EnrolledAt: now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: ep})
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range n {
		id := elevation.NewRequestID(time.Now())
		a := wire.Attempt{Request: id, Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: elevation.User{Name: "eve", UID: "1000", Groups: []string{}},
			Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{fmt.Sprint("evil\x1b[2J", i)}, ArgsDigest: fmt.Appendf(nil, "%032d", i), Cwd: "/", RunAs: "root",
				SHA256: fmt.Sprintf("%064x", 1), Size: 10, Marks: []string{}}}}
		if _, err := c.Queue().Draft(t.Context(), ep, a); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Queue().Complete(t.Context(), ep, wire.Complete{Request: id, Justification: "because \x1b[31m I must"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, string(id))
	}
	raw, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := client.New("http://"+c.Addr(), strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return rest, ids
}
