package standing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/accounts"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Returned is what came of giving one right back.
type Returned struct {
	Right elevation.Right
	Said  string // what somebody has to know, "" = it is as it was
	Err   error  // it is still taken
}

// GiveBack puts rights back that were taken: those with the given ids, or without
// any all of them. One that is not taken counts as done.
func (s *Standing) GiveBack(ctx context.Context, ids []string) (out []Returned, err error) {
	err = s.locked(func() error {
		records, damaged := s.records()
		if len(ids) == 0 && len(damaged) > 0 {
			err = errors.New(strings.Join(damaged, "; "))
		}
		for _, r := range slices.Backward(records) {
			if r.State == stateGone || len(ids) > 0 && !slices.Contains(ids, r.Right.ID) {
				continue
			}
			one := Returned{Right: r.Right}
			one.Said, one.Err = s.give(ctx, r)
			out = append(out, one)
		}
		return err
	})
	return out, err
}

// Results are what came of an order to give back, as the controller is told.
func Results(ids []string, list []Returned, err error) (done []string, refused, said []wire.Refusal) {
	for _, r := range list {
		switch {
		case r.Err != nil:
			refused = append(refused, refusal(r.Right.ID, r.Err))
			continue
		case r.Said != "":
			said = append(said, wire.Refusal{Right: r.Right.ID, Why: clip(r.Said, 300)})
		}
		done = append(done, r.Right.ID)
	}
	for _, id := range ids {
		if slices.ContainsFunc(list, func(r Returned) bool { return r.Right.ID == id }) {
			continue
		}
		if err != nil {
			refused = append(refused, refusal(id, err))
		} else {
			done = append(done, id) // nothing is taken under it
		}
	}
	return done, refused, said
}

