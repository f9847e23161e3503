package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Bounds of one evaluation.
const (
	maxTrace = 64        // lines; those of rules that matched stay when it is cut
	maxCost  = 5_000_000 // of all conditions together; further ones are errors
)

// Evaluate answers one attempt. Deny beats require, require beats approve;
// among rules that say the same the most specific one answers, then precedence,
// then name. Limits of all matching rules apply, the smallest wins; stages add
// up. Rules that only observe show in the trace.
//
// When a rule asks for a ticket, evaluate again once the person has given one.
func (s *Set) Evaluate(in Input, now time.Time) Outcome {
	if s == nil {
		return (&verdict{in: &in}).outcome()
	}
	return s.evaluate(s.index.candidates(&in.Attempt.Subject), &in, now)
}

// evaluate asks every candidate; the candidates are sorted by rank.
func (s *Set) evaluate(candidates []*rule, in *Input, now time.Time) Outcome {
	v := verdict{in: in, refs: s.refs}
	for _, r := range candidates {
		if r.anchored(&in.Attempt.Subject) {
			a := r.holds(in, now, v.cost)
			v.cost += a.cost
			if v.trace == nil {
				v.trace = make([]elevation.TraceLine, 0, len(candidates))
			}
			v.hear(r, a)
		}
	}
	return v.outcome()
}

// verdict collects what the rules say.
type verdict struct {
	in                        *Input
	refs                      []string
	denies, requires, approve []*rule
	unsure                    *rule // a denying or requiring rule that could not be evaluated
	trace                     []elevation.TraceLine
	observed                  []elevation.WouldBe
	cost                      uint64 // of the conditions so far
}

func (v *verdict) hear(r *rule, a answer) {
	matched := a.matched
	why := a.why
	if matched && r.Then == ThenApprove {
		if reason := r.mayNotApprove(&v.in.Attempt.Subject); reason != "" {
			matched, why = false, reason
		}
	}
	switch {
	case r.Mode != Enforce && matched:
		why = "it observes only: it would " + string(r.Then)
		v.observed = append(v.observed, elevation.WouldBe{Rule: v.refs[r.rank], Then: string(r.Then)})
	case r.Mode != Enforce:
	case a.err != nil && r.Then != ThenApprove:
		v.unsure = r
	case !matched:
	case r.Then == ThenDeny:
		v.denies = append(v.denies, r)
	case r.Then == ThenRequire:
		v.requires = append(v.requires, r)
	case r.Then == ThenApprove:
		v.approve = append(v.approve, r)
	}
	v.trace = append(v.trace, elevation.TraceLine{Rule: v.refs[r.rank], Matched: matched, Why: why})
}

func (v *verdict) outcome() Outcome {
	o := Outcome{Children: ChildrenAllow, Trace: v.cutTrace(), cost: v.cost}
	o.Need.Caution = cautions(v.in.Attempt)
	o.Need.Observed = v.observed[:min(len(v.observed), maxTrace)]
	for _, r := range v.requires {
		if r.warns {
			o.Need.Caution = append(o.Need.Caution, elevation.Caution{Reason: string(r.Name), Fact: Outcome{Message: r.Message}.Text("en")})
		}
	}
	v.limit(&o)
	v.demand(&o)
	switch {
	case len(v.denies) > 0:
		v.answer(&o, Deny, v.denies[0], "denies it")
		o.Need.Stages, o.Need.Ticket = nil, ""
	case v.unsure != nil:
		v.answer(&o, Ask, v.unsure, "could not be evaluated, so a person is asked")
	case len(v.requires) > 0:
		v.answer(&o, Ask, v.requires[0], "wants a person to answer")
	case len(v.approve) > 0 && v.needsPerson(&o) != "":
		v.answer(&o, Ask, v.approve[0], "would approve it, but "+v.needsPerson(&o)+", so a person is asked")
	case len(v.approve) > 0 && o.Need.Ticket != "" && !elevation.TicketMatches(o.Need.Ticket, v.in.Ticket):
		o.ByRule = true
		v.answer(&o, Ask, v.approve[0], "approves it once there is a ticket")
	case len(v.approve) > 0:
		v.answer(&o, Approve, v.approve[0], "approves it")
	default:
		o.Sentence = "No rule answers this, so a person is asked."
	}
	o.Need.Trace, o.Need.Sentence = o.Trace, o.Sentence
	return o
}

func (v *verdict) answer(o *Outcome, k Kind, r *rule, does string) {
	o.Kind, o.Rule, o.Name, o.Message = k, v.refs[r.rank], r.Name, r.Message
	o.Sentence = fmt.Sprintf("Rule %q %s.", r.Name, does)
	if k == Deny && len(v.approve)+len(v.requires) > 0 {
		o.Sentence = fmt.Sprintf("Rule %q %s; a denial is stronger than the other rules that match.", r.Name, does)
	}
	if k == Ask && len(v.requires) > 0 && len(v.approve) > 0 {
		o.Sentence = fmt.Sprintf("Rule %q would approve it, but rule %q %s.", v.approve[0].Name, r.Name, does)
	}
}

// limit applies the limits of every rule that matched and does not deny.
func (v *verdict) limit(o *Outcome) {
	for _, r := range v.speaking() {
		if d := r.Limits.Duration; d > 0 && (o.Limits.Duration == 0 || d < o.Limits.Duration) {
			o.Limits.Duration = d
		}
		if stricter(r.Children, o.Children) {
			o.Children = r.Children
		}
		if o.SetPriority == "" {
			o.SetPriority = r.SetPriority
		}
		o.Need.Rules = append(o.Need.Rules, v.refs[r.rank])
	}
	o.Need.MaxDuration = o.Limits.Duration
	if o.Children != ChildrenAllow && v.can(CanChildren) {
		o.Need.Children = o.Children
	}
	if v.can(CanConfirm) && v.wants("password") {
		o.Need.Confirm = elevation.ConfirmPassword
	}
	if v.can(CanPasskey) && v.wants("passkey") {
		o.Need.Confirm = elevation.ConfirmPasskey
	}
}

