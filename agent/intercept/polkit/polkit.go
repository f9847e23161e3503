// Package polkit answers for actions at which polkit would ask for an
// administrator's password: pkexec, systemctl, and every other program behind it.
//
// A rule for polkitd (rule.go) starts a small helper (helper_linux.go), which puts
// the question to the [Server] on a socket for polkitd alone. polkitd answers one
// question at a time, so nobody is waited for there: what is approved goes on,
// anything else is refused for now and asked for beside it, and the person tries
// again. An approval is good once, for exactly this action or these arguments.
//
// It never gives a right of its own accord and takes none away: administrators by
// polkit's own rules, what needs no administrator, and every error of ours are
// left to polkit. Read answer_linux.go for a question from start to end.
package polkit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Verb is the first argument of the program that makes it the helper.
const Verb = "polkit-lookup"

// version of what rule, helper and agent say to each other. They are of the same
// installation, so another one is refused.
//
//	1  2026-11-22  first
const version = "1"

// The limits of one question.
const (
	maxFrame   = 256 << 10 // bytes
	maxParts   = 200
	maxName    = 256  // of an action, a user, a key
	maxDetails = 64   // pairs
	fixedParts = 7    // before the details
	maxAdmins  = 8192 // bytes
)

var errQuestion = errors.New("not a valid question")

// reply is what the rule is told. The zero value leaves it to polkit.
type reply byte

const (
	pass reply = 0
	yes  reply = 'y'
	no   reply = 'n'
)

// word is the reply as the helper prints it for the rule.
func (r reply) word() string {
	switch r {
	case yes:
		return "yes"
	case no:
		return "no"
	case pass:
	}
	return "pass"
}

// detail is one fact that the program behind polkit tells of an action.
type detail struct{ key, value string }

// question is one check of polkit's.
type question struct {
	action  string
	pid     int // of the process that asks: for pkexec the one that started it
	user    string
	local   bool
	active  bool
	admins  []string // identities that may authenticate, such as unix-group:sudo
	details []detail // sorted by key
}

// parse reads the parts of a question as the rule put them together.
func parse(parts []string) (question, error) {
	bad := func(what string) (question, error) { return question{}, fmt.Errorf("%w: %s", errQuestion, what) }
	if len(parts) < fixedParts || parts[0] != version {
		return bad("another version")
	}
	q := question{action: parts[1], user: parts[3], local: parts[4] == "true", active: parts[5] == "true"}
	pid, err := strconv.ParseInt(parts[2], 10, 32)
	switch pairs := parts[fixedParts:]; {
	case err != nil || pid < 0:
		return bad("no process")
	case !actionID(q.action):
		return bad("no action")
	case q.user == "" || len(q.user) > maxName || strings.ContainsAny(q.user, ":\n\x00"):
		return bad("no user")
	case len(parts[6]) > maxAdmins:
		return bad("too many administrators")
	case len(pairs)%2 != 0 || len(pairs)/2 > maxDetails:
		return bad("the details")
	}
	q.pid = int(pid)
	if parts[6] != "" {
		q.admins = strings.Split(parts[6], ",")
	}
	for i := fixedParts; i < len(parts); i += 2 {
		d := detail{parts[i], parts[i+1]}
		if d.key == "" || len(d.key) > maxName || !utf8.ValidString(d.key) || !utf8.ValidString(d.value) || strings.ContainsRune(d.key+d.value, 0) {
			return bad("a detail")
		}
		q.details = append(q.details, d)
	}
	slices.SortStableFunc(q.details, func(a, b detail) int { return strings.Compare(a.key, b.key) })
	for i := 1; i < len(q.details); i++ {
		if q.details[i].key == q.details[i-1].key {
			return bad("a detail twice")
		}
	}
	return q, nil
}

// actionID reports whether s is formed like the id of an action.
func actionID(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func (q question) lookup(key string) string {
	for _, d := range q.details {
		if d.key == key {
			return d.value
		}
	}
	return ""
}

// appendFrame writes parts as the helper sends them: their length in bytes, then
// each with its own, most significant byte first.
func appendFrame(b []byte, parts []string) ([]byte, error) {
	n := 0
	for _, p := range parts {
		n += 4 + len(p)
	}
	if n > maxFrame || len(parts) > maxParts {
		return nil, fmt.Errorf("%w: it is too long", errQuestion)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return b, nil
}

func readFrame(r io.Reader) ([]string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("%w: it is too long", errQuestion)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	var parts []string
	for len(body) > 0 {
		if len(body) < 4 || len(parts) == maxParts {
			return nil, fmt.Errorf("%w: it is cut", errQuestion)
		}
		size := binary.BigEndian.Uint32(body)
		if uint64(size) > uint64(len(body)-4) {
			return nil, fmt.Errorf("%w: it is cut", errQuestion)
		}
		parts = append(parts, string(body[4:4+size]))
		body = body[4+size:]
	}
	return parts, nil
}

// arguments are the action with its details: as approvers read them, and all of
// them as a grant binds to. What polkit shows in its own dialog is bound and not
// repeated: it tells apart what otherwise looks the same.
func (q question) arguments() (shown, bound []string) {
	shown, bound = []string{q.action}, []string{q.action}
	for _, d := range q.details {
		bound = append(bound, d.key, d.value)
		if !strings.HasPrefix(d.key, "polkit.") {
			shown = append(shown, d.key+"="+d.value)
		}
	}
	return shown, bound
}

// bounded reports whether what an approval of q allows is known: a unit is started
// or stopped, the machine rebooted, the clock set. Everything else calls for the
// care that a program does which can do anything.
func bounded(q question) bool {
	if q.action == "org.freedesktop.systemd1.manage-units" {
		verbs := []string{"start", "stop", "restart", "try-restart", "reload", "reload-or-restart", "reload-or-try-restart", "reset-failed"}
		return q.lookup("unit") != "" && slices.Contains(verbs, q.lookup("verb")) && !strings.Contains(q.lookup("polkit.message"), "transient")
	}
	for _, narrow := range []string{"org.freedesktop.login1.", "org.freedesktop.timedate1.", "org.freedesktop.hostname1.", "org.freedesktop.locale1.",
		"org.freedesktop.udisks2.filesystem-", "org.freedesktop.color-manager.", "org.freedesktop.upower."} {
		if strings.HasPrefix(q.action, narrow) {
			return true
		}
	}
	return false
}
