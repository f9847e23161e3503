package insight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/auth"
)

// HitDays is how far back rules are counted when nothing is said.
const HitDays = 7

// RuleHits are how often one rule counted, whatever version it was of.
type RuleHits struct {
	Rule                    string
	Approved, Denied, Asked int
	WouldApprove, WouldDeny int // while it observed
	Last                    time.Time
}

// Hits are the rules that counted in the last days, the most used first. An actor
// with a scope gets the requests of their scope only.
func (s *Insight) Hits(ctx context.Context, act auth.Actor, days int) ([]RuleHits, error) {
	if err := may(act, auth.RulesRead, auth.RequestsRead); err != nil {
		return nil, err
	}
	days, err := daysOf(days, HitDays)
	if err != nil {
		return nil, err
	}
	free, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	now := s.cfg.Now()
	p := period{since: now.Add(-time.Duration(days) * 24 * time.Hour), until: now, now: now}
	t, _, err := s.count(ctx, act, report{see: seeRule}, p)
	if err != nil {
		return nil, fmt.Errorf("count what rules answered: %w", err)
	}
	out := make([]RuleHits, 0, len(t))
	for _, l := range t {
		out = append(out, RuleHits{Rule: l.cells[0], Approved: l.n[0], Denied: l.n[1], Asked: l.n[2], WouldApprove: l.n[3], WouldDeny: l.n[4], Last: l.last})
	}
	all := func(h RuleHits) int { return h.Approved + h.Denied + h.Asked + h.WouldApprove + h.WouldDeny }
	slices.SortFunc(out, func(a, b RuleHits) int { return cmp.Or(cmp.Compare(all(b), all(a)), cmp.Compare(a.Rule, b.Rule)) })
	return out, nil
}
