package privilege

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// This file decides what becomes of log-ins on systems that are asked again and again
// (Windows and macOS). It runs everywhere; logins_*.go have the calls.

// pollLogins tells of what changes between looks, until one fails or ctx ends.
func pollLogins(ctx context.Context, every time.Duration, now func(context.Context) (map[string]login, error), hear func(LoginEvent)) error {
	look := time.NewTicker(every)
	defer look.Stop()
	var was map[string]login
	for {
		is, err := now(ctx)
		if err != nil {
			return fmt.Errorf("watch logins: %w", err)
		}
		for _, e := range loginEvents(was, is) {
			hear(e)
		}
		was = is
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// login is what is known of a session in which somebody is logged on.
type login struct {
	who    string
	since  int64 // another log-on of the same session number is another one
	locked bool
}

// loginsIn asks who is logged on to each session. One that can not be looked at is
// over, as far as anybody knows; it keeps nobody from hearing of the others. When none
// can be looked at, nothing is known.
func loginsIn(sessions []uint32, look func(session uint32) (login, error)) (map[string]login, error) {
	out := map[string]login{}
	var errs []error
	for _, session := range sessions {
		l, err := look(session)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("look at session %d: %w", session, err))
		case l.who != "":
			out[strconv.FormatUint(uint64(session), 10)] = l
		}
	}
	if len(errs) > 0 && len(errs) == len(sessions) {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// loginEvents is what happened between two looks at who is logged on. Who is found
// with a locked screen at the first look has locked it.
func loginEvents(was, is map[string]login) (events []LoginEvent) {
	for session, old := range was {
		now, there := is[session]
		if !there || now.who != old.who || now.since != old.since {
			events = append(events, LoginEvent{Session: session})
		}
	}
	for session, now := range is {
		old, there := was[session]
		if now.locked && (!there || !old.locked || old.since != now.since) {
			events = append(events, LoginEvent{Session: session, Locked: true})
		}
	}
	return events
}

// terminals is what Windows tells of its sessions.
type terminals interface {
	sessions() ([]terminal, error)
	occupant(session uint32) (occupant, error)
}

// terminal is one session of Windows, with somebody in it or without.
type terminal struct {
	number uint32 // 0 = that of services
	state  uint32 // see below
}

// occupant is who is in a session.
type occupant struct {
	user, domain string // "" = nobody
	since        int64
	state        uint32
	flags        int32
}

// What the system says of sessions.
const (
	wtsLocked       = 0 // of flags: WTS_SESSIONSTATE_LOCK
	wtsDisconnected = 4 // of state: nobody sees its screen
	wtsListens      = 6 // of state: it waits for somebody to come
)

// windowsLogins asks who is logged on, and whose screen is locked.
func windowsLogins(of terminals) (map[string]login, error) {
	all, err := of.sessions()
	if err != nil {
		return nil, err
	}
	var sessions []uint32
	for _, s := range all {
		if s.number != 0 && s.state != wtsListens {
			sessions = append(sessions, s.number)
		}
	}
	return loginsIn(sessions, func(session uint32) (login, error) {
		o, err := of.occupant(session)
		if err != nil || o.user == "" {
			return login{}, err
		}
		return login{who: o.domain + `\` + o.user, since: o.since, locked: o.flags == wtsLocked || o.state == wtsDisconnected}, nil
	})
}
