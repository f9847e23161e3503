package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file says what is done with attempts: by the policy, by the mode of the
// enrolment while there is none, by a pause until its end, and never by anything
// but asking for members of the break-glass group. seen.go tells what went on.

// pauseFile keeps the end of the pause of the policy in force by every clock.
const pauseFile = "pause"

// storedPause is the form of the file.
type storedPause struct {
	Version uint64          `cbor:"version"` // of the policy
	Until   grants.Deadline `cbor:"until"`
}

// Stance implements [intercept.House]: what the policy says, except that members
// of the break-glass group are never held.
func (a *Agent) Stance(m elevation.Mechanism, who intercept.Account) (elevation.Stance, wire.SeenKind) {
	p := a.inForce()
	s := p.Stance(m)
	if s != elevation.StanceOff && a.breaksGlass(p.BreakGlass, who.User()) {
		return elevation.StanceObserve, wire.SeenBreakGlass
	}
	return s, wire.SeenObserved
}

// inForce is the policy as it counts now.
func (a *Agent) inForce() elevation.Policy {
	p, until := a.policyAndPause()
	if p.Mode == "" {
		p.Mode = a.Mode
	}
	if p.Paused != nil && until.Due(a.Clock()) {
		p.Paused = nil
	}
	if p.Paused != nil && p.Mode != elevation.ModeOff {
		p.Mode = elevation.ModeObserve
	}
	return p
}

// breaksGlass reports whether a user is a member of the group now, whatever an
// account that was looked up before says. A group without a name is none, and who
// can not be looked up is no member.
func (a *Agent) breaksGlass(group, user string) bool {
	if group == "" {
		return false
	}
	who, err := a.Lookup(user)
	if err != nil {
		a.Log.Warn("it is not known whether a user may break the glass", "user", user, "error", err)
		return false
	}
	return slices.ContainsFunc(who.Groups, func(g intercept.Group) bool {
		return g.Name == group && g.Name != strconv.FormatUint(uint64(g.GID), 10)
	})
}

// mayAsk says why an attempt that came through `assent` itself can not be put to
// the controller, nil = it can. The other mechanisms ask for themselves.
func (a *Agent) mayAsk(attempt elevation.Attempt) error {
	m := elevation.Mechanism(attempt.Mechanism)
	if m != elevation.ByAssent && m != elevation.ByUAC { // the context menu asks as `assent run` does
		return nil
	}
	uid, sid, err := privilege.Owner(attempt.User.UID)
	if err != nil {
		return &intercept.Refused{By: "Assent", Rule: true, Text: "it is not known who asks"}
	}
	switch s, why := a.Stance(m, intercept.Account{UID: uid, SID: sid}); {
	case s == elevation.StanceAsk, s == elevation.StanceObserve && why == wire.SeenBreakGlass:
		return nil
	case s == elevation.StanceObserve:
		return intercept.ErrObserves
	case s == elevation.StanceOff:
		return intercept.ErrOff
	}
	return &intercept.Refused{By: "the policy of this machine", Rule: true, Text: "nothing may be asked for here with assent"}
}

// pauseEnd is when a policy's pause ends by every clock, for a policy that is new
// or was read at start. Where a clock was set back, the time from signing to the
// end is the most that it can last.
func (a *Agent) pauseEnd(p elevation.Policy) grants.Deadline {
	if p.Paused == nil {
		return grants.Deadline{}
	}
	now := a.Clock()
	if now.Wall.Before(p.At.Add(-maxSkew)) {
		return grants.Deadline{}
	}
	left := min(p.Paused.Until.Sub(p.At), p.Paused.Until.Sub(now.Wall))
	if left <= 0 {
		return grants.Deadline{}
	}
	return now.After(left).NotAfter(p.Paused.Until)
}

// keepPause stores the end of a policy's pause, so that a restart of the agent
// does not begin it anew.
func (a *Agent) keepPause(p elevation.Policy, until grants.Deadline) error {
	raw, err := sign.Encode(storedPause{Version: p.Version, Until: until})
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(a.Data, pauseFile), raw)
}

// keptPause is the end as it was stored in this boot; without it the end is
// reckoned anew. The earlier of both counts.
func (a *Agent) keptPause(p elevation.Policy) grants.Deadline {
	end := a.pauseEnd(p)
	raw, err := os.ReadFile(filepath.Join(a.Data, pauseFile))
	var s storedPause
	if err == nil {
		err = sign.Decode(raw, &s)
	}
	switch {
	case err != nil:
		if !errors.Is(err, fs.ErrNotExist) {
			a.Log.Warn("the end of a pause can not be read", "error", err)
		}
		return end
	case s.Version == p.Version && s.Until.IsZero():
		return s.Until
	case s.Version != p.Version || s.Until.BootID != end.BootID:
		return end
	}
	end.Boot = min(end.Boot, s.Until.Boot)
	return end.NotAfter(s.Until.Wall)
}

// ModeText says the mode of a policy, and a pause that it has.
func ModeText(p elevation.Policy, now time.Time) string {
	text := string(p.Mode)
	if text == "" {
		text = string(elevation.ModeAsk)
	}
	if p.Paused == nil || !p.Paused.Until.After(now) {
		return text
	}
	return string(elevation.ModeObserve) + " (paused until " + intercept.ClockTime(p.Paused.Until, now) + " by " + p.Paused.By + ")"
}
