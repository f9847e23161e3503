package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// DraftRule asks how one rule would be written: by its text, by its fields, or,
// with neither, as it is.
type DraftRule struct {
	Rule   elevation.RuleID // in force; "" = a new one
	YAML   string           // a file with the rule and its tests
	Fields map[string]any   // what the file shall say; nil = what it says
}

// RuleDraft is one rule that is being written. Nothing is in force by it.
type RuleDraft struct {
	Rule    rules.Rule // the zero one while it can not be read
	YAML    string
	Fields  map[string]any // empty while the text can not be read
	Faults  []rules.Fault  // at lines of YAML; line 0: elsewhere in the rules
	Version int64          // in force
	Stored  string         // the rule as it is in force
	Whole   string         // all rules with it
	Diff    string
}

// DraftRule writes one rule, puts it into the rules in force, and says what is
// wrong with them then. A text that can not be read is an answer with faults.
func (a *Admin) DraftRule(ctx context.Context, act auth.Actor, in DraftRule) (RuleDraft, error) {
	if err := act.Can(auth.RulesRead); err != nil {
		return RuleDraft{}, err
	}
	done, err := a.reading(ctx)
	if err != nil {
		return RuleDraft{}, err
	}
	defer done()
	old, err := a.stored(ctx)
	if err != nil {
		return RuleDraft{}, fmt.Errorf("read rules: %w", err)
	}
	if old.Version == 0 {
		old.YAML = noRules
	}
	out := RuleDraft{YAML: in.YAML, Version: old.Version}
	name, err := a.startDraft(&out, old, in)
	if err != nil {
		return RuleDraft{}, err
	}
	if in.Fields != nil {
		text, err := rules.SetFields([]byte(out.YAML), in.Fields)
		if err != nil {
			return RuleDraft{}, err
		}
		out.YAML = string(text)
	}
	a.weighDraft(&out, old, name)
	return out, nil
}

// startDraft finds the rule that is changed; its name is "" for one that is new,
// or that takes the place of a pack's.
func (a *Admin) startDraft(out *RuleDraft, old store.Ruleset, in DraftRule) (elevation.RuleID, error) {
	if in.Rule == "" {
		if out.YAML == "" && in.Fields == nil {
			out.YAML = "rules:\n  - name: new-rule\n    match: {}\n    then: require\n    mode: observe\n"
		}
		return "", nil
	}
	text, err := rules.Cut([]byte(old.YAML), in.Rule)
	if err == nil {
		out.Stored = text
		if out.YAML == "" {
			out.YAML = text
		}
		return in.Rule, nil
	}
	if !errors.Is(err, elevation.ErrNotFound) {
		return "", err
	}
	if out.YAML != "" { // somebody removed it meanwhile: what was written is a new one
		return "", nil
	}
	all, broken := a.packs()
	if broken != nil {
		return "", broken
	}
	for _, p := range all {
		i := slices.IndexFunc(p.Rules, func(r rules.Rule) bool { return r.Name == in.Rule })
		if i >= 0 {
			whole, err := rules.PutRule([]byte(noRules), "", p.Rules[i].YAML)
			out.YAML = string(whole)
			return "", err
		}
	}
	return "", err
}

// weighDraft says what a draft means.
func (a *Admin) weighDraft(out *RuleDraft, old store.Ruleset, name elevation.RuleID) {
	out.Fields = map[string]any{}
	if fields, err := rules.Fields([]byte(out.YAML)); err == nil {
		out.Fields = fields
	}
	alone, faults := a.read(out.YAML)
	whole, err := rules.Put([]byte(old.YAML), name, []byte(out.YAML))
	if alone != nil && alone.Len() == 1 {
		out.Rule = alone.Rules()[0]
	}
	if err != nil {
		if !rules.Failed(faults) {
			faults = append(faults, rules.Fault{Line: 1, Col: 1, Severity: rules.Error, Code: "draft", Text: plainText(err)})
		}
		out.Faults = faults
		return
	}
	out.Whole = string(whole)
	out.Diff = rules.Diff(old.YAML, out.Whole, fmt.Sprintf("version %d", old.Version), "draft")
	_, all := a.parse(out.Whole)
	_, before := a.read(old.YAML)
	for _, f := range rules.Placed(whole, []byte(out.YAML), all) {
		known := func(other rules.Fault) bool {
			return other.Code == f.Code && other.Text == f.Text && other.Line == f.Line
		}
		lasting := f.Line == 0 && f.Severity == rules.Warning && slices.ContainsFunc(before, func(b rules.Fault) bool { return b.Code == f.Code })
		if !lasting && !slices.ContainsFunc(faults, known) {
			faults = append(faults, f)
		}
	}
	out.Faults = faults
}

// plainText is an error without the kind that stands before it.
func plainText(err error) string {
	text := err.Error()
	for _, kind := range []error{elevation.ErrInvalid, elevation.ErrConflict} {
		if rest, is := strings.CutPrefix(text, kind.Error()+": "); is {
			return rest
		}
	}
	return text
}
