package insight

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

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
	r := ruleText{Name: c.name(), Then: rules.ThenApprove, Mode: mode, Message: map[string]string{"en": c.message()},
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

// message is what people read when the rule answers.
func (c candidate) message() string {
	if slices.ContainsFunc(c.list, func(a approval) bool { return a.seen == 0 }) {
		return "People approved this again and again."
	}
	return "This was done again and again."
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
