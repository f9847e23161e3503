package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// hold keeps connections over mutual TLS 1.3, each with one goroutine that
// reads, and sends the first message of each back. Its argument is the file of
// the authority that made the clients' certificates. It prints its address, and
// for every line of in its resident memory in KiB.
func hold(caFile string, in io.Reader, out io.Writer) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(pem) {
		return errors.New("no authority in " + caFile)
	}
	cert, err := selfSigned()
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, SessionTicketsDisabled: true})
	if err != nil {
		return err
	}
	go accept(listener) // ends with the program
	fmt.Fprintln(out, listener.Addr())
	for lines := bufio.NewScanner(in); lines.Scan(); {
		runtime.GC()
		runtime.GC()
		debug.FreeOSMemory()
		kib, err := resident()
		if err != nil {
			return err
		}
		fmt.Fprintln(out, kib)
	}
	return nil
}

func accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go reader(conn)
	}
}

func reader(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 512)
	for first := true; ; first = false {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if first {
			if _, err := conn.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "floor"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// resident is the memory of this process that is in use, in KiB.
func resident() (string, error) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.Fields(value)[0], nil
		}
	}
	return "", errors.New("no VmRSS")
}
