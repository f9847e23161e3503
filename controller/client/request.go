package client

import "time"

// Request is a request as everybody sees it. Every field is always present;
// what is not known is null, and lists are [].
type Request struct {
	ID            string      `json:"id" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	Origin        string      `json:"origin" enum:"endpoint,portal,resubmit,behalf,offline"`
	State         string      `json:"state" enum:"pending,approved,available,active,ended,expired,revoked,denied,cancelled"`
	EndReason     *string     `json:"end_reason" example:"completed"`
	AccessType    string      `json:"access_type" enum:"run,session,admin"`
	User          RequestUser `json:"user"`
	Endpoint      EndpointRef `json:"endpoint"`
	Account       *Target     `json:"account" doc:"The account asked for, where the access type has one."`
	Subject       Subject     `json:"subject"`
	Justification *string     `json:"justification" example:"restart after the update, INC-4821"`
	Ticket        *string     `json:"ticket" example:"INC-4821"`
	Priority      Priority    `json:"priority"`
	SubmittedAt   *time.Time  `json:"submitted_at"`
	ExpiresAt     *time.Time  `json:"expires_at" doc:"Unanswered by then it expires."`
	Requested     Window      `json:"requested"`
	Granted       *Granted    `json:"granted"`
	Approvals     Approvals   `json:"approvals"`
	Reviews       []Review    `json:"reviews" nullable:"false"`
	Questions     []Question  `json:"questions" nullable:"false"`
	Decision      *Decision   `json:"decision"`
	Grant         *Grant      `json:"grant"`
	Confirming    *Confirming `json:"confirming" doc:"The endpoint's newest question for the requester's passkey; null when it asked for none."`
	Rules         []string    `json:"rules" nullable:"false" doc:"Rules that shaped the request, as name@version."`
	Caution       []Caution   `json:"caution" nullable:"false"`
	Queue         *Queue      `json:"queue" doc:"Where it stands; null unless it is pending."`
	PreviousID    *string     `json:"previous_id" example:"req_019aa8d2-0000-7c41-9d10-3b1f0c5f2a77"`
	Delivery      string      `json:"delivery" enum:"none,waiting,activating,delivered,revoking,confirmed"`
	Emergency     bool        `json:"emergency"`
	ExtendsID     *string     `json:"extends_id" example:"req_019aa8d2-0000-7c41-9d10-3b1f0c5f2a77" doc:"It asks for more time of that request."`
	Joined        int64       `json:"joined" example:"2" doc:"How often the same thing was asked for meanwhile."`
	FiledBy       *Person     `json:"filed_by" doc:"The account that filed it; null when the person at the endpoint did."`

	Claim       *Claim       `json:"claim" doc:"Who looks at it now. It binds nobody."`
	Notes       []Note       `json:"notes" nullable:"false" doc:"What approvers tell each other; empty for everybody else."`
	Escalations []Escalation `json:"escalations" nullable:"false"`
	Nudges      Nudges       `json:"nudges"`
	AfterReview *AfterReview `json:"after_review" doc:"The review after use; null where none is wanted."`

	Listed  []Listed `json:"listed" nullable:"false" doc:"The newest 200 commands that ran inside of a session or of a contained command, or were refused there; only where one request is read."`
	Changes []Change `json:"changes" nullable:"false" doc:"What an administrator for a while left changed on the machine; only where one request is read."`
}

// Confirming is a question for the requester's passkey before what was granted is
// applied.
type Confirming struct {
	AskedAt     time.Time  `json:"asked_at"`
	Until       time.Time  `json:"until" doc:"After that the command is run again to be asked anew."`
	ConfirmedAt *time.Time `json:"confirmed_at"`
}

// RequestUser is the person at the endpoint.
type RequestUser struct {
	Name    string   `json:"name" example:"dina"`
	Display *string  `json:"display" example:"Dina Osei"`
	UID     string   `json:"uid" example:"1001" doc:"Decimal uid, or a SID."`
	Groups  []string `json:"groups" nullable:"false" example:"[\"users\"]"`
	Account *Person  `json:"account" doc:"The account of this person, where one is linked."`
}

// Person is an account as it is named in other objects.
type Person struct {
	ID    string `json:"id" example:"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Login string `json:"login" example:"bo"`
	Name  string `json:"name" example:"Bo Chen"`
}

