package link

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Errors of [Load].
var (
	ErrNotEnrolled = errors.New("this endpoint is not enrolled")
	ErrIdentity    = errors.New("the identity of this endpoint is damaged; enrol it again with --force")
)

// Identity is what enrolment gave an endpoint.
type Identity struct {
	Endpoint  elevation.EndpointID
	Cluster   string
	URL       string // of the controller: https://HOST:PORT
	Mode      string // as the token said: "ask" or "observe"
	RootKeyID string
	Root      ed25519.PublicKey // pinned: signs key sets
	CA        []byte            // DER, pinned: the agents' CA
	Chain     [][]byte          // DER, leaf first
	Key       ed25519.PrivateKey
}

// The files under DIR/identity.
const (
	fileIdentity = "identity.json"
	fileKey      = "key.pem"
	fileChain    = "chain.pem"
	fileCA       = "ca.pem"
	maxFile      = 1 << 20 // bytes
)

// keyBlock says whether the key in its file can be read by whoever has the file.
func keyBlock() string {
	if keep.Protects {
		return "PROTECTED PRIVATE KEY"
	}
	return "PRIVATE KEY"
}

func identityDir(dir string) string { return filepath.Join(dir, "identity") }

// about is the part of an identity that is neither key nor certificate.
type about struct {
	Endpoint  elevation.EndpointID `json:"endpoint"`
	Cluster   string               `json:"cluster"`
	URL       string               `json:"url"`
	Mode      string               `json:"mode"`
	RootKeyID string               `json:"root_key_id"`
	Root      string               `json:"root_key"` // hex
}

// Load reads the identity that [Enroll] wrote under dir. It fails with
// [ErrNotEnrolled] or [ErrIdentity].
func Load(dir string) (Identity, error) {
	raw, err := readPrivate(filepath.Join(identityDir(dir), fileIdentity))
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, ErrNotEnrolled
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	id, err := parseIdentity(dir, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return id, nil
}

func parseIdentity(dir string, raw []byte) (Identity, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var a about
	if err := dec.Decode(&a); err != nil {
		return Identity{}, err
	}
	root, err := hex.DecodeString(a.Root)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Endpoint: a.Endpoint, Cluster: a.Cluster, URL: a.URL, Mode: a.Mode, RootKeyID: a.RootKeyID, Root: root}
	keys, err := readPEM(filepath.Join(identityDir(dir), fileKey), keyBlock())
	if err != nil {
		return Identity{}, err
	}
	open, err := keep.Reveal(keys[0])
	if err != nil {
		return Identity{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(open)
	if err != nil {
		return Identity{}, err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return Identity{}, errors.New("the key is not Ed25519")
	}
	id.Key = private
	if id.Chain, err = readPEM(filepath.Join(identityDir(dir), fileChain), "CERTIFICATE"); err != nil {
		return Identity{}, err
	}
	ca, err := readPEM(filepath.Join(identityDir(dir), fileCA), "CERTIFICATE")
	if err != nil {
		return Identity{}, err
	}
	id.CA = ca[0]
	return id, id.usable()
}

// usable checks that the parts are there and belong together.
func (id Identity) usable() error {
	if err := elevation.CheckID(elevation.EndpointPrefix, string(id.Endpoint)); err != nil {
		return err
	}
	if _, err := sessionURL(id.URL); err != nil {
		return err
	}
	if id.Cluster == "" || len(id.Root) != ed25519.PublicKeySize || len(id.Chain) == 0 || len(id.Key) != ed25519.PrivateKeySize {
		return errors.New("a part of the identity is missing")
	}
	_, err := id.checkChain(id.Chain)
	return err
}

// checkChain verifies that a chain is this endpoint's: its key, its name, and
// signed by the pinned CA. How old it is does not matter here.
func (id Identity) checkChain(chain [][]byte) (*x509.Certificate, error) {
	if len(chain) == 0 || len(chain) > 4 {
		return nil, errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, err
	}
	if pub, ok := leaf.PublicKey.(ed25519.PublicKey); !ok || !pub.Equal(id.Key.Public()) {
		return nil, errors.New("the certificate is for another key")
	}
	roots, err := id.pool()
	if err != nil {
		return nil, err
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: leaf.NotAfter,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return nil, err
	}
	want := "assent://" + id.Cluster + "/endpoint/" + string(id.Endpoint)
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != want {
		return nil, errors.New("the certificate is for another endpoint")
	}
	return leaf, nil
}

func (id Identity) pool() (*x509.CertPool, error) {
	ca, err := x509.ParseCertificate(id.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool, nil
}

// tls is the configuration of a session: TLS 1.3, the fixed server name, the
// pinned CA. A clock that is behind the endpoint's own certificate is not
// believed, so that a machine with a dead battery can come back.
func (id Identity) tls(now func() time.Time) (*tls.Config, error) {
	pool, err := id.pool()
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(id.Chain[0])
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: wire.ServerName(id.Cluster),
		Certificates: []tls.Certificate{{Certificate: id.Chain, PrivateKey: id.Key}},
		Time: func() time.Time {
			if t := now(); t.After(leaf.NotBefore) {
				return t
			}
			return leaf.NotBefore
		},
	}, nil
}

// save writes the identity as a whole: into a new folder that takes the place
// of the old one.
func (id Identity) save(dir string) error {
	if err := keep.Folder(dir); err != nil {
		return err
	}
	fresh := identityDir(dir) + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o700); err != nil {
		return err
	}
	open, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		return err
	}
	key, err := keep.Protect(open)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(about{Endpoint: id.Endpoint, Cluster: id.Cluster, URL: id.URL, Mode: id.Mode,
		RootKeyID: id.RootKeyID, Root: hex.EncodeToString(id.Root)}, "", "  ")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		fileKey:      pem.EncodeToMemory(&pem.Block{Type: keyBlock(), Bytes: key}),
		fileChain:    chainPEM(id.Chain),
		fileCA:       chainPEM([][]byte{id.CA}),
		fileIdentity: append(text, '\n'),
	} {
		if err := durable.Replace(filepath.Join(fresh, name), data); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(identityDir(dir)); err != nil {
		return err
	}
	if err := os.Rename(fresh, identityDir(dir)); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// saveChain replaces the certificate of an identity.
func saveChain(dir string, chain [][]byte) error {
	return durable.Replace(filepath.Join(identityDir(dir), fileChain), chainPEM(chain))
}

func chainPEM(chain [][]byte) []byte {
	var out []byte
	for _, der := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

func readPEM(path, kind string) ([][]byte, error) {
	rest, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for len(bytes.TrimSpace(rest)) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != kind {
			return nil, fmt.Errorf("%s: not PEM of kind %s", filepath.Base(path), kind)
		}
		out = append(out, block.Bytes)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty", filepath.Base(path))
	}
	return out, nil
}

// readPrivate reads a small regular file that nobody else may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no small regular file", filepath.Base(path))
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s must have mode 0600", filepath.Base(path))
	}
	return os.ReadFile(path)
}
