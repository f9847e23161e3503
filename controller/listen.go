package controller

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/shared/wire"
)

// listen takes both addresses. Without TLS only loopback is allowed: passwords
// and tokens would travel in clear.
func (c *Controller) listen() error {
	var err error
	if c.web, err = net.Listen("tcp", first(c.cfg.Listen, DefaultListen)); err != nil {
		return fmt.Errorf("listen for the console: %w", err)
	}
	secure, err := c.webTLS()
	if err != nil {
		return err
	}
	if secure == nil && !c.loopback() {
		return fmt.Errorf("listen on %s: plain HTTP is for loopback only; give a certificate (--tls-cert, --tls-key) or have one made (--acme)", c.web.Addr())
	}
	if err := c.listenForAgents(secure); err != nil {
		return err
	}
	c.public = strings.TrimSuffix(c.cfg.PublicURL, "/")
	if c.public == "" {
		scheme := "http"
		if secure != nil {
			scheme = "https"
		}
		c.public = scheme + "://" + hostPort(c.web.Addr())
		if c.cfg.ACME != "" {
			c.public = "https://" + c.cfg.ACME
		}
	}
	u, err := url.Parse(c.public)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the public address %q is not http(s)://host[:port]", c.public)
	}
	return nil
}

// webTLS is the console's side of TLS, nil without a certificate.
func (c *Controller) webTLS() (*tls.Config, error) {
	if c.cfg.ACME != "" {
		return c.acmeTLS()
	}
	if c.cfg.TLSCert == "" && c.cfg.TLSKey == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.cfg.TLSCert, c.cfg.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("load the console's certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}

// listenForAgents takes the agents' address, or makes the console's serve both.
func (c *Controller) listenForAgents(secure *tls.Config) error {
	if c.cfg.AgentListen == OnePort {
		if secure == nil {
			return errors.New("agents on the console's address: that needs TLS there; give a certificate (--tls-cert, --tls-key)")
		}
		c.onePort = newOnePort(c.web, secure, c.gateway.TLSConfig(), wire.ServerName(c.keys.Cluster()))
		c.web, c.agents = c.onePort.web, c.onePort.agents
		return nil
	}
	if secure != nil {
		c.web = tls.NewListener(c.web, secure)
	}
	l, err := net.Listen("tcp", first(c.cfg.AgentListen, DefaultAgentListen))
	if err != nil {
		return fmt.Errorf("listen for agents: %w", err)
	}
	c.agents = tls.NewListener(l, c.gateway.TLSConfig())
	return nil
}

func (c *Controller) loopback() bool {
	a, ok := c.web.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// agentsURL is where endpoints enrol: the agents' door, by the name that people
// know the console by where it listens on all addresses.
func (c *Controller) agentsURL() string {
	host := hostPort(c.agents.Addr())
	tcp, ok := c.agents.Addr().(*net.TCPAddr)
	if u, err := url.Parse(c.public); err == nil && ok && tcp.IP.IsUnspecified() && u.Hostname() != "localhost" {
		host = net.JoinHostPort(u.Hostname(), strconv.Itoa(tcp.Port))
	}
	return "https://" + host
}

// hostPort is an address as people reach it from this machine.
func hostPort(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	host := tcp.IP.String()
	switch {
	case tcp.IP.IsLoopback():
		host = "localhost"
	case tcp.IP.IsUnspecified():
		host = "localhost"
		if name, err := os.Hostname(); err == nil && name != "" {
			host = name
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
