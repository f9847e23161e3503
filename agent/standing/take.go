package standing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/accounts"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// TakeOver removes the rights with the given ids from the machine, each on its own.
// One that is taken already counts as done. What is left as it is has its reason.
func (s *Standing) TakeOver(ctx context.Context, order string, ids []string) (done []string, refused []wire.Refusal) {
	err := s.locked(func() error {
		for _, id := range ids {
			if err := s.take(ctx, order, id); err != nil {
				refused = append(refused, refusal(id, err))
				continue
			}
			done = append(done, id)
		}
		return nil
	})
	if err != nil {
		for _, id := range ids {
			refused = append(refused, refusal(id, err))
		}
	}
	return done, refused
}

func refusal(id string, err error) wire.Refusal {
	return wire.Refusal{Right: clip(id, 64), Why: clip(strings.TrimPrefix(err.Error(), ErrRefused.Error()+": "), 300)}
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

// take takes one right.
func (s *Standing) take(ctx context.Context, order, id string) error {
	records, _ := s.records()
	if slices.ContainsFunc(records, func(r record) bool { return r.Right.ID == id && r.State == stateDone }) {
		return nil
	}
	list, m := s.look(records)
	i := slices.IndexFunc(list, func(r right) bool { return r.ID == id })
	if i < 0 {
		return refuse("this right is not there any more")
	}
	r := list[i]
	if r.Fixed != "" {
		return refuse("%s", r.Fixed)
	}
	if r.sid != "" {
		return s.takeAdmin(order, r, list)
	}
	keeps := func() error { return keepsSomebody(m, list, i) }
	if s.cfg.People != nil {
		keeps = func() error { return keepsAdmin(list, r) }
	}
	if err := keeps(); err != nil {
		return err
	}
	rec, err := s.identify(m, r)
	if err != nil {
		return err
	}
	rec.Order, rec.At, rec.State = order, s.cfg.Now(), statePlanned
	if r.Kind == elevation.RightSudoers {
		return s.takeRule(ctx, rec, r, records, list)
	}
	return s.takeMembership(ctx, rec, r, records, list)
}

// keepsSomebody refuses to take the right of the last administrator: somebody who
// can become root with a password stays, or where nobody has one, somebody.
func keepsSomebody(m *machine, list []right, taken int) error {
	before, with := m.administrators(list)
	after, stillWith := m.administrators(slices.Delete(slices.Clone(list), taken, taken+1))
	switch {
	case with && !stillWith:
		return refuse("it is the last administrator with a password")
	case before > 0 && after == 0:
		return refuse("it is the last administrator")
	}
	return nil
}

// identify notes whose right it is, so that it goes back to nobody else.
func (s *Standing) identify(m *machine, r right) (record, error) {
	rec := record{Right: r.Right}
	if r.User != "" && r.User != "ALL" {
		if a, ok := m.accountOf(r.User); ok {
			if a.uid == 0 {
				return rec, refuse("it is root")
			}
			rec.UID = strconv.FormatUint(uint64(a.uid), 10)
		} else if s.cfg.Lookup != nil {
			uid, err := s.cfg.Lookup(r.User)
			if err != nil || uid == 0 {
				return rec, refuse("the account %s is not known here", r.User)
			}
			rec.UID = strconv.FormatUint(uint64(uid), 10)
		}
	}
	if r.Group != "" {
		g, ok := m.groupOf(r.Group)
		if !ok {
			return rec, refuse("the group %s is not of this machine", r.Group)
		}
		rec.GID = strconv.FormatUint(uint64(g.gid), 10)
	}
	return rec, nil
}

// takeRule takes one user out of a rule, or the rule when nobody else is left.
func (s *Standing) takeRule(ctx context.Context, rec record, r right, records []record, list []right) error {
	if err := s.cfg.Check(ctx, ""); err != nil {
		return refuse("sudo's own rules have an error already: %v", err)
	}
	raw, err := s.read(r.file)
	if err != nil {
		return err
	}
	o, err := s.owned(r.file)
	if err != nil {
		return err
	}
	if r.line.end > len(raw) {
		return refuse("%s has just been changed", r.file)
	}
	rec.File, rec.Before, rec.Mode, rec.Owner, rec.Group = r.file, raw, o.mode, o.uid, o.gid
	for _, x := range records { // the copy is of the file as it was before the first change
		if x.File == r.file && bytes.Equal(x.After, digest(raw)) {
			rec.Before, rec.Mode, rec.Owner, rec.Group = x.Before, x.Mode, x.Owner, x.Group
		}
	}
	rec.Line, rec.LineN, rec.Entry = bytes.Clone(raw[r.line.start:r.line.end]), r.line.n, r.entry
	rec.Except, rec.Site = r.via, r.ID
	if err := onTop(&rec, records); err != nil {
		return err
	}
	is := splice(raw, r.line, render(rec.Line, append(sameLine(records, rec), rec)))
	rec.After = digest(is)
	if err := s.put(rec); err != nil {
		return err
	}
	s.cfg.FailPoint("planned")
	err = s.replace(r.file, raw, is, o, func(path string) error { return s.cfg.Check(ctx, path) })
	if err == nil {
		s.cfg.FailPoint("changed")
		if err = s.cfg.Check(ctx, ""); err == nil {
			err = s.onlyWent(r, list, append(records, rec))
		}
	}
	if err != nil {
		return errors.Join(err, s.undo(ctx, rec))
	}
	s.cfg.FailPoint("checked")
	rec.State = stateDone
	return errors.Join(s.put(rec), s.left(r.file, raw, is))
}

// onTop finds out whether something was taken from this line before: then the
// line as it was before that is what everything goes back to.
func onTop(rec *record, records []record) error {
	best := -1
	for i, x := range records {
		if x.Line == nil || x.File != rec.File || !bytes.Equal(render(x.Line, sameLine(records, x)), rec.Line) {
			continue
		}
		if best < 0 || abs(x.LineN-rec.LineN) < abs(records[best].LineN-rec.LineN) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	base := records[best]
	now, ok1 := readRule(splitLines(rec.Line)[0].text)
	was, ok2 := readRule(splitLines(base.Line)[0].text)
	if !ok1 || !ok2 || rec.Entry >= len(now.users) {
		return refuse("the rule is not understood")
	}
	taken := map[int]bool{}
	for _, x := range sameLine(records, base) {
		if x.Except == "" {
			taken[x.Entry] = true
		}
	}
	kept := -1
	for i := range was.users { // the entries that are left stand in their order
		if !taken[i] {
			kept++
		}
		if !taken[i] && kept == rec.Entry {
			rec.Site, rec.Line, rec.LineN, rec.Entry = base.Site, base.Line, base.LineN, i
			return nil
		}
	}
	return refuse("the rule is not understood")
}

func abs(n int) int { return max(n, -n) }

// splice puts text into the place of a line.
func splice(raw []byte, at span, text []byte) []byte {
	return slices.Concat(raw[:at.start], text, raw[at.end:])
}

// onlyWent makes sure that exactly one right is not there any more.
func (s *Standing) onlyWent(r right, before []right, taken []record) error {
	after, _ := s.look(taken)
	count := map[string]int{r.key(): -1}
	for _, x := range before {
		count[x.key()]++
	}
	for _, x := range after {
		count[x.key()]--
	}
	for _, x := range before { // a rule for a group that is empty now
		if x.Kind == elevation.RightSudoers && r.Kind != x.Kind && x.Group == r.Group && count[x.key()] > 0 {
			count[x.key()] = 0
		}
	}
	for _, n := range count {
		if n != 0 {
			return refuse("the change would have touched other rights, too")
		}
	}
	return nil
}

// lockAccounts takes the lock of the tools that write passwd and group.
func (s *Standing) lockAccounts(ctx context.Context) (release func(), err error) {
	release, err = accounts.Lock(ctx, filepath.Dir(s.at(groupPath)))
	if errors.Is(err, accounts.ErrBusy) {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return release, err
}

// takeMembership takes an account out of a group.
func (s *Standing) takeMembership(ctx context.Context, rec record, r right, records []record, list []right) error {
	release, err := s.lockAccounts(ctx)
	if err != nil {
		return err
	}
	defer release()
	raw, err := readBounded(s.at(groupPath), maxGroupFile)
	if err != nil {
		return err
	}
	o, err := s.owned(groupPath)
	if err != nil {
		return err
	}
	is, members, ok := accounts.Change(raw, r.Group, func(have []string) []string { return accounts.Without(have, r.User) })
	if !ok || !slices.Contains(members, r.User) {
		return refuse("this right is not there any more")
	}
	rec.File, rec.Before, rec.Mode, rec.Owner, rec.Group, rec.Members = groupPath, raw, o.mode, o.uid, o.gid, members
	shadow, err := readBounded(s.at(gshadowPath), maxGroupFile)
	if err == nil {
		_, have, ok := accounts.Change(shadow, r.Group, func(have []string) []string { return have })
		rec.ShadowBefore, rec.ShadowMembers, rec.InShadow = shadow, have, ok && slices.Contains(have, r.User)
	}
	for _, x := range records { // the order of members is that before the first was taken
		if x.Line == nil && x.Right.Group == r.Group && slices.Contains(x.Members, r.User) {
			rec.Members = x.Members
		}
		if x.Line == nil && x.Right.Group == r.Group && slices.Contains(x.ShadowMembers, r.User) {
			rec.ShadowMembers = x.ShadowMembers
		}
	}
	if err := s.put(rec); err != nil {
		return err
	}
	s.cfg.FailPoint("planned")
	err = s.replace(groupPath, raw, is, o, nil)
	s.cfg.FailPoint("changed")
	if err == nil && rec.InShadow {
		err = s.shadow(r.Group, func(have []string) []string { return accounts.Without(have, r.User) })
	}
	if err == nil {
		err = s.onlyWent(r, list, []record{rec})
	}
	if err != nil {
		return errors.Join(err, s.undoMembership(rec))
	}
	s.cfg.FailPoint("checked")
	rec.State = stateDone
	return s.put(rec)
}

// shadow changes the members of a group in gshadow. The lock of accounts is held.
func (s *Standing) shadow(name string, change func([]string) []string) error {
	raw, err := readBounded(s.at(gshadowPath), maxGroupFile)
	if err != nil {
		return err
	}
	o, err := s.owned(gshadowPath)
	if err != nil {
		return err
	}
	is, _, ok := accounts.Change(raw, name, change)
	if !ok || bytes.Equal(raw, is) {
		return nil
	}
	return s.replace(gshadowPath, raw, is, o, nil)
}

// join puts a name back to where it was in the list: behind those that stood
// before it.
func join(have, was []string, name string) []string {
	if slices.Contains(have, name) {
		return have
	}
	at := 0
	for _, before := range was[:max(slices.Index(was, name), 0)] {
		if i := slices.Index(have, before); i >= at {
			at = i + 1
		}
	}
	return slices.Insert(slices.Clone(have), at, name)
}
