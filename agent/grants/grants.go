// Package grants holds what is in force on this endpoint: a ledger that is
// written before every effect, the deadlines of each entry, and the ways to
// end one and to make sure that it has ended.
//
// It never decides that something may begin; it only remembers, and ends. An
// entry that can not be read, that another boot made or whose time is unknown
// is over. A [Reaper] reads the same files without the agent and without a lock,
// so that nothing outlives its deadline when the agent is dead.
//
// Read deadline.go for time, ledger.go for the files, end.go and reap.go for
// taking back.
package grants

import (
	"errors"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// State is how far an entry has come. It only moves forward.
type State string

// The states of an entry. The zero value is invalid.
const (
	Held   State = "held"   // received and verified, no effect
	Armed  State = "armed"  // an effect may exist from now on
	Active State = "active" // something runs, or ran
	Ended  State = "ended"  // every effect is undone, or Abandoned says that it could not be
)

// Effect is what must be undone. It is written before it exists.
type Effect struct {
	Dropin string            `cbor:"dropin"` // absolute path of the sudoers drop-in, "" = none
	Stage  string            `cbor:"stage"`  // folder with a copy of a script, "" = none
	Tree   privilege.TreeRef `cbor:"tree"`
	// Group is a place in a group for the time, nil = none.
	Group *privilege.Membership `cbor:"group,omitempty"`
	// Seat is where the person sits who uses it, nil = not known. It is no effect
	// of ours; a session ends with it.
	Seat *privilege.Seat `cbor:"seat,omitempty"`
}

// Entry is one grant on this endpoint.
type Entry struct {
	ID       elevation.GrantID   `cbor:"id"`
	Request  elevation.RequestID `cbor:"request"`
	UID      uint32              `cbor:"uid"` // who it is for, privilege.NoUID where users have SIDs
	SID      string              `cbor:"sid,omitempty"`
	UserName string              `cbor:"user_name"` // their name when it came: a reused uid is somebody else
	Grant    []byte              `cbor:"grant"`     // as signed
	State    State               `cbor:"state"`
	Received Moment              `cbor:"received"`
	UseBy    Deadline            `cbor:"use_by"` // first use must come before
	EndBy    Deadline            `cbor:"end_by"` // set when armed: the forced end
	Effect   Effect              `cbor:"effect"`
	Used     bool                `cbor:"used"` // its one use is taken; never goes back

	// Opens is the start of a window in the future, zero = from receipt. Such an
	// entry outlives restarts of the machine until it is used, see [Ledger.Carry].
	Opens time.Time `cbor:"opens,omitzero"`
	// Total is how long it may be in force, counted from first use. Only an
	// amendment makes it more, and each of them counts once; see [Ledger.Extend].
	Total      time.Duration         `cbor:"total,omitempty"`
	Amendments []elevation.RequestID `cbor:"amendments,omitempty"`

	// Offline is what allowed it without the controller; Grant is then a proof of
	// the agent's own and no signed grant.
	Offline wire.UsedBy `cbor:"offline,omitempty"`

	// Access is what was granted, "" = one program.
	Access elevation.AccessType `cbor:"access,omitempty"`
	// Parent is the session inside of which this is one command: it has no grant
	// of its own and never lasts longer.
	Parent elevation.GrantID `cbor:"parent,omitempty"`

	EndReason elevation.EndReason `cbor:"end_reason"`
	EndedAt   time.Time           `cbor:"ended_at"`
	Exit      *int                `cbor:"exit"`
	EndTries  int                 `cbor:"end_tries"` // take-backs that could not be confirmed so far
	Reported  bool                `cbor:"reported"`  // the controller's outbox has the end
}

// Errors of the ledger.
var (
	ErrNoEntry  = errors.New("there is no such grant on this endpoint")
	ErrDamaged  = errors.New("the ledger entry is damaged")
	ErrBackward = errors.New("a grant can not go back")
	ErrNotEnded = errors.New("the grant has not ended")
	ErrEnded    = errors.New("the grant is over")
	ErrInvalid  = errors.New("not a valid ledger entry")
)

// User is who it is for, see elevation.User's UID.
func (e Entry) User() string {
	if e.SID != "" {
		return e.SID
	}
	return privilege.UserOf(e.UID)
}

// Due reports whether the entry's time is over at now. An entry that is not
// armed is bound by UseBy, an active one by EndBy, an armed one by both. Ended
// and unknown states are due, and so is one whose end was begun.
func (e Entry) Due(now Moment) bool {
	if e.EndTries > 0 {
		return true
	}
	switch e.State {
	case Held:
		return e.overUnused(now)
	case Armed:
		return e.UseBy.Due(now) || e.EndBy.Due(now)
	case Active:
		return e.EndBy.Due(now)
	}
	return true
}

// Usable reports whether the entry may still be used for the first time.
func (e Entry) Usable(now Moment) bool {
	return e.State == Held && !e.Used && !e.UseBy.Due(now) && e.Opened(now)
}

// Opened reports whether the window has begun, by the wall clock and, within
// one boot, by the boot clock too: setting the clock forward opens nothing.
func (e Entry) Opened(now Moment) bool {
	if e.Opens.IsZero() {
		return true
	}
	elapsed := now.Boot - e.Received.Boot
	return !now.Wall.Before(e.Opens) && e.Received.BootID == now.BootID && elapsed >= e.Opens.Sub(e.Received.Wall)
}

// OpensLater reports whether the entry waits for a window that has not begun.
func (e Entry) OpensLater(now Moment) bool {
	return e.State == Held && !e.Due(now) && !e.Opened(now)
}

// overUnused is Due for an entry without effect. A window in the future waits
// through restarts of the machine by the wall clock alone, unless that was set
// back before the moment at which the grant came.
func (e Entry) overUnused(now Moment) bool {
	if e.Opens.IsZero() || e.UseBy.BootID == now.BootID {
		return e.UseBy.Due(now)
	}
	return now.BootID == "" || now.Boot <= 0 || now.Wall.Before(e.Received.Wall) || !now.Wall.Before(e.UseBy.Wall)
}
