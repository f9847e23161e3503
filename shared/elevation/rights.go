package elevation

import "time"

// RightKind is how a standing right makes somebody root or administrator.
type RightKind string

// The kinds of standing rights.
const (
	RightSudoers   RightKind = "sudoers"    // a rule in sudoers for a user, group or everybody
	RightGroup     RightKind = "group"      // member of a group that sudoers, or Windows, gives everything
	RightRootGroup RightKind = "root_group" // member of a group that is root by another name: docker, lxd, disk
	RightUID0      RightKind = "uid0"       // another account with uid 0
	RightPolkit    RightKind = "polkit"     // a rule of polkit that says yes without a question
)

// Right is one way in which one account can become root without Assent. It is
// equal to another one when the IDs are equal.
type Right struct {
	ID     string    `cbor:"id"` // hash of the other fields except Fixed, and of Source the file alone; 16 hex digits
	Kind   RightKind `cbor:"kind"`
	User   string    `cbor:"user"`   // account, "" = everybody of Group
	Group  string    `cbor:"group"`  // through which, "" = directly
	Source string    `cbor:"source"` // file and line, or group database
	Text   string    `cbor:"text"`   // the rule, masked of nothing: it is configuration
	NoAsk  bool      `cbor:"no_ask"` // without a password
	All    bool      `cbor:"all"`    // any command
	Fixed  string    `cbor:"fixed"`  // why it is never taken over, "" = it can be
}

// RightsAct is what an order wants done with standing rights.
type RightsAct string

// The acts.
const (
	TakeOver RightsAct = "take_over"
	GiveBack RightsAct = "give_back"
)

// RightsOrder is the signed order to remove exactly the listed standing rights, or
// to put back what earlier orders removed (an empty list: all of it).
type RightsOrder struct {
	Cluster  string     `cbor:"cluster"`
	Endpoint EndpointID `cbor:"endpoint"`
	ID       string     `cbor:"id"` // "ro_" and a UUIDv7
	Act      RightsAct  `cbor:"act"`
	Rights   []string   `cbor:"rights"` // IDs
	By       Actor      `cbor:"by"`
	At       time.Time  `cbor:"at"`
	KeyEpoch uint64     `cbor:"key_epoch"`
}
