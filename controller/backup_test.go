package controller_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// exported is the exported audit log, and its checkpoint.
func exported(t *testing.T, api *client.Client) (log *zip.Reader, note []byte) {
	t.Helper()
	raw, err := api.Download(t.Context(), "/audit/export")
	if err != nil {
		t.Fatal(err)
	}
	if log, err = zip.NewReader(bytes.NewReader(raw), int64(len(raw))); err != nil {
		t.Fatal(err)
	}
	got, err := client.Get[client.Checkpoint](t.Context(), api, "/audit/checkpoint", nil)
	if err != nil {
		t.Fatal(err)
	}
	return log, []byte(got.Note)
}

func add(t *testing.T, api *client.Client, login string) {
	t.Helper()
	if _, err := client.Post[client.User](t.Context(), api, "/users", map[string]any{"login": login, "roles": []string{"approver"}}); err != nil {
		t.Fatal(err)
	}
}

// TestD5BackupAndRestore: a backup of a running controller comes back as a
// controller that knows what was known then, its log goes on, and whoever kept a
// later checkpoint sees that something is missing.
func TestD5BackupAndRestore(t *testing.T) {
	data, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup.tar.gz")
	d, stop := desk.Over(t, data, time.Now())
	api := d.Admin.Client
	add(t, api, "before")
	_, early := exported(t, api)
	if err := controller.Backup(t.Context(), data, "", file, time.Now()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := controller.Backup(t.Context(), data, "", file, time.Now()); err == nil {
		t.Error("a file that is there was replaced")
	}
	for _, login := range []string{"after1", "after2", "after3"} {
		add(t, api, login)
	}
	_, late := exported(t, api)
	if _, err := controller.Restore(t.Context(), file, data, ""); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("restored over a running one: %v", err)
	}
	stop()

	again := filepath.Join(t.TempDir(), "again")
	if done, err := controller.Restore(t.Context(), file, again, ""); err != nil || done.Schema == 0 {
		t.Fatalf("%+v %v", done, err)
	}
	d, _ = desk.Over(t, again, time.Now())
	api = d.Admin.Client
	people, err := client.All[client.User](t.Context(), api, "/users", nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	var logins []string
	for _, p := range people {
		logins = append(logins, p.Login)
	}
	if got := strings.Join(logins, " "); !strings.Contains(got, "before") || strings.Contains(got, "after") {
		t.Errorf("it knows %s", got)
	}
	add(t, api, "fresh")
	log, _ := exported(t, api)
	if _, err := audit.VerifyFS(log, audit.Options{Remembered: early}); err != nil {
		t.Errorf("the log does not go on from the backup: %v", err)
	}
	if _, err := audit.VerifyFS(log, audit.Options{Remembered: late}); err == nil {
		t.Error("a checkpoint from after the backup does not show that something is missing")
	}
}

// TestD5DamagedBackup: nothing is restored from a backup that was changed.
func TestD5DamagedBackup(t *testing.T) {
	data, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup.tar.gz")
	_, stop := desk.Over(t, data, time.Now())
	stop()
	if err := controller.Backup(t.Context(), data, "", file, time.Now()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(h *tar.Header, raw []byte) []byte{
		"a byte of the database": func(h *tar.Header, raw []byte) []byte {
			if h.Name == "assent.db" {
				raw[len(raw)/2] ^= 1
			}
			return raw
		},
		"another key": func(h *tar.Header, raw []byte) []byte {
			if strings.HasSuffix(h.Name, ".key") {
				raw[40] ^= 1
			}
			return raw
		},
		"a name that leads out": func(h *tar.Header, raw []byte) []byte {
			h.Name = strings.Replace(h.Name, "keys/", "keys/../../", 1)
			return bytes.ReplaceAll(raw, []byte(`"keys/`), []byte(`"keys/../../`))
		},
		"a file more": func(h *tar.Header, raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"format": 1`), []byte(`"format": 9`), 1)
		},
		"a damaged database": nil,
	} {
		bad := filepath.Join(t.TempDir(), "bad.tar.gz")
		text := whole[:len(whole)-len(whole)/3]
		if change != nil {
			text = rewritten(t, whole, change)
		}
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		into := filepath.Join(t.TempDir(), "into")
		if _, err := controller.Restore(t.Context(), bad, into, ""); err == nil {
			t.Errorf("%s: restored", name)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(into), "*")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(into), ".assent*")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func rewritten(t *testing.T, whole []byte, change func(*tar.Header, []byte) []byte) []byte {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(packed)
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for {
		h, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		raw = change(h, raw)
		h.Size = int64(len(raw))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
