package client

import "time"

// Endpoint is an enrolled machine.
type Endpoint struct {
	ID           string            `json:"id" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Name         string            `json:"name" example:"ubu-0810"`
	OS           *string           `json:"os" example:"linux"`
	OSVersion    *string           `json:"os_version" example:"Debian GNU/Linux 12 (bookworm)"`
	Arch         *string           `json:"arch" example:"amd64"`
	IP           *string           `json:"ip" example:"192.0.2.17"`
	AgentVersion *string           `json:"agent_version" example:"1.2.3"`
	Labels       map[string]string `json:"labels"`
	GivenLabels  map[string]string `json:"given_labels" doc:"Those of labels that its token and administrators gave; the others it says of itself."`
	Reported     map[string]string `json:"reported"`
	Mode         string            `json:"mode" enum:"off,observe,ask" example:"ask" doc:"As it counts now, by its policy and pauses."`
	Policy       *string           `json:"policy" example:"workstations" doc:"Null: none of the list is for it."`
	// PolicyVersion counts what was signed for this endpoint.
	PolicyVersion *int64   `json:"policy_version" example:"4" doc:"Of what it was sent last; null: nothing yet."`
	Capabilities  []string `json:"capabilities" nullable:"false" example:"[\"observe\",\"rights\"]" doc:"What its agent can do."`
	// ClockOffMS is how far its clock was ahead when it connected.
	ClockOffMS  *int64     `json:"clock_off_ms" example:"40" doc:"How many milliseconds its clock was ahead of the controller's when it connected; null: it is not connected."`
	PausedUntil *time.Time `json:"paused_until" doc:"Null: it is not paused."`
	Connected   bool       `json:"connected"`
	Locked      bool       `json:"locked"`
	LockedAt    *time.Time `json:"locked_at" doc:"Null: it is not locked."`
	LockedBy    *string    `json:"locked_by" example:"admin"`
	LockedWhy   *string    `json:"locked_why" example:"the machine is lost"`
	Quarantined bool       `json:"quarantined"`
	// StandingRights is how many ways there are to become root on it without Assent.
	StandingRights *int       `json:"standing_rights" example:"2" doc:"Null: it has not told."`
	EnrolledAt     time.Time  `json:"enrolled_at"`
	LastSeenAt     *time.Time `json:"last_seen_at"`
	CertNotAfter   *time.Time `json:"cert_not_after"`
}

// NewEnrollToken asks for an enrolment token.
type NewEnrollToken struct {
	TTLSeconds   int64             `json:"ttl_seconds,omitempty" minimum:"1" maximum:"31622400" example:"86400" doc:"Default 86400."`
	MaxUses      int               `json:"max_uses,omitempty" minimum:"1" maximum:"1000000" example:"10" doc:"Default 1."`
	Labels       map[string]string `json:"labels,omitempty"`
	AcceptLabels []string          `json:"accept_labels,omitempty" nullable:"false" maxItems:"64" example:"[\"site\"]" doc:"Labels that an endpoint may say of itself."`
	Mode         string            `json:"mode,omitempty" enum:"observe,ask" doc:"Default ask."`
}

// EnrollToken is an enrolment token. Token is there once, when it is made.
type EnrollToken struct {
	ID           string            `json:"id" example:"tok_019aa8d2-4444-7c41-9d10-3b1f0c5f2a77"`
	Token        string            `json:"token,omitempty" example:"asn1_…" doc:"Shown once."`
	ExpiresAt    time.Time         `json:"expires_at"`
	MaxUses      int               `json:"max_uses" example:"10"`
	Uses         int               `json:"uses"`
	Labels       map[string]string `json:"labels"`
	AcceptLabels []string          `json:"accept_labels" nullable:"false"`
	Mode         *string           `json:"mode" enum:"observe,ask" doc:"null: what a package enrols observes, anything else asks."`
	Controller   string            `json:"controller" example:"https://assent.example.org:8443" doc:"Where endpoints enrol."`
	CreatedBy    string            `json:"created_by" example:"admin"`
	CreatedAt    time.Time         `json:"created_at"`
}

// NewUser asks for an account.
type NewUser struct {
	Login    string   `json:"login" minLength:"1" maxLength:"64" example:"bo"`
	Name     string   `json:"name,omitempty" maxLength:"200" example:"Bo Chen"`
	Email    string   `json:"email,omitempty" maxLength:"254" example:"bo@example.org"`
	Roles    []string `json:"roles,omitempty" nullable:"false" maxItems:"16" enum:"administrator,security_admin,rule_author,approver,auditor,requester" doc:"Default requester."`
	Scope    Scope    `json:"scope,omitempty" doc:"Labels of the endpoints that the account may see; none means all. Also in the form that teams have, {\"labels\":{…}}, with nothing beside it."`
	Password string   `json:"password,omitempty" maxLength:"256" example:"correct horse battery"`
}

// EditUser changes an account; what is left out stays.
type EditUser struct {
	Name     *string   `json:"name,omitempty" maxLength:"200" example:"Bo Chen"`
	Email    *string   `json:"email,omitempty" maxLength:"254" example:"bo@example.org"`
	Roles    *[]string `json:"roles,omitempty" nullable:"false" maxItems:"16" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
	Scope    Scope     `json:"scope,omitempty" doc:"The whole scope anew, in one of the two forms."`
	Password *string   `json:"password,omitempty" maxLength:"256" example:"correct horse battery" doc:"Empty takes the password away."`
	Disabled *bool     `json:"disabled,omitempty"`
}

