// Package tamper looks at what an administrator can change to stay one, or to
// come back: groups and accounts, rules of sudo, services, units, tasks and timers,
// cron, programs that run as their owner, keys for log-in, PAM. It compares two looks
// and says what is different, for the person who reviews the time in between.
//
// It only reads, as root and within bounds, and follows no link; it undoes
// nothing and proves nothing: who was root can hide from it. Read look_linux.go,
// look_windows.go and look_darwin.go for what is looked at.
package tamper

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// What a change is about.
const (
	AdminGroup = "admin_group"
	Account    = "account"
	Sudoers    = "sudoers"
	Unit       = "unit"
	Timer      = "timer"
	Cron       = "cron"
	Setuid     = "setuid"
	Keys       = "authorized_keys"
	PAM        = "pam"
	Loader     = "loader"
	Service    = "service"   // of Windows, and daemons of launchd
	Task       = "task"      // of the scheduler of Windows
	Autostart  = "autostart" // what is started at each log-on, for everybody
	Unknown    = "unknown"   // what could not be looked at
)

// The bounds of one look and of what is told of two.
const (
	maxThings  = 40000   // in one snapshot
	maxFiles   = 200_000 // that are looked at for the setuid bit
	maxContent = 1 << 20 // bytes of one file
	maxChanges = 200
	maxLine    = 300
)

// Snapshot is one look.
type Snapshot struct {
	Things map[string]Thing `cbor:"things"` // by kind and name
	Faults []string         `cbor:"faults"` // what could not be looked at
}

// Thing is one thing that was there.
type Thing struct {
	What string `cbor:"what"`
	Name string `cbor:"name"`
	Is   string `cbor:"is"`   // differs when it was changed
	Text string `cbor:"text"` // for a reviewer
}

// Take looks at the machine whose files stand below root. What can not be read is
// a fault of the snapshot and no error: the rest is still worth having.
func Take(ctx context.Context, root string) Snapshot {
	l := &look{ctx: ctx, root: root, s: Snapshot{Things: map[string]Thing{}}}
	l.all()
	return l.s
}

// look is a look that goes on.
type look struct {
	ctx   context.Context
	root  string
	s     Snapshot
	files int
}

func (l *look) add(what, name, is, text string) {
	if len(l.s.Things) >= maxThings {
		l.fault("there is more than can be looked at")
		return
	}
	name = inert.Clip(inert.Text(name), maxLine)
	l.s.Things[what+" "+name] = Thing{What: what, Name: name, Is: is, Text: inert.Clip(inert.Text(text), maxLine)}
}

func (l *look) fault(text string) {
	text = inert.Clip(inert.Text(text), maxLine)
	if len(l.s.Faults) < 20 && !slices.Contains(l.s.Faults, text) {
		l.s.Faults = append(l.s.Faults, text)
	}
}

// Encode writes a snapshot for the disk.
func (s Snapshot) Encode() ([]byte, error) { return sign.Encode(s) }

// Decode reads what [Snapshot.Encode] has written.
func Decode(raw []byte) (Snapshot, error) {
	var s Snapshot
	if err := sign.Decode(raw, &s); err != nil {
		return s, fmt.Errorf("read a snapshot: %w", err)
	}
	return s, nil
}

// Compare says what is not in b as it was in a, in a fixed order and bounded; the
// last line tells of what did not fit.
func Compare(a, b Snapshot) []wire.Change {
	var out []wire.Change
	names := map[string]bool{}
	for k := range a.Things {
		names[k] = true
	}
	for k := range b.Things {
		names[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(names)) {
		was, before := a.Things[k]
		is, after := b.Things[k]
		switch {
		case !before:
			out = append(out, wire.Change{What: is.What, Name: is.Name, How: "added", Text: is.Text})
		case !after:
			out = append(out, wire.Change{What: was.What, Name: was.Name, How: "removed", Text: was.Text})
		case was.Is != is.Is:
			out = append(out, wire.Change{What: is.What, Name: is.Name, How: "changed", Text: changed(was.Text, is.Text)})
		}
	}
	if more := len(out) - maxChanges; more > 0 {
		out = append(out[:maxChanges], wire.Change{What: Unknown, How: "changed", Text: fmt.Sprintf("and %d more", more)})
	}
	for _, f := range b.Faults {
		if !slices.Contains(a.Faults, f) {
			out = append(out, wire.Change{What: Unknown, How: "changed", Text: f})
		}
	}
	return out
}

func changed(was, is string) string {
	if was == is || was == "" {
		return is
	}
	return inert.Clip("was "+was+", is "+is, maxLine)
}

// firstLine is the first line of a text that says something.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}
