// Package authright sets who may use the authorization rights of macOS: what a
// program of the system asks for when it wants to change the network, a printer, the
// clock. An administrator of the machine writes which in the agent's configuration, and
// the policy of the controller, which counts before it.
//
// What a right was before stands in the agent's folder before anything is changed, and
// goes back when the setting or the agent goes. Only known rights are opened to people
// who are no administrators, only in front of the screen and with their own password;
// rights that people need to log in are never touched. Each change is read back.
package authright

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// Level says who may use a right.
type Level = elevation.RightLevel

// The levels.
const (
	User   = elevation.RightUser
	Admin  = elevation.RightAdmin
	Nobody = elevation.RightNobody
)

// Errors of a setting.
var (
	ErrRight = errors.New("not rights that can be set")
	// ErrAbsent: this version of macOS has no such right. None is made.
	ErrAbsent = errors.New("this machine has no such right")
)

// MaxRights is how many rights can be set: those of the machine's own file, and of a
// policy.
const MaxRights = 2 * elevation.MaxAuthorizationRights

// rule is a level in the words of the system. Nothing is remembered: each use asks.
func rule(l Level) map[string]any {
	asks := map[string]any{"class": "user", "authenticate-user": true, "allow-root": false, "shared": false, "timeout": int64(0), "tries": int64(3)}
	switch l {
	case User:
		asks["session-owner"] = true
	case Admin:
		asks["session-owner"], asks["group"] = false, "admin"
	default:
		return map[string]any{"class": "deny"}
	}
	return asks
}

// kept is what is written down of one right.
type kept struct {
	Right  string `cbor:"right"`
	Level  Level  `cbor:"level"`
	Before []byte `cbor:"before"` // its property list
	Ours   []byte `cbor:"ours"`
	// Prior is an earlier one of ours, which is still there when a crash came before
	// the change.
	Prior []byte `cbor:"prior,omitempty"`
}

// set reports whether a rule is one that was set here.
func (k kept) set(now []byte) bool {
	return covers(now, k.Ours) || len(k.Prior) > 0 && covers(now, k.Prior)
}

// DB is the authorization database of this machine with what was changed in it.
type DB struct {
	Dir       string // root-only folder of the records, made if need be
	Tools     mactool.Runner
	Log       *slog.Logger
	FailPoint func(step string) // may be nil
}

func (d DB) fails(step string) {
	if d.FailPoint != nil {
		d.FailPoint(step)
	}
}

const suffix = ".right"

func (d DB) path(right string) string { return filepath.Join(d.Dir, right+suffix) }

// records are those of the rights that were changed. One that can not be read is an
// error of its own.
func (d DB) records() (all []kept, err error) {
	entries, err := os.ReadDir(d.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the rights were: %w", err)
	}
	var errs []error
	for _, e := range entries {
		right, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		var k kept
		if err := keep.Read(d.path(right), &k); err != nil || k.Right != right || elevation.CheckAuthorizationRight(right, k.Level) != nil {
			errs = append(errs, fmt.Errorf("read what the right %s was: %w", right, errors.Join(err, keep.ErrDamaged)))
			continue
		}
		all = append(all, k)
	}
	return all, errors.Join(errs...)
}

// normal is a rule without what the database adds to it.
func normal(rule map[string]any) ([]byte, error) {
	rule = maps.Clone(rule)
	for _, key := range []string{"created", "modified", "version", "identifier", "requirement"} {
		delete(rule, key)
	}
	return mactool.WritePlist(rule)
}

// noSuchRight is what security answers for a right that is not there.
const noSuchRight = "-60005"

// read is the rule of a right now. [ErrAbsent] where there is none.
func (d DB) read(ctx context.Context, right string) ([]byte, error) {
	res, err := d.Tools.Run(ctx, mactool.Security, nil, "authorizationdb", "read", right)
	if err != nil {
		return nil, err
	}
	if res.Code != 0 {
		if strings.Contains(string(res.Err), noSuchRight) {
			return nil, fmt.Errorf("read the right %s: %w", right, ErrAbsent)
		}
		return nil, fmt.Errorf("read the right %s: %w", right, res.Failed())
	}
	rule, err := mactool.Dict(res.Out)
	if err != nil {
		return nil, fmt.Errorf("read the right %s: %w", right, err)
	}
	return normal(rule)
}

// write puts a rule into its place and reads it back.
func (d DB) write(ctx context.Context, right string, rule []byte) error {
	if _, err := mactool.Answer(ctx, d.Tools, mactool.Security, rule, "authorizationdb", "write", right); err != nil {
		return fmt.Errorf("change the right %s: %w", right, err)
	}
	now, err := d.read(ctx, right)
	if err == nil && !covers(now, rule) {
		err = fmt.Errorf("change the right %s: the change did not last", right)
	}
	return err
}

