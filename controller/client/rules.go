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

// DraftRule asks how one rule would be written. Give the text, the fields, or
// neither for the rule as it is.
type DraftRule struct {
	Rule   string         `json:"rule,omitempty" maxLength:"200" example:"apt-update" doc:"The rule in force that it changes; left out: a new one."`
	YAML   string         `json:"yaml,omitempty" maxLength:"2097152" example:"rules: []" doc:"A file with the one rule and its tests."`
	Fields map[string]any `json:"fields,omitempty" doc:"What the text shall say: the file as JSON. What it says already stays as it is written."`
}

// RuleDraft is one rule that is being written, and the whole text with it.
// Nothing is in force by it.
type RuleDraft struct {
	Name   string         `json:"name" example:"apt-update"`
	YAML   string         `json:"yaml" example:"rules: []" doc:"A file with the one rule and its tests."`
	Fields map[string]any `json:"fields" doc:"The same as JSON; empty while the text can not be read."`
	What   string         `json:"what" example:"/usr/bin/apt update" doc:"In a plain phrase, what it is about."`
	Terms  []string       `json:"terms" nullable:"false" example:"[\"1h at most\"]"`
	OK     bool           `json:"ok" doc:"The whole text could be applied."`
	Faults []Fault        `json:"faults" nullable:"false" doc:"At lines of the file; line 0: elsewhere in the rules."`

	Version int64  `json:"version" example:"3" doc:"Of the rules in force that it was put into."`
	Stored  string `json:"stored" example:"rules: []" doc:"The rule as it is in force; empty for a new one."`
	Whole   string `json:"whole" example:"rules: []" doc:"All rules with it, to replay and to apply."`
	Diff    string `json:"diff" example:"--- version 3\n+++ draft\n" doc:"In the unified form; empty when nothing changes."`
}

// RuleHits are how often one rule counted.
type RuleHits struct {
	Rule         string     `json:"rule" example:"apt-update"`
	Approved     int        `json:"approved" example:"40"`
	Denied       int        `json:"denied" example:"0"`
	Asked        int        `json:"asked" example:"0" doc:"Requests that a person had to answer under it."`
	WouldApprove int        `json:"would_approve" example:"0" doc:"While it observed."`
	WouldDeny    int        `json:"would_deny" example:"0"`
	LastAt       *time.Time `json:"last_at"`
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
	Comment    string     `json:"comment,omitempty" example:"CHG-112" doc:"What the author says of it."`
	State      string     `json:"state" enum:"open,confirmed,rejected"`
	DecidedBy  string     `json:"decided_by" example:"ada"`
	DecidedAt  *time.Time `json:"decided_at"`
	Diff       string     `json:"diff,omitempty" example:"--- version 3\n+++ proposed\n" doc:"Of one proposal."`

	Added        []string `json:"added,omitempty" nullable:"false" example:"[\"apt-update\"]" doc:"Rules, against the version that it changes."`
	Changed      []string `json:"changed,omitempty" nullable:"false" example:"[\"apt-update\"]"`
	Removed      []string `json:"removed,omitempty" nullable:"false" example:"[\"apt-update\"]"`
	Acknowledged bool     `json:"acknowledged,omitempty" doc:"Its author knows that it approves what a person denied."`
	YAML         string   `json:"yaml,omitempty" example:"rules: []" doc:"All rules as they would be; of one proposal."`
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
	List[Policy]
	Reach []PolicyReach `json:"reach" nullable:"false" doc:"For each item, how many endpoints it is for; last those that none is for."`
}

// PolicyReach is how many endpoints a policy is for.
type PolicyReach struct {
	Policy    string   `json:"policy" example:"workstations" doc:"Empty: endpoints that no policy of the list is for."`
	Endpoints int      `json:"endpoints" example:"120"`
	Names     []string `json:"names" nullable:"false" example:"[\"ubu-0810\"]" doc:"At most 20 of them."`
}

// PutPolicies replaces the whole list.
type PutPolicies struct {
	Items []Policy `json:"items" nullable:"false" maxItems:"200"`

	Version *int64 `json:"version,omitempty" minimum:"0" example:"2" doc:"Of the list that was changed; when it is not in force any more, nothing is replaced. Left out: whatever is in force is replaced."`
}

// Policy is what endpoints with some labels do. The first of the list whose labels
// an endpoint has counts, so the order makes rings: a few machines first with mode
// ask and a label such as ring=1 of their own, below them the rest with mode
// observe; the next ring moves up by its label, and nothing else changes.
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
	Offline    *PolicyOffline    `json:"offline,omitempty" doc:"What may be done without the controller; left out: nothing."`
	Budget     *PolicyBudget     `json:"budget,omitempty" doc:"How long one user may be elevated; left out: without a bound."`
	Words      *PolicyWords      `json:"words,omitempty" doc:"A company's own words at every prompt and refusal."`

	AuthorizationRights map[string]string `json:"authorization_rights,omitempty" doc:"Who may use authorization rights of macOS: name of the right to user (whoever sits at the screen, with their own password; only rights that lead to no other), admin or nobody. It counts before a machine's own file; what is not named any more is put back."`
}

// PolicyOffline says what may be done while the controller can not be reached.
type PolicyOffline struct {
	Rules bool `json:"rules,omitempty" doc:"The signed rules, which endpoints keep for a day, may approve."`
	Codes bool `json:"codes,omitempty" doc:"An approver may tell a code."`
}

// PolicyBudget bounds how long one user may be elevated on an endpoint.
type PolicyBudget struct {
	PerDaySeconds   int64 `json:"per_day_seconds,omitempty" minimum:"0" maximum:"86400" example:"7200" doc:"Of sessions and admin together; 0 = any time."`
	Renewals        int   `json:"renewals,omitempty" minimum:"0" maximum:"1000" example:"3" doc:"Extensions and repeated sessions in a day; 0 = any number."`
	CooldownSeconds int64 `json:"cooldown_seconds,omitempty" minimum:"0" maximum:"86400" example:"600" doc:"Between two sessions of a user."`
}

// PolicyWords are a company's own words; each is one line.
type PolicyWords struct {
	Company  string `json:"company,omitempty" maxLength:"200" example:"Example Ltd"`
	Help     string `json:"help,omitempty" maxLength:"200" example:"Service desk, ext. 100" doc:"Whom to call."`
	Link     string `json:"link,omitempty" maxLength:"200" example:"https://intranet.example.com/admin-rights" doc:"https address of the company's policy."`
	Language string `json:"language,omitempty" enum:"en,de" doc:"Left out: that of the terminal."`
}
