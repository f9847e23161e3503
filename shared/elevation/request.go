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
	FromOffline  Origin = "offline" // it was allowed, or described to an approver, while its endpoint was out of reach
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
	ReasonMin   int           `cbor:"reason_min"`        // characters
	Presets     []string      `cbor:"presets,omitempty"` // reasons to choose from
	Ticket      string        `cbor:"ticket"`            // pattern, "" = none asked
	MaxDuration time.Duration `cbor:"max_duration"`      // 0 = the cap of the access type
	StepUp      bool          `cbor:"step_up"`
	AfterReview TeamID        `cbor:"after_review"` // who looks at it once it is over
	// AfterComment wants a comment with that review, AfterBlocks keeps the person
	// from asking for the same thing again until it is done.
	AfterComment bool        `cbor:"after_comment,omitempty"`
	AfterBlocks  bool        `cbor:"after_blocks,omitempty"`
	Rules        []string    `cbor:"rules"`   // rule@version that shaped this
	Trace        []TraceLine `cbor:"trace"`   // why, rule by rule
	Caution      []Caution   `cbor:"caution"` // facts that call for care
	// Sentence says plainly why a person is asked.
	Sentence string `cbor:"sentence,omitempty"`
	// Observed is what rules that only observe would have answered.
	Observed []WouldBe `cbor:"observed,omitempty"`
	// Children is what the grant says of child programs; "" = [ChildrenAllow].
	Children Children `cbor:"children,omitempty"`
	// Confirm is what the user must show before the grant is applied.
	Confirm Confirm `cbor:"confirm,omitempty"`
}

// WouldBe is the answer of one rule that observes.
type WouldBe struct {
	Rule string `cbor:"rule" json:"rule"` // id@version
	Then string `cbor:"then" json:"then"` // approve, deny or require
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
	Stages   []TeamID      `cbor:"stages"`         // the stages for which it counts
	Duration time.Duration `cbor:"duration"`       // 0 = as asked
	Start    time.Time     `cbor:"start,omitzero"` // zero = as asked
	For      UserID        `cbor:"for,omitempty"`  // who is away and in whose place it was given; "" = their own
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

// Claim tells other approvers that somebody is looking. It is advice, and binds
// nobody.
type Claim struct {
	By    Actor     `cbor:"by"`
	Until time.Time `cbor:"until"`
}

// Note is what approvers write for each other; the requester never reads it.
type Note struct {
	By   Actor     `cbor:"by"`
	At   time.Time `cbor:"at"`
	Text string    `cbor:"text"`
}

// Escalation is one step up the ladder: from then on Team may answer too.
type Escalation struct {
	At   time.Time `cbor:"at"`
	Of   TeamID    `cbor:"of,omitempty"` // the team in whose stages it may; "" = the first stage
	Team TeamID    `cbor:"team"`
	Name string    `cbor:"name"`
	By   Actor     `cbor:"by"`  // a person, or the system when time did it
	Why  string    `cbor:"why"` // "" = time
}

// AfterReview is somebody's look at a request that is over.
type AfterReview struct {
	By      Actor     `cbor:"by"`
	At      time.Time `cbor:"at"`
	Comment string    `cbor:"comment"`
}

// Decision is the answer to a request.
type Decision struct {
	Verdict   Verdict   `cbor:"verdict"`
	By        Actor     `cbor:"by"`
	At        time.Time `cbor:"at"`
	Comment   string    `cbor:"comment"`
	Rule      string    `cbor:"rule"`       // id@version when a rule decided
	HeldUntil time.Time `cbor:"held_until"` // until then it can be undone and nothing is granted
	// Access is the lasting answer that came of this decision, or by which it was
	// made; "" when the answer is good once.
	Access AccessID `cbor:"access,omitempty"`
}

// ConfirmTime is how long a person may take to confirm with their passkey.
const ConfirmTime = 5 * time.Minute

// ConfirmNonce is how many bytes a question for a passkey is made of.
const ConfirmNonce = 32

// Confirming is one question of an endpoint for its person's passkey, before it
// applies a grant. Only the newest one counts, once.
type Confirming struct {
	Nonce []byte    `cbor:"nonce"` // of the endpoint
	At    time.Time `cbor:"at"`
	Until time.Time `cbor:"until"`
	By    Actor     `cbor:"by,omitzero"` // who confirmed
	Done  time.Time `cbor:"done,omitzero"`
}

// Open reports whether the passkey can still be shown.
func (c *Confirming) Open(now time.Time) bool {
	return c != nil && c.Done.IsZero() && now.Before(c.Until)
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
	// Confirming is the newest question for the requester's passkey; nil = none.
	Confirming *Confirming `cbor:"confirming,omitempty"`

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

	FiledBy     Actor        `cbor:"filed_by,omitzero"`      // the account that filed it; zero: the person at the endpoint
	Extends     RequestID    `cbor:"extends,omitempty"`      // it asks for more time of that request; approved, it amends its grant
	Emergency   bool         `cbor:"emergency,omitempty"`    // granted at once; everybody who was skipped is told
	Joined      int          `cbor:"joined,omitempty"`       // how often the same thing was asked for meanwhile
	Claim       Claim        `cbor:"claim,omitzero"`         // who looks at it
	Notes       []Note       `cbor:"notes,omitempty"`        // approvers' own
	Escalations []Escalation `cbor:"escalations,omitempty"`  // in order
	EscalateAt  time.Time    `cbor:"escalate_at,omitzero"`   // the next step up a ladder while it waits
	Nudges      int          `cbor:"nudges,omitempty"`       // how often the requester reminded
	NudgedAt    time.Time    `cbor:"nudged_at,omitzero"`     // the last time
	After       *AfterReview `cbor:"after_review,omitempty"` // nil until it was looked at
	ReviewDueAt time.Time    `cbor:"review_due_at,omitzero"` // from then on somebody should look at it
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
	// Children says what programs that the granted one starts may do.
	Children Children `cbor:"children,omitempty"`
	// Confirm is what the person must show before the grant is applied.
	Confirm Confirm `cbor:"confirm,omitempty"`
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

// Confirmation is the signed word that the requester has shown their passkey for
// a grant, when the endpoint asked with that nonce.
type Confirmation struct {
	Cluster  string     `cbor:"cluster"`
	Endpoint EndpointID `cbor:"endpoint"`
	Grant    GrantID    `cbor:"grant"`
	Request  RequestID  `cbor:"request"`
	Nonce    []byte     `cbor:"nonce"`
	By       Actor      `cbor:"by"`
	At       time.Time  `cbor:"at"`
	KeyEpoch uint64     `cbor:"key_epoch"`
}

// Amendment is the signed order to give a grant that is in force more time. It
// never gives less than was given before and never another thing.
type Amendment struct {
	Cluster  string        `cbor:"cluster"`
	Endpoint EndpointID    `cbor:"endpoint"`
	Grant    GrantID       `cbor:"grant"`
	Of       RequestID     `cbor:"of"`       // the request of the grant
	Request  RequestID     `cbor:"request"`  // the request that asked for more
	Duration time.Duration `cbor:"duration"` // the new total, counted from first use
	By       Actor         `cbor:"by"`
	At       time.Time     `cbor:"at"`
	Nonce    []byte        `cbor:"nonce"`
	KeyEpoch uint64        `cbor:"key_epoch"`
}
