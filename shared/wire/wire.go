// Package wire is the protocol between agents and the controller: every
// message, its limits and its encoding.
//
// A message is one binary websocket frame holding a [Frame]: a type, a body in
// deterministic CBOR, and, for durable messages from the controller, a sequence
// number without gaps per endpoint. Frames are decoded strictly; a type that
// [Frame.Seq] marks durable and that the reader does not know ends the session,
// an unknown type without a sequence is ignored.
//
// Each message has a golden file in testdata; a change of one is a change of
// the protocol and belongs into the history of [Version].
package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// Version is the newest protocol this build speaks.
//
//	1  2026-11-21  first protocol
//	1  2026-11-22  resubmit and remove from the agent; progress says from when somebody can answer
//	1  2026-11-22  welcome names the console; progress says whether emergency access is possible
//	1  2026-11-22  progress has the code for somebody beside, and who looks at the request
//	1  2026-11-22  standing rights, what was only seen, what was used offline; reports say what ran and what changed;
//	               order and secret go only to endpoints with the capabilities "rights" and "codes", bundles to "bundle"
//	1  2026-11-22  confirm and confirming, of endpoints with the capability "passkey"; confirmed goes only to who asked
//	1  2026-11-22  portal_link is served: it has a number, and portal answers it
//	1  2026-11-23  who, and known, which answers it
const Version = 1

// MaxFrame is the largest frame either side reads, in bytes.
const MaxFrame = 256 << 10

// ErrFrame is returned for bytes that are no valid frame.
var ErrFrame = errors.New("not a valid protocol frame")

// Type names a message.
type Type string

// From the agent.
const (
	THello      Type = "hello"
	TAttempt    Type = "attempt"
	TComplete   Type = "complete"
	TWithdraw   Type = "withdraw"
	TAnswer     Type = "answer"
	TReport     Type = "report"
	TAck        Type = "ack"
	TRenew      Type = "renew"
	TPortalLink Type = "portal_link"
	TExtend     Type = "extend"
	TResubmit   Type = "resubmit"
	TRemove     Type = "remove"
	TPing       Type = "ping"
	TRights     Type = "rights"
	TOrdered    Type = "ordered"
	TSeen       Type = "seen"
	TUsed       Type = "used"
	TConfirm    Type = "confirm"
	TKnown      Type = "known"
)

// From the controller, durable and in sequence.
const (
	TDecision Type = "decision"
	TClosed   Type = "closed"
	TQuestion Type = "question"
	TRevoke   Type = "revoke"
	TAmend    Type = "amend"
	TPolicy   Type = "policy"
	TBundle   Type = "bundle"
	TKeySet   Type = "keyset"
	TLock     Type = "lock"
	TOrder    Type = "order"
	TSecret   Type = "secret"

	TConfirmed Type = "confirmed"
)

// From the controller, only for the live session.
const (
	TWelcome  Type = "welcome"
	TNeed     Type = "need"
	TProgress Type = "progress"
	TAccepted Type = "accepted"
	TRenewed  Type = "renewed"
	TError    Type = "error"
	TDrain    Type = "drain"
	TPong     Type = "pong"

	TConfirming Type = "confirming"
	TPortal     Type = "portal"
	TWho        Type = "who"
)

// Frame is the envelope of every message.
type Frame struct {
	Type Type   `cbor:"t"`
	Seq  uint64 `cbor:"s,omitempty"` // of durable messages from the controller, from 1
	Body []byte `cbor:"b"`           // the message, encoded with sign.Encode
}

// Encode makes the bytes of a frame with the given message.
func Encode(t Type, seq uint64, message any) ([]byte, error) {
	body, err := EncodeBody(t, message)
	if err != nil {
		return nil, err
	}
	return Wrap(t, seq, body)
}

// EncodeBody encodes a message without its envelope.
func EncodeBody(t Type, message any) ([]byte, error) {
	body, err := sign.Encode(message)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", t, err)
	}
	return body, nil
}

// Wrap makes the bytes of a frame from the bytes of [EncodeBody].
func Wrap(t Type, seq uint64, body []byte) ([]byte, error) {
	raw, err := sign.Encode(Frame{Type: t, Seq: seq, Body: body})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", t, err)
	}
	if len(raw) > MaxFrame {
		return nil, fmt.Errorf("encode %s: %w: larger than %d bytes", t, ErrFrame, MaxFrame)
	}
	return raw, nil
}

