package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	echoPeers  = 64  // connections side by side, so that nobody sleeps between messages
	answerSize = 980 // about what a decision has, in bytes
)

// echoes are messages there and back over mutual TLS, both ends in this process.
type echoes struct {
	server *http.Server
	conns  []*websocket.Conn
}

func newEchoes() (*echoes, error) {
	cert, err := ownCertificate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}
	e := &echoes{server: &http.Server{Handler: http.HandlerFunc(answerAll), TLSConfig: conf, ReadHeaderTimeout: time.Second}}
	go e.server.ServeTLS(listener, "", "") // ends with close
	// Who the server is costs only the handshake, which is not measured.
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true}}
	for range echoPeers {
		c, _, err := dialer.Dial("wss://"+listener.Addr().String(), nil)
		if err != nil {
			return nil, errors.Join(err, e.close())
		}
		e.conns = append(e.conns, c)
	}
	return e, nil
}

func ownCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func answerAll(w http.ResponseWriter, r *http.Request) {
	conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	answer := bytes.Repeat([]byte("x"), answerSize)
	for {
		kind, _, err := conn.ReadMessage()
		if err == nil {
			err = conn.WriteMessage(kind, answer)
		}
		if err != nil {
			return
		}
	}
}

// run sends n messages, shared by all connections, and hears the answers.
func (e *echoes) run(n int) error {
	errs := make(chan error, len(e.conns))
	message := bytes.Repeat([]byte("x"), messageSize)
	var peers sync.WaitGroup
	for _, c := range e.conns {
		peers.Go(func() {
			for range n / len(e.conns) {
				err := c.WriteMessage(websocket.BinaryMessage, message)
				if err == nil {
					_, _, err = c.ReadMessage()
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	peers.Wait()
	close(errs)
	return <-errs
}

func (e *echoes) close() error {
	for _, c := range e.conns {
		c.Close()
	}
	return e.server.Close()
}
