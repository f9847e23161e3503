package insight

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
)

// What it takes before a rule is suggested.
const (
	SuggestDays    = 90
	suggestLeast   = 5      // approvals by people
	suggestSeen    = 20     // or so often only seen, which nobody approved
	suggestMost    = 100    // candidates that are tried
	suggestListed  = 20     // suggestions
	suggestGroups  = 20_000 // different commands that are remembered
	suggestPerOne  = 500    // approvals of one command that are remembered
	suggestValues  = 12     // values of the one argument that may vary
	suggestLabels  = 3      // labels that narrow a rule
	evidenceListed = 50     // requests, people and endpoints shown with a suggestion
)

// Suggestion is a rule that would have answered as people did, with what speaks
// for it. It observes until a person enables it.
type Suggestion struct {
	Name       string
	YAML       string // a whole file with this one rule
	Sentence   string
	Approvals  int // by people, that it explains
	Observed   int // how often it was only seen
	Requests   []elevation.RequestID
	Requesters []string
	Approvers  []string
	Endpoints  []string
	Seen       int // endpoints altogether
	First      time.Time
	Last       time.Time
	Replay     Replayed // of the rules in force together with this one, enforcing
}

// Suggestions are the narrowest rules that explain what people approved again and
// again in the last days, on three endpoints at least, and that would approve
// nothing which a person denied. The most waiting saved comes first.
func (s *Insight) Suggestions(ctx context.Context, act auth.Actor, days int) ([]Suggestion, error) {
	if err := may(act, auth.RulesRead, auth.RequestsRead); err != nil {
		return nil, err
	}
	days, err := daysOf(days, SuggestDays)
	if err != nil {
		return nil, err
	}
	free, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	found, err := s.gather(ctx, act, days)
	if err != nil {
		return nil, fmt.Errorf("look for rules to suggest: %w", err)
	}
	out, trials, err := s.draft(ctx, found.candidates())
	if err != nil || len(out) == 0 {
		return nil, err
	}
	for _, t := range trials {
		trials = append(trials, trial{set: s.cfg.Rules(), path: t.path})
	}
	results, err := s.replay(ctx, act, trials, s.span(days, replayMost))
	if err != nil {
		return nil, fmt.Errorf("try rules to suggest: %w", err)
	}
	kept := out[:0]
	for i, x := range out {
		already := results[len(out)+i] // by the rules in force alone
		x.Replay = results[i]
		helps := x.Replay.NewlyApproved-already.NewlyApproved >= suggestLeast || x.Replay.ObservedApproved-already.ObservedApproved >= suggestSeen
		if x.Replay.HumanDenied == 0 && helps {
			x.Replay.Days = days
			kept = append(kept, x)
		}
	}
	slices.SortFunc(kept, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Replay.Saved, a.Replay.Saved), cmp.Compare(b.Approvals, a.Approvals), cmp.Compare(b.Observed, a.Observed), cmp.Compare(a.Name, b.Name))
	})
	return kept[:min(len(kept), suggestListed)], nil
}