// Decode reads the envelope. The body is read with [Frame.Into].
func Decode(raw []byte) (Frame, error) {
	var f Frame
	if len(raw) == 0 || len(raw) > MaxFrame {
		return f, fmt.Errorf("%w: %d bytes", ErrFrame, len(raw))
	}
	if err := sign.Decode(raw, &f); err != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if f.Type == "" || len(f.Type) > 32 {
		return Frame{}, fmt.Errorf("%w: no type", ErrFrame)
	}
	return f, nil
}

// Into decodes the body strictly into the pointer message.
func (f Frame) Into(message any) error {
	if err := sign.Decode(f.Body, message); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFrame, f.Type, err)
	}
	return nil
}

// About is the request that a frame from the controller answers; "" for other
// messages, and for one that can not be read.
func (f Frame) About() elevation.RequestID {
	switch f.Type {
	case TDecision:
		return about(f, func(m Decision) elevation.RequestID { return m.Request })
	case TClosed:
		return about(f, func(m Closed) elevation.RequestID { return m.Request })
	case TNeed:
		return about(f, func(m Need) elevation.RequestID { return m.Request })
	case TProgress:
		return about(f, func(m Progress) elevation.RequestID { return m.Request })
	case TAccepted:
		return about(f, func(m Accepted) elevation.RequestID { return m.Request })
	case TConfirming:
		return about(f, func(m Confirming) elevation.RequestID { return m.Request })
	case TError:
		return about(f, func(m Error) elevation.RequestID { return m.Request })
	}
	return ""
}

func about[M any](f Frame, request func(M) elevation.RequestID) elevation.RequestID {
	var m M
	if err := f.Into(&m); err != nil {
		return ""
	}
	return request(m)
}

// Durable reports whether the controller keeps messages of this type until the
// endpoint has acknowledged them.
func (t Type) Durable() bool {
	switch t {
	case TDecision, TClosed, TQuestion, TRevoke, TAmend, TPolicy, TBundle, TKeySet, TLock, TOrder, TSecret, TConfirmed:
		return true
	}
	return false
}

// Facts are what an endpoint says of itself.
type Facts struct {
	Hostname     string            `cbor:"hostname"`
	OS           string            `cbor:"os"`
	OSVersion    string            `cbor:"os_version"`
	Arch         string            `cbor:"arch"`
	IP           string            `cbor:"ip"`
	AgentVersion string            `cbor:"agent_version"`
	Reported     map[string]string `cbor:"reported"` // shown only, never trusted
}

// Hello opens every session.
type Hello struct {
	Versions     []int     `cbor:"versions"`
	LastSeq      uint64    `cbor:"last_seq"` // highest durable message applied and stored
	Ratchet      []byte    `cbor:"ratchet"`  // from the last welcome
	BootID       string    `cbor:"boot_id"`
	Digest       []byte    `cbor:"digest"` // of the grants in force
	Capabilities []string  `cbor:"capabilities"`
	Facts        Facts     `cbor:"facts"`
	Clock        time.Time `cbor:"clock"`
}

// Welcome answers a hello. Durable messages after Hello.LastSeq follow.
type Welcome struct {
	Version    int                  `cbor:"version"`
	Endpoint   elevation.EndpointID `cbor:"endpoint"`
	Cluster    string               `cbor:"cluster"`
	NextSeq    uint64               `cbor:"next_seq"` // of the next durable message that will be made
	Ratchet    []byte               `cbor:"ratchet"`
	Clock      time.Time            `cbor:"clock"`
	KeySet     []byte               `cbor:"keyset"`      // signed by the root key
	Checkpoint []byte               `cbor:"checkpoint"`  // newest signed audit checkpoint
	Ping       time.Duration        `cbor:"ping"`        // send a ping this often
	ResyncFrom uint64               `cbor:"resync_from"` // not 0: sequence restarts here, forget LastSeq
	// Console is where people of the endpoint sign in, "" = not said.
	Console string `cbor:"console,omitempty"`
}

// Attempt asks what is to be done with something that was seen. The same id is
// the same attempt, however often it is sent.
type Attempt struct {
	Request    elevation.RequestID `cbor:"request"`
	Attempt    elevation.Attempt   `cbor:"attempt"`
	AtTerminal bool                `cbor:"at_terminal"` // somebody waits for the answer
	// RulesOnly wants an answer only if a rule gives one at once; otherwise
	// closed{needs_person} comes and nothing is stored.
	RulesOnly bool `cbor:"rules_only"`
	// Inside is the session, approved and in use, in which this is one command: it
	// is only wanted whether a rule denies it. Everything else is closed{needs_person}.
	Inside elevation.GrantID `cbor:"inside,omitempty"`
}

