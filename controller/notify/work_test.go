package notify

import (
	"fmt"
	"net"
	"testing"
)

// What people read of a name that is not there does not say whom we asked.
func TestErrorsNameNoResolver(t *testing.T) {
	err := fmt.Errorf("call it: %w", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "hook.example", Server: "10.0.0.2:53"}})
	if got, want := errorText(err), "the name could not be found"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