// wants reports whether a rule that counts wants the user to confirm like that.
func (v *verdict) wants(confirm string) bool {
	return slices.ContainsFunc(v.speaking(), func(r *rule) bool { return r.Require.Confirm == confirm })
}

// can reports whether the endpoint has a capability.
func (v *verdict) can(c string) bool { return slices.Contains(v.in.Endpoint.Can, c) }

// demand collects what the rules want. Of several ticket patterns the first one
// that the ticket does not match yet is named, so that all must match in turn.
func (v *verdict) demand(o *Outcome) {
	for _, r := range v.speaking() {
		q := r.Require
		o.Need.Stages = append(o.Need.Stages, q.Stages...)
		o.Need.StepUp = o.Need.StepUp || q.StepUp
		if q.AfterReview != "" && o.Need.AfterReview == "" {
			o.Need.AfterReview = q.AfterReview
		}
		o.Need.AfterComment = o.Need.AfterComment || q.AfterComment
		o.Need.AfterBlocks = o.Need.AfterBlocks || q.AfterBlocks
		if q.Ticket == "" {
			continue
		}
		if o.Need.Ticket == "" || elevation.TicketMatches(o.Need.Ticket, v.in.Ticket) && !elevation.TicketMatches(q.Ticket, v.in.Ticket) {
			o.Need.Ticket = q.Ticket
		}
	}
}

// needsPerson says what no rule can give by itself; "" if there is nothing.
func (v *verdict) needsPerson(o *Outcome) string {
	switch {
	case o.Need.StepUp:
		return "it wants an approver who proves to be there"
	case v.wants("passkey") && !v.can(CanPasskey):
		return "it wants the user's passkey, which this endpoint can not ask for"
	case v.wants("password") && !v.can(CanConfirm):
		return "it wants the user's password, which this endpoint can not ask for"
	case o.Children != ChildrenAllow && !v.can(CanChildren):
		return "it holds back child programs, which this endpoint can not do"
	}
	return ""
}

// speaking are the rules whose limits and demands count, by rank.
func (v *verdict) speaking() []*rule {
	all := append(append(make([]*rule, 0, len(v.requires)+len(v.approve)), v.requires...), v.approve...)
	slices.SortFunc(all, byRank)
	return all
}

func (v *verdict) cutTrace() []elevation.TraceLine {
	if len(v.trace) <= maxTrace {
		return v.trace
	}
	out := make([]elevation.TraceLine, 0, maxTrace)
	for _, matched := range []bool{true, false} {
		for _, l := range v.trace {
			if l.Matched == matched && len(out) < maxTrace {
				out = append(out, l)
			}
		}
	}
	return out
}

func stricter(a, b Children) bool { return childrenRank(a) > childrenRank(b) }

func childrenRank(c Children) int {
	switch c {
	case ChildrenAllow:
		return 0
	case ChildrenContain:
		return 1
	case ChildrenDeny:
		return 2
	}
	return 3
}

// fullRoot is the reason for care about what is for no one program.
const fullRoot = "full_root"

// cautions are facts of the attempt that call for care, with plain words.
func cautions(a elevation.Attempt) []elevation.Caution {
	var out []elevation.Caution
	s := a.Subject
	switch {
	case a.AccessType == elevation.Admin:
		out = append(out, elevation.Caution{Reason: fullRoot, Fact: "administrator of the machine for the whole time: full root"})
	case a.AccessType == elevation.Session && len(s.Args) > 0:
		out = append(out, elevation.Caution{Reason: fullRoot, Fact: "sudo for everything that this job does: full root"})
	case a.AccessType == elevation.Session:
		out = append(out, elevation.Caution{Reason: fullRoot, Fact: "sudo for everything in one terminal: full root"})
	}
	for _, c := range []elevation.Caution{
		{Reason: elevation.MarkUserWritable, Fact: "ordinary users can change this program"},
		{Reason: elevation.MarkShell, Fact: "an interactive shell: full control of the machine"},
		{Reason: elevation.MarkUnbounded, Fact: "this program can start any other program"},
		{Reason: elevation.MarkScript, Fact: "a script, run by another program"},
		{Reason: elevation.MarkDialogs, Fact: "a program with windows: its file dialogs can start and change whatever it may"},
		{Reason: elevation.MarkAnyArguments, Fact: "its arguments can not be seen: it may be started with any"},
	} {
		if s.HasMark(c.Reason) {
			out = append(out, c)
		}
	}
	if s.HasMark(elevation.MarkEdit) {
		out = append(out, elevation.Caution{Reason: elevation.MarkEdit, Fact: "edit " + strings.Join(s.Args, " ") + ": the editor itself runs without rights, and only what is saved counts"})
	}
	if s.HasMark(elevation.MarkProtected) {
		out = append(out, elevation.Caution{Reason: elevation.MarkProtected, Fact: "this file says who may do what on the machine"})
	}
	for _, m := range s.Marks {
		if set, ok := strings.CutPrefix(m, elevation.MarkSets); ok {
			out = append(out, elevation.Caution{Reason: "sets", Fact: "it is given the variable " + set})
		}
	}
	if name := s.CalledAs(); name != "" {
		out = append(out, elevation.Caution{Reason: "called_as", Fact: "called as " + strconv.Quote(name) + ", by which it may be another program"})
	}
	return out
}