// draft writes the candidates as rules, and leaves out those that the linter
// refuses.
func (s *Insight) draft(ctx context.Context, list []candidate) (out []Suggestion, trials []trial, err error) {
	current, err := s.cfg.Text(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range list {
		name, text, err := c.rule(rules.Enforce)
		if err != nil {
			return nil, nil, err
		}
		if _, err := s.cfg.Read(text); err != nil {
			continue // not narrow enough to be a rule
		}
		whole, err := rules.Merge([]byte(current), []byte(text))
		if err != nil {
			return nil, nil, err
		}
		set, err := s.cfg.Read(string(whole))
		if err != nil {
			continue // there is a rule with this anchor
		}
		if _, text, err = c.rule(rules.Observe); err != nil {
			return nil, nil, err
		}
		out = append(out, c.suggestion(name, text))
		trials = append(trials, trial{set: set, path: c.path})
	}
	return out, trials, nil
}

// approval is one answer of a person that a rule could have given, or, with seen,
// something that only went on: that says how often, and is nobody's approval.
type approval struct {
	seen     int // times
	id       elevation.RequestID
	at       time.Time
	user     string
	approver string
	endpoint elevation.EndpointID
	name     string // of the endpoint
	labels   map[string]string
	groups   []string
	args     []string
	sha256   string
	writable bool
	given    time.Duration
}

// commandKey is a command without what may vary.
type commandKey struct {
	kind elevation.AccessType
	path string
	args string // joined by NUL; one element may be a hole
	hole int    // which one, -1 = none
	argc int
}

// gathered are approvals by command.
type gathered struct {
	by     map[commandKey][]approval
	groups map[string]int // how often somebody of the group asked
}

func newGathered() *gathered {
	return &gathered{by: map[commandKey][]approval{}, groups: map[string]int{}}
}

// gather collects what people approved in the last days.
func (s *Insight) gather(ctx context.Context, act auth.Actor, days int) (*gathered, error) {
	parts := make([]*gathered, workers())
	var work []func(*elevation.Request) error
	for i := range parts {
		parts[i] = newGathered()
		endpoints := s.fleetFor(act)
		work = append(work, func(r *elevation.Request) error {
			ep, err := endpoints.endpoint(ctx, r.Endpoint)
			if err == nil && ep.covered {
				parts[i].take(r, ep)
			}
			return err
		})
	}
	if _, err := s.cfg.Store.Each(ctx, s.span(days, replayMost), work); err != nil {
		return nil, err
	}
	if err := s.gatherSeen(ctx, act, days, parts); err != nil {
		return nil, err
	}
	all := parts[0]
	for _, p := range parts[1:] {
		for k, list := range p.by {
			all.by[k] = append(all.by[k], list...)
		}
		for g, n := range p.groups {
			all.groups[g] += n
		}
	}
	return all, nil
}

// gatherSeen adds what endpoints only saw.
func (s *Insight) gatherSeen(ctx context.Context, act auth.Actor, days int, parts []*gathered) error {
	var work []func(*store.Sighting) error
	for i := range parts {
		endpoints := s.fleetFor(act)
		work = append(work, func(x *store.Sighting) error {
			ep, err := endpoints.endpoint(ctx, x.Endpoint)
			if err == nil && ep.covered && isHistory(x.Kind) && learnable(x.Attempt) {
				a := x.Attempt
				for _, name := range a.User.Groups {
					parts[i].groups[name]++
				}
				parts[i].keep(a, approval{id: x.ID, at: x.At, seen: x.Times, user: a.User.Name, endpoint: x.Endpoint, name: ep.name(), labels: ep.rules.Labels,
					groups: a.User.Groups, args: a.Subject.Args, sha256: a.Subject.SHA256, writable: a.Subject.HasMark(elevation.MarkUserWritable)})
			}
			return err
		})
	}
	_, err := s.cfg.Store.EachSighting(ctx, s.span(days, replayMost), work)
	return err
}

// learnable reports whether a rule may answer an attempt by itself.
func learnable(a elevation.Attempt) bool {
	s := a.Subject
	hidden := slices.ContainsFunc(s.Args, func(arg string) bool { return strings.Contains(arg, elevation.Masked) })
	return a.AccessType == elevation.Run && s.RunAs == "root" && !s.HasMark(elevation.MarkShell) && !s.HasMark(elevation.MarkDialogs) && s.CalledAs() == "" && !hidden
}

// take keeps one request if a person approved it and a rule may do so.
func (g *gathered) take(r *elevation.Request, ep known) {
	for _, name := range r.Attempt.User.Groups {
		g.groups[name]++
	}
	s, d := r.Attempt.Subject, r.Decision
	switch {
	case d == nil || d.Verdict != elevation.Approved || d.By.Kind != elevation.ByUser || d.Access != "" || r.Emergency || r.Extends != "":
		return
	case !learnable(r.Attempt):
		return
	}
	a := approval{id: r.ID, at: r.SubmittedAt, user: r.Attempt.User.Name, approver: d.By.Name, endpoint: r.Endpoint, name: ep.name(),
		labels: ep.rules.Labels, groups: r.Attempt.User.Groups, args: s.Args, sha256: s.SHA256,
		writable: s.HasMark(elevation.MarkUserWritable), given: r.Granted.Duration}
	g.keep(r.Attempt, a)
}

// keep puts one answer under each command that it is an example of.
func (g *gathered) keep(attempt elevation.Attempt, a approval) {
	s := attempt.Subject
	g.put(commandKey{attempt.AccessType, s.Path, strings.Join(s.Args, "\x00"), -1, len(s.Args)}, a)
	if elevation.Unbounded(s.Path) || s.HasMark(elevation.MarkUnbounded) || len(s.Args) > 16 {
		return // only fixed arguments may be approved by a rule
	}
	for i := range s.Args {
		holed := slices.Clone(s.Args)
		holed[i] = ""
		g.put(commandKey{attempt.AccessType, s.Path, strings.Join(holed, "\x00"), i, len(s.Args)}, a)
	}
}

func (g *gathered) put(k commandKey, a approval) {
	list, ok := g.by[k]
	if !ok && len(g.by) >= suggestGroups || len(list) >= suggestPerOne {
		return
	}
	g.by[k] = append(list, a)
}

// candidate is a rule that could be suggested.
type candidate struct {
	commandKey
	list   []approval
	values []string // of the argument that varies, sorted
	groups map[string]int
}

// candidates are commands that were approved often enough: first those that are
// always the same, then those with one argument that varies, for what is left.
func (g *gathered) candidates() []candidate {
	var exact, varying []candidate
	explained := map[elevation.RequestID]bool{}
	for k, list := range g.by {
		if k.hole < 0 && enough(list) {
			exact = append(exact, candidate{commandKey: k, list: list, groups: g.groups})
			for _, a := range list {
				explained[a.id] = true
			}
		}
	}
	for k, list := range g.by {
		if k.hole < 0 {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(list), func(a approval) bool { return explained[a.id] })
		values := map[string]bool{}
		for _, a := range rest {
			values[a.args[k.hole]] = true
		}
		if enough(rest) && len(values) > 1 && len(values) <= suggestValues {
			varying = append(varying, candidate{commandKey: k, list: rest, values: slices.Sorted(maps.Keys(values)), groups: g.groups})
		}
	}
	order := func(a, b candidate) int {
		return cmp.Or(cmp.Compare(len(b.list), len(a.list)), cmp.Compare(a.path, b.path), cmp.Compare(a.args, b.args), cmp.Compare(a.hole, b.hole))
	}
	slices.SortFunc(exact, order)
	slices.SortFunc(varying, order)
	all := append(exact, varying...)
	return all[:min(len(all), suggestMost)]
}

// enough wants several approvals on several endpoints: what one endpoint says
// alone suggests nothing.
func enough(list []approval) bool {
	people, seen := map[elevation.EndpointID]bool{}, map[elevation.EndpointID]bool{}
	approved, times := 0, 0
	for _, a := range list {
		if a.seen > 0 {
			seen[a.endpoint], times = true, times+a.seen
		} else {
			people[a.endpoint], approved = true, approved+1
		}
	}
	return approved >= suggestLeast && len(people) >= fewest || times >= suggestSeen && len(seen) >= fewest
}

func (c candidate) suggestion(name, text string) Suggestion {
	x := Suggestion{Name: name, YAML: text}
	list := slices.Clone(c.list)
	slices.SortFunc(list, func(a, b approval) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.id, a.id)) })
	users, approvers, endpoints := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range list {
		users[a.user], endpoints[a.name] = true, true
		if a.seen > 0 {
			x.Observed += a.seen
			continue
		}
		x.Approvals++
		approvers[a.approver] = true
		if len(x.Requests) < evidenceListed {
			x.Requests = append(x.Requests, a.id)
		}
	}
	x.First, x.Last, x.Seen = list[len(list)-1].at, list[0].at, len(endpoints)
	x.Requesters, x.Approvers, x.Endpoints = listed(users), listed(approvers), listed(endpoints)
	what := command(elevation.Subject{Path: c.path, Args: c.shown()})
	where := fmt.Sprintf("%s on %s between %s and %s", count(len(users), "person", "people"), count(x.Seen, "endpoint", "endpoints"),
		x.First.UTC().Format(time.DateOnly), x.Last.UTC().Format(time.DateOnly))
	if x.Approvals == 0 {
		x.Sentence = fmt.Sprintf("%s ran %d times for %s while endpoints only observed. Nobody approved it.", what, x.Observed, where)
		return x
	}
	x.Sentence = fmt.Sprintf("%s approved %s %d times for %s.", count(len(approvers), "person", "people"), what, x.Approvals, where)
	if x.Observed > 0 {
		x.Sentence += fmt.Sprintf(" It also ran %d times where endpoints only observed, which nobody approved.", x.Observed)
	}
	return x
}

// shown are the arguments with the values of the one that varies.
func (c candidate) shown() []string {
	args := slices.Clone(c.list[0].args)
	if c.hole >= 0 {
		args[c.hole] = strings.Join(c.values, "|")
	}
	return args
}

func listed(names map[string]bool) []string {
	all := slices.Sorted(maps.Keys(names))
	return all[:min(len(all), evidenceListed)]
}

// sha is a short name for a list of texts.
func sha(parts ...string) string {
	h := sha256.New()
	sign.WriteParts(h, parts...)
	return hex.EncodeToString(h.Sum(nil)[:3])
}
