// Package rules says what happens to an attempt without a person: approve it,
// deny it, or ask, and then whom and for what.
//
// [Parse] reads a set of rules from YAML strictly and lints it; a set with an
// error does not exist. [Set.Evaluate] answers one attempt with an [Outcome]:
// what, by which rule, under which limits, with a trace and one plain sentence.
// The package is pure: no file, no clock, no goroutine. It never approves what
// ordinary users can change unless a rule names its SHA-256, and every error in
// it leads to a person, never to an approval.
//
// Read evaluate.go for how an answer is found, match.go for what matches, lint.go
// for what is refused, edit.go for changes of a text; rules/cel compiles `when`.
package rules

import (
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Kind is what the rules say. The zero value asks a person.
type Kind string

// The three answers.
const (
	Ask     Kind = ""
	Approve Kind = "approve"
	Deny    Kind = "deny"
)

// String is the kind as people read it: "ask" for the zero value.
func (k Kind) String() string {
	if k == Ask {
		return "ask"
	}
	return string(k)
}

// Then is what one rule does when it matches.
type Then string

// The things a rule can do.
const (
	ThenApprove Then = "approve"
	ThenDeny    Then = "deny"
	ThenRequire Then = "require" // a person must answer
)

// Mode says whether a rule decides.
type Mode string

// The modes. A rule that observes never decides; it shows in the trace.
const (
	Enforce Mode = "enforce"
	Observe Mode = "observe"
)

// Children says what happens to programs that the approved one starts.
type Children = elevation.Children

// From the mildest to the strictest.
const (
	ChildrenAllow   = elevation.ChildrenAllow
	ChildrenContain = elevation.ChildrenContain
	ChildrenDeny    = elevation.ChildrenDeny
)

// CanChildren is the capability of endpoints that hold child programs to what a
// rule says of them.
const CanChildren = "children"

// CanConfirm is the capability of endpoints that ask users for their own password
// before a grant is applied.
const CanConfirm = "confirm"

// CanPasskey is the capability of endpoints that wait for their users' passkeys
// before a grant is applied.
const CanPasskey = "passkey"

// Rule is one rule as it was written.
type Rule struct {
	Name        elevation.RuleID
	Match       Match
	When        string // CEL, "" = none
	Then        Then
	Require     Require
	Limits      Limits
	Children    Children
	SetPriority elevation.Priority // "" = not set
	Precedence  int                // among equals, lower first
	Mode        Mode
	Message     map[string]string // by language
	Pack        string            // name@version of the pack it comes from, "" = written by people here
	Line        int               // in the file, from 1
	YAML        string            // as it was written, without its place in the list
}

// Match is the anchor of a rule: everything that is given must hold. A part
// that is absent holds for everything.
type Match struct {
	SHA256      []string // any of them
	Publisher   string   // thumbprint
	Product     Text
	Version     Text
	Path        Text
	Args        []Arg // nil = any arguments, empty = none at all
	Parent      Text
	Users       []string // any of them
	Groups      []string // any of them
	Labels      map[string]string
	AccessTypes []elevation.AccessType // any of them
	Dialogs     bool                   // an approval is also for programs with [elevation.MarkDialogs]; it selects nothing
}

// Text matches one text: the same, or all of it by a regular expression. The
// zero Text is absent.
type Text struct{ Literal, Regex string }

func (t Text) absent() bool { return t == Text{} }

// Arg matches one argument, or with Rest any number of last ones. Arguments are
// never joined: each element of the list meets one element of the command.
type Arg struct {
	Literal   string
	Regex     string
	Any, Rest bool
}

// Require is what a rule wants before or after access is given.
type Require struct {
	Stages       []elevation.Stage // Team as written; delegation finds the team
	Ticket       string            // regular expression, "" = none asked
	StepUp       bool
	Confirm      string // "none", "password" or "passkey"
	AfterReview  elevation.TeamID
	AfterComment bool // the review after use needs a comment
	AfterBlocks  bool // until that review the same person can not ask for the same thing
}

// Limits bound what a rule gives. Hours say when the rule applies at all.
type Limits struct {
	Duration time.Duration // 0 = the cap of the access type
	Hours    string        // "Mon-Fri 07:00-20:00", "" = always
	Zone     string        // IANA name, "" = that of the set
}

// Endpoint is what is known of the endpoint of an attempt.
type Endpoint struct {
	ID        elevation.EndpointID
	Name      string
	OS        string
	OSVersion string
	Arch      string
	IP        string
	// Labels come from the enrolment token and from administrators, plus the
	// reported ones that the token accepts; see [Labels].
	Labels map[string]string
	// Reported is what the endpoint says of itself. No approving rule sees it.
	Reported map[string]string
	// Can are its capabilities. A rule that wants what is not among them asks a
	// person in place of approving.
	Can []string
}

// Current are the capabilities that endpoints of this version have as far as
// rules look at them, for questions that name no endpoint.
func Current() []string { return []string{CanChildren, CanConfirm, CanPasskey} }

// Labels are the labels that rules and scopes may trust: what the endpoint was
// given, and of what it reports only the accepted keys that it was not given.
func Labels(given map[string]string, accept []string, reported map[string]string) map[string]string {
	out := make(map[string]string, len(given)+len(accept))
	for _, k := range accept {
		if v, ok := reported[k]; ok {
			out[k] = v
		}
	}
	for k, v := range given {
		out[k] = v
	}
	return out
}

// Input is one attempt with everything that a rule may look at. Justification
// and Ticket are empty until the person has given them.
type Input struct {
	Attempt       elevation.Attempt
	Endpoint      Endpoint
	Justification string
	Ticket        string
	Priority      elevation.Priority
}

// Given are the limits of an outcome.
type Given struct {
	Duration time.Duration // longest use, 0 = the cap of the access type
}

// Outcome is what the rules say of an attempt. The zero Outcome asks a person
// of the default team.
type Outcome struct {
	Kind    Kind
	Rule    string            // name@version of the rule that decided or asks; "" = no rule
	Name    elevation.RuleID  // its name
	Message map[string]string // of that rule, by language
	// Need is what must be there before a decision: the stages that rules
	// demand (empty = the default team; delegation.Plan.Stages resolves them),
	// ticket, longest duration, rules, trace and reasons for care. ReasonMin is
	// the queue's.
	Need elevation.Need
	// ByRule is true when only the ticket of Need is missing: evaluated again
	// with a ticket that matches, the outcome is an approval without a person.
	ByRule      bool
	Limits      Given
	Children    Children
	SetPriority elevation.Priority // "" = no rule sets it
	Trace       []elevation.TraceLine
	Sentence    string // one plain sentence for people

	cost uint64 // of the conditions
}

// Text is the message in a language, else in English, else in the first
// language there is, else "".
func (o Outcome) Text(lang string) string {
	if m, ok := o.Message[lang]; ok {
		return m
	}
	if m, ok := o.Message["en"]; ok {
		return m
	}
	first := ""
	for l := range o.Message {
		if first == "" || l < first {
			first = l
		}
	}
	return o.Message[first]
}

// Conditions compiles the `when` of rules. rules/cel implements it.
type Conditions interface {
	// Compile checks a source and bounds its cost. A condition of an approving
	// rule must not see what an endpoint says of itself.
	Compile(source string, approving bool) (Condition, error)
}

// Condition is one compiled `when`.
type Condition interface {
	// Holds evaluates it. An error means that nobody knows. cost is what that
	// took, in units of which a million are much; it is bounded by the
	// implementation for one condition and by a Set for one attempt.
	Holds(in Input, now time.Time) (held bool, cost uint64, err error)
}

// Set is a checked set of rules. It never changes and is safe for concurrent
// use. A nil Set has no rules: everything asks.
type Set struct {
	version  int64
	rules    []*rule  // by rank
	refs     []string // name@version of each
	index    index
	fixtures []Fixture
}

// Version is the version the set was parsed for, 0 for a nil set.
func (s *Set) Version() int64 {
	if s == nil {
		return 0
	}
	return s.version
}

// At is the same set under a version number, which goes into rule references
// (name@version) and is known only once the set is stored.
func (s *Set) At(version int64) *Set {
	if s == nil {
		return nil
	}
	t := *s
	t.version = version
	t.name()
	return &t
}

// Len is the number of rules.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.rules)
}

// Rules are the rules in the order in which they were written.
func (s *Set) Rules() []Rule {
	if s == nil {
		return nil
	}
	out := make([]Rule, len(s.rules))
	for _, r := range s.rules {
		out[r.place] = r.Rule
	}
	return out
}
