package privilege

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// BenchmarkStart is one program from call to exit, without the ledger.
func BenchmarkStart(b *testing.B) {
	testgroup.Need(b, "root")
	trees, err := NewTrees(Config{Realm: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer trees.Close()
	path, err := filepath.EvalSymlinks("/bin/true")
	if err != nil {
		b.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(raw)
	sum := hex.EncodeToString(digest[:])
	for b.Loop() {
		var files [3]*os.File
		for i := range files {
			if files[i], err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
				b.Fatal(err)
			}
		}
		r, err := trees.Start(b.Context(), Spec{Grant: elevation.NewGrantID(time.Now()), Path: path, SHA256: sum, Cwd: "/",
			Requester: Account{Name: "alice", UID: 41000, GID: 41000}, RunAs: Account{Name: "root", Home: "/", Shell: "/bin/sh"}, Files: files, TTL: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Wait(); err != nil {
			b.Fatal(err)
		}
		if err := trees.End(b.Context(), r.Tree, 0); err != nil {
			b.Fatal(err)
		}
	}
}
