package offline

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// secret is the key for codes with the one before, which the controller may still
// use until it knows that the new one has arrived.
type secret struct {
	Epoch    uint64        `cbor:"epoch"`
	Key      []byte        `cbor:"key"`
	Before   []byte        `cbor:"before"`
	Received grants.Moment `cbor:"received"`
}

// Wait is an attempt that a code would allow.
type Wait struct {
	Request       elevation.RequestID
	User          string
	Attempt       elevation.Attempt
	Justification string
	Ticket        string
	Challenge     string
	Since         grants.Moment

	tries int
}

// Bounds of what waits for a code. It is in memory only: a challenge does not
// outlive the agent that made it.
const (
	waitsPerUser  = 10
	waitsAtOnce   = 200
	ChallengeTime = 30 * time.Minute
	vouchedAtOnce = 1000
)

// Why a code is not taken.
var (
	ErrNoCodes = errors.New("this machine has no key for codes")
	ErrNoWait  = errors.New("nothing waits for a code under that id: run the command again")
	ErrWrong   = errors.New("that is not the code")
	ErrBurnt   = errors.New("that was not the code, and it was tried too often: run the command again for a new challenge")
)

// SetSecret keeps a new key for codes, and the one before beside it. An older
// epoch is not taken. An empty key ends all codes.
func (o *Offline) SetSecret(m wire.Secret) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case m.Epoch <= o.secret.Epoch && o.disabled == nil:
		o.cfg.Log.Warn("an older key for offline codes is not taken", "epoch", m.Epoch, "has", o.secret.Epoch)
		return nil
	case len(m.Key) != 0 && len(m.Key) != elevation.OfflineKeyLen:
		o.cfg.Log.Error("a key for offline codes has a wrong length")
		return nil
	}
	next := secret{Epoch: m.Epoch, Key: m.Key, Received: o.cfg.Clock()}
	if len(m.Key) > 0 {
		next.Before = o.secret.Key
	}
	if err := o.writeSecret(next); err != nil {
		return err
	}
	if o.disabled != nil { // what was remembered is lost: start again, with the new key
		if err := o.write(fileTries, o.tries); err != nil {
			return err
		}
		o.disabled = nil
	}
	o.secret = next
	return nil
}

// Codes says why no code can be taken now; nil when one can.
func (o *Offline) Codes() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.codesLocked(o.cfg.Clock())
}

func (o *Offline) codesLocked(now grants.Moment) error {
	switch {
	case o.disabled != nil:
		return fmt.Errorf("%w: %w", ErrNoCodes, o.disabled)
	case len(o.secret.Key) != elevation.OfflineKeyLen:
		return ErrNoCodes
	}
	return o.trusted(now, o.secret.Received)
}

// Challenge makes something wait for a code. The same thing that waits already
// keeps its challenge.
func (o *Offline) Challenge(w Wait) (Wait, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.cfg.Clock()
	if err := o.codesLocked(now); err != nil {
		return Wait{}, err
	}
	if err := o.lockedLocked(w.User, now); err != nil {
		return Wait{}, err
	}
	o.dropOldLocked(now)
	for _, old := range o.waits {
		if old.User == w.User && old.Attempt.Same(w.Attempt) {
			return *old, nil
		}
	}
	raw, err := sign.Encode(w.Attempt)
	if err != nil {
		return Wait{}, fmt.Errorf("make a challenge: %w", err)
	}
	digest := sha256.Sum256(raw)
	var nonce [16]byte
	rand.Read(nonce[:])
	w.Challenge, w.Since, w.tries = elevation.OfflineChallenge(nonce, digest[:]), now, 0
	o.roomLocked(w.User)
	o.waits = append(o.waits, &w)
	return w, nil
}

