package sudo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Frames, as shim/assent_sudo.c describes them. Lengths are bytes.
const (
	maxFrame    = 256 << 10 // one argument of a Linux program has at most 128 KiB
	maxCall     = 12 << 20  // everything the plugin says before it waits
	maxFrames   = 400_000
	maxReply    = 4 << 10
	maxShown    = 8 << 10 // what the plugin takes from us
	frameHeader = 5
)

// The stages of the plugin.
const (
	stageOpen  = "open 1"  // before sudoers was read
	stageCheck = "check 1" // sudoers has allowed something
)

var errFrame = errors.New("not a valid plugin frame")

// call is everything the plugin tells before it waits for the answer.
type call struct {
	stage    string
	optind   int
	settings []string // key=value
	user     []string // key=value
	argv     []string // as typed, with argv[0] and the options
	env      []string // the few variables that the plugin passes on
	info     []string // command_info, key=value: what sudoers made of it
	runArgv  []string
	runEnv   []string
}

// value finds key in a key=value list, "" when it is not there.
func value(list []string, key string) string {
	for _, s := range list {
		if v, ok := strings.CutPrefix(s, key+"="); ok {
			return v
		}
	}
	return ""
}

func isTrue(list []string, key string) bool { return value(list, key) == "true" }

// readFrame reads one frame of at most limit bytes.
func readFrame(r io.Reader, limit int) (kind byte, body string, err error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if uint64(n) > uint64(limit) {
		return 0, "", fmt.Errorf("%w: %d bytes", errFrame, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, "", fmt.Errorf("%w: cut short", errFrame)
	}
	if strings.IndexByte(string(b), 0) >= 0 {
		return 0, "", fmt.Errorf("%w: a NUL byte", errFrame)
	}
	return head[0], string(b), nil
}

// appendFrame adds a frame to b. What is longer than the plugin takes is cut.
func appendFrame(b []byte, kind byte, body string) []byte {
	body = strings.ReplaceAll(body, "\x00", "")
	if len(body) > maxShown {
		body = strings.ToValidUTF8(body[:maxShown], "")
	}
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// readCall reads frames up to the end frame. It refuses unknown frames, a stage
// or optind that comes twice or not at all, and everything beyond the limits.
func readCall(r io.Reader) (call, error) {
	c := call{optind: -1}
	left := maxCall
	for range maxFrames {
		kind, body, err := readFrame(r, min(maxFrame, left))
		if err != nil {
			return call{}, err
		}
		left -= len(body) + frameHeader
		if left <= 0 {
			return call{}, fmt.Errorf("%w: too much", errFrame)
		}
		if kind == 'E' {
			return c, c.whole()
		}
		if err := c.add(kind, body); err != nil {
			return call{}, err
		}
	}
	return call{}, fmt.Errorf("%w: too many", errFrame)
}

func (c *call) add(kind byte, body string) error {
	list := c.list(kind)
	switch {
	case kind == 'K' && c.stage == "" && (body == stageOpen || body == stageCheck):
		c.stage = body
	case kind == 'O' && c.optind < 0:
		n, err := strconv.ParseUint(body, 10, 31)
		if err != nil {
			return fmt.Errorf("%w: optind", errFrame)
		}
		c.optind = int(n)
	case list != nil:
		*list = append(*list, body)
	default:
		return fmt.Errorf("%w: %q out of place", errFrame, kind)
	}
	return nil
}

func (c *call) list(kind byte) *[]string {
	switch kind {
	case 's':
		return &c.settings
	case 'u':
		return &c.user
	case 'a':
		return &c.argv
	case 'e':
		return &c.env
	case 'c':
		return &c.info
	case 'r':
		return &c.runArgv
	case 'v':
		return &c.runEnv
	}
	return nil
}

func (c *call) whole() error {
	switch {
	case c.stage == "" || c.optind < 0:
		return fmt.Errorf("%w: no stage", errFrame)
	case c.stage == stageOpen && (len(c.argv) == 0 || c.optind > len(c.argv)):
		return fmt.Errorf("%w: optind is beyond the arguments", errFrame)
	case c.stage == stageCheck && (len(c.info) == 0 || len(c.runArgv) == 0):
		return fmt.Errorf("%w: nothing to run", errFrame)
	}
	return nil
}

// uid is whom the plugin says sudo was started by.
func (c *call) uid() (uint32, error) {
	n, err := strconv.ParseUint(value(c.user, "uid"), 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, fmt.Errorf("%w: uid", errFrame)
	}
	return uint32(n), nil
}