// User is an account.
type User struct {
	ID          string            `json:"id" example:"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Login       string            `json:"login" example:"bo"`
	Name        string            `json:"name" example:"Bo Chen"`
	Email       string            `json:"email" example:"bo@example.org"`
	Roles       []string          `json:"roles" nullable:"false" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
	Scope       map[string]string `json:"scope"`
	HasPassword bool              `json:"has_password"`
	HasPasskey  bool              `json:"has_passkey"`
	HasTOTP     bool              `json:"has_totp"`
	SignedInAt  *time.Time        `json:"signed_in_at" doc:"The last time. Null: never, or before it was kept."`
	CreatedAt   time.Time         `json:"created_at"`
	DisabledAt  *time.Time        `json:"disabled_at"`
}

// NewToken asks for an API token.
type NewToken struct {
	Name       string   `json:"name" minLength:"1" maxLength:"200" example:"nightly export"`
	User       string   `json:"user,omitempty" maxLength:"128" example:"bo" doc:"Login or id of its owner; default is the caller."`
	Scopes     []string `json:"scopes,omitempty" nullable:"false" maxItems:"16" enum:"requests.read,requests.decide,rules,endpoints,users,audit.read,metrics,scim" doc:"None: the owner's roles without tokens, links, roles and settings."`
	TTLSeconds int64    `json:"ttl_seconds,omitempty" minimum:"1" maximum:"31622400" example:"7776000" doc:"Default 90 days."`
}

