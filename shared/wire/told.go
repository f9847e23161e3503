package wire

import (
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Told is a message from the agent that it keeps on its disk, numbers, and sends
// until the controller has accepted the number.
type Told interface {
	Type() Type
	// Numbered is the message with its number; Number reads it.
	Numbered(n uint64) Told
	Number() uint64
}

// Report says what became of a grant. The agent keeps it until accepted.
type Report struct {
	Seq     uint64               `cbor:"report_seq"`
	Request elevation.RequestID  `cbor:"request"`
	Grant   elevation.GrantID    `cbor:"grant"`
	Kind    elevation.ReportKind `cbor:"kind"`
	Reason  elevation.EndReason  `cbor:"reason"`
	Failed  bool                 `cbor:"failed"` // the take-back could not be confirmed: alarm; of a listed one: it was not started, Text says why
	Exit    *int                 `cbor:"exit"`
	Text    string               `cbor:"text"`
	At      time.Time            `cbor:"at"`
	// Subject is what ran inside a session or a tree, of a listed report.
	Subject *elevation.Subject `cbor:"subject,omitempty"`
	// Changes are what was found changed when an administrator's time ended.
	Changes []Change `cbor:"changes,omitempty"`
}

// Change is one thing on the machine that is not as it was before.
type Change struct {
	What string `cbor:"what"` // see the kinds of package tamper
	Name string `cbor:"name"` // file, group or account
	How  string `cbor:"how"`  // added, changed or removed
	Text string `cbor:"text"` // one line for a reviewer
}

// Rights is the whole list of standing rights of an endpoint, sent after every
// hello and whenever it changes. It is answered by accepted with its number.
type Rights struct {
	Report uint64            `cbor:"report_seq"`
	At     time.Time         `cbor:"at"`
	Rights []elevation.Right `cbor:"rights"`
	Taken  []elevation.Right `cbor:"taken"`  // those that Assent has removed and can give back
	More   int               `cbor:"more"`   // that did not fit
	Faults []string          `cbor:"faults"` // what could not be read
}

// Ordered says what became of a [elevation.RightsOrder].
type Ordered struct {
	Report  uint64    `cbor:"report_seq"`
	Order   string    `cbor:"order"`
	Done    []string  `cbor:"done"`    // IDs of rights
	Refused []Refusal `cbor:"refused"` // with the reason for each
	At      time.Time `cbor:"at"`
	Said    []Refusal `cbor:"said,omitempty"` // what somebody has to know of those that are done
}

// Refusal is one right that was left as it is, and why; of Said what there is to say.
type Refusal struct {
	Right string `cbor:"right"`
	Why   string `cbor:"why"`
}

// SeenKind says why something was only seen.
type SeenKind string

// What is only seen.
const (
	SeenObserved   SeenKind = "observed"    // the mode or the mechanism only observes
	SeenOwn        SeenKind = "own"         // observed as well: somebody used a right of their own
	SeenBreakGlass SeenKind = "break_glass" // a member of the break-glass group
	SeenAround     SeenKind = "around"      // a setuid program that was not held
)

// Seen tells of something that ran without being asked for. The same id is the
// same event, however often it is sent.
type Seen struct {
	Report  uint64              `cbor:"report_seq"`
	ID      elevation.RequestID `cbor:"id"`
	Kind    SeenKind            `cbor:"kind"`
	Attempt elevation.Attempt   `cbor:"attempt"` // of around only user, mechanism and the program's path may be there
	Times   int                 `cbor:"times"`   // how often within the last minute, at least 1
	At      time.Time           `cbor:"at"`
}

// UsedBy says what allowed something while the controller could not be reached.
type UsedBy string

// What allows offline.
const (
	UsedRules UsedBy = "rules" // the signed bundle
	UsedCode  UsedBy = "code"  // a code that an approver told
)

// Used tells of an elevation that was allowed offline, once it started and again
// when it ended.
type Used struct {
	Report        uint64              `cbor:"report_seq"`
	Request       elevation.RequestID `cbor:"request"`
	Grant         elevation.GrantID   `cbor:"grant"` // made by the endpoint
	Attempt       elevation.Attempt   `cbor:"attempt"`
	By            UsedBy              `cbor:"by"`
	Rule          string              `cbor:"rule"`    // id@version in the bundle
	Version       uint64              `cbor:"version"` // of the bundle
	Challenge     string              `cbor:"challenge"`
	Justification string              `cbor:"justification"`
	Ticket        string              `cbor:"ticket"`
	Duration      time.Duration       `cbor:"duration"`
	StartedAt     time.Time           `cbor:"started_at"`
	EndedAt       time.Time           `cbor:"ended_at,omitzero"` // zero while it runs
	Reason        elevation.EndReason `cbor:"reason"`
	Exit          *int                `cbor:"exit"`
}

// Type implements [Told].
func (Report) Type() Type { return TReport }

// Numbered implements [Told].
func (m Report) Numbered(n uint64) Told { m.Seq = n; return m }

// Number implements [Told].
func (m Report) Number() uint64 { return m.Seq }

// Type implements [Told].
func (Rights) Type() Type { return TRights }

// Numbered implements [Told].
func (m Rights) Numbered(n uint64) Told { m.Report = n; return m }

// Number implements [Told].
func (m Rights) Number() uint64 { return m.Report }

// Type implements [Told].
func (Ordered) Type() Type { return TOrdered }

// Numbered implements [Told].
func (m Ordered) Numbered(n uint64) Told { m.Report = n; return m }

// Number implements [Told].
func (m Ordered) Number() uint64 { return m.Report }

// Type implements [Told].
func (Seen) Type() Type { return TSeen }

// Numbered implements [Told].
func (m Seen) Numbered(n uint64) Told { m.Report = n; return m }

// Number implements [Told].
func (m Seen) Number() uint64 { return m.Report }

// Type implements [Told].
func (Used) Type() Type { return TUsed }

// Numbered implements [Told].
func (m Used) Numbered(n uint64) Told { m.Report = n; return m }

// Number implements [Told].
func (m Used) Number() uint64 { return m.Report }
