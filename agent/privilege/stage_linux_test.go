package privilege

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// rootsFolder is one that nobody but root can change, as the agent's own is.
func rootsFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/lib", "assent-stage-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestStaged(t *testing.T) {
	testgroup.Need(t, "root")
	own := rootsFolder(t)
	const text = "#!/bin/sh\nid\n"
	sum := sha256.Sum256([]byte(text))
	write := func(dir string, mode fs.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, "tool")
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, []byte(text), 0o755), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	safe, open := write(filepath.Join(own, "bin"), 0o755), write(t.TempDir(), 0o777)
	spec := func(path, stage string) Spec {
		return Spec{Grant: elevation.GrantID("gr_1"), Path: path, SHA256: hex.EncodeToString(sum[:]), StageDir: stage}
	}
	stage := filepath.Join(own, "stage")
	if path, err := staged(spec(safe, stage)); path != safe || err != nil {
		t.Errorf("root's own runs from its place: %s, %v", path, err)
	}
	path, err := staged(spec(open, stage))
	if err != nil || filepath.Dir(path) != StagePath(stage, "gr_1") {
		t.Fatalf("%s, %v", path, err)
	}
	if only, err := RootOnly(path); !only || err != nil {
		t.Errorf("others can change the copy: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(open, []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(path); string(raw) != text || err != nil {
		t.Errorf("the copy is %q, %v", raw, err)
	}
	if again, err := staged(spec(open, stage)); err == nil {
		t.Errorf("twice for one grant: %s", again)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the first copy is gone: %v", err)
	}
	_ = os.RemoveAll(StagePath(stage, "gr_1"))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(safe, link); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		path, stage string
		want        error
	}{
		"changed since":             {open, stage, ErrChanged},
		"no folder for copies":      {open, "", ErrUnsafe},
		"a folder that others have": {write(t.TempDir(), 0o777), t.TempDir(), ErrUnsafe},
		"a link":                    {link, stage, nil},
		"a folder":                  {own, stage, ErrChanged},
		"nothing":                   {filepath.Join(own, "none"), stage, fs.ErrNotExist},
	} {
		if got, err := staged(spec(row.path, row.stage)); err == nil || got != "" || row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if row.stage != "" {
			if _, err := os.Lstat(StagePath(row.stage, "gr_1")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: a copy is left: %v", name, err)
			}
		}
	}
}