// meant are the keys that decide who may use a right. Others are texts for people, and
// what the database takes for granted.
func meant() []string {
	return []string{"class", "rule", "k-of-n", "group", "mechanisms", "session-owner", "authenticate-user", "allow-root", "shared", "timeout", "tries", "entitled", "require-apple-signed"}
}

// covers reports whether a rule decides as was wanted.
func covers(now, want []byte) bool {
	is, err1 := mactool.Dict(now)
	should, err2 := mactool.Dict(want)
	if err1 != nil || err2 != nil {
		return false
	}
	for _, key := range meant() {
		value, said := should[key]
		if !said {
			continue
		}
		a, err1 := mactool.WritePlist(value)
		b, err2 := mactool.WritePlist(is[key])
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			return false
		}
	}
	return true
}

// same reports whether two rules decide the same.
func same(a, b []byte) bool { return covers(a, b) && covers(b, a) }

// Set makes the rights be what is wanted, and those that are not wanted any more what
// they were. Each is on its own: an error of one keeps no other from its place.
func (d DB) Set(ctx context.Context, want map[string]Level) error {
	if len(want) > MaxRights {
		return fmt.Errorf("%w: there are %d, and %d can be set", ErrRight, len(want), MaxRights)
	}
	records, err := d.records()
	errs := []error{err}
	for _, k := range records {
		if _, still := want[k.Right]; !still {
			errs = append(errs, d.restore(ctx, k))
		}
	}
	for _, right := range slices.Sorted(maps.Keys(want)) {
		i := slices.IndexFunc(records, func(k kept) bool { return k.Right == right })
		var was *kept
		if i >= 0 {
			was = &records[i]
		} else if _, err := os.Lstat(d.path(right)); !errors.Is(err, fs.ErrNotExist) {
			continue // its record is damaged, which was said above: what it was must not be lost
		}
		errs = append(errs, d.set(ctx, right, want[right], was))
	}
	return errors.Join(errs...)
}

func (d DB) set(ctx context.Context, right string, level Level, was *kept) error {
	if err := elevation.CheckAuthorizationRight(right, level); err != nil {
		return err
	}
	now, err := d.read(ctx, right)
	if err != nil {
		return err
	}
	ours, err := mactool.WritePlist(rule(level))
	if err != nil {
		return err
	}
	k := kept{Right: right, Level: level, Before: now, Ours: ours}
	switch {
	case was == nil:
	case was.set(now): // as it was left
		if was.Level == level && covers(now, was.Ours) {
			return nil
		}
		k.Before, k.Prior = was.Before, now
	case same(now, was.Before): // a crash came before the change
	default: // somebody else, or a new macOS, has changed it: that is what it is without us
		d.Log.Warn("a right was changed by somebody else and is set again", "right", right)
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return fmt.Errorf("keep what the rights were: %w", err)
	}
	if err := keep.Write(d.path(right), k); err != nil {
		return fmt.Errorf("keep what the right %s was: %w", right, err)
	}
	d.fails("kept")
	if err := d.write(ctx, right, ours); err != nil {
		return errors.Join(err, d.undo(ctx, k))
	}
	d.fails("written")
	d.Log.Info("a right of macOS is set", "right", right, "level", string(level))
	return nil
}

// undo puts back what a change that went wrong has left, whatever that is. What can
// not be put back stays written down.
func (d DB) undo(ctx context.Context, k kept) error {
	if err := d.write(ctx, k.Right, k.Before); err != nil {
		return err
	}
	return d.forget(k)
}

func (d DB) forget(k kept) error {
	if err := durable.Remove(d.path(k.Right)); err != nil {
		return fmt.Errorf("forget what the right %s was: %w", k.Right, err)
	}
	return nil
}

// Restore makes every right be what it was.
func (d DB) Restore(ctx context.Context) error { return d.Set(ctx, nil) }

// restore puts one right back, unless somebody else has changed it since: then it is
// theirs.
func (d DB) restore(ctx context.Context, k kept) error {
	now, err := d.read(ctx, k.Right)
	switch {
	case errors.Is(err, ErrAbsent): // nothing is left to put back
	case err != nil:
		return err
	case same(now, k.Before):
	case !k.set(now):
		d.Log.Warn("a right was changed by somebody else and stays as it is", "right", k.Right)
	default:
		if err := d.write(ctx, k.Right, k.Before); err != nil {
			return err
		}
	}
	d.fails("restored")
	return d.forget(k)
}

// State is one right as it is now.
type State struct {
	Right string
	Level Level
	Holds bool // it is what was set
}

// States looks at every right that was changed.
func (d DB) States(ctx context.Context) (all []State, err error) {
	records, err := d.records()
	errs := []error{err}
	for _, k := range records {
		now, err := d.read(ctx, k.Right)
		errs = append(errs, err)
		all = append(all, State{Right: k.Right, Level: k.Level, Holds: err == nil && covers(now, k.Ours)})
	}
	return all, errors.Join(errs...)
}