// EndpointRef is an endpoint as it is named in a request.
type EndpointRef struct {
	ID        string            `json:"id" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Name      *string           `json:"name" example:"ubu-0810"`
	OS        *string           `json:"os" example:"linux"`
	OSVersion *string           `json:"os_version" example:"Debian GNU/Linux 12 (bookworm)"`
	Arch      *string           `json:"arch" example:"amd64"`
	IP        *string           `json:"ip" example:"192.0.2.17"`
	Labels    map[string]string `json:"labels"`
	Reported  map[string]string `json:"reported" doc:"What the endpoint says of itself."`
}

// Target is the account that is asked for.
type Target struct {
	Name   string `json:"name" example:"svc-backup"`
	Domain string `json:"domain" example:"corp"`
}

// Subject is the program that shall run.
type Subject struct {
	Path      string     `json:"path" example:"/usr/bin/systemctl" doc:"Absolute, symlinks resolved."`
	Args      []string   `json:"args" nullable:"false" example:"[\"restart\",\"nginx\"]" doc:"Without argv[0]; secrets are masked."`
	Cwd       *string    `json:"cwd" example:"/home/dina"`
	RunAs     string     `json:"run_as" example:"root"`
	SHA256    *string    `json:"sha256" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Size      *int64     `json:"size" example:"268392" doc:"Bytes."`
	Publisher *Publisher `json:"publisher"`
	Parent    *string    `json:"parent" example:"/usr/bin/bash"`
	Product   *string    `json:"product" example:"systemd"`
	Version   *string    `json:"version" example:"252"`
}

// Publisher is who signed a program.
type Publisher struct {
	Name       string `json:"name" example:"Example Ltd"`
	Thumbprint string `json:"thumbprint" example:"a1b2c3"`
}

// Priority is the priority and who set it.
type Priority struct {
	Value string  `json:"value" enum:"low,normal,high,urgent"`
	SetBy *string `json:"set_by" example:"rule" doc:"Login or rule, null for the default."`
}

// Window is when access is wanted.
type Window struct {
	Start           *time.Time `json:"start" doc:"Null means now."`
	DurationSeconds *int64     `json:"duration_seconds" example:"1800"`
}

// Granted is when access was given.
type Granted struct {
	Start            *time.Time `json:"start"`
	DurationSeconds  int64      `json:"duration_seconds" example:"1800"`
	UseWithinSeconds int64      `json:"use_within_seconds" example:"14400"`
}

// Approvals counts votes. The stages are in their order.
type Approvals struct {
	Have   int     `json:"have"`
	Need   int     `json:"need" example:"1"`
	Stages []Stage `json:"stages" nullable:"false"`
}

// Stage is one team that must approve.
type Stage struct {
	Team   string `json:"team" example:"team_approvers"`
	Name   string `json:"name" example:"Approvers"`
	Have   int    `json:"have"`
	Quorum int    `json:"quorum" example:"1"`
}

// Review is one vote.
type Review struct {
	By              Person     `json:"by"`
	Verdict         string     `json:"verdict" enum:"approved,denied"`
	At              time.Time  `json:"at"`
	Comment         *string    `json:"comment" example:"ok for today"`
	DurationSeconds *int64     `json:"duration_seconds" example:"1800"`
	Start           *time.Time `json:"start" doc:"The start that this vote set."`
}

// Claim says who looks at a request.
type Claim struct {
	By    Person    `json:"by"`
	Until time.Time `json:"until"`
}

// Note is what approvers tell each other.
type Note struct {
	By   Person    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text" example:"asked the team lead"`
}

// Escalation is one more team that may answer.
type Escalation struct {
	Team    string    `json:"team" example:"team_019aa8d2-4444-7c41-9d10-3b1f0c5f2a77"`
	Name    string    `json:"name" example:"Platform"`
	At      time.Time `json:"at"`
	By      *Person   `json:"by" doc:"Null when the time did it."`
	Comment *string   `json:"comment" example:"production is down"`
}

// Nudges are the reminders of the requester.
type Nudges struct {
	Count int        `json:"count" example:"1"`
	Last  *time.Time `json:"last_at"`
}

