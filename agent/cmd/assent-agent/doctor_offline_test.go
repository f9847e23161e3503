package main

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestBundleCheck(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for what, row := range map[string]struct {
		since time.Time
		level string
	}{
		"none":       {time.Time{}, checkWarn},
		"fresh":      {now.Add(-time.Hour), checkOK},
		"too old":    {now.Add(-elevation.BundleLasts), checkWarn},
		"not yet so": {now.Add(time.Hour), checkWarn},
	} {
		if c := bundleCheck(row.since, now); c.Level != row.level || c.Text == "" || (c.Level == checkOK) != (c.Hint == "") {
			t.Errorf("%s: %+v", what, c)
		}
	}
	all := lookAtOffline(t.Context(), &settings{data: t.TempDir()}, file{})
	if len(all) != 1 || all[0].Level != checkOK {
		t.Errorf("without a policy: %+v", all)
	}
}
