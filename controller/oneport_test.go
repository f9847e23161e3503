package controller

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/wire"
)

// onOnePort starts a controller whose two doors share an address.
func onOnePort(t *testing.T) (*Controller, *x509.CertPool) {
	t.Helper()
	cert, key, pool := certificate(t)
	c, err := New(t.Context(), Config{Data: t.TempDir(), Listen: "127.0.0.1:0", AgentListen: OnePort, TLSCert: cert, TLSKey: key,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, pool
}

// TestOnePortServesBothDoors: who speaks like an agent reaches the agents' door
// and sees its certificate, everybody else the console, and neither is reached
// through the other.
func TestOnePortServesBothDoors(t *testing.T) {
	c, pool := onOnePort(t)
	address := c.Addr()
	if c.AgentAddr() != address {
		t.Fatalf("agents are told %s, the console is at %s", c.AgentAddr(), address)
	}
	get := func(conf *tls.Config, path string) (status int, issuer, body string) {
		t.Helper()
		tr := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Get("https://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.TLS.PeerCertificates[0].Subject.CommonName, string(raw)
	}
	browser := func() *tls.Config { return &tls.Config{RootCAs: pool, ServerName: "localhost"} }
	agent := func() *tls.Config { // before it is enrolled it knows no name, only the protocol
		return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ALPN, "http/1.1"}}
	}
	named := func() *tls.Config { // an agent of the first release: the name alone
		return &tls.Config{InsecureSkipVerify: true, ServerName: wire.ServerName(c.keys.Cluster())}
	}
	if status, by, _ := get(browser(), "/healthz"); status != 200 || by != "console" {
		t.Errorf("a browser got %d from %q", status, by)
	}
	if status, _, _ := get(browser(), wire.SessionPath); status == 200 || status == 101 {
		t.Errorf("the agents' path answers at the console's door: %d", status)
	}
	for name, conf := range map[string]func() *tls.Config{"by protocol": agent, "by name": named} {
		if status, by, body := get(conf(), wire.SessionPath); by != "Assent gateway" || status == 200 || strings.Contains(body, "<html") {
			t.Errorf("%s: an agent got %d %q from %q", name, status, body, by)
		}
		if status, by, _ := get(conf(), "/api/v1/me"); status != 404 || by != "Assent gateway" {
			t.Errorf("%s: REST answers at the agents' door: %d from %q", name, status, by)
		}
	}
}

// TestOnePortBearsSilence: connections that never speak hold up nobody.
func TestOnePortBearsSilence(t *testing.T) {
	c, pool := onOnePort(t)
	for range 700 {
		conn, err := net.Dial("tcp", c.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Get("https://" + c.Addr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// TestOnePortHandsAreShared: one address has its part of the places and no more, and
// gets them back.
func TestOnePortHandsAreShared(t *testing.T) {
	c := crowd{from: map[netip.Addr]int{}}
	one, two, three := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	fill := func(a netip.Addr, most int) {
		t.Helper()
		for i := range most {
			if !c.enter(a) {
				t.Fatalf("%s: number %d does not get in", a, i)
			}
		}
		if c.enter(a) {
			t.Errorf("%s: more than its part", a)
		}
	}
	fill(one, shakingOfOne)
	fill(two, shakingHands-shakingOfOne)
	if c.enter(three) {
		t.Error("more than all")
	}
	c.leave(two)
	if c.enter(one) || !c.enter(three) {
		t.Error("a place that is free is not given to somebody else")
	}
	for a, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::"} {
		if got := addressOf(comesFrom{at: a}); got != netip.MustParseAddr(want) {
			t.Errorf("%s is counted as %s", a, got)
		}
	}
}

// comesFrom is a connection from an address.
type comesFrom struct {
	net.Conn
	at string
}

func (c comesFrom) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.at), Port: 1} }

func TestOnePortNeedsTLS(t *testing.T) {
	_, err := New(t.Context(), Config{Data: t.TempDir(), Listen: "127.0.0.1:0", AgentListen: OnePort, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("got %v", err)
	}
}
