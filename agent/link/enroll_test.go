package link

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func enrolled(t *testing.T, s *script) (dir string, id Identity) {
	t.Helper()
	dir = t.TempDir()
	id, err := Enroll(t.Context(), EnrollConfig{URL: s.url, Token: s.token(), Dir: dir, Facts: wire.Facts{Hostname: "box"}})
	if err != nil {
		t.Fatal(err)
	}
	return dir, id
}

func TestEnrollAndLoad(t *testing.T) {
	s := newScript(t, nil)
	dir, id := enrolled(t, s)
	got, err := Load(dir)
	if err != nil || got.Endpoint != id.Endpoint || !got.Key.Equal(id.Key) || !bytes.Equal(got.CA, s.ca.Raw) || got.Mode != "ask" || got.URL != s.url {
		t.Fatalf("%+v %v", got, err)
	}
	if err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 && path != dir { // no modes there
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	again := EnrollConfig{URL: s.url + "/", Token: s.token(), Dir: dir}
	if _, err := Enroll(t.Context(), again); !errors.Is(err, ErrEnrolled) {
		t.Fatalf("enrolled twice: %v", err)
	}
	again.Force = true
	second, err := Enroll(t.Context(), again)
	if err != nil || second.Endpoint == id.Endpoint || second.Key.Equal(id.Key) {
		t.Fatalf("enrolled anew: %v", err)
	}
	if _, err := os.Stat(stateDir(dir, id.Endpoint)); err == nil {
		t.Error("the state of the old identity is still there")
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("an empty folder: %v", err)
	}
}

// The token is a secret: a server that is not the one it names must not get it.
func TestTokenIsNotSentToAnotherServer(t *testing.T) {
	s, other := newScript(t, nil), newScript(t, nil)
	dir := t.TempDir()
	_, err := Enroll(t.Context(), EnrollConfig{URL: other.url, Token: s.token(), Dir: dir})
	if !errors.Is(err, ErrPin) {
		t.Fatalf("got %v", err)
	}
	if n, _ := other.count(); n != 0 {
		t.Fatal("the token was sent")
	}
	if _, err := Load(dir); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("something was written: %v", err)
	}
}

func TestEnrollRefuses(t *testing.T) {
	s := newScript(t, nil)
	good := s.token()
	for name, cfg := range map[string]EnrollConfig{
		"plain http":   {URL: strings.Replace(s.url, "https", "http", 1), Token: good},
		"with a path":  {URL: s.url + "/x", Token: good},
		"with user":    {URL: strings.Replace(s.url, "https://", "https://a:b@", 1), Token: good},
		"no address":   {Token: good},
		"no token":     {URL: s.url},
		"cut token":    {URL: s.url, Token: good[:40]},
		"nobody there": {URL: "https://127.0.0.1:1", Token: good},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Dir = t.TempDir()
			if _, err := Enroll(t.Context(), cfg); err == nil {
				t.Fatal("enrolled")
			}
		})
	}
	if n, _ := s.count(); n != 0 {
		t.Error("a bad call reached the controller")
	}
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	for name, alter := range map[string]func(*wire.Enrolled){
		"other cluster":      func(e *wire.Enrolled) { e.Cluster = "other" },
		"other CA":           func(e *wire.Enrolled) { e.CARoot = newScript(t, nil).ca.Raw },
		"another's key":      func(e *wire.Enrolled) { e.Chain = s.clientChain(stranger.Public(), e.Endpoint) },
		"another's name":     func(e *wire.Enrolled) { e.Endpoint = elevation.EndpointID(elevation.NewID("ep_", time.Now())) },
		"an id that climbs":  func(e *wire.Enrolled) { e.Endpoint = "ep_../../../../etc" },
		"no root key":        func(e *wire.Enrolled) { e.RootKey = nil },
		"other root key":     func(e *wire.Enrolled) { e.RootKey = stranger.Public().(ed25519.PublicKey) },
		"key set is garbage": func(e *wire.Enrolled) { e.KeySet = []byte("x") },
		"no chain":           func(e *wire.Enrolled) { e.Chain = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s.alter = alter
			dir := t.TempDir()
			if _, err := Enroll(t.Context(), EnrollConfig{URL: s.url, Token: good, Dir: dir}); err == nil {
				t.Fatal("enrolled")
			}
			if _, err := Load(dir); err == nil {
				t.Fatal("an identity was written")
			}
		})
	}
}
