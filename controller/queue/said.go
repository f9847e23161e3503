package queue

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// The bounds of what an endpoint says of the use of a grant.
const (
	saidArgs    = 64   // arguments of one command
	saidArg     = 256  // characters of one
	saidChanges = 250  // changes in one report
	saidText    = 300  // characters of a name or a line
	saidPath    = 1024 // characters
)

// listedOf is the command of a report, harmless and bounded.
func listedOf(in wire.Report, now time.Time) (store.Listed, bool) {
	if in.Kind != elevation.ReportListed || in.Subject == nil || in.Subject.Path == "" {
		return store.Listed{}, false
	}
	s := in.Subject
	l := store.Listed{Path: inert.Clip(inert.Text(s.Path), saidPath), RunAs: inert.Clip(inert.Text(s.RunAs), saidText), Args: []string{}, At: saidAt(in.At, now)}
	if in.Failed {
		l.Refused = inert.Clip(inert.Text(cmp.Or(in.Text, "refused")), saidText)
	}
	for i, arg := range s.Args {
		if i == saidArgs {
			l.Args = append(l.Args, "…")
			break
		}
		l.Args = append(l.Args, inert.Clip(inert.Text(arg), saidArg))
	}
	return l, true
}

// changedOf are the changes of a report.
func changedOf(in wire.Report, now time.Time) []store.Changed {
	var out []store.Changed
	for i, c := range in.Changes {
		if i == saidChanges || in.Kind != elevation.ReportEnded {
			break
		}
		text := func(s string) string { return inert.Clip(inert.Text(s), saidText) }
		out = append(out, store.Changed{What: text(c.What), Name: text(c.Name), How: text(c.How), Text: text(c.Text), At: saidAt(in.At, now)})
	}
	return out
}

func saidAt(at, now time.Time) time.Time {
	if at.IsZero() || at.After(now) {
		return now.UTC()
	}
	return at.UTC()
}

// say adds what a report says beyond facts to c: the events, and what the request
// shows from then on.
func (c *change) say(in wire.Report, by elevation.Actor) (keep []func(*store.Tx) error) {
	id := c.next.ID
	if l, ok := listedOf(in, c.now); ok {
		keep = append(keep, func(tx *store.Tx) error { return tx.AddListed(id, l) })
	}
	changes := changedOf(in, c.now)
	if len(changes) == 0 {
		return keep
	}
	var lines []string
	for _, x := range changes {
		keep = append(keep, func(tx *store.Tx) error { return tx.AddChanged(id, x) })
		lines = append(lines, changeLine(x))
	}
	data, text := map[string]string{"changes": strconv.Itoa(len(changes))}, map[string]string{}
	put(text, "text", strings.Join(lines, "; "))
	c.event(audit.GrantChanges, by, data, text)
	return keep
}

// mention writes what a report says when no fact changes by it.
func (c *change) mention(tx *store.Tx, said []func(*store.Tx) error) error {
	for _, keep := range said {
		if err := keep(tx); err != nil {
			return err
		}
	}
	for _, e := range c.events {
		if err := tx.Append(e); err != nil {
			return err
		}
	}
	return nil
}

// changeLine is a change in words.
func changeLine(x store.Changed) string {
	s := strings.ReplaceAll(x.What, "_", " ") + " " + x.Name + " " + x.How
	if x.Text != "" {
		s += " (" + x.Text + ")"
	}
	return s
}

// describeListed says in an event what ran.
func describeListed(in wire.Report, now time.Time, data, text map[string]string) {
	l, ok := listedOf(in, now)
	if !ok {
		return
	}
	put(data, "path", l.Path)
	put(data, "run_as", l.RunAs)
	put(text, "refused", l.Refused)
	quoted := make([]string, len(l.Args))
	for i, arg := range l.Args {
		quoted[i] = strconv.Quote(arg)
	}
	put(text, "args", strings.Join(quoted, " "))
}
