// Package elevation is the model: what an attempt, a request, a review, a
// decision and a grant are, and which changes of them are lawful.
//
// It is pure. No function reads a clock, a file or a socket, starts a goroutine
// or logs; every one takes the facts and the present time and returns new facts
// or an error. A request stores facts with their times and never a state:
// [Request.State] derives it, so no two places can disagree about it.
//
// Read request.go for the facts, state.go for the derived state, transitions.go
// for what may happen next, desk.go for what is done to one that waits, file.go
// for asking again and for answers that last. Who may answer is in delegation,
// what rules say is in rules, the signature over a grant is in sign.
package elevation

import (
	"strings"
	"time"
)

// AccessType says what kind of access is asked for. The zero value is invalid.
type AccessType string

// The access types of the model. Every endpoint serves Run; the others need a
// capability that the endpoint says it has.
const (
	Run     AccessType = "run"     // one program, once
	Session AccessType = "session" // sudo for one terminal or one job
	Admin   AccessType = "admin"   // administrator for a while
)

// User is a person as one endpoint's operating system knows them.
type User struct {
	Name    string   `cbor:"name" json:"name"`
	Display string   `cbor:"display" json:"display"`
	UID     string   `cbor:"uid" json:"uid"` // decimal uid, or a SID
	Groups  []string `cbor:"groups" json:"groups"`
}

// ElevatedOn is how it is called whom something runs as where nobody is named, on an
// operating system by its name in Go: on Windows it is who asks, with more rights.
func ElevatedOn(system string) string {
	if system == "windows" {
		return "administrator"
	}
	return "root"
}

// Publisher is who signed a program, as the operating system verified it.
type Publisher struct {
	Name       string `cbor:"name" json:"name"`
	Thumbprint string `cbor:"thumbprint" json:"thumbprint"`
}

// Subject is the thing that shall run elevated.
//
// Args hold the arguments without argv[0], with secrets already masked by the
// endpoint. ArgsDigest is the endpoint's salted digest of the real ones; only
// that endpoint can recompute it, and a grant binds to it.
type Subject struct {
	Path       string    `cbor:"path" json:"path"` // absolute, symlinks resolved
	Args       []string  `cbor:"args" json:"args"`
	ArgsDigest []byte    `cbor:"args_digest" json:"-"`
	Cwd        string    `cbor:"cwd" json:"cwd"`
	RunAs      string    `cbor:"run_as" json:"run_as"` // user name on the endpoint
	SHA256     string    `cbor:"sha256" json:"sha256"` // lower-case hex
	Size       int64     `cbor:"size" json:"size"`     // bytes
	Publisher  Publisher `cbor:"publisher" json:"publisher"`
	Parent     string    `cbor:"parent" json:"parent"` // program that asked, absolute path
	Product    string    `cbor:"product" json:"product"`
	Version    string    `cbor:"version" json:"version"`
	// Marks are facts that call for caution, found by the endpoint:
	// "user_writable", "unbounded", "script", "shell", "dialogs", "called_as:NAME".
	Marks []string `cbor:"marks" json:"-"`
}

// The marks that an endpoint puts on a subject.
const (
	MarkUserWritable = "user_writable" // the file or a parent folder is writable by others than root
	MarkUnbounded    = "unbounded"     // interpreter, shell, editor, pager, loader: can do anything
	MarkScript       = "script"        // text file with an interpreter line
	MarkShell        = "shell"         // asked for as an interactive shell: full root
	MarkCalledAs     = "called_as:"    // begins the mark with the name that is not the file's: a link's
	MarkEdit         = "edit"          // the arguments are files that the person changes with an editor of their own
	MarkProtected    = "protected"     // one of those files says who may do what: only people approve that
	MarkAnyArguments = "any_arguments" // nobody could see the arguments: it may have any
	MarkDialogs      = "dialogs"       // a program of Windows with windows: its file dialogs start and change files with its rights
	MarkSets         = "sets:"         // begins the mark with a variable that the program is given, NAME=VALUE
)

// Masked stands in arguments for a secret that stays on the endpoint.
const Masked = "***"

