package keep

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

type value struct {
	Cluster  string `cbor:"cluster"`
	Endpoint string `cbor:"endpoint"`
	Why      string `cbor:"why"`
}

// stored is the lock of an endpoint as agents have written it before this package
// was there: what they have on the disk must stay readable, and be readable for
// them after a step back.
const stored = "a26373756d582016c1fbbf69ead1727fb7356c826d40fb9de6eea5e1c42b420df050e2178266a164626f64795825" +
	"a3637768796673746f6c656e67636c757374657262633168656e64706f696e746465705f31"

func TestFilesOfBefore(t *testing.T) {
	raw, err := hex.DecodeString(stored)
	if err != nil {
		t.Fatal(err)
	}
	want := value{Cluster: "c1", Endpoint: "ep_1", Why: "stolen"}
	var got value
	if err := Open(raw, &got); err != nil || got != want {
		t.Errorf("read %+v, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "lock")
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(raw) {
		t.Errorf("written %x, %v", now, err)
	}
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var got value
	if err := Read(path, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if err := Write(path, value{Why: "stolen"}); err != nil {
		t.Fatal(err)
	}
	if err := Read(path, &got); err != nil || got.Why != "stolen" {
		t.Errorf("read %+v, %v", got, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := append([]byte{}, raw...)
		bad[i] ^= 1
		if err := Open(bad, &got); err == nil {
			t.Errorf("a file with byte %d changed is read", i)
		}
		if err := Open(raw[:i], &got); err == nil {
			t.Errorf("a file of %d bytes is read", i)
		}
	}
	bad := append([]byte{}, raw...)
	bad[len(bad)-1] ^= 1
	if err := Open(bad, &got); !errors.Is(err, ErrDamaged) {
		t.Errorf("another body: %v", err)
	}
}
