package doors

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestC5SlowReaderIsStillLookedAt: who reads an old log slowly, and is shut out
// meanwhile, does not get the rest of it.
func TestC5SlowReaderIsStillLookedAt(t *testing.T) {
	d := desk.New(t)
	bo, aud := d.Person("bo", "approver"), d.Person("aud", "auditor")
	ep := d.Endpoint("web-1")
	id := ep.Ask("eve", "/usr/bin/id")
	for i := range 20 { // each makes every event about the request longer
		bo.Does("ask", id, map[string]string{"comment": fmt.Sprintf("%d %s", i, strings.Repeat("why? ", 380))})
	}
	for i := range 220 {
		bo.Does("prioritize", id, map[string]string{"priority": []string{"low", "high"}[i%2]})
	}
	dial := net.Dialer{}
	conn := desk.Must(dial.DialContext(t.Context(), "tcp", strings.TrimPrefix(d.URL, "http://")))(t).(*net.TCPConn)
	defer conn.Close()
	if err := conn.SetReadBuffer(128 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n", aud.Client.Token)
	raw := bufio.NewReaderSize(conn, 16)
	for seen := ""; !strings.Contains(seen, "id: 1\n"); {
		seen += desk.Must(raw.ReadString('\n'))(t)
	}
	if err := d.Admin.Call(t.Context(), "PUT", "/users/aud", nil, client.EditUser{Disabled: new(true)}, nil); err != nil {
		t.Fatal(err)
	}
	shut := time.Now()
	d.Eventually("the next look at the reader is due", func() bool { return time.Since(shut) > 6*time.Second })
	if err := conn.SetReadBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(desk.Patience)); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(raw)
	if err != nil {
		t.Fatalf("the stream goes on after %d bytes: %v", len(rest), err)
	}
	if n := strings.Count(string(rest), "event: request.prioritized"); n >= 220 {
		t.Errorf("it got all %d events", n)
	}
}
