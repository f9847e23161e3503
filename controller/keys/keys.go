// Package keys holds the private keys of a controller and everything that is
// made with them: signed grants and revocations, the key set that endpoints
// check those with, and the certificates of the agents' door.
//
// There are four keys, each for one purpose: root (signs key sets only, can be
// exported and removed), grant (rotated), audit (signs checkpoints), and the
// agents' CA. They live as files of mode 0600 in one folder and never enter the
// database. Who may act is decided elsewhere: this package signs what queue and
// gateway ask it to sign, after checking that it belongs to this cluster.
//
// Read keys.go for opening and signing, set.go for the key set, root.go for the
// root key elsewhere, ca.go for certificates, wrap.go for secrets in the database.
package keys

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// ErrDamaged says that the folder of keys is incomplete or readable by others.
// Nothing is made anew then: endpoints trust the keys that are missing.
var ErrDamaged = errors.New("the folder of keys is damaged")

// Keys are the opened keys of one cluster. Safe for concurrent use.
type Keys struct {
	dir     string
	now     func() time.Time
	cluster string
	rootID  string
	rootPub ed25519.PublicKey
	audit   sign.Signer
	caKey   ed25519.PrivateKey
	ca      *x509.Certificate
	wrap    cipher.AEAD // of secrets in the database

	mu     sync.Mutex  // guards the fields below
	root   sign.Signer // zero when the root key was removed
	grant  sign.Signer // the newest grant key
	set    sign.KeySet // what rawSet says
	rawSet []byte      // signed by root
	server *serverCert // made when first asked for, renewed at half its life
}

// Open opens the keys in dir, which belongs to this package alone, and makes
// them on first use. A grant key near its end is rotated. wrapFile has the key of
// the secrets in the database, "" = it is in dir. now is the clock; nil means
// time.Now.
func Open(dir, wrapFile string, now func() time.Time) (*Keys, error) {
	if now == nil {
		now = time.Now
	}
	k := &Keys{dir: dir, now: now}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	_, err := os.Stat(k.path(fileCluster))
	fresh := errors.Is(err, fs.ErrNotExist)
	if err == nil || fresh {
		err = k.openWrap(wrapFile, fresh)
	}
	switch {
	case fresh && err == nil:
		err = k.create()
	case err == nil:
		err = k.load()
	}
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	if _, err := k.Rotate(); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	return k, nil
}

// Cluster is the name of the cluster: one DNS label, chosen at random once.
func (k *Keys) Cluster() string { return k.cluster }

// Root is the name and public part of the key that endpoints pin at enrolment.
func (k *Keys) Root() (id string, public ed25519.PublicKey) { return k.rootID, k.rootPub }

// AuditSigner signs checkpoints of the audit log.
func (k *Keys) AuditSigner() sign.Signer { return k.audit }

// KeySet is the signed key set that endpoints verify grants with.
func (k *Keys) KeySet() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rawSet
}

// Epoch is the epoch of the present key set; it only grows.
func (k *Keys) Epoch() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set.Epoch
}

// SignGrant signs a grant. It refuses one of another cluster, without ids, or
// with an epoch that this cluster has not reached.
func (k *Keys) SignGrant(g elevation.Grant) ([]byte, error) {
	signer, epoch := k.signer()
	if err := k.mayVouch(g.Cluster, g.Endpoint, g.ID, g.Request, g.KeyEpoch, epoch); err != nil {
		return nil, fmt.Errorf("sign grant: %w", err)
	}
	return signer.Sign(sign.Grant, g)
}

// SignRevocation signs the order to end a grant, under the same conditions.
func (k *Keys) SignRevocation(r elevation.Revocation) ([]byte, error) {
	signer, epoch := k.signer()
	if err := k.mayVouch(r.Cluster, r.Endpoint, r.Grant, r.Request, r.KeyEpoch, epoch); err != nil {
		return nil, fmt.Errorf("sign revocation: %w", err)
	}
	return signer.Sign(sign.Revocation, r)
}

