// Package machine boots small Debian 12 machines with a real systemd, a real
// sudo and real users, for tests and benches of whole systems.
//
// A Lab is one private network (a bridge of its own) with machines on it; the
// host is reached there as Lab.Host. Each machine is a systemd-nspawn container
// with its own process, mount and network namespace, an overlay over one cached
// image, unified cgroup v2 and a cgroup of its own. Programs run as root in a
// unit (Exec) or as a person over ssh (SSH, Open). Nothing of the host's own
// configuration is used or changed, and when the process that made the lab is
// gone, even by SIGKILL, the kernel ends its machines. Programs that use this
// package call Stage first in main or TestMain.
package machine

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
)

// The users of every machine. Alice and Bob have no rights; Carol may use sudo
// for everything without a password, and stands for people who have rights.
const (
	Alice = "alice"
	Bob   = "bob"
	Carol = "carol"
	Root  = "root"
)

// Lab is a private network and its machines. It is made by New and ended by Close.
type Lab struct {
	Host netip.Addr // the host's address on the private network

	id      string
	dir     string
	image   string
	bridge  string
	user    ssh.Signer         // every user's key
	host    ssh.Signer         // every machine's host key
	hostRaw ed25519.PrivateKey // the same, as the machine gets it

	mu       sync.Mutex // guards the fields below
	machines []*Machine
	closed   bool
}

// New prepares a network; building the image takes half a minute the first time
// and nothing later. It also removes what killed runs left behind. It needs root.
func New(ctx context.Context) (*Lab, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := heal(ctx, filepath.Join(cache, "run")); err != nil {
		return nil, fmt.Errorf("clean up after earlier runs: %w", err)
	}
	image, err := prepareImage(ctx, cache)
	if err != nil {
		return nil, fmt.Errorf("prepare the image: %w", err)
	}
	lab := &Lab{id: randomID(), image: image}
	lab.bridge = bridgeName(lab.id)
	lab.dir = filepath.Join(cache, "run", lab.id)
	if lab.user, _, err = newKey(); err != nil {
		return nil, err
	}
	if lab.host, lab.hostRaw, err = newKey(); err != nil {
		return nil, err
	}
	if err := claim(lab.dir); err != nil {
		return nil, err
	}
	if lab.Host, err = addBridge(ctx, lab.bridge); err != nil {
		return nil, errors.Join(err, os.RemoveAll(lab.dir))
	}
	return lab, nil
}

// Dir is a folder that lives as long as the lab.
func (l *Lab) Dir() string { return l.dir }

// Boot starts machines side by side and answers when every one of them has
// finished booting. Names are lower case and unique in the lab.
func (l *Lab) Boot(ctx context.Context, names ...string) ([]*Machine, error) {
	booted := make([]*Machine, len(names))
	failures := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		m, err := l.add(name)
		if err != nil {
			failures[i] = err
			continue
		}
		booted[i] = m
		all.Go(func() { failures[i] = m.Boot(ctx) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return booted, nil
}

func (l *Lab) add(name string) (*Machine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("the lab is closed")
	}
	if len(l.machines) >= maxMachines {
		return nil, fmt.Errorf("a lab has at most %d machines", maxMachines)
	}
	m := &Machine{Name: name, lab: l, dir: filepath.Join(l.dir, name)}
	m.Addr = machineAddr(l.Host, len(l.machines))
	m.veth = vethName(l.id, len(l.machines))
	if err := m.prepare(); err != nil {
		return nil, fmt.Errorf("prepare machine %s: %w", name, err)
	}
	l.machines = append(l.machines, m)
	return m, nil
}

// Close ends every machine at once and removes everything that the lab made.
// It may be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var failures []error
	for _, m := range l.machines {
		failures = append(failures, m.PowerCut())
	}
	failures = append(failures, remove(context.Background(), l.dir))
	return errors.Join(failures...)
}

func randomID() string {
	raw := make([]byte, 3)
	rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

func newKey() (ssh.Signer, ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	return signer, private, err
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	dir := filepath.Join(base, "assent-test")
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, nil
}

// exists answers false only when there is surely nothing.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
