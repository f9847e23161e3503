package localgroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/mactool"
)

// errNotLast: the directory does not say what it was told.
var errNotLast = errors.New("the change of the administrators did not last")

// effective asks the system whether somebody counts as administrator, also through a
// group that is in the group.
func (g MacAdmins) effective(name string) (bool, error) {
	_, _ = g.answer(mactool.Dsmemberutil, "flushcache") // it answers from the directory then; without, a little late
	res, err := g.Tools.Run(context.Background(), mactool.Dsmemberutil, nil, "checkmembership", "-U", name, "-G", MacAdmin)
	if err != nil {
		return false, fmt.Errorf("ask who is administrator: %w", err)
	}
	switch said := strings.TrimSpace(string(res.Out)); said {
	case "user is a member of the group":
		return true, nil
	case "user is not a member of the group":
		return false, nil
	}
	return false, fmt.Errorf("ask who is administrator: dsmemberutil gives no clear answer (%d)", res.Code)
}

// Add puts an account into the group. Who is administrator through another group has
// nothing to be given: [ErrMember].
func (g MacAdmins) Add(sid string) error {
	r, err := g.record()
	if err != nil {
		return err
	}
	a, err := g.find(sid)
	if errors.Is(err, ErrNoAccount) && IsUUID(sid) && g.nested(sid).Name != sid {
		return g.nest(r, sid)
	}
	if err != nil {
		return err
	}
	is, err := g.effective(a.name)
	if err != nil {
		return err
	}
	if is || r.has(a) {
		return ErrMember
	}
	if _, err := g.answer(mactool.Dseditgroup, "-o", "edit", "-n", macLocal, "-a", a.name, "-t", "user", MacAdmin); err != nil {
		return fmt.Errorf("change the administrators: %w", err)
	}
	if r, err = g.record(); err != nil {
		return err
	}
	if is, err = g.effective(a.name); err != nil {
		return err
	}
	if !r.has(a) || !is {
		return errNotLast
	}
	return nil
}

// Remove takes one out: somebody, a group, or what is left of an account that is not
// there any more.
func (g MacAdmins) Remove(sid string) error {
	r, err := g.record()
	if err != nil {
		return err
	}
	if has(r.nested, sid) {
		return g.strike("NestedGroups", sid)
	}
	a, err := g.find(sid)
	if errors.Is(err, ErrNoAccount) {
		return g.removeGone(r, sid)
	}
	if err != nil {
		return err
	}
	if !r.has(a) {
		return ErrNotMember
	}
	if _, err := g.answer(mactool.Dseditgroup, "-o", "edit", "-n", macLocal, "-d", a.name, "-t", "user", MacAdmin); err != nil {
		return fmt.Errorf("change the administrators: %w", err)
	}
	if r, err = g.record(); err != nil {
		return err
	}
	if slices.Contains(r.names, a.name) { // an entry under the name alone, which it may leave
		if err := g.strike("GroupMembership", a.name); err != nil {
			return err
		}
	}
	if has(r.uuids, a.uuid) {
		if err := g.strike("GroupMembers", a.uuid); err != nil {
			return err
		}
	}
	is, err := g.effective(a.name)
	if err == nil && is && len(r.nested) == 0 {
		err = errNotLast
	}
	return err
}

// ForgetName takes out an entry under a name alone: what is left when the account has
// got another name or GeneratedUID since it was put in. Whoever has the name and is in
// the group by their GeneratedUID stays.
func (g MacAdmins) ForgetName(name string) error {
	r, err := g.record()
	if err != nil || !slices.Contains(r.names, name) {
		return err
	}
	a, err := g.byName(name)
	switch {
	case err == nil && has(r.uuids, a.uuid):
		return nil
	case err != nil && !errors.Is(err, ErrNoAccount):
		return err
	}
	return g.strike("GroupMembership", name)
}

// removeGone takes out an entry that names nobody.
func (g MacAdmins) removeGone(r record, sid string) error {
	switch {
	case has(r.uuids, sid):
		return g.strike("GroupMembers", sid)
	case slices.Contains(r.names, sid):
		return g.strike("GroupMembership", sid)
	}
	return ErrNotMember
}

// strike takes one value out of the group's entry and reads it again.
func (g MacAdmins) strike(key, value string) error {
	r, err := g.record()
	if err != nil {
		return err
	}
	for _, is := range r.under(key) {
		if !strings.EqualFold(is, value) {
			continue
		}
		if err := mactool.Plain(is); err != nil {
			return err
		}
		if _, err := g.answer(mactool.Dscl, macLocal, "-delete", macRecord, key, is); err != nil {
			return fmt.Errorf("change the administrators: %w", err)
		}
	}
	if r, err = g.record(); err == nil && has(r.under(key), value) {
		err = errNotLast
	}
	return err
}

func (r record) under(key string) []string {
	return map[string][]string{"NestedGroups": r.nested, "GroupMembers": r.uuids, "GroupMembership": r.names}[key]
}

// nest puts a group into the group, as it was before it was taken out.
func (g MacAdmins) nest(r record, uuid string) error {
	if has(r.nested, uuid) {
		return ErrMember
	}
	if _, err := g.answer(mactool.Dscl, macLocal, "-append", macRecord, "NestedGroups", uuid); err != nil {
		return fmt.Errorf("change the administrators: %w", err)
	}
	r, err := g.record()
	if err == nil && !has(r.nested, uuid) {
		err = errNotLast
	}
	return err
}

// Directory lists the accounts and groups of this machine.
func (g MacAdmins) Directory() (people []Person, groups []Gathering, err error) {
	list, err := g.accounts()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range list {
		people = append(people, Person{Name: a.name, UID: a.uid, GID: a.gid, Disabled: a.off})
	}
	raw, err := g.answer(mactool.Dscl, "-plist", macLocal, "-readall", "/Groups", "RecordName", "PrimaryGroupID", "GroupMembership", "GroupMembers")
	if err != nil {
		return people, nil, fmt.Errorf("list the groups: %w", err)
	}
	value, err := mactool.Plist(raw)
	if err != nil {
		return people, nil, fmt.Errorf("list the groups: %w", err)
	}
	records, ok := value.([]any)
	if !ok {
		return people, nil, errors.New("list the groups: the directory tells no list")
	}
	for _, one := range records {
		dict, _ := one.(map[string]any)
		names, gids := attribute(dict, "RecordName"), attribute(dict, "PrimaryGroupID")
		if len(names) == 0 || len(gids) != 1 {
			continue
		}
		gid, err := strconv.ParseInt(gids[0], 10, 64)
		if err != nil {
			continue
		}
		members := slices.Clone(attribute(dict, "GroupMembership"))
		for _, a := range list {
			if has(attribute(dict, "GroupMembers"), a.uuid) && !slices.Contains(members, a.name) {
				members = append(members, a.name)
			}
		}
		groups = append(groups, Gathering{Name: names[0], GID: uint32(gid), Members: members})
	}
	return people, groups, nil
}