// AfterReview is the review after use.
type AfterReview struct {
	Team            string     `json:"team" example:"audit"`
	CommentRequired bool       `json:"comment_required"`
	Blocks          bool       `json:"blocks" doc:"Until it is done the same may not be asked for again."`
	DueAt           *time.Time `json:"due_at" doc:"Since when it is due; null while the request goes on."`
	By              *Person    `json:"by"`
	At              *time.Time `json:"at"`
	Comment         *string    `json:"comment" example:"as agreed"`
}

// Listed is one command that ran inside of a session.
type Listed struct {
	Path  string    `json:"path" example:"/usr/bin/apt-get"`
	Args  []string  `json:"args" nullable:"false" example:"[\"update\"]" doc:"Without argv[0]; secrets are masked."`
	RunAs string    `json:"run_as" example:"root"`
	At    time.Time `json:"at"`
	// Refused is why it was not started.
	Refused *string `json:"refused" example:"no rule approves it inside this command" doc:"Why it was not started; null when it ran."`
}

// Change is one thing on the machine that was not as before.
type Change struct {
	What string    `json:"what" example:"sudoers" doc:"admin_group, account, sudoers, unit, timer, cron, setuid, authorized_keys, pam, loader, service, task, autostart, or unknown."`
	Name string    `json:"name" example:"/etc/sudoers.d/x"`
	How  string    `json:"how" example:"added" doc:"added, changed or removed."`
	Text string    `json:"text" example:"dina ALL=(ALL) ALL"`
	At   time.Time `json:"at"`
}

// Question is an approver's question with its answer.
type Question struct {
	By         Person     `json:"by"`
	At         time.Time  `json:"at"`
	Text       string     `json:"text" example:"which server?"`
	Answer     *string    `json:"answer" example:"web-3"`
	AnsweredAt *time.Time `json:"answered_at"`
}

// Decision is the answer.
type Decision struct {
	Verdict   string     `json:"verdict" enum:"approved,denied"`
	By        *Person    `json:"by" doc:"Null when a rule decided."`
	At        time.Time  `json:"at"`
	Comment   *string    `json:"comment" example:"ok for today"`
	Rule      *string    `json:"rule" example:"apt-update@3"`
	HeldUntil *time.Time `json:"held_until" doc:"Until then it can be undone."`
}

