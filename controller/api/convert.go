package api

import (
	"context"
	"maps"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// accounts are the accounts by id, for the names of people in answers.
type accounts map[elevation.UserID]auth.Account

// names reads who is who. Names are ornament: without them ids and logins stay.
func (s *server) names(ctx context.Context) accounts {
	var known accounts
	err := s.cfg.Store.View(ctx, func(tx *store.Tx) error {
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		known, _ = staff.Memo("names of accounts", func() any {
			known := accounts{}
			for _, u := range staff.Users {
				known[u.ID] = u
			}
			return known
		}).(accounts)
		return nil
	})
	if err != nil {
		return accounts{}
	}
	return known
}

func (a accounts) person(by elevation.Actor) client.Person {
	p := client.Person{ID: by.ID, Login: by.Name, Name: by.Name}
	if u, ok := a[elevation.UserID(by.ID)]; ok {
		p.Login, p.Name = u.Login, first(u.Name, u.Login)
	}
	return p
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// Unknown things are null outside.

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func seconds(d time.Duration) *int64 {
	if d <= 0 {
		return nil
	}
	n := whole(d)
	return &n
}

// list and object keep null out of answers.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func object(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (s *server) requestOf(v queue.View, names accounts) client.Request {
	r := v.Request
	a := r.Attempt
	out := client.Request{ID: string(r.ID), Origin: string(r.Origin), State: string(v.State), AccessType: string(a.AccessType),
		EndReason: text(string(r.Grant.EndReason)),
		User: client.RequestUser{Name: a.User.Name, Display: text(a.User.Display), UID: a.User.UID,
			Groups: list(a.User.Groups), Account: accountOf(v.Account, names)},
		Endpoint: endpointRef(v.Endpoint),
		Subject:  subjectOf(a.Subject), Justification: text(r.Justification), Ticket: text(r.Ticket),
		Priority:    client.Priority{Value: string(r.Priority), SetBy: text(r.PrioritySetBy.Name)},
		SubmittedAt: moment(r.SubmittedAt), ExpiresAt: moment(r.ExpiresAt),
		Requested: client.Window{Start: moment(r.Requested.Start), DurationSeconds: seconds(r.Requested.Duration)},
		Approvals: approvalsOf(&r), Reviews: []client.Review{}, Questions: []client.Question{},
		Decision: decisionOf(r.Decision, names), Rules: list(r.Need.Rules), Caution: []client.Caution{},
		PreviousID: text(string(r.Previous)), Delivery: string(v.Delivery),
		Emergency: r.Emergency, ExtendsID: text(string(r.Extends)), Joined: int64(r.Joined), FiledBy: filedBy(r.FiledBy, names)}
	if v.State == elevation.StateHeld {
		out.State = string(elevation.StatePending)
	}
	if out.Priority.Value == "" {
		out.Priority.Value = string(elevation.Normal)
	}
	if r.Decision != nil && r.Decision.Verdict == elevation.Approved {
		out.Granted = &client.Granted{Start: moment(r.Granted.Start), DurationSeconds: whole(r.Granted.Duration),
			UseWithinSeconds: whole(r.Granted.UseWithin)}
	}
	for _, x := range r.Reviews {
		out.Reviews = append(out.Reviews, client.Review{By: names.person(x.By), Verdict: string(x.Verdict), At: x.At.UTC(),
			Comment: text(x.Comment), DurationSeconds: seconds(x.Duration), Start: moment(x.Start)})
	}
	for _, x := range r.Questions {
		out.Questions = append(out.Questions, client.Question{By: names.person(x.By), At: x.At.UTC(), Text: x.Text,
			Answer: text(x.Answer), AnsweredAt: moment(x.AnsweredAt)})
	}
	for _, c := range r.Need.Caution {
		out.Caution = append(out.Caution, client.Caution{Reason: c.Reason, Fact: c.Fact})
	}
	if r.Grant.ID != "" {
		out.Grant = &client.Grant{ID: string(r.Grant.ID), StartedAt: moment(r.Grant.StartedAt), EndedAt: moment(r.Grant.EndedAt),
			EndReason: text(string(r.Grant.EndReason))}
	}
	if c := r.Confirming; c != nil {
		out.Confirming = &client.Confirming{AskedAt: c.At.UTC(), Until: c.Until.UTC(), ConfirmedAt: moment(c.Done)}
	}
	out.Queue = queueOf(v)
	usedFor(&out, v)
	desk(&out, &r, s.cfg.Now(), names)
	return out
}

// usedFor adds what the endpoint said of the use.
func usedFor(out *client.Request, v queue.View) {
	out.Listed, out.Changes = []client.Listed{}, []client.Change{}
	for _, x := range v.Listed {
		out.Listed = append(out.Listed, client.Listed{Path: x.Path, Args: list(x.Args), RunAs: x.RunAs, At: x.At.UTC(), Refused: text(x.Refused)})
	}
	for _, x := range v.Changed {
		out.Changes = append(out.Changes, client.Change{What: x.What, Name: x.Name, How: x.How, Text: x.Text, At: x.At.UTC()})
	}
}

// desk adds what approvers and the requester do meanwhile and afterwards.
func desk(out *client.Request, r *elevation.Request, now time.Time, names accounts) {
	out.Notes, out.Escalations = []client.Note{}, []client.Escalation{}
	if by := r.ClaimedBy(now); by.ID != "" {
		out.Claim = &client.Claim{By: names.person(by), Until: r.Claim.Until.UTC()}
	}
	for _, n := range r.Notes {
		out.Notes = append(out.Notes, client.Note{By: names.person(n.By), At: n.At.UTC(), Text: n.Text})
	}
	for _, e := range r.Escalations {
		x := client.Escalation{Team: string(e.Team), Name: e.Name, At: e.At.UTC(), Comment: text(e.Why)}
		if e.By.Kind == elevation.ByUser {
			p := names.person(e.By)
			x.By = &p
		}
		out.Escalations = append(out.Escalations, x)
	}
	out.Nudges = client.Nudges{Count: r.Nudges, Last: moment(r.NudgedAt)}
	if r.Need.AfterReview == "" && !r.Emergency {
		return
	}
	a := client.AfterReview{Team: string(queue.ReviewTeam(r)), CommentRequired: r.Need.AfterComment, Blocks: r.Need.AfterBlocks, DueAt: moment(r.ReviewDueAt)}
	if r.After != nil {
		p := names.person(r.After.By)
		a.By, a.At, a.Comment = &p, moment(r.After.At), text(r.After.Comment)
	}
	out.AfterReview = &a
}

func accountOf(id elevation.UserID, names accounts) *client.Person {
	u, known := names[id]
	if !known {
		return nil
	}
	return &client.Person{ID: string(id), Login: u.Login, Name: first(u.Name, u.Login)}
}

func filedBy(by elevation.Actor, names accounts) *client.Person {
	if by.ID == "" {
		return nil
	}
	p := names.person(by)
	return &p
}

func endpointRef(e store.Endpoint) client.EndpointRef {
	return client.EndpointRef{ID: string(e.ID), Name: text(e.Name), OS: text(e.Facts.OS), OSVersion: text(e.Facts.OSVersion), Arch: text(e.Facts.Arch),
		IP: text(e.Facts.IP), Labels: e.EffectiveLabels(), Reported: object(maps.Clone(e.Facts.Reported))}
}

func queueOf(v queue.View) *client.Queue {
	if v.State != elevation.StatePending && v.State != elevation.StateHeld {
		return nil
	}
	q := &client.Queue{UsualWaitSeconds: seconds(v.UsualWait), CanAnswer: list(v.CanAnswer), CanAnswerFrom: moment(v.CanAnswerFrom)}
	if v.Position > 0 {
		q.Position = &v.Position
	}
	return q
}

func subjectOf(s elevation.Subject) client.Subject {
	out := client.Subject{Path: s.Path, Args: list(s.Args), Cwd: text(s.Cwd), RunAs: s.RunAs, SHA256: text(s.SHA256),
		Parent: text(s.Parent), Product: text(s.Product), Version: text(s.Version)}
	if s.SHA256 != "" {
		out.Size = &s.Size
	}
	if s.Publisher.Thumbprint != "" || s.Publisher.Name != "" {
		out.Publisher = &client.Publisher{Name: s.Publisher.Name, Thumbprint: s.Publisher.Thumbprint}
	}
	return out
}

// approvalsOf counts votes stage by stage; one person counts in one stage only.
func approvalsOf(r *elevation.Request) client.Approvals {
	out := client.Approvals{Have: r.ApprovalsHave(), Need: r.ApprovalsNeeded(), Stages: []client.Stage{}}
	for _, st := range r.Need.Stages {
		have := map[string]bool{}
		for _, v := range r.Reviews {
			for _, t := range v.Stages {
				if v.Verdict == elevation.Approved && t == st.Team {
					have[v.By.ID] = true
				}
			}
		}
		out.Stages = append(out.Stages, client.Stage{Team: string(st.Team), Name: st.Name, Quorum: st.Quorum,
			Have: min(len(have), st.Quorum)})
	}
	return out
}

func decisionOf(d *elevation.Decision, names accounts) *client.Decision {
	if d == nil {
		return nil
	}
	out := &client.Decision{Verdict: string(d.Verdict), At: d.At.UTC(), Comment: text(d.Comment), Rule: text(d.Rule),
		HeldUntil: moment(d.HeldUntil)}
	if d.By.Kind == elevation.ByUser {
		p := names.person(d.By)
		out.By = &p
	}
	return out
}
