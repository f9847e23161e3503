package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/sign"
)

// A grant key signs for half its life and is trusted for all of it, so that a
// grant signed on its last day can be verified as long as any grant lasts.
const (
	grantKeyLife   = 180 * 24 * time.Hour
	grantKeyRotate = 90 * 24 * time.Hour
	clockSlack     = time.Hour // endpoints' clocks may be behind
)

// Rotate adds a new grant key when the newest has lived half its life, and says
// whether it did: connected endpoints then need the new key set before anything
// signed with it. Without the root key it does nothing while the present grant
// key is valid, and fails once it is not.
func (k *Keys) Rotate() (rotated bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	newest := k.set.Keys[len(k.set.Keys)-1]
	if now.Before(newest.NotAfter.Add(-grantKeyRotate)) {
		return false, nil
	}
	if k.root.Key == nil {
		if now.Before(newest.NotAfter) {
			return false, nil
		}
		return false, fmt.Errorf("rotate grant key: %w", k.missing())
	}
	if err := k.addGrantKeyLocked(now); err != nil {
		return false, fmt.Errorf("rotate grant key: %w", err)
	}
	return true, nil
}

func (k *Keys) addGrantKey(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.addGrantKeyLocked(now)
}

// addGrantKeyLocked makes a key, writes it, and only then the set that names
// it: a crash in between leaves an unused file.
func (k *Keys) addGrantKeyLocked(now time.Time) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	id := keyID("grant", key)
	now = now.UTC().Truncate(time.Second)
	next := sign.KeySet{Cluster: k.cluster, Epoch: k.set.Epoch + 1}
	for _, old := range k.set.Keys {
		if now.Before(old.NotAfter) {
			next.Keys = append(next.Keys, old)
		}
	}
	next.Keys = append(next.Keys, sign.PublicKey{ID: id, Public: key.Public().(ed25519.PublicKey),
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(grantKeyLife)})
	raw, err := k.root.Sign(sign.Keys, next)
	if err != nil {
		return err
	}
	text, err := keyPEM(key)
	if err != nil {
		return err
	}
	if err := durable.Replace(k.path(id+".key"), text); err != nil {
		return err
	}
	if err := durable.Replace(k.path(fileSet), raw); err != nil {
		return err
	}
	k.grant, k.set, k.rawSet = sign.Signer{KeyID: id, Key: key}, next, raw
	return nil
}

func (k *Keys) loadSet() error {
	raw, err := k.read(fileSet)
	if err != nil {
		return err
	}
	set, err := sign.OpenKeySet(raw, k.rootID, k.rootPub, 0)
	if err != nil {
		return fmt.Errorf("%w: key set: %w", ErrDamaged, err)
	}
	if set.Cluster != k.cluster {
		return fmt.Errorf("%w: the key set is of another cluster", ErrDamaged)
	}
	newest := set.Keys[len(set.Keys)-1]
	key, err := k.readKey(newest.ID + ".key")
	if err != nil {
		return err
	}
	if keyID("grant", key) != newest.ID {
		return fmt.Errorf("%w: %s.key is another key", ErrDamaged, newest.ID)
	}
	k.grant, k.set, k.rawSet = sign.Signer{KeyID: newest.ID, Key: key}, set, raw
	return nil
}

func (k *Keys) readKey(name string) (ed25519.PrivateKey, error) {
	data, err := k.read(name)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return nil, fmt.Errorf("%w: %s is no private key", ErrDamaged, name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s is no Ed25519 key", ErrDamaged, name)
	}
	return private, nil
}

func newKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func keyPEM(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