// Grant is what came of an approval at the endpoint.
type Grant struct {
	ID        string     `json:"id" example:"gr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	EndReason *string    `json:"end_reason" example:"completed"`
}

// Caution is one reason for care with its fact.
type Caution struct {
	Reason string `json:"reason" example:"unbounded"`
	Fact   string `json:"fact" example:"bash can run anything"`
}

// Queue is where a pending request stands.
type Queue struct {
	Position         *int       `json:"position" example:"3"`
	UsualWaitSeconds *int64     `json:"usual_wait_seconds" example:"240"`
	CanAnswer        []string   `json:"can_answer" nullable:"false" example:"[\"bo\"]"`
	CanAnswerFrom    *time.Time `json:"can_answer_from" doc:"While nobody can answer: from when somebody can; null when nobody ever can."`
}

// List is one page of something.
type List[T any] struct {
	Items             []T    `json:"items" nullable:"false"`
	NextCursor        string `json:"next_cursor,omitempty" example:"eyJrIjoxfQ" doc:"Absent on the last page."`
	Total             int64  `json:"total" example:"1"`
	TotalIsLowerBound bool   `json:"total_is_lower_bound"`
}

// Counts are the numbers for the tabs.
type Counts struct {
	All       int64 `json:"all" example:"23"`
	Available int64 `json:"available" example:"2"`
	Pending   int64 `json:"pending" example:"1"`
	Approved  int64 `json:"approved"`
	Revoked   int64 `json:"revoked"`
	Expired   int64 `json:"expired" example:"4"`
	Denied    int64 `json:"denied" example:"1"`
}

// Answer is the body of the verbs of a request. The requester reads the comment
// (for ask it is the question, for answer the answer), only approvers read the
// note; a verb refuses fields that it has no use for.
type Answer struct {
	Comment         string     `json:"comment,omitempty" maxLength:"2000" example:"ok for today"`
	Note            string     `json:"note,omitempty" maxLength:"2000" example:"asked the team lead" doc:"Only approvers read it."`
	DurationSeconds int64      `json:"duration_seconds,omitempty" minimum:"1" example:"1800" doc:"Of approve: other than what was asked for."`
	Start           *time.Time `json:"start,omitempty" doc:"Of approve: other than what was asked for."`
	Lasts           string     `json:"lasts,omitempty" maxLength:"16" example:"8h" doc:"Of approve: once, or how long the same is approved again: 8h, 7d."`
	Priority        string     `json:"priority,omitempty" enum:"low,normal,high,urgent" doc:"Of prioritize."`
	Team            string     `json:"team,omitempty" maxLength:"200" example:"platform" doc:"Of escalate: id or name; without it the next team of the ladder."`
}

// CannedTexts are texts that the caller can choose from.
type CannedTexts struct {
	Questions []string `json:"questions" nullable:"false" example:"[\"which server?\"]"`
	Denials   []string `json:"denials" nullable:"false" example:"[\"please use the deployment job\"]"`
}

// Batch does one action to several requests, each on its own: to those with the
// ids, or to what waits in a group.
type Batch struct {
	Action          string     `json:"action" enum:"approve,deny,ask,undo,revoke,cancel,check-in,remove,claim,nudge,escalate,prioritize,after-review"`
	IDs             []string   `json:"ids,omitempty" maxItems:"500" nullable:"false" example:"[\"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77\"]"`
	Group           *GroupKey  `json:"group,omitempty" doc:"In place of ids: every waiting request of this group, at most 500."`
	Comment         string     `json:"comment,omitempty" maxLength:"2000" example:"ok for today"`
	Note            string     `json:"note,omitempty" maxLength:"2000" example:"asked the team lead"`
	DurationSeconds int64      `json:"duration_seconds,omitempty" minimum:"1" example:"1800"`
	Start           *time.Time `json:"start,omitempty"`
	Lasts           string     `json:"lasts,omitempty" maxLength:"16" example:"8h"`
	Priority        string     `json:"priority,omitempty" enum:"low,normal,high,urgent"`
	Team            string     `json:"team,omitempty" maxLength:"200" example:"platform"`
}

// GroupKey names a group of requests.
type GroupKey struct {
	By  string `json:"by" enum:"program,publisher,user,endpoint"`
	Key string `json:"key" maxLength:"4096" example:"apt" doc:"The key of the group in the list."`
}

// RequestGroup are requests that have one thing in common.
type RequestGroup struct {
	By       string    `json:"by" enum:"program,publisher,user,endpoint"`
	Key      string    `json:"key" example:"apt" doc:"Name of the program, publisher or user, or id of the endpoint."`
	Name     string    `json:"name" example:"apt" doc:"The key as people read it."`
	Count    int64     `json:"count" example:"12"`
	OldestAt time.Time `json:"oldest_at"`
	Sample   Request   `json:"sample" doc:"The oldest of them."`
}

// BatchResults are in the order of the ids.
type BatchResults struct {
	Results []BatchResult `json:"results" nullable:"false"`
	// RuleFrom offers the rule that would have saved the answers.
	RuleFrom *string `json:"rule_from" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77" doc:"When several were approved and the caller may write rules: GET /requests/{id}/rule of this one proposes a rule that answers such requests."`
}

// BatchResult says what came of one id.
type BatchResult struct {
	ID    string   `json:"id" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	OK    bool     `json:"ok"`
	State string   `json:"state" example:"available" doc:"The state it is in now, empty when it is not known."`
	Error *Problem `json:"error,omitempty"`
}

// Timeline is what happened to a request, oldest first.
type Timeline struct {
	Items []TimelineItem `json:"items" nullable:"false"`
}

// TimelineItem is one thing that happened.
type TimelineItem struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind" example:"request.submitted"`
	By   string    `json:"by" example:"dina"`
	Text string    `json:"text" example:"asked to run /usr/bin/systemctl restart nginx"`
}

// Explanation says why rules answered as they did.
type Explanation struct {
	Outcome  string      `json:"outcome" enum:"ask,approve,deny"`
	Sentence string      `json:"sentence" example:"No rule matched, so a person is asked."`
	Trace    []TraceLine `json:"trace" nullable:"false"`
}

// TraceLine is one rule of an explanation.
type TraceLine struct {
	Rule    string `json:"rule" example:"apt-update"`
	Matched bool   `json:"matched"`
	Why     string `json:"why" example:"path is not /usr/bin/apt"`
}
