package publisher

import (
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// The system's own programs are Apple's, as codesign of this Mac says it.
func TestAppleOnThisMac(t *testing.T) {
	got, err := Mac{Tools: mactool.System{}}.Named(t.Context(), "/bin/ls")
	if err != nil || got.Name != "Apple" || got.Thumbprint != teamPrint("apple") {
		t.Errorf("%+v, %v", got, err)
	}
}
