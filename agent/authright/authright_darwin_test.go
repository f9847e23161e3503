package authright

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// What security of this Mac says has the form that is read here; with root a right is
// set and put back.
func TestRightsOfThisMac(t *testing.T) {
	d := DB{Dir: filepath.Join(t.TempDir(), "rights"), Tools: mactool.System{}, Log: slog.New(slog.DiscardHandler)}
	before, err := d.read(t.Context(), printing)
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("rights are changed by root")
	}
	if err := d.Set(t.Context(), map[string]Level{printing: User}); err != nil {
		t.Error(err)
	}
	if err := d.Restore(t.Context()); err != nil {
		t.Error(err)
	}
	if after, err := d.read(t.Context(), printing); err != nil || string(after) != string(before) {
		t.Errorf("was %s\nis %s\n%v", before, after, err)
	}
}