// roomLocked lets go of the oldest where there are too many.
func (o *Offline) roomLocked(user string) {
	mine := 0
	for _, w := range o.waits {
		if w.User == user {
			mine++
		}
	}
	if i := slices.IndexFunc(o.waits, func(w *Wait) bool { return w.User == user }); mine >= waitsPerUser && i >= 0 {
		o.waits = slices.Delete(o.waits, i, i+1)
	}
	if len(o.waits) >= waitsAtOnce {
		o.waits = slices.Delete(o.waits, 0, 1)
	}
}

// dropOldLocked lets go of challenges whose time is over by either clock.
func (o *Offline) dropOldLocked(now grants.Moment) {
	o.waits = slices.DeleteFunc(o.waits, func(w *Wait) bool { return w.Since.After(ChallengeTime).Due(now) })
}

// Waits are the attempts of a user that wait for a code, oldest first.
func (o *Offline) Waits(user string) []Wait {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropOldLocked(o.cfg.Clock())
	var out []Wait
	for _, w := range o.waits {
		if w.User == user {
			out = append(out, *w)
		}
	}
	return out
}

// Forget ends the challenges of a request: it was answered otherwise.
func (o *Offline) Forget(id elevation.RequestID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits = slices.DeleteFunc(o.waits, func(w *Wait) bool { return w.Request == id })
}

// Redeem takes a code for something that waits, once, and says for how long it
// may be elevated. A try counts before it is looked at.
func (o *Offline) Redeem(user string, id elevation.RequestID, typed string) (Wait, time.Duration, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.cfg.Clock()
	if err := o.codesLocked(now); err != nil {
		return Wait{}, 0, err
	}
	if err := o.lockedLocked(user, now); err != nil {
		return Wait{}, 0, err
	}
	o.dropOldLocked(now)
	i := slices.IndexFunc(o.waits, func(w *Wait) bool { return w.User == user && w.Request == id })
	if i < 0 {
		return Wait{}, 0, ErrNoWait
	}
	w := o.waits[i]
	if err := o.trusted(now, w.Since); err != nil {
		return Wait{}, 0, err
	}
	code, err := elevation.ReadOfflineCode(typed)
	if err != nil {
		return Wait{}, 0, err // a slip of the pen, not a guess
	}
	w.tries++
	o.wrong[user]++ // another challenge is no new set of tries
	tried := max(w.tries, o.wrong[user])
	burnt := tried >= triesPerChallenge
	if err := o.tryLocked(user, burnt, now); err != nil {
		return Wait{}, 0, err
	}
	given, ok := o.matchLocked(*w, code)
	if ok || burnt {
		o.waits = slices.Delete(o.waits, i, i+1)
		delete(o.wrong, user)
	}
	switch {
	case ok:
		o.rightLocked(user)
		return *w, given, nil
	case burnt:
		return Wait{}, 0, ErrBurnt
	}
	return Wait{}, 0, fmt.Errorf("%w; %d more can be tried", ErrWrong, triesPerChallenge-tried)
}

// matchLocked holds a code against both keys and every time that one can give.
func (o *Offline) matchLocked(w Wait, code string) (time.Duration, bool) {
	given, found := time.Duration(0), false
	for _, k := range [][]byte{o.secret.Key, o.secret.Before} {
		if len(k) != elevation.OfflineKeyLen {
			continue
		}
		for _, d := range elevation.OfflineBuckets() {
			want, err := elevation.OfflineCode(k, w.Challenge, w.Attempt, d)
			if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
				given, found = d, true
			}
		}
	}
	return given, found
}

// Vouch remembers, for as long as this agent runs, that a grant came of a code.
// A file of the ledger that was put back is vouched for by nobody.
func (o *Offline) Vouch(id elevation.GrantID, raw []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.vouched) >= vouchedAtOnce {
		clear(o.vouched) // what was not used by now asks again
	}
	o.vouched[id] = sha256.Sum256(raw)
}

// Vouched reports whether a grant came of a code in this run.
func (o *Offline) Vouched(id elevation.GrantID, raw []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum, ok := o.vouched[id]
	return ok && sum == sha256.Sum256(raw)
}
