package elevation

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ReasonMin is how long a reason must be where a person reads it, in characters.
const ReasonMin = 8

// Longest is the cap of the access type.
func (t Times) Longest(a AccessType) time.Duration {
	if a == Session || a == Admin {
		return t.AdminCap
	}
	return t.RunCap
}

// Usual is what is given when nobody says how long.
func (t Times) Usual(a AccessType) time.Duration {
	switch a {
	case Session:
		return min(t.SessionTime, t.AdminCap)
	case Admin:
		return min(t.AdminTime, t.AdminCap)
	}
	return t.RunCap
}

// Period checks a start and a duration that somebody asks for; zero values ask
// for nothing. The error wraps [ErrInvalid].
func (t Times) Period(a AccessType, w Window, now time.Time) error {
	switch {
	case w.Duration < 0 || w.Duration > t.Longest(a) || w.Duration != 0 && w.Duration < t.MinDuration:
		return fmt.Errorf("%w: the duration is outside %s to %s", ErrInvalid, FormatDuration(t.MinDuration), FormatDuration(t.Longest(a)))
	case w.Start.IsZero():
	case w.Start.Before(now.Add(-time.Minute)):
		return fmt.Errorf("%w: the start is in the past", ErrInvalid)
	case w.Start.After(now.Add(MaxAhead)):
		return fmt.Errorf("%w: the start is more than %d days ahead", ErrInvalid, MaxAhead/(24*time.Hour))
	}
	return nil
}

// access checks what the parts of an attempt must be for its access type: a run
// names one observed program, a session and administrator rights name none. A
// session for one job has the job's command line as arguments, from the name on:
// it is started by the person themself, so it is no program of the request.
func (a Attempt) access() string {
	s := a.Subject
	switch a.AccessType {
	case Run:
		switch {
		case s.Path == "" || s.Path[0] != '/' && !(len(s.Path) > 2 && s.Path[1] == ':'):
			return "the program's path is not absolute"
		case len(s.SHA256) != 64 || !isHex(s.SHA256):
			return "sha256 is not 64 lower-case hex digits"
		case len(s.ArgsDigest) != 32:
			return "the digest of the arguments is not 32 bytes"
		}
		return ""
	case Session, Admin:
		job := a.AccessType == Session && len(s.Args) > 0
		switch {
		case s.Path != "" || s.SHA256 != "" || len(s.Args) > 0 && !job:
			return "a session or administrator rights are for no one program"
		case job && len(s.ArgsDigest) != 32 || !job && len(s.ArgsDigest) > 0:
			return "the digest of a job's command line is not 32 bytes"
		}
		return ""
	}
	return "access type is not served"
}

// Serves reports whether an endpoint with these capabilities can give the access
// type. Every endpoint runs programs.
func Serves(capabilities []string, a AccessType) bool {
	return a == Run || slices.Contains(capabilities, string(a))
}

// DecideEmergency grants an emergency request at once, also one that waits. Nobody
// is asked; by is the system, in whose name it is granted, and who was skipped is
// in the event. That the person may use it is the caller's to check.
func (r Request) DecideEmergency(by Actor, comment string, t Times, now time.Time) (Request, error) {
	switch s := r.State(now); {
	case s != StateDraft && s != StatePending:
		return r, fmt.Errorf("%w: it is %s", ErrNotPending, s)
	case !r.Emergency || r.FiledBy.Kind != ByUser || r.FiledBy.ID == "" || by.Kind != BySystem:
		return r, fmt.Errorf("%w: not an emergency of somebody who is known", ErrNotAllowed)
	case utf8.RuneCountInString(strings.TrimSpace(r.Justification)) < ReasonMin:
		return r, fmt.Errorf("%w: the reason needs at least %d characters", ErrInvalid, ReasonMin)
	case r.Need.AfterReview == "":
		return r, fmt.Errorf("%w: nobody is named to look at it afterwards", ErrInvalid)
	}
	if r.SubmittedAt.IsZero() {
		r.SubmittedAt = now
	}
	w := Window{Duration: r.Requested.Duration}
	if w.Duration <= 0 {
		w.Duration = t.Usual(r.Attempt.AccessType)
	}
	if r.Need.MaxDuration > 0 {
		w.Duration = min(w.Duration, r.Need.MaxDuration)
	}
	return r.decide(Decision{Verdict: Approved, By: by, At: now, Comment: comment}, w, t)
}

// ByLastingAnswer answers a draft by what somebody answered before, for good
// until an end. The rules that want a person must be those of that answer.
func (r Request) ByLastingAnswer(id AccessID, by Actor, given Window, t Times, now time.Time) (Request, error) {
	if id == "" || by.Kind != ByUser || by.ID == "" {
		return r, fmt.Errorf("%w: not a lasting answer", ErrNotAllowed)
	}
	next, err := r.DecideByRule(Approved, Actor{Kind: ByRule, ID: string(id), Name: "a lasting answer"}, "", given, t, now)
	if err != nil {
		return r, err
	}
	next.Decision.Access = id
	return next, nil
}

