package queue

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// What was refused inside of a contained command never looks as if it had run.
func TestListedSaysWhatWasRefused(t *testing.T) {
	in := wire.Report{Kind: elevation.ReportListed, Subject: &elevation.Subject{Path: "/usr/bin/touch"}, Text: "touch x"}
	if l, ok := listedOf(in, time.Now()); !ok || l.Refused != "" {
		t.Errorf("ran: %+v", l)
	}
	in.Failed = true
	if l, ok := listedOf(in, time.Now()); !ok || l.Refused != "touch x" {
		t.Errorf("refused: %+v", l)
	}
	in.Text = ""
	if l, ok := listedOf(in, time.Now()); !ok || l.Refused == "" {
		t.Errorf("refused without a word: %+v", l)
	}
}
