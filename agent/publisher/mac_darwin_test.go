package publisher

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// Codesign of this Mac tells what that of memory tells. It has run on no Mac.
func TestMacContractHere(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	macContract(t, Mac{Tools: mactool.System{}}, "/bin/ls", plain)
}