// recover undoes what was only planned and finishes what was to be given back.
func (s *Standing) recover(ctx context.Context) error {
	records, damaged := s.records()
	for _, text := range damaged {
		s.cfg.Log.Error("the ledger of standing rights", "error", text)
	}
	var errs []error
	for _, dir := range s.folders(records) {
		errs = append(errs, durable.Remove(s.newPath(filepath.Join(dir, "x"))))
	}
	for _, r := range slices.Backward(records) {
		switch r.State {
		case statePlanned:
			errs = append(errs, s.undo(ctx, r))
		case stateReturning:
			_, err := s.give(ctx, r)
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil { // the agent works without it; the next start tries again
		s.cfg.Log.Error("standing rights that a crash left half changed", "error", err)
	}
	return nil
}

// folders are where files may stand half written. Those that root does not own
// alone were never written to.
func (s *Standing) folders(records []record) (out []string) {
	for _, r := range records {
		if dir := filepath.Dir(r.File); r.File != "" && !slices.Contains(out, dir) && s.trusted(dir) == nil {
			out = append(out, dir)
		}
	}
	return out
}

// undo makes a plan undone.
func (s *Standing) undo(ctx context.Context, r record) error {
	if s.inAdmins(r) {
		if _, err := s.giveAdmin(r); err != nil {
			return err
		}
		return s.drop(r)
	}
	if r.Right.Kind != elevation.RightSudoers {
		release, err := s.lockAccounts(ctx)
		if err != nil {
			return err
		}
		defer release()
		return s.undoMembership(r)
	}
	if _, err := s.giveRule(ctx, r, false); err != nil {
		return err
	}
	return s.drop(r)
}

// undoMembership makes a plan undone. The lock of accounts is held.
func (s *Standing) undoMembership(r record) error {
	if _, err := s.giveMembership(r); err != nil {
		return err
	}
	return s.drop(r)
}

// give gives one right back.
func (s *Standing) give(ctx context.Context, r record) (said string, err error) {
	if r, err = readRecord(s.path(r)); err != nil { // others of its file may have come back
		return "", err
	}
	r.State = stateReturning
	if err := s.put(r); err != nil {
		return "", err
	}
	s.cfg.FailPoint("returning")
	if s.inAdmins(r) {
		if said, err = s.giveAdmin(r); err != nil {
			return "", err
		}
		s.cfg.FailPoint("returned")
		return said, s.drop(r)
	}
	if gone := s.whoIsGone(r); gone != "" {
		return gone, s.forget(ctx, r)
	}
	if r.Right.Kind == elevation.RightSudoers {
		said, err = s.giveRule(ctx, r, true)
	} else {
		var release func()
		if release, err = s.lockAccounts(ctx); err != nil {
			return "", err
		}
		defer release()
		said, err = s.giveMembership(r)
	}
	if err != nil {
		return "", err
	}
	s.cfg.FailPoint("returned")
	return said, s.settle(r)
}

// settle forgets a record, and those beside it that waited for it alone.
func (s *Standing) settle(r record) error {
	if err := s.drop(r); err != nil || r.Line == nil {
		return err
	}
	records, _ := s.records()
	rest := sameLine(records, r)
	if slices.ContainsFunc(rest, func(x record) bool { return x.State != stateGone }) {
		return nil
	}
	for _, x := range rest {
		if err := s.drop(x); err != nil {
			return err
		}
	}
	return nil
}

// whoIsGone says why a right goes back to nobody: its account or group is not
// there any more, or is another one of the same name or number.
func (s *Standing) whoIsGone(r record) string {
	m := &machine{s: s, foreign: map[string]bool{}, watch: map[string]bool{}}
	m.readPeople()
	user, group := r.Right.User, r.Right.Group
	if r.UID != "" {
		number, known := "", false
		if a, ok := m.accountOf(user); ok {
			number, known = strconv.FormatUint(uint64(a.uid), 10), true
		} else if s.cfg.Lookup != nil {
			uid, err := s.cfg.Lookup(user)
			number, known = strconv.FormatUint(uint64(uid), 10), err == nil
		}
		switch {
		case !known:
			return fmt.Sprintf("not put back: there is no account %s any more", user)
		case number != r.UID:
			return fmt.Sprintf("not put back: the account %s is another one now (it was %s, it is %s)", user, r.UID, number)
		}
	}
	if r.GID != "" {
		g, ok := m.groupOf(group)
		switch {
		case !ok:
			return fmt.Sprintf("not put back: there is no group %s any more", group)
		case strconv.FormatUint(uint64(g.gid), 10) != r.GID:
			return fmt.Sprintf("not put back: the group %s is another one now", group)
		}
	}
	return ""
}

// forget ends the taking of a right that goes back to nobody. What stands in its
// place is cleaned up when nothing else of the line can come back.
func (s *Standing) forget(ctx context.Context, r record) error {
	if r.Line == nil {
		return s.drop(r)
	}
	records, _ := s.records()
	line := sameLine(records, r)
	was := render(r.Line, line)
	r.State = stateGone
	others := without(line, r.Right.ID)
	is := render(r.Line, append(slices.Clone(others), r))
	if raw, at, ok := s.find(r, was); ok && !bytes.Equal(was, is) {
		if err := s.change(ctx, r, raw, splice(raw, at, is)); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(others, func(x record) bool { return x.State != stateGone }) {
		return s.put(r)
	}
	return s.settle(r)
}

// find finds a line in a file, the nearest to where it was.
func (s *Standing) find(r record, line []byte) (raw []byte, at span, ok bool) {
	raw, err := s.read(r.File)
	if err != nil {
		return nil, at, false
	}
	for _, l := range splitLines(raw) {
		if bytes.Equal(raw[l.start:l.end], line) && (!ok || abs(l.n-r.LineN) < abs(at.n-r.LineN)) {
			at, ok = l.span, true
		}
	}
	return raw, at, ok
}

// change writes a file of sudoers. Where the whole is what it was before Assent
// changed anything, owner and mode are, too.
func (s *Standing) change(ctx context.Context, r record, was, is []byte) error {
	o, err := s.owned(r.File)
	if errors.Is(err, fs.ErrNotExist) && was == nil {
		o, err = owned{mode: r.Mode, uid: r.Owner, gid: r.Group}, nil
	}
	if err != nil {
		return err
	}
	if bytes.Equal(is, r.Before) {
		o = owned{mode: r.Mode, uid: r.Owner, gid: r.Group}
	}
	sound := s.cfg.Check(ctx, "") == nil
	if err := s.replace(r.File, was, is, o, func(path string) error { return s.cfg.Check(ctx, path) }); err != nil {
		return err
	}
	s.cfg.FailPoint("restored")
	if !sound {
		return s.left(r.File, was, is) // it had an error before, of somebody else
	}
	if err := s.cfg.Check(ctx, ""); err != nil {
		if was == nil {
			return errors.Join(err, durable.Remove(s.at(r.File)))
		}
		return errors.Join(err, s.replace(r.File, is, was, o, nil))
	}
	return s.left(r.File, was, is)
}

// giveRule puts a rule, or one user of it, back. Without force a line that is not
// as Assent left it stays.
func (s *Standing) giveRule(ctx context.Context, r record, force bool) (said string, err error) {
	records, _ := s.records()
	line := sameLine(records, r)
	was, is := render(r.Line, line), render(r.Line, without(line, r.Right.ID))
	if raw, at, ok := s.find(r, was); ok {
		back := splice(raw, at, is)
		if !bytes.Equal(digest(raw), r.After) {
			said = r.File + " was changed meanwhile: only the rule was put back"
		}
		return said, s.change(ctx, r, raw, back)
	}
	if _, _, ok := s.find(r, is); ok || !force {
		return "", nil // it was not taken, or is back already
	}
	list, _ := s.look(nil)
	mine := right{Right: r.Right, file: r.File}
	if slices.ContainsFunc(list, func(x right) bool { return x.key() == mine.key() }) {
		return r.File + " was changed meanwhile: the rule is there already", nil
	}
	return s.addRule(ctx, r)
}

// addRule writes a rule of its own where the line that it came from is gone.
func (s *Standing) addRule(ctx context.Context, r record) (string, error) {
	rule, ok := readRule(splitLines(r.Line)[0].text)
	if !ok || r.Entry >= len(rule.users) {
		return "", fmt.Errorf("the rule of %s is not understood", r.Right.ID)
	}
	it := rule.users[r.Entry]
	text := string(r.Line[it.start:it.end])
	if r.Except != "" {
		text = escapeName(r.Except)
	}
	text += string(r.Line[rule.users[len(rule.users)-1].end:])
	if _, err := os.Lstat(s.at(r.File)); errors.Is(err, fs.ErrNotExist) {
		return r.File + " was removed meanwhile: it is there again with the rule alone", s.change(ctx, r, nil, []byte(text+"\n"))
	}
	raw, err := s.read(r.File)
	if err != nil {
		return "", err
	}
	at := len(raw)
	for _, l := range splitLines(raw) {
		if x, ok := readRule(l.text); ok && x.rest == rule.rest {
			at = l.start
			break
		}
	}
	if at == len(raw) && at > 0 && raw[at-1] != '\n' {
		text = "\n" + text
	}
	back := slices.Concat(raw[:at], []byte(text+"\n"), raw[at:])
	return r.File + " was changed meanwhile: the rule was put back on a line of its own", s.change(ctx, r, raw, back)
}

// giveMembership puts an account back into its group. The lock of accounts is held.
func (s *Standing) giveMembership(r record) (said string, err error) {
	raw, err := readBounded(s.at(groupPath), maxGroupFile)
	if err != nil {
		return "", err
	}
	o, err := s.owned(groupPath)
	if err != nil {
		return "", err
	}
	is, _, ok := accounts.Change(raw, r.Right.Group, func(have []string) []string { return join(have, r.Members, r.Right.User) })
	if !ok {
		return "", fmt.Errorf("there is no group %s", r.Right.Group)
	}
	if bytes.Equal(is, r.Before) {
		o = owned{mode: r.Mode, uid: r.Owner, gid: r.Group}
	}
	if !bytes.Equal(raw, is) {
		if err := s.replace(groupPath, raw, is, o, nil); err != nil {
			return "", err
		}
	}
	s.cfg.FailPoint("restored")
	if r.InShadow {
		err = s.shadow(r.Right.Group, func(have []string) []string { return join(have, r.ShadowMembers, r.Right.User) })
	}
	return "", err
}
