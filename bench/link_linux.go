package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/shared/elevation"
)

// decisionSize is about what the message with a decision has, in bytes.
const decisionSize = 980

// link carries the messages of a flow over mutual TLS, as endpoints send them,
// both ends in this process. The floor carries as many of the same size.
type link struct {
	server *http.Server
	dialer websocket.Dialer
	url    string
}

func (f *flow) newLink(ctx context.Context) (*link, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certs := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	answer := func(w http.ResponseWriter, r *http.Request) { f.answer(ctx, w, r) }
	l := &link{url: "wss://" + listener.Addr().String(), server: &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Second,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: certs, ClientAuth: tls.RequireAnyClientCert}},
		// Who the server is costs only the handshake, which is not measured.
		dialer: websocket.Dialer{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: certs, InsecureSkipVerify: true}}}
	go l.server.ServeTLS(listener, "", "") // ends with Close
	return l, nil
}

// answer decides what comes over one connection. A message begins with the id of
// its endpoint.
func (f *flow) answer(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	answer := bytes.Repeat([]byte("x"), decisionSize)
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		ep, raw, _ := bytes.Cut(message, []byte{0})
		if f.decide(ctx, elevation.EndpointID(ep), raw) != nil || conn.WriteMessage(kind, answer) != nil {
			return
		}
	}
}

// ask has one message decided over a connection.
func (f *flow) ask(conn *websocket.Conn) error {
	ep, raw, err := f.message()
	if err == nil {
		err = conn.WriteMessage(websocket.BinaryMessage, append(append([]byte(ep), 0), raw...))
	}
	if err == nil {
		_, _, err = conn.ReadMessage()
	}
	return err
}
