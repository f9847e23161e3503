package authright

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// The rights of this Mac do what those of memory do; none has been set before. It has
// run on no Mac.
func TestContractOfThisMac(t *testing.T) {
	d := DB{Dir: filepath.Join(t.TempDir(), "rights"), Tools: mactool.System{}, Log: slog.New(slog.DiscardHandler)}
	if _, err := d.read(t.Context(), printing); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("rights are changed by root")
	}
	contract(t, d, printing)
}
