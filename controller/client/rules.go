package client

import "time"

// PackName is a pack with its state.
type PackName struct {
	Name  string `json:"name" example:"deny"`
	State string `json:"state" enum:"off,observe,ask,enforce"`
}

// EditRule adds or changes one rule; what is left out stays.
type EditRule struct {
	YAML              string `json:"yaml,omitempty" maxLength:"2097152" example:"name: id\nmatch: {path: /usr/bin/id, args: []}\nthen: approve\n" doc:"The rule as a mapping, or a file with this one rule."`
	Mode              string `json:"mode,omitempty" enum:"enforce,observe"`
	AcknowledgeDenied bool   `json:"acknowledge_denied,omitempty"`
}

// Rollback names a version of the rules to put in force again.
type Rollback struct {
	Version           int64 `json:"version" minimum:"0" example:"3"`
	AcknowledgeDenied bool  `json:"acknowledge_denied,omitempty"`
}

// RuleDiff is one version of the rules beside another one.
type RuleDiff struct {
	RuleVersion
	Against int64  `json:"against" example:"2"`
	Diff    string `json:"diff" example:"--- version 2\n+++ version 3\n" doc:"In the unified form; empty when they are equal."`
}

// Proposal is a change of the rules that waits for a second person.
type Proposal struct {
	ID         string     `json:"id" example:"prp_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"`
	Base       int64      `json:"base" example:"3" doc:"The version that it changes."`
	What       string     `json:"what" example:"rules.apply"`
	Why        string     `json:"why" example:"every change of the rules needs a second person" doc:"A second person is needed."`
	ProposedBy string     `json:"proposed_by" example:"rita"`
	ProposedAt time.Time  `json:"proposed_at"`
	State      string     `json:"state" enum:"open,confirmed,rejected"`
	DecidedBy  string     `json:"decided_by" example:"ada"`
	DecidedAt  *time.Time `json:"decided_at"`
	Diff       string     `json:"diff,omitempty" example:"--- version 3\n+++ proposed\n" doc:"Of one proposal."`
}

// MadeRule is the narrowest rule that would have approved a request.
type MadeRule struct {
	Name   string  `json:"name" example:"for-apt-update-dina"`
	YAML   string  `json:"yaml" example:"rules: []" doc:"A file with the rule and its tests; nothing is in force by it."`
	Faults []Fault `json:"faults" nullable:"false" doc:"What the linter says of it."`
}

// Pack is a starter pack.
type Pack struct {
	Name     string    `json:"name" example:"deny"`
	Version  int       `json:"version" example:"1"`
	Title    string    `json:"title" example:"Who is in charge: sudoers, the agent's files, new administrators, boot keys."`
	State    string    `json:"state" enum:"off,observe,ask,enforce"`
	Rules    []Rule    `json:"rules" nullable:"false"`
	YAML     string    `json:"yaml" example:"rules: []"`
	Proposal *Proposal `json:"proposal,omitempty" doc:"The change was not made: it waits for a second person."`
}

// SwitchPack says how a pack shall be in force.
type SwitchPack struct {
	Mode              string `json:"mode,omitempty" enum:"observe,ask,enforce" doc:"Default enforce; ask is for packs that deny."`
	AcknowledgeDenied bool   `json:"acknowledge_denied,omitempty"`
}

// Policies is the ordered list of policies; the first one whose labels an
// endpoint has is its policy.
type Policies struct {
	Version   int64      `json:"version" example:"2"`
	ChangedBy string     `json:"changed_by" example:"admin"`
	ChangedAt *time.Time `json:"changed_at"`
	Items     []Policy   `json:"items" nullable:"false"`
}

// PutPolicies replaces the whole list.
type PutPolicies struct {
	Items []Policy `json:"items" nullable:"false" maxItems:"200"`
}

// Policy is what endpoints with some labels do.
type Policy struct {
	Name       string            `json:"name" minLength:"1" maxLength:"64" example:"workstations"`
	Labels     map[string]string `json:"labels,omitempty" doc:"None: every endpoint."`
	Mode       string            `json:"mode,omitempty" enum:"off,observe,ask" doc:"Default ask."`
	Mechanisms map[string]string `json:"mechanisms,omitempty" doc:"sudo, polkit, uac, assent, setuid or authorization, each ask, allow, deny or off."`
	Mask       []string          `json:"mask,omitempty" nullable:"false" maxItems:"64" example:"[\"key-[0-9a-f]{16}\"]" doc:"Patterns (RE2) of secrets in arguments, beside those of the settings."`
	Presets    []string          `json:"presets,omitempty" nullable:"false" maxItems:"20" example:"[\"Planned maintenance\"]" doc:"Reasons to choose from."`
	ReasonMin  int               `json:"reason_min,omitempty" minimum:"0" maximum:"500" example:"12" doc:"Characters of a reason; 0 = the default."`
	BreakGlass string            `json:"break_glass,omitempty" maxLength:"64" example:"wheel" doc:"Group that is never touched."`
	Confirm    string            `json:"confirm,omitempty" enum:"none,password,passkey"`
}
