package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/offline"
	"github.com/assent-epm/assent/shared/elevation"
)

// lookAtOffline says whether the machine has what its policy allows for times
// without the controller.
func lookAtOffline(_ context.Context, set *settings, _ file) []check {
	p, err := agent.ReadPolicy(set.data)
	if errors.Is(err, fs.ErrNotExist) || err == nil && p.Offline == (elevation.Offline{}) {
		return []check{{Name: "offline", Level: checkOK, Text: "the policy allows nothing while the controller can not be reached"}}
	}
	if err != nil {
		return []check{{Name: "offline", Level: checkFail, Text: err.Error(), Hint: "start the agent; it takes the policy anew"}}
	}
	since, codes, err := offline.Kept(set.data)
	if err != nil {
		return []check{{Name: "offline", Level: checkWarn, Text: err.Error(), Hint: "the next contact with the controller brings it anew"}}
	}
	var all []check
	if p.Offline.Rules {
		all = append(all, bundleCheck(since, time.Now()))
	}
	if p.Offline.Codes {
		c := check{Name: "offline codes", Level: checkOK, Text: "there is a key for codes"}
		if !codes {
			c = check{Name: "offline codes", Level: checkWarn, Text: "there is no key for codes", Hint: "the next contact with the controller brings one"}
		}
		all = append(all, c)
	}
	return all
}

func bundleCheck(since, now time.Time) check {
	c := check{Name: "offline rules", Level: checkWarn}
	switch age := now.Sub(since); {
	case since.IsZero():
		c.Text, c.Hint = "no signed rules have come", "the controller says why not in its log: endpoint.alarm, bundle_too_large"
	case age >= elevation.BundleLasts || age < 0:
		c.Text, c.Hint = "the signed rules are of "+since.Format(time.RFC3339)+", which is too old", "they are good for a day; the next contact with the controller brings new ones"
	default:
		c.Level, c.Text = checkOK, "signed rules have come "+age.Round(time.Minute).String()+" ago"
	}
	return c
}
