package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// Version of the conversation; client and agent are of the same installation,
// so another one is refused.
//
//	1  2026-11-21  first
//	2  2026-11-22  questions and answers, asking again and for more time
//	3  2026-11-22  emergency
//	4  2026-11-22  codes for somebody beside; watch
//	5  2026-11-22  offline codes; languages, company words and reasons given before; sessions and administrators for a while
//	6  2026-11-22  mechanisms in the status
//	7  2026-11-22  what an attempt waits for, programs that ask for it; passkeys
//	8  2026-11-22  links to the portal
//	9  2026-11-22  passwords from a dialog; standard streams in frames; places in a list
//	10  2026-11-22  an offer to ask here instead
//	11  2026-11-22  programs that the client runs by becoming sudo
const Version = 11

// The limits of the door.
const (
	maxFrame       = 64 << 10 // bytes
	maxPerUser     = 8        // connections of one uid at a time
	maxSilent      = 32       // of one session, who they are being not known yet
	maxConnections = 512      // of everybody together

	firstWithin = 5 * time.Second // the first frame must be there
	frameWithin = 5 * time.Second // the rest of a frame after its first byte, and a write
	filesWithin = 10 * time.Second
)

var (
	errTooLarge = errors.New("larger than a frame may be")
	errFrame    = errors.New("not a valid frame")
)

// kind names a frame.
type kind string

// From the client.
const (
	kWatch    kind = "watch"   // what happens to the caller's requests
	kAsk      kind = "ask"     // status, list, view, cancel, checkin, answer, extend, resubmit, remove, offline, redeem, portal, password
	kRun      kind = "run"     // an attempt
	kSession  kind = "session" // one, with the command line of its job as arguments
	kAdmin    kind = "admin"
	kReason   kind = "reason" // answers need
	kReply    kind = "reply"  // answers question
	kTyped    kind = "typed"  // answers secret
	kWithdraw kind = "withdraw"
	kGo       kind = "go"    // answers confirm
	kFiles    kind = "files" // carries descriptors 0, 1 and 2
	kSignal   kind = "signal"
)

// From the agent.
const (
	kAnswer   kind = "answer"
	kNotice   kind = "notice" // to who watches
	kNeed     kind = "need"
	kWaiting  kind = "waiting"
	kSay      kind = "say"
	kQuestion kind = "question" // of an approver; the waiting goes on
	kEnough   kind = "enough"   // the question needs no answer any more
	kConfirm  kind = "confirm"  // approved late: is somebody still there?
	kSecret   kind = "secret"   // approved: the person's password, not shown while it is typed
	kReady    kind = "ready"    // approved: send the descriptors
	kOpened   kind = "opened"   // a session is open
	kStarted  kind = "started"  // carries the terminal's master where there is one
	kSudo     kind = "sudo"     // approved: become sudo with it
	kEnded    kind = "ended"
)

// frame is the envelope: on the wire four bytes of length, most significant
// first, and this in deterministic CBOR.
type frame struct {
	Kind kind   `cbor:"k"`
	Body []byte `cbor:"b"`
}

type ask struct {
	Version int           `cbor:"version"`
	What    string        `cbor:"what"`
	ID      string        `cbor:"id"`   // or a unique ending of it
	Text    string        `cbor:"text"` // the answer, the reason, or the code
	For     time.Duration `cbor:"for"`  // more time
}

type answer struct {
	Status *Status `cbor:"status"`
	Items  []Item  `cbor:"items"`
	More   bool    `cbor:"more"` // there are more than fit into a frame
	Error  string  `cbor:"error"`
	Code   string  `cbor:"code"`

	Challenges []Challenge `cbor:"challenges"`
	Portal     *PortalLink `cbor:"portal"`
}

// runAsk is an attempt. Paths, arguments and variables are bytes: they need not
// be text. The caller's identity is not in it.
type runAsk struct {
	Version   int                `cbor:"version"`
	Command   []byte             `cbor:"command"`
	Args      [][]byte           `cbor:"args"`
	Cwd       []byte             `cbor:"cwd"`
	Env       [][]byte           `cbor:"env"`
	As        []byte             `cbor:"as"`
	Reason    string             `cbor:"reason"`
	Ticket    string             `cbor:"ticket"`
	For       time.Duration      `cbor:"for"`
	Priority  elevation.Priority `cbor:"priority"`
	Wait      time.Duration      `cbor:"wait"`
	NoWait    bool               `cbor:"no_wait"`
	Terminal  bool               `cbor:"terminal"` // somebody can be asked
	Emergency bool               `cbor:"emergency"`
	Rows      uint16             `cbor:"rows"`
	Cols      uint16             `cbor:"cols"`
	Menu      bool               `cbor:"menu"` // it comes from the menu of a file manager
	Sudo      bool               `cbor:"sudo"` // the client can become sudo, at a terminal
}

// mechanism is what the attempt came by.
func (q runAsk) mechanism() string {
	if q.Menu {
		return string(elevation.ByUAC)
	}
	return string(elevation.ByAssent)
}

type need struct {
	Intro     intercept.Introduction `cbor:"intro"`
	ReasonMin int                    `cbor:"reason_min"` // characters; 0 = no reason is asked for
	Ticket    string                 `cbor:"ticket"`     // pattern, "" = none is asked for
	Tongue    words.Tongue           `cbor:"tongue"`
}

type reason struct {
	Justification string `cbor:"justification"`
	Ticket        string `cbor:"ticket"`
	Nobody        bool   `cbor:"nobody"` // there is no way to ask
}

// typed is a password, or that there is nobody to ask.
type typed struct {
	Text   string `cbor:"text"`
	Nobody bool   `cbor:"nobody"`
}

type questioned struct {
	N    int    `cbor:"n"`
	By   string `cbor:"by"`
	Text string `cbor:"text"`
}

type reply struct {
	N      int    `cbor:"n"`      // of the question
	Text   string `cbor:"text"`   // "" = later
	Nobody bool   `cbor:"nobody"` // there is no way to ask
}

type waiting struct {
	Waiting intercept.Waiting `cbor:"waiting"`
}

type say struct {
	Text string `cbor:"text"`
}

type signalled struct {
	Number int `cbor:"number"`
}

type empty struct{}

type started struct {
	Terminal bool `cbor:"terminal"`
}

type ended struct {
	Kind    OutcomeKind         `cbor:"kind"`
	Exit    int                 `cbor:"exit"`
	Request elevation.RequestID `cbor:"request"`
	Text    string              `cbor:"text"`
	Hints   []string            `cbor:"hints"`
}

func pack(k kind, body any) ([]byte, error) {
	b, err := sign.Encode(body)
	if err != nil {
		return nil, fmt.Errorf("write a frame: %w", err)
	}
	raw, err := sign.Encode(frame{Kind: k, Body: b})
	if err != nil {
		return nil, fmt.Errorf("write a frame: %w", err)
	}
	if len(raw) > maxFrame {
		return nil, fmt.Errorf("write a frame: %w", errTooLarge)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...), nil
}

func unpack(raw []byte) (frame, error) {
	var f frame
	if err := sign.Decode(raw, &f); err != nil {
		return frame{}, fmt.Errorf("read a frame: %w", err)
	}
	return f, nil
}

func (f frame) into(body any) error {
	if err := sign.Decode(f.Body, body); err != nil {
		return fmt.Errorf("read a %s frame: %w", f.Kind, err)
	}
	return nil
}