// Again reports whether the request may be asked for anew.
func (r *Request) Again(now time.Time) error {
	switch s := r.State(now); s {
	case StateEnded, StateExpired, StateRevoked, StateDenied:
		if r.Extends != "" {
			return fmt.Errorf("%w: it asked for more time; ask for the program again instead", ErrNotPending)
		}
		return nil
	default:
		return fmt.Errorf("%w: it is %s", ErrNotPending, s)
	}
}

// MoreTime is the total that an extension by extra leads to. Only what is in use
// can get more, and never more than the cap of its access type.
func (r *Request) MoreTime(extra time.Duration, t Times, now time.Time) (time.Duration, error) {
	if s := r.State(now); s != StateActive {
		return 0, fmt.Errorf("%w: only what is in use can be extended; it is %s", ErrNotPending, s)
	}
	if !r.CheckedInAt.IsZero() || r.Extends != "" {
		return 0, fmt.Errorf("%w: it was given back", ErrNotPending)
	}
	total := r.Granted.Duration + extra
	if extra < t.MinDuration || total > t.Longest(r.Attempt.AccessType) {
		return 0, fmt.Errorf("%w: more time is outside %s to %s, as %s are the most in all", ErrInvalid, FormatDuration(t.MinDuration),
			FormatDuration(t.Longest(r.Attempt.AccessType)-r.Granted.Duration), FormatDuration(t.Longest(r.Attempt.AccessType)))
	}
	return total, nil
}

// Extended gives r the total that an approved extension asked for.
func (r Request) Extended(total time.Duration, now time.Time) (Request, error) {
	if r.State(now) != StateActive || total <= r.Granted.Duration {
		return r, fmt.Errorf("%w: there is nothing to extend", ErrNotPending)
	}
	r.Granted.Duration = total
	return r, nil
}

// moreGiven reports whether r is an extension whose time was given: it can not
// be taken back by itself any more.
func (r *Request) moreGiven() bool { return r.Extends != "" && r.Grant.ID != "" }

// Lasting is a yes that lasts: until then the same user of the same endpoint may
// do the same again without being asked.
type Lasting struct {
	Once  bool
	Until time.Time
}

// MaxLastingDays is the longest that a yes can last.
const MaxLastingDays = 90

// ParseLasts reads how long a yes lasts: "" or "once", "8h", or a number of days
// like "7d".
func ParseLasts(s string, now time.Time) (Lasting, error) {
	switch s {
	case "", "once":
		return Lasting{Once: true}, nil
	case "8h":
		return Lasting{Until: now.Add(8 * time.Hour)}, nil
	}
	d, err := ParseDuration(s)
	if err != nil || !strings.HasSuffix(s, "d") || strings.Trim(s[:len(s)-1], "0123456789") != "" || d <= 0 || d > MaxLastingDays*24*time.Hour {
		return Lasting{}, fmt.Errorf("%w: an answer lasts once, 8h, or 1d to %dd", ErrInvalid, MaxLastingDays)
	}
	return Lasting{Until: now.Add(d)}, nil
}

// Pin says by what a lasting answer knows its program again.
type Pin string

// The pins, from the one that lets most through.
const (
	PinPublisher Pin = "publisher" // path and the publisher who signed it
	PinPath      Pin = "path"      // the file of a package, which only root can change
	PinSHA256    Pin = "sha256"    // this very file
)

// PinOf is the pin that fits a program.
func PinOf(s Subject) Pin {
	switch {
	case s.HasMark(MarkUserWritable) || s.HasMark(MarkScript):
		return PinSHA256
	case s.Publisher.Thumbprint != "":
		return PinPublisher
	}
	for _, dir := range []string{"/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/", "/lib/"} {
		if strings.HasPrefix(s.Path, dir) {
			return PinPath
		}
	}
	return PinSHA256
}

// Repeats reports whether b is what was answered with a, as far as a lasting
// answer goes: the same user, arguments, and the program as the pin says. A
// program that can do anything must also be started in the same folder.
func (a Attempt) Repeats(b Attempt, pin Pin) bool {
	x, y := a.Subject, b.Subject
	if a.AccessType != Run || b.AccessType != Run || a.User.UID != b.User.UID || a.User.Name != b.User.Name || x.Path != y.Path ||
		x.RunAs != y.RunAs || len(x.ArgsDigest) == 0 || string(x.ArgsDigest) != string(y.ArgsDigest) || !slices.Equal(x.Args, y.Args) {
		return false
	}
	if x.CalledAs() != y.CalledAs() || (x.HasMark(MarkUnbounded) || Unbounded(x.Path)) && x.Cwd != y.Cwd {
		return false
	}
	if y.HasMark(MarkUserWritable) || y.HasMark(MarkScript) {
		pin = PinSHA256
	}
	switch pin {
	case PinPublisher:
		return x.Publisher.Thumbprint != "" && x.Publisher == y.Publisher
	case PinPath:
		return true
	case PinSHA256:
		return x.SHA256 != "" && x.SHA256 == y.SHA256
	}
	return false
}