// SignAmendment signs the order to give a grant more time, under the same
// conditions.
func (k *Keys) SignAmendment(a elevation.Amendment) ([]byte, error) {
	signer, epoch := k.signer()
	err := k.mayVouch(a.Cluster, a.Endpoint, a.Grant, a.Request, a.KeyEpoch, epoch)
	if err == nil && (a.Duration <= 0 || elevation.CheckID(elevation.RequestPrefix, string(a.Of)) != nil) {
		err = elevation.ErrInvalid
	}
	if err != nil {
		return nil, fmt.Errorf("sign amendment: %w", err)
	}
	return signer.Sign(sign.Amendment, a)
}

// SignConfirmation signs that the requester has shown their passkey, under the
// same conditions.
func (k *Keys) SignConfirmation(c elevation.Confirmation) ([]byte, error) {
	signer, epoch := k.signer()
	err := k.mayVouch(c.Cluster, c.Endpoint, c.Grant, c.Request, c.KeyEpoch, epoch)
	if err == nil && len(c.Nonce) != elevation.ConfirmNonce {
		err = elevation.ErrInvalid
	}
	if err != nil {
		return nil, fmt.Errorf("sign confirmation: %w", err)
	}
	return signer.Sign(sign.Confirmation, c)
}

// SignPolicy signs what an endpoint obeys, after checking that it belongs to this
// cluster.
func (k *Keys) SignPolicy(p elevation.Policy) ([]byte, error) {
	signer, epoch := k.signer()
	if p.Cluster != k.cluster {
		return nil, fmt.Errorf("sign policy: of cluster %q, not %q", p.Cluster, k.cluster)
	}
	if p.KeyEpoch == 0 || p.KeyEpoch > epoch || p.Version == 0 {
		return nil, fmt.Errorf("sign policy: key epoch %d, the cluster is at %d; version %d", p.KeyEpoch, epoch, p.Version)
	}
	if err := elevation.CheckID(elevation.EndpointPrefix, string(p.Endpoint)); err != nil {
		return nil, fmt.Errorf("sign policy: %w", err)
	}
	return signer.Sign(sign.Policy, p)
}

// SignRights signs an order about standing rights, after checking that it belongs to
// this cluster.
func (k *Keys) SignRights(o elevation.RightsOrder) ([]byte, error) {
	signer, epoch := k.signer()
	if o.Cluster != k.cluster {
		return nil, fmt.Errorf("sign an order: of cluster %q, not %q", o.Cluster, k.cluster)
	}
	if o.KeyEpoch == 0 || o.KeyEpoch > epoch {
		return nil, fmt.Errorf("sign an order: key epoch %d, the cluster is at %d", o.KeyEpoch, epoch)
	}
	if err := errors.Join(elevation.CheckID(elevation.EndpointPrefix, string(o.Endpoint)), elevation.CheckID("ro_", o.ID)); err != nil {
		return nil, fmt.Errorf("sign an order: %w", err)
	}
	return signer.Sign(sign.Rights, o)
}

// SignBundle signs the rules that an endpoint may use without the controller,
// after checking that they are of this cluster and end.
func (k *Keys) SignBundle(b elevation.Bundle) ([]byte, error) {
	signer, epoch := k.signer()
	if b.Cluster != k.cluster {
		return nil, fmt.Errorf("sign bundle: of cluster %q, not %q", b.Cluster, k.cluster)
	}
	if b.KeyEpoch == 0 || b.KeyEpoch > epoch || b.Number == 0 || !b.At.Before(b.NotAfter) || b.NotAfter.Sub(b.At) > elevation.BundleLasts {
		return nil, fmt.Errorf("sign bundle: key epoch %d, the cluster is at %d; number %d, until %v", b.KeyEpoch, epoch, b.Number, b.NotAfter)
	}
	if err := elevation.CheckID(elevation.EndpointPrefix, string(b.Endpoint)); err != nil {
		return nil, fmt.Errorf("sign bundle: %w", err)
	}
	return signer.Sign(sign.Bundle, b)
}

func (k *Keys) signer() (sign.Signer, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.grant, k.set.Epoch
}

func (k *Keys) mayVouch(cluster string, ep elevation.EndpointID, grant elevation.GrantID, req elevation.RequestID, epoch, mine uint64) error {
	if cluster != k.cluster {
		return fmt.Errorf("of cluster %q, not %q", cluster, k.cluster)
	}
	if epoch == 0 || epoch > mine {
		return fmt.Errorf("key epoch %d, the cluster is at %d", epoch, mine)
	}
	return errors.Join(elevation.CheckID(elevation.EndpointPrefix, string(ep)),
		elevation.CheckID(elevation.GrantPrefix, string(grant)),
		elevation.CheckID(elevation.RequestPrefix, string(req)))
}

