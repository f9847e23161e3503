package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Bundled are the rules of a bundle, as an endpoint uses them while the controller
// can not be reached. They are the rules of the controller, read by the same code,
// with one difference: nobody evaluates conditions (`when`) there, so whatever
// depends on one asks a person. Safe for concurrent use.
type Bundled struct {
	bundle elevation.Bundle
	set    *Set

	mu        sync.Mutex // one attempt at a time
	consulted bool       // a condition was asked for by the present attempt
}

// errOffline is what every condition of a bundle answers.
var errOffline = errors.New("conditions are not evaluated on an endpoint")

// FromBundle reads the rules of a bundle. The signature and the time of it are
// the caller's to check.
func FromBundle(b elevation.Bundle) (*Bundled, error) {
	zone, err := time.LoadLocation(b.Zone)
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	out := &Bundled{bundle: b}
	sets := make([]*Set, 0, len(b.Rules))
	for _, part := range b.Rules {
		set, faults := Parse(part.YAML, WithConditions(out), WithZone(zone))
		if set == nil {
			return nil, fmt.Errorf("read the bundle: %w: %v", elevation.ErrInvalid, faults)
		}
		if part.Pack != "" {
			set = set.OfPack(part.Pack, Enforce, part.Asking)
		}
		sets = append(sets, set)
	}
	out.set = (*Set)(nil).Join(sets...).At(b.Version)
	return out, nil
}

// Len is the number of rules.
func (b *Bundled) Len() int { return b.set.Len() }

// Compile implements [Conditions].
func (b *Bundled) Compile(string, bool) (Condition, error) { return b, nil }

// Holds implements [Condition]: nobody knows.
func (b *Bundled) Holds(Input, time.Time) (bool, uint64, error) {
	b.consulted = true // called by Answer alone, which holds the lock
	return false, 0, errOffline
}

// Answer is what the rules say of an attempt on their endpoint. It approves only
// what no person, ticket, proof of presence, review or condition has a part in.
func (b *Bundled) Answer(a elevation.Attempt, ticket string, now time.Time) Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.consulted = false
	out := b.set.Evaluate(Input{Attempt: a, Ticket: ticket, Priority: a.Priority,
		Endpoint: Endpoint{ID: b.bundle.Endpoint, Name: b.bundle.Name, OS: b.bundle.OS, Arch: b.bundle.Arch, Labels: b.bundle.Labels, Can: Current()}}, now)
	if out.Kind != Approve {
		return out
	}
	n := out.Need
	if b.consulted || n.StepUp || n.Ticket != "" || n.AfterBlocks || len(n.Stages) > 0 || b.confirms(out) {
		out.Kind, out.Sentence = Ask, fmt.Sprintf("Rule %q would approve it, but not without the controller.", out.Name)
	}
	return out
}

// confirms reports whether one of the rules that gave the outcome wants the user
// to confirm.
func (b *Bundled) confirms(out Outcome) bool {
	return slices.ContainsFunc(b.set.rules, func(r *rule) bool {
		return r.Require.Confirm != "" && r.Require.Confirm != "none" && slices.Contains(out.Need.Rules, b.set.refs[r.rank])
	})
}

// BundleText writes the rules of one text that can be about an endpoint with these
// labels; "" when there are none. Rules that only observe are left out.
func BundleText(list []Rule, labels map[string]string) string {
	var b strings.Builder
	for _, r := range list {
		if r.Mode == Observe || !canHave(labels, r.Match.Labels) {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("rules:\n")
		}
		before := "- "
		for line := range strings.Lines(r.YAML) {
			b.WriteString(before + strings.TrimRight(line, "\n") + "\n")
			before = "  "
		}
	}
	return b.String()
}

func canHave(labels, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}
