package main

import (
	"context"
	"errors"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/inert"
)

// lookAtNetwork goes the way to the controller and says how far it leads.
func lookAtNetwork(ctx context.Context, set *settings, f file) []check {
	id, err := link.Load(set.data)
	if err != nil {
		c := check{Name: "identity", Level: checkFail, Text: err.Error(), Hint: "run it as root"}
		if errors.Is(err, link.ErrNotEnrolled) {
			c.Hint = "assent-agent enroll --controller URL --token T"
		}
		return []check{c}
	}
	var all []check
	for _, s := range link.Probe(ctx, id, f.proxies(set), nil) {
		c := check{Name: "network: " + s.Name, Level: checkOK, Text: inert.Text(s.Text)}
		if s.Err != nil {
			c.Level, c.Text, c.Hint = checkFail, inert.Text(s.Err.Error()), s.Hint
		}
		all = append(all, c)
	}
	return all
}
