package doors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/desk"
)

// TestC3PythonTakesNoOpenLogin: a stored login that others may read or write is
// not used, as assentctl does not use it.
func TestC3PythonTakesNoOpenLogin(t *testing.T) {
	d := desk.New(t)
	s := installed(t, d)
	home := t.TempDir()
	file := filepath.Join(home, "assent", "ctl.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(`{"url":"https://assent.example","token":"ast_stored"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]string{0o600: "https://assent.example ast_stored", 0o640: "chmod 600", 0o602: "chmod 600"} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		cmd := s.python(d.Admin, "-c", "from assent._transport import Transport\nt = Transport()\nprint(t.url, t._token)")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_CONFIG_HOME=" + home, "HOME=" + home, "PYTHONPATH=" + s.packages, "PYTHONDONTWRITEBYTECODE=1"}
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), want) || (err == nil) != (mode == 0o600) || mode != 0o600 && strings.Contains(string(out), "ast_stored") {
			t.Errorf("%o: %v %s", mode, err, out)
		}
	}
}