// CalledAs is the name under which the program is called when that may make it
// another program: /usr/bin/systemctl called as reboot, /usr/bin/kmod called as
// insmod. "" when it is the file's own, or that without its version.
func (s Subject) CalledAs() string {
	base := s.Path[strings.LastIndexAny(s.Path, `/\`)+1:]
	for _, m := range s.Marks {
		name, ok := strings.CutPrefix(m, MarkCalledAs)
		version, same := strings.CutPrefix(base, name)
		if ok && (!same || strings.Trim(version, "-.0123456789") != "") {
			return name
		}
	}
	return ""
}

// HasMark reports whether the endpoint put mark on s.
func (s Subject) HasMark(mark string) bool {
	for _, m := range s.Marks {
		if m == mark {
			return true
		}
	}
	return false
}

// Attempt is what an endpoint saw: somebody tried to run something elevated.
type Attempt struct {
	AccessType AccessType    `cbor:"access_type"`
	User       User          `cbor:"user"`
	Subject    Subject       `cbor:"subject"`
	Mechanism  string        `cbor:"mechanism"` // "sudo", "assent"
	Duration   time.Duration `cbor:"duration"`  // asked for; 0 = the default of the access type
	Priority   Priority      `cbor:"priority"`  // asked for; "" = the default
}

// Same reports whether two attempts ask for the same thing: an approval of one
// may be used by the other, and both wait as one request. Masked arguments and
// the endpoint's digest of the real ones must both agree.
func (a Attempt) Same(b Attempt) bool {
	x, y := a.Subject, b.Subject
	if a.AccessType == Session || a.AccessType == Admin {
		return a.AccessType == b.AccessType && a.User.UID == b.User.UID && x.RunAs == y.RunAs && x.Path == "" && y.Path == "" &&
			x.Cwd == y.Cwd && string(x.ArgsDigest) == string(y.ArgsDigest)
	}
	return a.AccessType == b.AccessType && a.User.UID == b.User.UID &&
		x.Path == y.Path && x.SHA256 == y.SHA256 && x.Cwd == y.Cwd && x.RunAs == y.RunAs &&
		len(x.ArgsDigest) > 0 && string(x.ArgsDigest) == string(y.ArgsDigest)
}

// Priority orders the queue together with the time waited.
type Priority string

// The four priorities, and their head starts by default.
const (
	Low    Priority = "low"
	Normal Priority = "normal"
	High   Priority = "high"
	Urgent Priority = "urgent"
)

// HeadStarts says how long before its submission a request of each priority is
// ordered. All requests age at one rate, so the order never changes with time.
type HeadStarts map[Priority]time.Duration

// DefaultHeadStarts are the head starts of a new installation.
func DefaultHeadStarts() HeadStarts {
	return HeadStarts{Low: 0, Normal: 10 * time.Minute, High: time.Hour, Urgent: 8 * time.Hour}
}

// SortKey is the static queue key in milliseconds; lower is answered first.
func (h HeadStarts) SortKey(submitted time.Time, p Priority) int64 {
	return submitted.UnixMilli() - h[p].Milliseconds()
}

// Rank orders priorities: 0 for low to 3 for urgent, -1 for anything else.
func (p Priority) Rank() int {
	switch p {
	case Low:
		return 0
	case Normal:
		return 1
	case High:
		return 2
	case Urgent:
		return 3
	}
	return -1
}

// Verdict is an answer. The zero value means no answer and denies.
type Verdict string

// The two answers.
const (
	Approved Verdict = "approved"
	Denied   Verdict = "denied"
)

// EndReason says why a grant is over.
type EndReason string

// All end reasons.
const (
	Completed  EndReason = "completed"  // the program ended by itself
	CheckedIn  EndReason = "checked_in" // the requester gave it back
	Deadline   EndReason = "deadline"   // its time ran out
	RevokedEnd EndReason = "revoked"    // an approver took it back
	Logout     EndReason = "logout"
	Lock       EndReason = "lock"
	Reboot     EndReason = "reboot" // the machine started anew
	Uninstall  EndReason = "uninstall"
	Superseded EndReason = "superseded"
	Failed     EndReason = "failed"    // it could not be applied
	Abandoned  EndReason = "abandoned" // take-back could not be confirmed: alarm
)

// Valid reports whether e is one of the end reasons.
func (e EndReason) Valid() bool {
	switch e {
	case Completed, CheckedIn, Deadline, RevokedEnd, Logout, Lock, Reboot, Uninstall, Superseded, Failed, Abandoned:
		return true
	}
	return false
}