// Need says what the person must give before the draft is queued.
type Need struct {
	Request     elevation.RequestID `cbor:"request"`
	ReasonMin   int                 `cbor:"reason_min"` // characters
	Presets     []string            `cbor:"presets"`
	Ticket      string              `cbor:"ticket"` // pattern or ""
	MaxDuration time.Duration       `cbor:"max_duration"`
	GoesTo      []string            `cbor:"goes_to"`
	UsualWait   time.Duration       `cbor:"usual_wait"` // 0 = not known
	Message     string              `cbor:"message"`
	// Joined is set when the same thing is already waiting: this id is the one
	// to follow, and nothing needs to be completed.
	Joined elevation.RequestID `cbor:"joined"`
}

// Complete queues a draft.
type Complete struct {
	Request       elevation.RequestID `cbor:"request"`
	Justification string              `cbor:"justification"`
	Ticket        string              `cbor:"ticket"`
}

// Progress is sent when a request is queued and whenever its place changes.
type Progress struct {
	Request    elevation.RequestID `cbor:"request"`
	Position   int                 `cbor:"position"` // 1 = next; 101 = beyond the first hundred
	UsualWait  time.Duration       `cbor:"usual_wait"`
	CanAnswer  []string            `cbor:"can_answer"`
	ApprovHave int                 `cbor:"approvals_have"`
	ApprovNeed int                 `cbor:"approvals_need"`
	// CanAnswerFrom is when somebody can answer, while nobody can; zero with an
	// empty CanAnswer: nobody is known who ever could.
	CanAnswerFrom time.Time `cbor:"can_answer_from,omitzero"`
	// Emergency says of a request that waits whether its requester may take it as
	// emergency access, which is done at the console; "" = not said.
	Emergency Emergency `cbor:"emergency,omitempty"`
	// Code leads whoever signs in and may see the request to it, "" = none. It is
	// good for a quarter of an hour and is kept out of logs.
	Code string `cbor:"code,omitempty"`
	// SeenBy is who said that they look at it, "" = nobody; without a name where
	// approvers are not shown.
	SeenBy string `cbor:"seen_by,omitempty"`
}

// Emergency says whether emergency access is possible for a requester.
type Emergency string

// The words for emergency access.
const (
	EmergencyPossible Emergency = "possible"
	EmergencyOff      Emergency = "off"      // for everybody
	EmergencyUnlinked Emergency = "unlinked" // no account that may take it is linked to the user
)

// Withdraw takes a request back: the person gave up waiting, or did not use it.
type Withdraw struct {
	Request elevation.RequestID `cbor:"request"`
}

// Answer replies to a question of an approver.
type Answer struct {
	Request elevation.RequestID `cbor:"request"`
	Text    string              `cbor:"text"`
}

// Ack says that every durable message up to Seq is stored and applied.
type Ack struct {
	Seq uint64 `cbor:"seq"`
}

// Renew asks for a new client certificate; only the public key is used.
type Renew struct {
	CSR []byte `cbor:"csr"` // DER
}

// Renewed carries the new certificate chain.
type Renewed struct {
	Chain [][]byte `cbor:"chain"` // DER, leaf first
}

// PortalLink asks for a one-time link to a person's own requests. It is answered
// by [Portal] with the same number, or never.
type PortalLink struct {
	N    uint64         `cbor:"n"`
	User elevation.User `cbor:"user"` // name and uid, as the kernel tells
}

// Portal answers [PortalLink]: a link that whoever has it can use once, or why
// there is none.
type Portal struct {
	N       uint64    `cbor:"n"`
	URL     string    `cbor:"url"` // "" = there is none
	Expires time.Time `cbor:"expires_at"`
	Code    ErrorCode `cbor:"code"` // without a link
	Text    string    `cbor:"text"`
}

// Extend asks for more time; it becomes a linked request.
type Extend struct {
	Request  elevation.RequestID `cbor:"request"`
	New      elevation.RequestID `cbor:"new"`
	Duration time.Duration       `cbor:"duration"`
	Reason   string              `cbor:"reason"`
}

// Resubmit asks again for what is over; it becomes a linked request.
type Resubmit struct {
	Request elevation.RequestID `cbor:"request"`
	New     elevation.RequestID `cbor:"new"`
	Reason  string              `cbor:"reason"` // "" = as before
}

