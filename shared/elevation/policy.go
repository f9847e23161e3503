package elevation

import "time"

// Mode says what an endpoint does with attempts to elevate. The zero value asks.
type Mode string

// The modes.
const (
	ModeOff     Mode = "off"     // not intercepted
	ModeObserve Mode = "observe" // seen and told, never held
	ModeAsk     Mode = "ask"
)

// Children says what happens to programs that an elevated one starts. The zero
// value is [ChildrenAllow].
type Children string

// What children may do.
const (
	ChildrenAllow   Children = "allow"   // they run, are listed where that can be seen, and end with it
	ChildrenContain Children = "contain" // each one asks the rules before it starts
	ChildrenDeny    Children = "deny"    // none starts
)

// Confirm is what a person must show before a grant is applied. The zero value is
// [ConfirmNone].
type Confirm string

// The ways to confirm.
const (
	ConfirmNone     Confirm = "none"
	ConfirmPassword Confirm = "password" // of their own account on the endpoint
	ConfirmPasskey  Confirm = "passkey"  // at the console, within five minutes
)

// Mechanism names a way to elevate, as policies do.
type Mechanism string

// The mechanisms.
const (
	BySudo          Mechanism = "sudo"
	ByPolkit        Mechanism = "polkit"
	BySetuid        Mechanism = "setuid" // su, newgrp, doas and every other setuid program
	ByAssent        Mechanism = "assent" // assent run, session, admin
	ByUAC           Mechanism = "uac"
	ByAuthorization Mechanism = "authorization"
)

// Stance is what an endpoint does with the attempts of one mechanism. The zero
// value refuses.
type Stance string

// The stances.
const (
	StanceDeny    Stance = "deny"    // refused without a question
	StanceAsk     Stance = "ask"     // held until answered
	StanceObserve Stance = "observe" // let go on as if there were no Assent, and reported
	StanceOff     Stance = "off"     // let go on, and not looked at
)

// Stance is what the policy wants of a mechanism. Where no policy says otherwise
// everything asks, except that setuid programs are only observed: holding them is
// switched on by name. "allow" leaves it to the system, and reports it.
func (p Policy) Stance(m Mechanism) Stance {
	switch p.Mode {
	case ModeOff:
		return StanceOff
	case ModeObserve:
		if p.Mechanisms[string(m)] == "off" {
			return StanceOff
		}
		return StanceObserve
	case ModeAsk, "":
	default:
		return StanceDeny
	}
	switch p.Mechanisms[string(m)] {
	case "ask":
		return StanceAsk
	case "allow":
		return StanceObserve
	case "off":
		return StanceOff
	case "":
		if m == BySetuid {
			return StanceObserve
		}
		return StanceAsk
	}
	return StanceDeny
}

// Policy is the signed set of settings that an endpoint obeys. The first entry
// of the controller's ordered list whose labels the endpoint has makes it; an
// active pause makes its mode observe.
type Policy struct {
	Cluster    string            `cbor:"cluster"`
	Endpoint   EndpointID        `cbor:"endpoint"`
	Name       string            `cbor:"name"`
	Version    uint64            `cbor:"version"` // grows; an older one is refused
	Mode       Mode              `cbor:"mode"`
	Mechanisms map[string]string `cbor:"mechanisms"` // mechanism → ask, allow, deny or off
	Mask       []string          `cbor:"mask"`       // patterns of secrets in arguments, beside the built-in ones
	Presets    []string          `cbor:"presets"`    // reasons to choose from
	ReasonMin  int               `cbor:"reason_min"` // characters, 0 = the default
	BreakGlass string            `cbor:"break_glass"`
	Confirm    string            `cbor:"confirm"` // a [Confirm] for every grant; a grant may want more
	At         time.Time         `cbor:"at"`
	KeyEpoch   uint64            `cbor:"key_epoch"`

	Paused  *Pause  `cbor:"paused,omitempty"`
	Offline Offline `cbor:"offline,omitzero"`
	Budget  Budget  `cbor:"budget,omitzero"`
	Words   Words   `cbor:"words,omitzero"`

	// Rights are the authorization rights of macOS that it sets; only endpoints with
	// [CanAuthorizationRights] are sent any.
	Rights map[string]RightLevel `cbor:"authorization_rights,omitempty"`
}

// Pause says that the endpoint only observes for a while, and by whose word. The
// endpoint itself ends it when Until has come.
type Pause struct {
	Until  time.Time `cbor:"until"`
	By     string    `cbor:"by"`
	Reason string    `cbor:"reason"`
}

// Offline says what may be done while the controller can not be reached. The zero
// value is nothing.
type Offline struct {
	Rules bool `cbor:"rules"` // the signed bundle of rules may approve
	Codes bool `cbor:"codes"` // an approver may tell a code
}

// Budget bounds how long one user may be elevated. The zero value does not.
type Budget struct {
	PerDay   time.Duration `cbor:"per_day,omitempty"`  // of session and admin together, per calendar day of the endpoint
	Renewals int           `cbor:"renewals,omitempty"` // extensions and repeated sessions in a day, 0 = any number
	Cooldown time.Duration `cbor:"cooldown,omitempty"` // between two sessions of a user
}

// Words are a company's own words at every prompt and refusal. Each is one line of
// plain text; "" leaves it out.
type Words struct {
	Company  string `cbor:"company,omitempty"`
	Help     string `cbor:"help,omitempty"`     // whom to call
	Link     string `cbor:"link,omitempty"`     // https address of the company's policy
	Language string `cbor:"language,omitempty"` // "en" or "de"; "" = that of the terminal
}
