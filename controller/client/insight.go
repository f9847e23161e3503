package client

import "time"

// ReplayRules asks what a whole set of rules would have answered.
type ReplayRules struct {
	YAML string `json:"yaml" maxLength:"2097152" example:"rules: []"`
	Days int    `json:"days,omitempty" minimum:"1" maximum:"400" example:"30" doc:"How far back; default 30."`
}

// Replay is what a set of rules would have answered to real requests, next to
// what was answered.
type Replay struct {
	Days             int            `json:"days" example:"30"`
	Requests         int            `json:"requests" example:"3100" doc:"That were looked at."`
	Changed          int            `json:"changed" example:"14" doc:"That would have been answered otherwise."`
	NewlyApproved    int            `json:"newly_approved" example:"12"`
	NewlyDenied      int            `json:"newly_denied" example:"1"`
	NewlyAsked       int            `json:"newly_asked" example:"1" doc:"That a rule had answered and a person would be asked for."`
	HumanDenied      int            `json:"human_denied" example:"0" doc:"Newly approved, although a person denied them."`
	Observed         int            `json:"observed" example:"2400" doc:"Attempts that were only seen, beside the requests."`
	ObservedApproved int            `json:"observed_approved" example:"2000" doc:"Of them: those that the rules would approve."`
	ObservedDenied   int            `json:"observed_denied" example:"3"`
	ObservedAsked    int            `json:"observed_asked" example:"397" doc:"Of them: those that a person would be asked for."`
	MinutesSaved     int64          `json:"minutes_saved" example:"212" doc:"Waiting that the newly approved would have been spared."`
	Changes          []ReplayChange `json:"changes" nullable:"false" doc:"The newest first, at most 1000."`
	Truncated        bool           `json:"truncated" doc:"There were more requests than are looked at."`
}

// ReplayChange is one answer that would have been another one.
type ReplayChange struct {
	RequestID string    `json:"request_id" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	At        time.Time `json:"at"`
	Who       string    `json:"who" example:"dina" doc:"The user at the endpoint."`
	Endpoint  string    `json:"endpoint" example:"ubu-0810"`
	What      string    `json:"what" example:"/usr/bin/apt update"`
	From      string    `json:"from" example:"ask: approved by bo"`
	To        string    `json:"to" example:"approve: apt-update"`
	Why       string    `json:"why" example:"Rule \"apt-update\" approves it."`
}

// Suggestion is a rule that would have answered as people did. Applied, it
// observes until a person enables it.
type Suggestion struct {
	Name       string    `json:"name" example:"suggested-apt-update-4f1c2a"`
	Sentence   string    `json:"sentence" example:"2 people approved /usr/bin/apt update 12 times for 4 people on 5 endpoints."`
	YAML       string    `json:"yaml" example:"rules: []" doc:"A file for apply with merge; the rule observes."`
	Approvals  int       `json:"approvals" example:"12" doc:"By people, that the rule explains."`
	Observed   int       `json:"observed" example:"140" doc:"How often it was only seen; nobody approved that."`
	RequestIDs []string  `json:"request_ids" nullable:"false" example:"[\"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77\"]" doc:"The newest 50 of them."`
	Requesters []string  `json:"requesters" nullable:"false" example:"[\"dina\"]"`
	Approvers  []string  `json:"approvers" nullable:"false" example:"[\"bo\"]"`
	Endpoints  []string  `json:"endpoints" nullable:"false" example:"[\"ubu-0810\"]"`
	Seen       int       `json:"endpoints_total" example:"5"`
	FirstAt    time.Time `json:"first_at"`
	LastAt     time.Time `json:"last_at"`
	Replay     Replay    `json:"replay" doc:"Of the rules in force together with this one, enforcing."`
}

// ReportInfo is one report that can be asked for.
type ReportInfo struct {
	Name  string `json:"name" example:"waiting-times"`
	Title string `json:"title" example:"How long people waited for an answer"`
}

// Report is one report: a table with the period that it is about.
type Report struct {
	Name      string     `json:"name" example:"waiting-times"`
	Title     string     `json:"title" example:"How long people waited for an answer"`
	Since     time.Time  `json:"since"`
	Until     time.Time  `json:"until"`
	Columns   []string   `json:"columns" nullable:"false" example:"[\"team\",\"requests\"]"`
	Rows      [][]string `json:"rows" nullable:"false" example:"[[\"Approvers\",\"12\"]]"`
	Notes     []string   `json:"notes" nullable:"false" example:"[\"Only your scope is in it.\"]" doc:"What a reader has to know, such as what is not in it."`
	Truncated bool       `json:"truncated" doc:"There were more requests than are looked at."`
}

// EventProof shows that one event is in the signed audit log.
type EventProof struct {
	Event      EvidenceEvent `json:"event"`
	Checkpoint Checkpoint    `json:"checkpoint"`
}

// EvidenceEvent is one event with what proves that it was logged.
type EvidenceEvent struct {
	Seq      uint64                  `json:"seq" example:"17"`
	ID       string                  `json:"id" example:"ev_019aa8d2-6666-7c41-9d10-3b1f0c5f2a77"`
	At       time.Time               `json:"at"`
	Kind     string                  `json:"kind" example:"request.approved"`
	Actor    AuditActor              `json:"actor"`
	Request  string                  `json:"request,omitempty" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	Grant    string                  `json:"grant,omitempty" example:"gr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77"`
	Endpoint string                  `json:"endpoint,omitempty" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Data     map[string]string       `json:"data" doc:"Facts that the leaf holds in clear."`
	Text     map[string]EvidenceText `json:"text,omitempty" doc:"What people wrote; the leaf holds the salted hash of each."`
	Leaf     []byte                  `json:"leaf" doc:"The event as it is hashed."`
	Path     []string                `json:"path" nullable:"false" example:"[\"PTHM5Zb0vmz/Ntx2p3BeZ0Xl1t0AvRSnf0RZ0cJ1tQs=\"]" doc:"Hashes from the leaf to the root of the tree."`
}

// EvidenceText is one text with the salt of its hash.
type EvidenceText struct {
	Salt []byte `json:"salt"`
	Text string `json:"text" example:"restart after the update, INC-4821"`
}

// Evidence is everything that proves what happened to one request. It is
// verified without a controller: assentctl audit verify --evidence FILE.
type Evidence struct {
	Format     string          `json:"format" example:"assent-evidence/1"`
	Request    Request         `json:"request" doc:"As it was when the bundle was made; the events are what is proven."`
	Events     []EvidenceEvent `json:"events" nullable:"false"`
	Unsigned   int             `json:"unsigned" doc:"Events that were too new to be proven."`
	Checkpoint Checkpoint      `json:"checkpoint"`
	Grant      []byte          `json:"grant" doc:"The signed grant (COSE_Sign1), null if there is none."`
	KeySet     []byte          `json:"key_set" doc:"The keys that grants are verified with, signed by the root key."`
	RootKey    RootKey         `json:"root_key"`
}

// RootKey is the public root key that endpoints pinned.
type RootKey struct {
	ID     string `json:"id" example:"root-4f1c2a"`
	Public []byte `json:"public"`
}
