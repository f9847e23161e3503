package elevation

import "time"

// Actor says who did something. Kind "" is nobody and is refused everywhere.
type Actor struct {
	Kind ActorKind `cbor:"kind" json:"kind"`
	ID   string    `cbor:"id" json:"id"`     // UserID, RuleID@version, EndpointID or "" for the system
	Name string    `cbor:"name" json:"name"` // login, rule name, host name
}

// ActorKind is the kind of an [Actor].
type ActorKind string

// The kinds of actors.
const (
	ByUser     ActorKind = "user"     // a person with an account
	ByRule     ActorKind = "rule"     // an automatic answer
	ByEndpoint ActorKind = "endpoint" // an agent, speaking for a person at that machine
	BySystem   ActorKind = "system"   // the controller itself: time passing
)

// Origin says through which door a request came.
type Origin string

// The origins.
const (
	FromEndpoint Origin = "endpoint"
	FromPortal   Origin = "portal"
	FromResubmit Origin = "resubmit"
	FromBehalf   Origin = "behalf"
)

// Window is when access is wanted or given. A zero Start means now.
type Window struct {
	Start     time.Time     `cbor:"start"`
	Duration  time.Duration `cbor:"duration"`
	UseWithin time.Duration `cbor:"use_within"` // of a given window: first use must come within this
}

// Stage is one group that must approve: Quorum distinct people of Team.
type Stage struct {
	Team   TeamID `cbor:"team" json:"team"`
	Name   string `cbor:"name" json:"name"`
	Quorum int    `cbor:"quorum" json:"quorum"`
}

// Need is what rules and delegation demand before a request is decided. The
// zero Need is satisfied by nobody: a request always has at least one stage.
type Need struct {
	Stages      []Stage       `cbor:"stages"`
	ReasonMin   int           `cbor:"reason_min"`   // characters
	Ticket      string        `cbor:"ticket"`       // pattern, "" = none asked
	MaxDuration time.Duration `cbor:"max_duration"` // 0 = the cap of the access type
	StepUp      bool          `cbor:"step_up"`
	AfterReview TeamID        `cbor:"after_review"`
	Rules       []string      `cbor:"rules"`   // rule@version that shaped this
	Trace       []TraceLine   `cbor:"trace"`   // why, rule by rule
	Caution     []Caution     `cbor:"caution"` // facts that call for care
}

// TraceLine says of one rule whether it matched and why.
type TraceLine struct {
	Rule    string `cbor:"rule" json:"rule"`
	Matched bool   `cbor:"matched" json:"matched"`
	Why     string `cbor:"why" json:"why"`
}

// Caution is one reason for care with its fact. There is no score.
type Caution struct {
	Reason string `cbor:"reason" json:"reason"`
	Fact   string `cbor:"fact" json:"fact"`
}

// Review is one person's vote.
type Review struct {
	By       Actor         `cbor:"by"`
	Verdict  Verdict       `cbor:"verdict"`
	At       time.Time     `cbor:"at"`
	Comment  string        `cbor:"comment"`
	Stages   []TeamID      `cbor:"stages"`   // the stages for which it counts
	Duration time.Duration `cbor:"duration"` // 0 = as asked
}

// Question is an approver's question back; an unanswered one keeps the request
// pending.
type Question struct {
	By         Actor     `cbor:"by"`
	At         time.Time `cbor:"at"`
	Text       string    `cbor:"text"`
	Answer     string    `cbor:"answer"`
	AnsweredAt time.Time `cbor:"answered_at"`
}

// Decision is the answer to a request.
type Decision struct {
	Verdict   Verdict   `cbor:"verdict"`
	By        Actor     `cbor:"by"`
	At        time.Time `cbor:"at"`
	Comment   string    `cbor:"comment"`
	Rule      string    `cbor:"rule"`       // id@version when a rule decided
	HeldUntil time.Time `cbor:"held_until"` // until then it can be undone and nothing is granted
}

// GrantFacts are what is known of the grant of a request.
type GrantFacts struct {
	ID          GrantID   `cbor:"id"`
	IssuedAt    time.Time `cbor:"issued_at"`
	DeliverBy   time.Time `cbor:"deliver_by"`
	DeliveredAt time.Time `cbor:"delivered_at"`
	StartedAt   time.Time `cbor:"started_at"`
	EndedAt     time.Time `cbor:"ended_at"`
	EndReason   EndReason `cbor:"end_reason"`
	ExitCode    *int      `cbor:"exit_code"`
}

