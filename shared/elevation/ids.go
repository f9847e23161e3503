package elevation

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Identities. Each is printed as a prefix and a UUIDv7 (RFC 9562), so that the
// kind of a thing is seen from its id and ids sort by their time of making.
type (
	RequestID  string // req_…
	GrantID    string // gr_…
	EndpointID string // ep_…
	UserID     string // usr_…: an account of the controller
	RuleID     string // the rule's name
	TeamID     string // team_…
	TokenID    string // tok_…: API and enrolment tokens
	EventID    string // ev_…: audit events
	AccessID   string // acc_…: lasting answers
	LinkID     string // link_…: accounts tied to users of endpoints
	// DelegationID is dlg_…: who stands in for whom, and when.
	DelegationID string
)

// ErrID is returned for text that is not an id of the wanted kind.
var ErrID = errors.New("not a valid id")

// Prefixes of the ids.
const (
	RequestPrefix  = "req_"
	GrantPrefix    = "gr_"
	EndpointPrefix = "ep_"
	UserPrefix     = "usr_"
	TeamPrefix     = "team_"
	TokenPrefix    = "tok_"
	EventPrefix    = "ev_"
	AccessPrefix   = "acc_"
	LinkPrefix     = "link_"
	AwayPrefix     = "dlg_"
)

// NewID makes an id: prefix and a UUIDv7 of the given time. The random part is
// the one thing in this package that is not a function of its arguments.
func NewID(prefix string, now time.Time) string {
	var b [16]byte
	rand.Read(b[6:]) // never fails: crypto/rand documents that it ends the program instead
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return prefix + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// NewRequestID makes the id of a request of the given time.
func NewRequestID(now time.Time) RequestID { return RequestID(NewID(RequestPrefix, now)) }

// NewGrantID makes the id of a grant of the given time.
func NewGrantID(now time.Time) GrantID { return GrantID(NewID(GrantPrefix, now)) }

// CheckID returns nil when s is prefix and a UUIDv7 in lower-case hex with
// dashes, and an error wrapping [ErrID] otherwise. Ids become file names and
// unit names on endpoints, so nothing else is ever accepted.
func CheckID(prefix, s string) error {
	u, ok := strings.CutPrefix(s, prefix)
	if !ok || len(u) != 36 {
		return fmt.Errorf("%w: want %s and a UUID", ErrID, prefix)
	}
	for i := range len(u) {
		c := u[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return fmt.Errorf("%w: want %s and a UUID", ErrID, prefix)
			}
		case i == 14:
			if c != '7' {
				return fmt.Errorf("%w: want a version 7 UUID", ErrID)
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return fmt.Errorf("%w: want lower-case hex", ErrID)
		}
	}
	return nil
}

// ShortID is what screens print: the last six characters. An id that is a word,
// such as that of the team "Approvers", stays whole.
func ShortID(id string) string {
	if len(id) <= 6 || !strings.Contains(id, "-") {
		return id
	}
	return id[len(id)-6:]
}
