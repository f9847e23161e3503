package controller

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACMEListen is where the console listens with ACME unless an address is given:
// the authority looks for it there.
const ACMEListen = ":443"

// acmeTLS is the console's side of TLS with a certificate that an authority gives
// for one name, renewed before it ends and kept below DIR/acme. The authority
// checks it in TLS itself, on this address (TLS-ALPN-01); no other name and no
// other way to prove it is served.
func (c *Controller) acmeTLS() (*tls.Config, error) {
	host := strings.ToLower(strings.TrimSuffix(c.cfg.ACME, "."))
	switch {
	case c.cfg.TLSCert != "" || c.cfg.TLSKey != "":
		return nil, errors.New("--acme and --tls-cert are two ways to a certificate: give one of them")
	case net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.ContainsAny(host, "/:@ *") || len(host) > 253:
		return nil, fmt.Errorf("--acme %q is no name for a certificate: give the console's public name, such as assent.example.com", c.cfg.ACME)
	}
	directory := first(c.cfg.ACMEDirectory, autocert.DefaultACMEDirectory)
	if u, err := url.Parse(directory); err != nil || u.Host == "" || u.Scheme != "https" && c.cfg.ACMEClient == nil {
		return nil, fmt.Errorf("the address %q of the certificate authority is not https://host/path", directory)
	}
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(host),
		Cache: autocert.DirCache(filepath.Join(c.cfg.Data, "acme")), Client: &acme.Client{DirectoryURL: directory, HTTPClient: c.cfg.ACMEClient}}
	log := c.cfg.Log
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1", acme.ALPNProto},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := m.GetCertificate(hello)
			if err != nil && strings.EqualFold(hello.ServerName, host) && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
				log.Error("get the console's certificate; the authority must reach this address as port 443 of the name", "host", host, "error", err)
			}
			return cert, err
		}}, nil
}