// Request is the question put to the controller with everything that happened
// to it. All times are UTC; a zero time means it has not happened.
type Request struct {
	ID            RequestID  `cbor:"id"`
	Version       int64      `cbor:"version"` // grows with each change; a stale one is refused
	Origin        Origin     `cbor:"origin"`
	Endpoint      EndpointID `cbor:"endpoint"`
	Attempt       Attempt    `cbor:"attempt"`
	Justification string     `cbor:"justification"`
	Ticket        string     `cbor:"ticket"`
	Priority      Priority   `cbor:"priority"`
	PrioritySetBy Actor      `cbor:"priority_set_by"`
	Requested     Window     `cbor:"requested"`
	Previous      RequestID  `cbor:"previous"`
	AtTerminal    bool       `cbor:"at_terminal"` // somebody waits: answers are not held for undo

	Need      Need       `cbor:"need"`
	Reviews   []Review   `cbor:"reviews"`
	Questions []Question `cbor:"questions"`
	Decision  *Decision  `cbor:"decision"`
	Granted   Window     `cbor:"granted"`
	Grant     GrantFacts `cbor:"grant"`

	DraftedAt       time.Time `cbor:"drafted_at"`
	SubmittedAt     time.Time `cbor:"submitted_at"`
	ExpiresAt       time.Time `cbor:"expires_at"` // unanswered by then: expired
	CancelledAt     time.Time `cbor:"cancelled_at"`
	RevokedAt       time.Time `cbor:"revoked_at"`
	RevokedBy       Actor     `cbor:"revoked_by"`
	RevokeComment   string    `cbor:"revoke_comment"`
	CheckedInAt     time.Time `cbor:"checked_in_at"` // asked for; the grant ends when the endpoint says so
	ExpiredAt       time.Time `cbor:"expired_at"`
	WindowEndedAt   time.Time `cbor:"window_ended_at"`
	RemovedAt       time.Time `cbor:"removed_at"`         // by the requester, from their list
	RemovedByTeamAt time.Time `cbor:"removed_by_team_at"` // by an approver, from approvers' lists
}

// Grant is the signed, time-bound permission. It is valid for one endpoint, one
// user and one subject, and is made only by the controller. What is signed is
// its deterministic CBOR form (package sign), kept verbatim on both sides.
type Grant struct {
	Cluster       string        `cbor:"cluster"`
	Endpoint      EndpointID    `cbor:"endpoint"`
	ID            GrantID       `cbor:"id"`
	Request       RequestID     `cbor:"request"`
	RequestDigest []byte        `cbor:"request_digest"` // SHA-256 of the attempt as the controller stored it
	AccessType    AccessType    `cbor:"access_type"`
	User          User          `cbor:"user"`
	Subject       Subject       `cbor:"subject"`
	IssuedAt      time.Time     `cbor:"issued_at"`
	NotBefore     time.Time     `cbor:"not_before"` // zero: from receipt
	NotAfter      time.Time     `cbor:"not_after"`  // zero: ValidFor from first verified receipt
	ValidFor      time.Duration `cbor:"valid_for"`  // use within, counted by the endpoint from receipt
	Duration      time.Duration `cbor:"duration"`   // from first use to the forced end
	Uses          int           `cbor:"uses"`
	Approvers     []Actor       `cbor:"approvers"`
	Rule          string        `cbor:"rule"`
	Nonce         []byte        `cbor:"nonce"`
	KeyEpoch      uint64        `cbor:"key_epoch"`
}

// Revocation is the signed order to end a grant.
type Revocation struct {
	Cluster  string     `cbor:"cluster"`
	Endpoint EndpointID `cbor:"endpoint"`
	Grant    GrantID    `cbor:"grant"`
	Request  RequestID  `cbor:"request"`
	Reason   EndReason  `cbor:"reason"` // RevokedEnd or CheckedIn
	By       Actor      `cbor:"by"`
	Comment  string     `cbor:"comment"`
	At       time.Time  `cbor:"at"`
	Nonce    []byte     `cbor:"nonce"`
	KeyEpoch uint64     `cbor:"key_epoch"`
}