// Remove takes a request that is over off its requester's list.
type Remove struct {
	Request elevation.RequestID `cbor:"request"`
}

// Ping keeps a session alive and is answered by a pong with the same number.
type Ping struct {
	N uint64 `cbor:"n"`
}

// Decision answers a request. Grant is there exactly when it was approved.
type Decision struct {
	Request elevation.RequestID `cbor:"request"`
	Verdict elevation.Verdict   `cbor:"verdict"`
	Text    string              `cbor:"text"`
	By      string              `cbor:"by"`
	Rule    bool                `cbor:"rule"`  // By is a rule, not a person
	Grant   []byte              `cbor:"grant"` // signed
}

// CloseReason says why a request ended without a decision.
type CloseReason string

// The close reasons.
const (
	ClosedCancelled   CloseReason = "cancelled"
	ClosedExpired     CloseReason = "expired"
	ClosedRemoved     CloseReason = "removed"
	ClosedNeedsPerson CloseReason = "needs_person" // no rule answers; sent to RulesOnly attempts, not durable
	ClosedRefused     CloseReason = "refused"      // limit or bad input; not durable
)

// Closed ends a request without a decision.
type Closed struct {
	Request elevation.RequestID `cbor:"request"`
	Why     CloseReason         `cbor:"why"`
	Text    string              `cbor:"text"`
	By      string              `cbor:"by"`
}

// Question is an approver's question to the requester.
type Question struct {
	Request elevation.RequestID `cbor:"request"`
	Text    string              `cbor:"text"`
	By      string              `cbor:"by"`
}

// Revoke orders the end of a grant.
type Revoke struct {
	Request elevation.RequestID `cbor:"request"`
	Grant   elevation.GrantID   `cbor:"grant"`
	Signed  []byte              `cbor:"signed"` // elevation.Revocation
}

// Confirm asks for the passkey of the requester before a grant is applied.
type Confirm struct {
	Request elevation.RequestID `cbor:"request"`
	Grant   elevation.GrantID   `cbor:"grant"`
	Nonce   []byte              `cbor:"nonce"` // 32 bytes, new for each question
}

// Confirming answers [Confirm]: where the passkey is shown, or why it can not be.
type Confirming struct {
	Request elevation.RequestID `cbor:"request"`
	Grant   elevation.GrantID   `cbor:"grant"`
	Code    string              `cbor:"code"` // leads to the request
	Why     ConfirmWhy          `cbor:"why"`
}

// ConfirmWhy says why a passkey can not be shown.
type ConfirmWhy string

// The reasons.
const (
	ConfirmPossible  ConfirmWhy = ""
	ConfirmUnlinked  ConfirmWhy = "unlinked"   // no account is the requester's by a strong link
	ConfirmNoPasskey ConfirmWhy = "no_passkey" // it has none
)

// Signed carries a signed body: amend, policy, bundle, keyset, order and confirmed.
type Signed struct {
	Raw []byte `cbor:"raw"`
}

// Lock stops all new elevation on an endpoint.
type Lock struct {
	Locked bool   `cbor:"locked"`
	Text   string `cbor:"text"`
}

// Secret gives an endpoint the key for offline codes; it replaces the one before.
type Secret struct {
	Key   []byte `cbor:"key"` // 32 bytes; empty: no codes any more
	Epoch uint64 `cbor:"epoch"`
}

// Accepted says that something from the agent is stored: a request (its id) or
// a report (its number).
type Accepted struct {
	Request elevation.RequestID `cbor:"request"`
	Report  uint64              `cbor:"report_seq"`
}

// ErrorCode says what was wrong with a message.
type ErrorCode string

// The error codes.
const (
	CodeInvalid     ErrorCode = "invalid"
	CodeRateLimited ErrorCode = "rate_limited"
	CodeUnavailable ErrorCode = "unavailable" // store down: try again later
	CodeVersion     ErrorCode = "version"
	CodeLocked      ErrorCode = "locked"
)

// Error answers a message that was not taken.
type Error struct {
	Request    elevation.RequestID `cbor:"request"`
	Code       ErrorCode           `cbor:"code"`
	Text       string              `cbor:"text"`
	RetryAfter time.Duration       `cbor:"retry_after"`
}

// Drain asks the agent to reconnect within Spread, at a time of its choice.
type Drain struct {
	Spread time.Duration `cbor:"spread"`
}