// The files of the folder. The cluster's name is written last: without it the
// folder was never complete and everything is made anew.
const (
	fileCluster = "cluster"
	fileRoot    = "root.key"
	fileRootPub = "root.pub"
	fileAudit   = "audit.key"
	fileCAKey   = "ca.key"
	fileCA      = "ca.crt"
	fileSet     = "keyset"
)

func (k *Keys) path(name string) string { return filepath.Join(k.dir, name) }

func (k *Keys) create() error {
	var b [10]byte
	rand.Read(b[:])
	k.cluster = "c" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	root, err := newKey()
	if err != nil {
		return err
	}
	k.setRoot(root)
	audit, err := newKey()
	if err != nil {
		return err
	}
	k.audit = sign.Signer{KeyID: keyID("audit", audit), Key: audit}
	if k.caKey, err = newKey(); err != nil {
		return err
	}
	der, err := k.makeCA()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data func() ([]byte, error)
	}{
		{fileRoot, func() ([]byte, error) { return keyPEM(root) }},
		{fileRootPub, func() ([]byte, error) { return []byte(hex.EncodeToString(k.rootPub) + "\n"), nil }},
		{fileAudit, func() ([]byte, error) { return keyPEM(audit) }},
		{fileCAKey, func() ([]byte, error) { return keyPEM(k.caKey) }},
		{fileCA, func() ([]byte, error) { return certPEM(der), nil }},
	} {
		data, err := f.data()
		if err != nil {
			return err
		}
		if err := durable.Replace(k.path(f.name), data); err != nil {
			return err
		}
	}
	if err := k.addGrantKey(k.now()); err != nil {
		return err
	}
	return durable.Replace(k.path(fileCluster), []byte(k.cluster+"\n"))
}

func (k *Keys) load() error {
	name, err := k.read(fileCluster)
	if err != nil {
		return err
	}
	if k.cluster = strings.TrimSpace(string(name)); k.cluster == "" {
		return fmt.Errorf("%w: no cluster name", ErrDamaged)
	}
	if err := k.loadRoot(); err != nil {
		return err
	}
	audit, err := k.readKey(fileAudit)
	if err != nil {
		return err
	}
	k.audit = sign.Signer{KeyID: keyID("audit", audit), Key: audit}
	if k.caKey, err = k.readKey(fileCAKey); err != nil {
		return err
	}
	if err := k.loadCA(); err != nil {
		return err
	}
	return k.loadSet()
}

// loadRoot reads the public root key, which must be there, and the private one,
// which may have been removed for safety.
func (k *Keys) loadRoot() error {
	text, err := k.read(fileRootPub)
	if err != nil {
		return err
	}
	pub, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(pub) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: %s", ErrDamaged, fileRootPub)
	}
	k.rootPub = pub
	k.rootID = publicID("root", pub)
	if _, err := os.Stat(k.path(fileRoot)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	root, err := k.readKey(fileRoot)
	if err != nil {
		return err
	}
	if !k.rootPub.Equal(root.Public()) {
		return fmt.Errorf("%w: %s and %s do not belong together", ErrDamaged, fileRoot, fileRootPub)
	}
	k.setRoot(root)
	return nil
}

func (k *Keys) setRoot(root ed25519.PrivateKey) {
	k.rootPub = root.Public().(ed25519.PublicKey)
	k.rootID = publicID("root", k.rootPub)
	k.root = sign.Signer{KeyID: k.rootID, Key: root}
}

// read reads one of our files and refuses it when others may read it.
func (k *Keys) read(name string) ([]byte, error) {
	info, err := os.Lstat(k.path(name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s must be a regular file of mode 0600", ErrDamaged, name)
	}
	data, err := os.ReadFile(k.path(name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, nil
}

func keyID(purpose string, key ed25519.PrivateKey) string {
	return publicID(purpose, key.Public().(ed25519.PublicKey))
}

func publicID(purpose string, public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return purpose + "-" + hex.EncodeToString(sum[:8])
}
