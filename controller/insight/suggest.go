package insight

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
)

// What it takes before a rule is suggested.
const (
	SuggestDays    = 90
	suggestLeast   = 5      // approvals by people
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
	if days == 0 {
		days = SuggestDays
	}
	if days < 0 || days > MaxDays {
		return nil, fmt.Errorf("%w: days are 1 to %d", elevation.ErrInvalid, MaxDays)
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
		already := results[len(out)+i].NewlyApproved // by the rules in force alone
		if x.Replay = results[i]; x.Replay.HumanDenied == 0 && x.Replay.NewlyApproved-already >= suggestLeast {
			x.Replay.Days = days
			kept = append(kept, x)
		}
	}
	slices.SortFunc(kept, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Replay.Saved, a.Replay.Saved), cmp.Compare(b.Approvals, a.Approvals), cmp.Compare(a.Name, b.Name))
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

// approval is one answer of a person that a rule could have given.
type approval struct {
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

// take keeps one request if a person approved it and a rule may do so.
func (g *gathered) take(r *elevation.Request, ep known) {
	for _, name := range r.Attempt.User.Groups {
		g.groups[name]++
	}
	s, d := r.Attempt.Subject, r.Decision
	hidden := slices.ContainsFunc(s.Args, func(a string) bool { return strings.Contains(a, elevation.Masked) })
	switch {
	case d == nil || d.Verdict != elevation.Approved || d.By.Kind != elevation.ByUser || d.Access != "" || r.Emergency || r.Extends != "":
		return
	case r.Attempt.AccessType != elevation.Run || s.RunAs != "root" || s.HasMark(elevation.MarkShell) || s.CalledAs() != "" || hidden:
		return
	}
	a := approval{id: r.ID, at: r.SubmittedAt, user: r.Attempt.User.Name, approver: d.By.Name, endpoint: r.Endpoint, name: ep.name(),
		labels: ep.rules.Labels, groups: r.Attempt.User.Groups, args: s.Args, sha256: s.SHA256,
		writable: s.HasMark(elevation.MarkUserWritable), given: r.Granted.Duration}
	g.put(commandKey{r.Attempt.AccessType, s.Path, strings.Join(s.Args, "\x00"), -1, len(s.Args)}, a)
	if elevation.Unbounded(s.Path) || s.HasMark(elevation.MarkUnbounded) || len(s.Args) > 16 {
		return // only fixed arguments may be approved by a rule
	}
	for i := range s.Args {
		holed := slices.Clone(s.Args)
		holed[i] = ""
		g.put(commandKey{r.Attempt.AccessType, s.Path, strings.Join(holed, "\x00"), i, len(s.Args)}, a)
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
	endpoints := map[elevation.EndpointID]bool{}
	for _, a := range list {
		endpoints[a.endpoint] = true
	}
	return len(list) >= suggestLeast && len(endpoints) >= fewest
}

// The parts of a rule as it is written.
type (
	ruleFile struct {
		Rules []ruleText `yaml:"rules"`
	}
	ruleText struct {
		Name    string            `yaml:"name"`
		Match   matchText         `yaml:"match"`
		Then    rules.Then        `yaml:"then"`
		Limits  *limitsText       `yaml:"limits,omitempty"`
		Mode    rules.Mode        `yaml:"mode"`
		Message map[string]string `yaml:"message"`
	}
	matchText struct {
		SHA256   []string      `yaml:"sha256,flow,omitempty"`
		Path     string        `yaml:"path"`
		Args     []any         `yaml:"args,flow"`
		Group    []string      `yaml:"group,flow,omitempty"`
		Endpoint *endpointText `yaml:"endpoint,omitempty"`
		Kinds    []string      `yaml:"access_type,flow"`
	}
	endpointText struct {
		Labels map[string]string `yaml:"labels,flow"`
	}
	limitsText struct {
		Duration string `yaml:"duration"`
	}
)

// rule writes the narrowest rule that matches all of the candidate's approvals.
func (c candidate) rule(mode rules.Mode) (name, text string, err error) {
	r := ruleText{Name: c.name(), Then: rules.ThenApprove, Mode: mode, Message: map[string]string{"en": "People approved this again and again."},
		Match: matchText{Path: c.path, Args: []any{}, Kinds: []string{string(c.kind)}}}
	for i, arg := range c.list[0].args {
		if i == c.hole {
			quoted := make([]string, len(c.values))
			for k, v := range c.values {
				quoted[k] = regexp.QuoteMeta(v)
			}
			r.Match.Args = append(r.Match.Args, map[string]string{"regex": strings.Join(quoted, "|")})
			continue
		}
		r.Match.Args = append(r.Match.Args, arg)
	}
	if labels := c.labels(); len(labels) > 0 {
		r.Match.Endpoint = &endpointText{Labels: labels}
	}
	if g := c.group(); g != "" {
		r.Match.Group = []string{g}
	}
	if slices.ContainsFunc(c.list, func(a approval) bool { return a.writable }) {
		r.Match.SHA256 = c.hashes()
	}
	if d := c.longest(); d > 0 {
		r.Limits = &limitsText{Duration: elevation.FormatDuration(d)}
	}
	raw, err := yaml.Marshal(ruleFile{Rules: []ruleText{r}})
	if err != nil {
		return "", "", fmt.Errorf("write a rule: %w", err)
	}
	return r.Name, string(raw), nil
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// name is readable, and the same for the same command.
func (c candidate) name() string {
	words := strings.ToLower(c.path[strings.LastIndexAny(c.path, `/\`)+1:] + " " + strings.ReplaceAll(c.args, "\x00", " "))
	slug := strings.Trim(notName.ReplaceAllString(words, "-"), "-")
	sum := sha(string(c.kind), c.path, c.args, fmt.Sprint(c.hole))
	return "suggested-" + strings.Trim(slug[:min(len(slug), 40)], "-") + "-" + sum
}

// labels are those that every endpoint of the approvals has alike.
func (c candidate) labels() map[string]string {
	common := maps.Clone(c.list[0].labels)
	for _, a := range c.list[1:] {
		maps.DeleteFunc(common, func(k, v string) bool { return a.labels[k] != v })
	}
	for _, k := range slices.Sorted(maps.Keys(common))[min(len(common), suggestLabels):] {
		delete(common, k)
	}
	return common
}

// group is the one that all who asked are in; of several the rarest.
func (c candidate) group() string {
	common := slices.Clone(c.list[0].groups)
	for _, a := range c.list[1:] {
		common = slices.DeleteFunc(common, func(g string) bool { return !slices.Contains(a.groups, g) })
	}
	best := ""
	for _, g := range common {
		if best == "" || c.groups[g] < c.groups[best] || c.groups[g] == c.groups[best] && g < best {
			best = g
		}
	}
	return best
}

func (c candidate) hashes() []string {
	all := map[string]bool{}
	for _, a := range c.list {
		all[a.sha256] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// longest is the longest time that was given, 0 when it says nothing.
func (c candidate) longest() time.Duration {
	var d time.Duration
	for _, a := range c.list {
		d = max(d, a.given)
	}
	if d >= elevation.DefaultTimes().RunCap {
		return 0
	}
	return d
}

func (c candidate) suggestion(name, text string) Suggestion {
	x := Suggestion{Name: name, YAML: text, Approvals: len(c.list)}
	list := slices.Clone(c.list)
	slices.SortFunc(list, func(a, b approval) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.id, a.id)) })
	users, approvers, endpoints := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range list {
		if len(x.Requests) < evidenceListed {
			x.Requests = append(x.Requests, a.id)
		}
		users[a.user], approvers[a.approver], endpoints[a.name] = true, true, true
	}
	x.First, x.Last, x.Seen = list[len(list)-1].at, list[0].at, len(endpoints)
	x.Requesters, x.Approvers, x.Endpoints = listed(users), listed(approvers), listed(endpoints)
	x.Sentence = fmt.Sprintf("%s approved %s %d times for %s on %s between %s and %s.", count(len(approvers), "person", "people"),
		command(elevation.Subject{Path: c.path, Args: c.shown()}), x.Approvals, count(len(users), "person", "people"),
		count(x.Seen, "endpoint", "endpoints"), x.First.UTC().Format(time.DateOnly), x.Last.UTC().Format(time.DateOnly))
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
