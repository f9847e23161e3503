package notify

import (
	"errors"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestPreviewOfNoEvent: a kind that no event has is the caller's mistake, for
// every template.
func TestPreviewOfNoEvent(t *testing.T) {
	for _, template := range []string{"", "slack", "teams", "pagerduty", "jira", "servicenow"} {
		for _, kind := range []string{"\x1b[2J", "request.nope", "REQUEST.SUBMITTED", "a\x00"} {
			if _, _, err := Preview(template, "", kind, "https://assent.example"); !errors.Is(err, elevation.ErrInvalid) {
				t.Errorf("%q of %q: %v", template, kind, err)
			}
		}
		for _, kind := range []string{"", "request.created", "request.submitted", "request.waiting", "grant.end_failed", "digest", "test"} {
			if _, _, err := Preview(template, "", kind, "https://assent.example"); err != nil {
				t.Errorf("%q of %q: %v", template, kind, err)
			}
		}
	}
}