// Token is an API token. Token is there once, when it is made.
type Token struct {
	ID         string     `json:"id" example:"tok_019aa8d2-5555-7c41-9d10-3b1f0c5f2a77"`
	Token      string     `json:"token,omitempty" example:"ast_…" doc:"Shown once."`
	Name       string     `json:"name" example:"nightly export"`
	User       string     `json:"user" example:"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Scopes     []string   `json:"scopes" nullable:"false"`
	ExpiresAt  time.Time  `json:"expires_at"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// Ruleset is all rules as they are in force.
type Ruleset struct {
	Version   int64      `json:"version" example:"3"`
	YAML      string     `json:"yaml" example:"rules: []"`
	AppliedBy string     `json:"applied_by" example:"admin"`
	AppliedAt *time.Time `json:"applied_at"`
	List[Rule]
	Warnings []Fault    `json:"warnings" nullable:"false" doc:"Of apply: what somebody should look at."`
	Packs    []PackName `json:"packs" nullable:"false"`
	Proposal *Proposal  `json:"proposal,omitempty" doc:"The change was not made: it waits for a second person."`
}

// Rule is one rule.
type Rule struct {
	ID         string            `json:"id" example:"apt-update"`
	Then       string            `json:"then" enum:"approve,deny,require"`
	Mode       string            `json:"mode" enum:"enforce,observe"`
	Precedence int               `json:"precedence" example:"100"`
	When       string            `json:"when" example:"user.uid != '0'"`
	Message    map[string]string `json:"message"`
	YAML       string            `json:"yaml" example:"name: apt-update" doc:"As it was written."`
	What       string            `json:"what" example:"/usr/bin/apt update" doc:"In a plain phrase, what it is about."`
	Terms      []string          `json:"terms" nullable:"false" example:"[\"1h at most\"]" doc:"Its limits and what it wants, each in a short phrase."`
	Pack       string            `json:"pack" doc:"name@version of the pack that it comes from; empty: written here." example:""`
	Warnings   []Fault           `json:"warnings,omitempty" nullable:"false" doc:"Of a change: what somebody should look at."`
	Proposal   *Proposal         `json:"proposal,omitempty" doc:"The change was not made: it waits for a second person."`
}

// RuleText carries rules as YAML.
type RuleText struct {
	YAML string `json:"yaml" maxLength:"2097152" example:"rules: []"`
}

// ApplyRules replaces the rules, or with Merge only the named ones.
type ApplyRules struct {
	YAML              string `json:"yaml" maxLength:"2097152" example:"rules: []"`
	Merge             bool   `json:"merge,omitempty"`
	AcknowledgeDenied bool   `json:"acknowledge_denied,omitempty"`
	Base              int64  `json:"base,omitempty" minimum:"0" example:"3" doc:"The version that was changed; when it is not in force any more, nothing is applied. Left out: whatever is in force is replaced."`
	Comment           string `json:"comment,omitempty" maxLength:"1000" example:"CHG-112" doc:"Why, for the versions and for a second person."`
}

// RuleCheck are the faults of a text; OK when none of them is an error.
type RuleCheck struct {
	OK     bool    `json:"ok"`
	Faults []Fault `json:"faults" nullable:"false"`
}

// Fault is one fault of a rule text.
type Fault struct {
	Line     int    `json:"line" example:"3"`
	Col      int    `json:"col" example:"5"`
	Severity string `json:"severity" enum:"error,warning"`
	Code     string `json:"code" example:"unknown-field"`
	Text     string `json:"text" example:"field \"pth\" is not known"`
}

// RuleVersion is one earlier ruleset.
type RuleVersion struct {
	Version   int64     `json:"version" example:"3"`
	AppliedBy string    `json:"applied_by" example:"admin"`
	AppliedAt time.Time `json:"applied_at"`
	Comment   string    `json:"comment" example:"CHG-112" doc:"What the author says of it."`
	YAML      string    `json:"yaml" example:"rules: []"`
	Added     []string  `json:"added" nullable:"false" example:"[\"apt-update\"]" doc:"Against the version before; of the newest versions only, see the diff of one."`
	Changed   []string  `json:"changed" nullable:"false"`
	Removed   []string  `json:"removed" nullable:"false"`
}

// Evaluate asks what the rules say of a request or of an attempt.
type Evaluate struct {
	RequestID string           `json:"request_id,omitempty" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	Attempt   *EvaluateAttempt `json:"attempt,omitempty"`
	Rule      string           `json:"rule,omitempty" maxLength:"200" example:"apt-update" doc:"Why not: the trace is that of this rule alone, also when it is about another program."`
}

// EvaluateAttempt is an attempt for trying rules.
type EvaluateAttempt struct {
	AccessType    string            `json:"access_type,omitempty" enum:"run,session,admin"`
	Path          string            `json:"path" maxLength:"4096" example:"/usr/bin/apt"`
	Args          []string          `json:"args,omitempty" nullable:"false" maxItems:"4096" example:"[\"update\"]"`
	Cwd           string            `json:"cwd,omitempty" maxLength:"4096" example:"/root"`
	RunAs         string            `json:"run_as,omitempty" maxLength:"256" example:"root"`
	SHA256        string            `json:"sha256,omitempty" maxLength:"64" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	User          string            `json:"user,omitempty" maxLength:"256" example:"dina"`
	UID           string            `json:"uid,omitempty" maxLength:"256" example:"1001"`
	Groups        []string          `json:"groups,omitempty" nullable:"false" maxItems:"1024" example:"[\"developers\"]"`
	Product       string            `json:"product,omitempty" maxLength:"256" example:"Tool"`
	Version       string            `json:"version,omitempty" maxLength:"256" example:"1.2"`
	Parent        string            `json:"parent,omitempty" maxLength:"4096" example:"/usr/bin/bash"`
	Thumbprint    string            `json:"thumbprint,omitempty" maxLength:"64" doc:"Of the publisher." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"`
	Marks         []string          `json:"marks,omitempty" nullable:"false" maxItems:"16" example:"[\"user_writable\"]"`
	Endpoint      string            `json:"endpoint,omitempty" maxLength:"200" doc:"Its id, for conditions." example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Labels        map[string]string `json:"labels,omitempty" doc:"Of the endpoint."`
	Justification string            `json:"justification,omitempty" maxLength:"2000" example:"update"`
	Ticket        string            `json:"ticket,omitempty" maxLength:"200" example:"INC-1"`
	Priority      string            `json:"priority,omitempty" enum:"low,normal,high,urgent"`
}

// AuditEvent is one line of the audit log.
type AuditEvent struct {
	Seq      uint64            `json:"seq" example:"17"`
	ID       string            `json:"id" example:"ev_019aa8d2-6666-7c41-9d10-3b1f0c5f2a77"`
	At       time.Time         `json:"at"`
	Kind     string            `json:"kind" example:"request.approved"`
	Actor    AuditActor        `json:"actor"`
	Request  string            `json:"request,omitempty" example:"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`
	Grant    string            `json:"grant,omitempty" example:"gr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77"`
	Endpoint string            `json:"endpoint,omitempty" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Data     map[string]string `json:"data"`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind string `json:"kind" enum:"user,rule,endpoint,system"`
	ID   string `json:"id" example:"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Name string `json:"name" example:"bo"`
}

// AuditPage is a stretch of the audit log, ascending or the newest first.
type AuditPage struct {
	Items     []AuditEvent `json:"items" nullable:"false"`
	NextAfter uint64       `json:"next_after" example:"17" doc:"Give it as after to go on."`

	// With sort=newest.
	NextBefore uint64 `json:"next_before,omitempty" example:"17" doc:"Give it as before to go on; without it, that was the beginning of the log."`
}

// Checkpoint is the newest signed statement about the whole log.
type Checkpoint struct {
	Size uint64 `json:"size" example:"17" doc:"Events that it covers."`
	Note string `json:"note" doc:"The signed note (golang.org/x/mod/sumdb/note)." example:"signed text"`
	Key  string `json:"key" doc:"The key that verifies it." example:"verifier key"`

	At *time.Time `json:"at,omitempty" doc:"When it was signed."`
}

// LiveEvent is the data of one server-sent event: the audit event, with the
// request as it now is in place of its id.
type LiveEvent struct {
	AuditEvent
	Request *Request `json:"request,omitempty"`
}

// NewSession signs in: with a login and password, and a code where the account
// has an authenticator; or with a one-time link; or with a passkey.
type NewSession struct {
	Login    string         `json:"login,omitempty" maxLength:"64" example:"bo"`
	Password string         `json:"password,omitempty" maxLength:"256" example:"correct horse battery"`
	Code     string         `json:"code,omitempty" maxLength:"16" example:"123456"`
	Link     string         `json:"link,omitempty" maxLength:"256" example:"lnk_…"`
	Passkey  *PasskeyAnswer `json:"passkey,omitempty"`
}

// Me is who the caller is.
type Me struct {
	ID          string            `json:"id" example:"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
	Login       string            `json:"login" example:"bo"`
	Name        string            `json:"name" example:"Bo Chen"`
	Roles       []string          `json:"roles" nullable:"false"`
	Scope       map[string]string `json:"scope"`
	Permissions []string          `json:"permissions" nullable:"false" example:"[\"requests.read\"]"`
	Session     bool              `json:"session" doc:"Signed in at a browser, not by a token."`
	UndoSeconds int64             `json:"undo_seconds" example:"3" doc:"How long this caller's answers can be undone."`
	Cluster     string            `json:"cluster" example:"assent-3f9a"`
	Version     string            `json:"version" example:"1.2.3"`
	Seat        *Seat             `json:"seat" doc:"The caller has no account: their endpoint vouches for them. null: an account."`
	Demo        bool              `json:"demo" example:"false" doc:"This is a demonstration: its data is thrown away at its end."`

	SignedInBy        string     `json:"signed_in_by" enum:"password,totp,passkey,oidc,link,token,endpoint" doc:"The last proof."`
	PresenceUntil     *time.Time `json:"presence_until" doc:"So long no act asks this session to prove presence again; null: the next one that needs it will."`
	HasPasskey        bool       `json:"has_passkey" doc:"Then presence is proved with it alone."`
	NeedsSecondFactor bool       `json:"needs_second_factor" doc:"Nothing but adding or using a second factor is allowed before."`
}

// Seat is the user of an endpoint for whom that endpoint vouches.
type Seat struct {
	Endpoint string `json:"endpoint" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	User     string `json:"user" example:"alice"`
}

// Settings are the settings of the controller.
type Settings struct {
	PendingTTLSeconds    int64      `json:"pending_ttl_seconds" example:"28800"`
	UseWithinSeconds     int64      `json:"use_within_seconds" example:"14400"`
	HoldSeconds          int64      `json:"hold_seconds" example:"600"`
	HeadStartSeconds     HeadStarts `json:"head_start_seconds"`
	MaxRequesterPriority string     `json:"max_requester_priority" enum:"low,normal,high,urgent"`
	UndoSeconds          int64      `json:"undo_seconds" example:"3"`
	Quota                Quota      `json:"quota"`
	HistoryDays          int64      `json:"history_days" example:"400"`
	MinDurationSeconds   int64      `json:"min_duration_seconds" example:"1"`
	RunCapSeconds        int64      `json:"run_cap_seconds" example:"28800"`
	SessionSeconds       int64      `json:"session_seconds" example:"1800"`
	AdminSeconds         int64      `json:"admin_seconds" example:"1800"`
	AdminCapSeconds      int64      `json:"admin_cap_seconds" example:"14400" doc:"Of sessions too."`

	TimeZone         string          `json:"time_zone" example:"Europe/Berlin"`
	Emergency        Emergency       `json:"emergency"`
	TicketValidator  TicketValidator `json:"ticket_validator"`
	Retention        Retention       `json:"retention"`
	FourEyesAccounts bool            `json:"four_eyes_accounts" example:"true"`
	FourEyesRules    bool            `json:"four_eyes_rules"`
	BeneficiaryCheck bool            `json:"beneficiary_check"`
	MaskPatterns     []string        `json:"mask_patterns" nullable:"false" example:"[\"key-[0-9a-f]{16}\"]"`
	ShowApprovers    bool            `json:"show_approvers"`
	Nudge            Nudge           `json:"nudge"`
	StepUpRisky      bool            `json:"step_up_risky"`

	RequireSecondFactor []string `json:"require_second_factor" nullable:"false" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`

	UnlinkedRiskyApprovers int64 `json:"unlinked_risky_approvers" example:"2"`

	Canned []Canned `json:"canned" nullable:"false"`
}

// Canned are texts that approvers choose from.
type Canned struct {
	Team      string   `json:"team" maxLength:"200" example:"platform" doc:"Id or name; empty for everybody."`
	Questions []string `json:"questions" nullable:"false" maxItems:"50" example:"[\"which server?\"]"`
	Denials   []string `json:"denials" nullable:"false" maxItems:"50" example:"[\"please use the deployment job\"]"`
}

// HeadStarts say how far each priority is put ahead in the queue.
type HeadStarts struct {
	Low    int64 `json:"low" example:"0"`
	Normal int64 `json:"normal" example:"600"`
	High   int64 `json:"high" example:"3600"`
	Urgent int64 `json:"urgent" example:"28800"`
}

// Quota bounds what one user and one endpoint may have waiting; 0 is off.
type Quota struct {
	PendingPerUser     int64 `json:"pending_per_user" example:"20"`
	PendingPerEndpoint int64 `json:"pending_per_endpoint" example:"200"`
	CooldownSeconds    int64 `json:"cooldown_seconds" example:"60"`
}

// SettingsPatch changes the settings that are there.
type SettingsPatch struct {
	PendingTTLSeconds    *int64          `json:"pending_ttl_seconds,omitempty" minimum:"1" maximum:"31622400" example:"28800"`
	UseWithinSeconds     *int64          `json:"use_within_seconds,omitempty" minimum:"1" maximum:"31622400" example:"14400"`
	HoldSeconds          *int64          `json:"hold_seconds,omitempty" minimum:"0" maximum:"31622400" example:"600"`
	HeadStartSeconds     *HeadStartPatch `json:"head_start_seconds,omitempty"`
	MaxRequesterPriority *string         `json:"max_requester_priority,omitempty" enum:"low,normal,high,urgent"`
	UndoSeconds          *int64          `json:"undo_seconds,omitempty" minimum:"0" maximum:"3600" example:"3"`
	Quota                *QuotaPatch     `json:"quota,omitempty"`
	HistoryDays          *int64          `json:"history_days,omitempty" minimum:"1" maximum:"36500" example:"400"`
	MinDurationSeconds   *int64          `json:"min_duration_seconds,omitempty" minimum:"1" maximum:"28800" example:"1"`
	RunCapSeconds        *int64          `json:"run_cap_seconds,omitempty" minimum:"1" maximum:"28800" example:"28800"`
	SessionSeconds       *int64          `json:"session_seconds,omitempty" minimum:"1" maximum:"14400" example:"1800"`
	AdminSeconds         *int64          `json:"admin_seconds,omitempty" minimum:"1" maximum:"14400" example:"1800"`
	AdminCapSeconds      *int64          `json:"admin_cap_seconds,omitempty" minimum:"1" maximum:"14400" example:"14400" doc:"Of sessions too."`

	TimeZone         *string               `json:"time_zone,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"For hours of rules that name no tz."`
	Emergency        *EmergencyPatch       `json:"emergency,omitempty"`
	TicketValidator  *TicketValidatorPatch `json:"ticket_validator,omitempty"`
	Retention        *RetentionPatch       `json:"retention,omitempty"`
	FourEyesAccounts *bool                 `json:"four_eyes_accounts,omitempty" doc:"An account does not decide requests of who made it or set its password, until its owner has set another."`
	FourEyesRules    *bool                 `json:"four_eyes_rules,omitempty" doc:"A change of rules waits for a second person."`
	BeneficiaryCheck *bool                 `json:"beneficiary_check,omitempty" doc:"So does a rule from which only its author gains."`
	MaskPatterns     *[]string             `json:"mask_patterns,omitempty" nullable:"false" maxItems:"64" example:"[\"key-[0-9a-f]{16}\"]" doc:"Regular expressions (RE2) of secrets in arguments."`
	ShowApprovers    *bool                 `json:"show_approvers,omitempty" doc:"Requesters see who answers."`
	Nudge            *NudgePatch           `json:"nudge,omitempty"`
	StepUpRisky      *bool                 `json:"step_up_risky,omitempty" doc:"Approving what gives power over the whole machine needs a sign-in of the last five minutes, also where no rule says so."`

	RequireSecondFactor *[]string `json:"require_second_factor,omitempty" nullable:"false" maxItems:"6" enum:"administrator,security_admin,rule_author,approver,auditor,requester" doc:"Who has one of these roles and signs in with a password or link alone can only add or use a second factor."`

	UnlinkedRiskyApprovers *int64 `json:"unlinked_risky_approvers,omitempty" minimum:"1" maximum:"5" example:"2" doc:"So many people approve what is of high risk for somebody whom no link names."`

	Canned *[]Canned `json:"canned,omitempty" nullable:"false" maxItems:"100" doc:"Replaces all of them."`
}

// HeadStartPatch changes the head starts that are there.
type HeadStartPatch struct {
	Low    *int64 `json:"low,omitempty" minimum:"0" maximum:"31622400" example:"0"`
	Normal *int64 `json:"normal,omitempty" minimum:"0" maximum:"31622400" example:"600"`
	High   *int64 `json:"high,omitempty" minimum:"0" maximum:"31622400" example:"3600"`
	Urgent *int64 `json:"urgent,omitempty" minimum:"0" maximum:"31622400" example:"28800"`
}

// QuotaPatch changes the quotas that are there.
type QuotaPatch struct {
	PendingPerUser     *int64 `json:"pending_per_user,omitempty" minimum:"0" maximum:"1000000" example:"20"`
	PendingPerEndpoint *int64 `json:"pending_per_endpoint,omitempty" minimum:"0" maximum:"1000000" example:"200"`
	CooldownSeconds    *int64 `json:"cooldown_seconds,omitempty" minimum:"0" maximum:"31622400" example:"60"`
}
