package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/gateway"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// The idle agents: as many as one process may have files, and a reserve.
const (
	idleAgents = 19_000
	idleAtOnce = 32
)

// The programs that the bench starts of itself: a controller that only holds
// agents, and the agents.
const (
	asHolder = "hold-agents"
	asAgents = "be-agents"
)

// identity is what one agent holds.
type identity struct {
	Key   []byte   `json:"key"`
	Chain [][]byte `json:"chain"`
}

// idle compares the memory that one connected agent needs after its first
// message with a bare connection over mutual TLS that has one reader.
func (s *scale) idle(ctx context.Context, t *table) error {
	dir := filepath.Join(s.dir, "idle")
	if err := prepareAgents(ctx, dir, s.agents); err != nil {
		return fmt.Errorf("prepare agents: %w", err)
	}
	base, err := s.held(ctx, dir, exec.CommandContext(ctx, s.floor, "hold", filepath.Join(dir, "ca.pem")), "bare")
	if err != nil {
		return fmt.Errorf("bare connections: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ours, err := s.held(ctx, dir, exec.CommandContext(ctx, self, asHolder, dir), "agent")
	if err != nil {
		return fmt.Errorf("agents: %w", err)
	}
	kib := func(v float64) string { return fmt.Sprintf("%.2f KiB", v) }
	times := func(v float64) string { return fmt.Sprintf("%.2f×", v) }
	t.add(row{fmt.Sprintf("memory per connected idle agent, %d in one process", s.agents), kib(ours), kib(base), times(ours / base), "≤ 1.15×", within(ours/base, 1.15, times)})
	return nil
}

// held starts a server, connects all agents and answers how much each has cost.
func (s *scale) held(ctx context.Context, dir string, server *exec.Cmd, kind string) (float64, error) {
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := server.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := server.Start(); err != nil {
		return 0, err
	}
	defer func() { in.Close(); server.Wait() }()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return 0, errors.New("the server does not say where it is")
	}
	address := lines.Text()
	memory := func() (float64, error) {
		if _, err := io.WriteString(in, "\n"); err != nil {
			return 0, err
		}
		if !lines.Scan() {
			return 0, errors.New("the server has ended")
		}
		return strconv.ParseFloat(lines.Text(), 64)
	}
	before, err := memory()
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	clients := exec.CommandContext(ctx, self, asAgents, dir, kind, address, strconv.Itoa(s.agents))
	clients.Stderr = os.Stderr
	stop, err := clients.StdinPipe()
	if err != nil {
		return 0, err
	}
	said, err := clients.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := clients.Start(); err != nil {
		return 0, err
	}
	defer func() { stop.Close(); clients.Wait() }()
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || strings.TrimSpace(line) != "connected" {
		return 0, errors.Join(err, fmt.Errorf("the agents said %q", line))
	}
	after, err := memory()
	return (after - before) / float64(s.agents), err
}

// prepareAgents makes the keys of a controller and lists agents with it.
func prepareAgents(ctx context.Context, dir string, count int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	k, err := keys.Open(filepath.Join(dir, "keys"), "", time.Now)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "assent.db")})
	if err != nil {
		return err
	}
	defer db.Close()
	all := make([]identity, count)
	now := time.Now()
	for from := 0; from < count; from += 1000 {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for i := from; i < min(from+1000, count); i++ {
				if err := prepareAgent(tx, k, now, &all[i]); err != nil {
					return err
				}
			}
			return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}})
		})
		if err != nil {
			return err
		}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.CA()}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "agents"), raw, 0o600)
}

func prepareAgent(tx *store.Tx, k *keys.Keys, now time.Time, out *identity) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	if err != nil {
		return err
	}
	id := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
	if out.Chain, _, err = k.IssueClient(csr, id); err != nil {
		return err
	}
	out.Key = private
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	return tx.InsertEndpoint(store.Endpoint{ID: id, Name: string(id), SPKI: keys.SPKIHash(spki), Labels: map[string]string{}, AcceptLabels: []string{},
		Mode: "ask", EnrolledAt: now})
}

// holdAgents is the program that is measured: a whole controller. What it has
// once, however many agents there are, it has before the first one comes.
func holdAgents(ctx context.Context, dir string) error {
	c, err := controller.New(ctx, controller.Config{Data: dir, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0",
		Tune: func(g *gateway.Config) { g.Ping = 20 * time.Minute }})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return c.Run(running) })
	defer group.Wait()
	defer stop()
	if err := warm(ctx, c.Store()); err != nil {
		return err
	}
	fmt.Println(c.AgentAddr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		runtime.GC()
		runtime.GC()
		debug.FreeOSMemory()
		kib, err := resident()
		if err != nil {
			return err
		}
		fmt.Println(kib)
	}
	return nil
}

// warm fills the caches of every connection to the database.
func warm(ctx context.Context, s *store.Store) error {
	var all []store.Endpoint
	group := errgroup.Group{}
	for range 4 {
		group.Go(func() error {
			return s.View(ctx, func(tx *store.Tx) (err error) { _, err = tx.Endpoints(store.EndpointFilter{}); return err })
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.Update(ctx, func(tx *store.Tx) (err error) {
		if all, err = tx.Endpoints(store.EndpointFilter{}); err != nil {
			return err
		}
		for _, e := range all {
			if err := tx.SeenEndpoint(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func resident() (int, error) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.Fields(value)[0])
		}
	}
	return 0, errors.New("no VmRSS")
}

// beAgents connects agents, lets each say one message and hear the answer, and
// holds the connections until stdin ends.
func beAgents(ctx context.Context, dir, kind, address string, count int) error {
	raw, err := os.ReadFile(filepath.Join(dir, "agents"))
	if err != nil {
		return err
	}
	var all []identity
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	conns := make([]io.Closer, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(idleAtOnce)
	for i := range count {
		group.Go(func() (err error) {
			conf := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, // the load, not what is measured
				Certificates: []tls.Certificate{{Certificate: all[i].Chain, PrivateKey: ed25519.PrivateKey(all[i].Key)}}}
			if kind == "bare" {
				conns[i], err = bareAgent(ctx, address, conf)
			} else {
				conns[i], err = agent(ctx, address, conf)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Println("connected")
	_, err = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(conns)
	return err
}

func bareAgent(ctx context.Context, address string, conf *tls.Config) (io.Closer, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: conf}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	message := make([]byte, 300)
	if _, err := conn.Write(message); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(conn, message)
	return conn, err
}

func agent(ctx context.Context, address string, conf *tls.Config) (io.Closer, error) {
	dialer := websocket.Dialer{TLSClientConfig: conf, HandshakeTimeout: 30 * time.Second}
	conn, _, err := dialer.DialContext(ctx, "wss://"+address+wire.SessionPath, nil)
	if err != nil {
		return nil, err
	}
	hello, err := wire.Encode(wire.THello, 0, wire.Hello{Versions: []int{wire.Version}, Capabilities: []string{"run"},
		Facts: wire.Facts{Hostname: "idle", OS: "linux"}, Clock: time.Now().UTC()})
	if err != nil {
		return nil, err
	}
	if err := conn.WriteMessage(websocket.BinaryMessage, hello); err != nil {
		return nil, err
	}
	_, answer, err := conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	f, err := wire.Decode(answer)
	if err == nil && f.Type != wire.TWelcome {
		err = fmt.Errorf("the hello was answered with %s", f.Type)
	}
	return conn, err
}
