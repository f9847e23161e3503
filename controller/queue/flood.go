package queue

import (
	"fmt"
	"strconv"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// What keeps the queue from being flooded, at every door alike: the same thing
// waits once, only so many wait, and a denial is followed by a pause.

// maxJoined is how often it is counted that a request was asked for again.
const maxJoined = 1000

// join finds the waiting request that asks for the same thing as r for the same
// time, notes that it was asked for again, and returns its id; "" when there is
// none.
func join(tx *store.Tx, r *elevation.Request, by elevation.Actor, now time.Time) (elevation.RequestID, error) {
	if r.Extends != "" || r.Emergency {
		return "", nil
	}
	same, err := tx.WaitingSame(r.Endpoint, r.Attempt)
	if err != nil {
		return "", err
	}
	for _, s := range same {
		if s.ID == r.ID || !waits(s, now) || s.Extends != "" || !s.Requested.Start.Equal(r.Requested.Start) {
			continue
		}
		if s.Joined >= maxJoined {
			return s.ID, nil
		}
		s.Joined++
		if err := tx.PutRequest(&s, now); err != nil {
			return "", err
		}
		return s.ID, tx.Append(audit.Event{At: now, Kind: audit.RequestJoined, Actor: by, Request: s.ID, Endpoint: s.Endpoint,
			Data: map[string]string{"joined": strconv.Itoa(s.Joined)}})
	}
	return "", nil
}

// FloodError says why no further request is taken. Wait is when to try again; 0
// when it is not time that has to pass.
type FloodError struct {
	Why  string
	Wait time.Duration
}

func (e *FloodError) Error() string { return e.Why }

// Unwrap makes it a rate that was exceeded, or a conflict.
func (e *FloodError) Unwrap() []error {
	if e.Wait <= 0 {
		return []error{elevation.ErrConflict}
	}
	return []error{&auth.RateError{Wait: e.Wait}, elevation.ErrLimit}
}

// floodWait is when to try again where nobody knows when there is room.
const floodWait = 30 * time.Second

// flooded says why no further request is taken, nil when there is room. again
// leaves the pause after a denial out.
func flooded(tx *store.Tx, r *elevation.Request, again bool, now time.Time) (full *FloodError, err error) {
	quota, ep, a := tx.Settings().Quota, r.Endpoint, r.Attempt
	if why, err := reviewFirst(tx, r); err != nil || why != "" {
		return &FloodError{Why: why}, err
	}
	if quota.Cooldown > 0 && !again {
		denied, err := tx.LastDenied(ep, a)
		if err != nil {
			return nil, err
		}
		if left := denied.Add(quota.Cooldown).Sub(now); !denied.IsZero() && left > 0 {
			return &FloodError{Why: fmt.Sprintf("this was denied a moment ago; try again in %d s", int((left+time.Second-1)/time.Second)), Wait: left}, nil
		}
	}
	if quota.PendingPerUser <= 0 && quota.PendingPerEndpoint <= 0 {
		return nil, nil
	}
	ofUser, ofEndpoint, err := tx.OpenCounts(ep, a.User.UID)
	switch {
	case err != nil:
		return nil, err
	case quota.PendingPerUser > 0 && ofUser >= quota.PendingPerUser:
		return &FloodError{Why: fmt.Sprintf("you have %d requests waiting, which is the limit; cancel one or wait for an answer", ofUser), Wait: floodWait}, nil
	case quota.PendingPerEndpoint > 0 && ofEndpoint >= quota.PendingPerEndpoint:
		return &FloodError{Why: fmt.Sprintf("%d requests of this endpoint wait, which is the limit; try again later", ofEndpoint), Wait: floodWait}, nil
	}
	return nil, nil
}
