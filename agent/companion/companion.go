// Package companion keeps a person's program beside the clock running, from a
// service of the system: where somebody is logged in and no such program of theirs
// holds the users' door, it is started again in their session, as themselves, with
// the rights that they have without asking. It is never started for accounts of the
// system, and never with an administrator's rights; whoever takes the entry away
// that starts it at log-in has none. A program that does not stay is tried ever
// more rarely. Calls of a system stand behind [Desk]; on Linux a person's own
// systemd does the same, and launchd on macOS, so that only Windows has one.
package companion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Session is somebody who sits at this machine.
type Session struct {
	ID     uint32
	Person string // as the users' door names them
}

// Place is a session of the system. One that nobody is connected to, such as that of
// who has left without logging out, is not shown.
type Place struct {
	ID    uint32
	Shown bool // on a screen, here or far away
}

// Desk is the system with its sessions.
type Desk interface {
	// Wanted reports whether the program is to be there at all.
	Wanted() (bool, error)
	// Sessions are all of them.
	Sessions() ([]Place, error)
	// Sit finds who is logged in to a session.
	Sit(session uint32) (Seat, error)
}

// Seat is who was found in a session: they stay who they are, whoever is in the
// session later.
type Seat interface {
	Who() (Sitter, error)
	// Start starts the program there, as its person.
	Start() error
	// Leave gives the seat back.
	Leave()
}

// Sitter is somebody in a session, as what is started there would be.
type Sitter struct {
	Person        string
	Administrator bool // with those rights, without being asked
}

const (
	every    = 10 * time.Second // between two looks
	patience = 30 * time.Second // what starts it at log-in comes first
	soonest  = time.Minute      // between the first and the second try
	rarest   = 30 * time.Minute // between two tries
	most     = 64               // sessions that are looked at
)

// Keeper keeps the program of everybody.
type Keeper struct {
	Desk  Desk
	Alive func(person string) bool // their program holds the door
	Log   *slog.Logger

	missing map[string]*absence // by person
	said    string
}

// absence is of one person's program.
type absence struct {
	next time.Time
	wait time.Duration
}

// Keep looks again and again until ctx ends.
func (k *Keeper) Keep(ctx context.Context) error {
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		select {
		case now := <-again.C:
			k.look(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// look starts what is missing for long enough.
func (k *Keeper) look(now time.Time) {
	sessions, err := k.sessions()
	if err != nil {
		k.say("it is not known who is logged in", err)
		return
	}
	missing := map[string]*absence{}
	for _, s := range sessions {
		if k.Alive(s.Person) {
			continue
		}
		a := k.missing[s.Person]
		if a == nil {
			a = &absence{now.Add(patience), soonest}
		}
		missing[s.Person] = a
		if now.Before(a.next) {
			continue
		}
		a.next, a.wait = now.Add(a.wait), min(2*a.wait, rarest)
		if err := k.start(s); err != nil {
			k.say("the program beside the clock does not start again", err)
		}
	}
	k.missing = missing
}

// start starts the program of a person in a session, unless that is somebody else's
// by now, or what runs there has an administrator's rights.
func (k *Keeper) start(s Session) error {
	seat, err := k.Desk.Sit(s.ID)
	if err != nil {
		return fmt.Errorf("find who is in session %d: %w", s.ID, err)
	}
	defer seat.Leave()
	is, err := seat.Who()
	switch {
	case err != nil:
		return fmt.Errorf("read who is in session %d: %w", s.ID, err)
	case is.Person != s.Person:
		return fmt.Errorf("session %d is somebody else's now", s.ID)
	case is.Administrator:
		return fmt.Errorf("session %d: %w", s.ID, ErrAdministrator)
	}
	return seat.Start()
}

// sessions are one of each person, the oldest.
func (k *Keeper) sessions() ([]Session, error) {
	wanted, err := k.Desk.Wanted()
	if err != nil || !wanted {
		return nil, err
	}
	places, err := k.Desk.Sessions()
	if err != nil {
		return nil, err
	}
	var all []Session
	for _, p := range places {
		if !p.Shown {
			continue
		}
		if person := k.person(p.ID); !ofSystem(person) {
			all = append(all, Session{p.ID, person})
		}
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(strings.Compare(a.Person, b.Person), cmp.Compare(a.ID, b.ID))
	})
	all = slices.CompactFunc(all, func(a, b Session) bool { return a.Person == b.Person })
	return all[:min(len(all), most)], nil
}

// person is who is in a session, "" = nobody yet, or any more.
func (k *Keeper) person(session uint32) string {
	seat, err := k.Desk.Sit(session)
	if err != nil {
		return ""
	}
	defer seat.Leave()
	is, err := seat.Who()
	if err != nil {
		return ""
	}
	return is.Person
}

// ofSystem reports whether that is nobody: the system, its services, windows of
// the system itself, or a name that is none. People have accounts of a machine or
// a domain (S-1-5-21-…) or of a directory in the cloud (S-1-12-1-…).
func ofSystem(person string) bool {
	return !strings.HasPrefix(person, "S-1-5-21-") && !strings.HasPrefix(person, "S-1-12-1-")
}

// say logs what is not the same as before.
func (k *Keeper) say(what string, err error) {
	if err.Error() != k.said {
		k.said = err.Error()
		k.Log.Warn(what, "error", err)
	}
}

// ErrAdministrator refuses a session whose own rights are an administrator's.
var ErrAdministrator = errors.New("what is started in that session would have the rights of an administrator")
