package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
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
const Version = 4

// The limits of the door.
const (
	maxFrame       = 64 << 10 // bytes
	maxPerUser     = 8        // connections of one uid at a time
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
	kWatch    kind = "watch"  // what happens to the caller's requests
	kAsk      kind = "ask"    // status, list, view, cancel, checkin, answer, extend, resubmit, remove
	kRun      kind = "run"    // an attempt
	kReason   kind = "reason" // answers need
	kReply    kind = "reply"  // answers question
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
	kReady    kind = "ready"    // approved: send the descriptors
	kStarted  kind = "started"  // carries the terminal's master where there is one
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
	Text    string        `cbor:"text"` // the answer, or the reason
	For     time.Duration `cbor:"for"`  // more time
}

type answer struct {
	Status *Status `cbor:"status"`
	Items  []Item  `cbor:"items"`
	More   bool    `cbor:"more"` // there are more than fit into a frame
	Error  string  `cbor:"error"`
	Code   string  `cbor:"code"`
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
}

type need struct {
	ReasonMin int      `cbor:"reason_min"`
	Presets   []string `cbor:"presets"`
	Ticket    string   `cbor:"ticket"`
	GoesTo    []string `cbor:"goes_to"`
	Message   string   `cbor:"message"`
	HasReason bool     `cbor:"has_reason"`
	HasTicket bool     `cbor:"has_ticket"`
}

type reason struct {
	Justification string `cbor:"justification"`
	Ticket        string `cbor:"ticket"`
	Nobody        bool   `cbor:"nobody"` // there is no way to ask
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

func inBytes(list []string) [][]byte {
	all := make([][]byte, len(list))
	for i, s := range list {
		all[i] = []byte(s)
	}
	return all
}

func inStrings(list [][]byte) []string {
	all := make([]string, len(list))
	for i, b := range list {
		all[i] = string(b)
	}
	return all
}
