package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

const (
	groupPrefix = "grp_"
	maxMembers  = 50_000
)

// group is a group with its members while it is changed.
type group struct {
	store.SCIMGroup
	members map[elevation.UserID]bool
}

// Groups is a page of the directory's groups; without tells to leave the members
// out, which can be many.
func (d *Directory) Groups(ctx context.Context, act auth.Actor, q Query, without bool) (Resource, error) {
	if err := d.sync(ctx, act, "scim.groups"); err != nil {
		return nil, err
	}
	match, err := readFilter(q.Filter, schemaGroup, map[string]string{"displayname": "displayname", "externalid": "externalid", "id": "id",
		"members": "members", "members.value": "members"})
	if err != nil {
		return nil, err
	}
	start, count := page(q)
	var list []Resource
	var total int
	err = d.view(ctx, func(tx *store.Tx) error {
		groups, n, err := tx.SCIMGroups(match, start-1, count)
		if err != nil {
			return err
		}
		total = n
		list, err = each(groups, func(g store.SCIMGroup) (Resource, error) { return d.groupResource(tx, g, without) })
		return err
	})
	return listOf(list, total, start), err
}

// Group is one group of the directory.
func (d *Directory) Group(ctx context.Context, act auth.Actor, id string, without bool) (r Resource, err error) {
	if err := d.sync(ctx, act, "scim.group"); err != nil {
		return nil, err
	}
	err = d.view(ctx, func(tx *store.Tx) error {
		g, err := tx.SCIMGroup(id)
		if err == nil {
			r, err = d.groupResource(tx, g, without)
		}
		return err
	})
	return r, err
}

func (d *Directory) groupResource(tx *store.Tx, g store.SCIMGroup, without bool) (Resource, error) {
	r := Resource{"schemas": []string{schemaGroup}, "id": g.ID, "displayName": g.Display, "meta": d.meta("Group", "Groups", g.ID, g.MadeAt, g.ChangedAt)}
	if g.ExternalID != "" {
		r["externalId"] = g.ExternalID
	}
	if without {
		return r, nil
	}
	ids, err := tx.SCIMMembers(g.ID)
	if err != nil {
		return nil, err
	}
	members := []Resource{}
	for _, id := range ids {
		members = append(members, Resource{"value": string(id), "type": "User", "$ref": d.location("Users", string(id))})
	}
	r["members"] = members
	return r, nil
}

// AddGroup takes a group of the directory.
func (d *Directory) AddGroup(ctx context.Context, act auth.Actor, raw []byte) (r Resource, err error) {
	if err := d.sync(ctx, act, "scim.group.add"); err != nil {
		return nil, err
	}
	body, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	err = d.update(ctx, func(tx *store.Tx) error {
		_, groups, err := tx.SCIMCounts()
		if err != nil {
			return err
		}
		if groups >= maxSCIMGroup {
			return fmt.Errorf("%w: the directory has brought %d groups", elevation.ErrLimit, groups)
		}
		now := d.cfg.Now()
		g := group{SCIMGroup: store.SCIMGroup{ID: elevation.NewID(groupPrefix, now), MadeAt: now}, members: map[elevation.UserID]bool{}}
		if err := setGroup(&g, "replace", body); err != nil {
			return err
		}
		if err := d.putGroup(tx, act, g, nil, "made"); err != nil {
			return err
		}
		r, err = d.groupResource(tx, g.SCIMGroup, false)
		return err
	})
	return r, err
}

// ReplaceGroup writes a group anew: whom the body leaves out is out.
func (d *Directory) ReplaceGroup(ctx context.Context, act auth.Actor, id string, raw []byte) (Resource, error) {
	if err := d.sync(ctx, act, "scim.group.edit"); err != nil {
		return nil, err
	}
	body, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	return d.editGroup(ctx, act, id, func(g *group) error {
		g.ExternalID, g.members = "", map[elevation.UserID]bool{}
		return setGroup(g, "replace", body)
	})
}

// PatchGroup changes parts of a group.
func (d *Directory) PatchGroup(ctx context.Context, act auth.Actor, id string, raw []byte) (Resource, error) {
	if err := d.sync(ctx, act, "scim.group.edit"); err != nil {
		return nil, err
	}
	ops, err := readPatch(raw, schemaGroup)
	if err != nil {
		return nil, err
	}
	return d.editGroup(ctx, act, id, func(g *group) error {
		for _, op := range ops {
			if err := patchGroup(g, op); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Directory) editGroup(ctx context.Context, act auth.Actor, id string, change func(*group) error) (r Resource, err error) {
	err = d.update(ctx, func(tx *store.Tx) error {
		stored, err := tx.SCIMGroup(id)
		if err != nil {
			return err
		}
		before, err := tx.SCIMMembers(id)
		if err != nil {
			return err
		}
		g := group{SCIMGroup: stored, members: map[elevation.UserID]bool{}}
		for _, m := range before {
			g.members[m] = true
		}
		if err := change(&g); err != nil {
			return err
		}
		if err := d.putGroup(tx, act, g, before, "changed"); err != nil {
			return err
		}
		if stored, err = tx.SCIMGroup(id); err == nil {
			r, err = d.groupResource(tx, stored, false)
		}
		return err
	})
	return r, err
}

// putGroup writes a group and its members, and gives all whom that concerns what
// their groups now give.
func (d *Directory) putGroup(tx *store.Tx, act auth.Actor, g group, before []elevation.UserID, what string) error {
	if g.Display == "" {
		return fault("invalidValue", "displayName is missing")
	}
	if len(g.members) > maxMembers {
		return fault("tooMany", "a group has at most %d members", maxMembers)
	}
	old := g.SCIMGroup
	if stored, err := tx.SCIMGroup(g.ID); err == nil {
		old = stored
	}
	g.ChangedAt = d.cfg.Now()
	err := tx.PutSCIMGroup(g.SCIMGroup)
	if errors.Is(err, store.ErrExists) {
		return &Fault{"uniqueness", fmt.Errorf("%w: a group is called %q already", elevation.ErrConflict, g.Display)}
	}
	if err != nil {
		return err
	}
	came, went, err := putMembers(tx, g, before)
	if err != nil {
		return err
	}
	concerned := slices.Concat(came, went)
	if old.ExternalID != g.ExternalID { // another id may give other roles
		concerned = slices.Concat(came, before)
	}
	data := map[string]string{"group": g.ID, "name": g.Display, "what": what, "source": scimSource, "came": names(came), "went": names(went)}
	if err := tx.Append(d.event(act.Elevation(), audit.DirectoryChanged, data)); err != nil {
		return err
	}
	return d.regiveAll(tx, act.Elevation(), concerned, old, g.SCIMGroup)
}

// putMembers writes who has come and who has gone.
func putMembers(tx *store.Tx, g group, before []elevation.UserID) (came, went []elevation.UserID, err error) {
	was := map[elevation.UserID]bool{}
	for _, m := range before {
		was[m] = true
		if g.members[m] {
			continue
		}
		went = append(went, m)
		if err := tx.DropSCIMMember(g.ID, m); err != nil {
			return nil, nil, err
		}
	}
	for m := range g.members {
		if was[m] {
			continue
		}
		if _, err := scimUser(tx, string(m)); errors.Is(err, elevation.ErrNotFound) {
			return nil, nil, fault("invalidValue", "there is no user %q to be a member; groups in groups are not known here", audit.Clip(string(m), 80))
		} else if err != nil {
			return nil, nil, err
		}
		came = append(came, m)
		if err := tx.AddSCIMMember(g.ID, m); err != nil {
			return nil, nil, err
		}
	}
	slices.Sort(came)
	return came, went, nil
}

// names are a few of the ids and how many there are.
func names(ids []elevation.UserID) string {
	var out []string
	for _, id := range ids[:min(len(ids), 20)] {
		out = append(out, string(id))
	}
	s := fmt.Sprint(len(ids))
	if len(out) > 0 {
		s += ": " + strings.Join(out, ", ")
	}
	return s
}

// regiveAll gives people what their groups give, where one of these groups means
// anything.
func (d *Directory) regiveAll(tx *store.Tx, by elevation.Actor, who []elevation.UserID, groups ...store.SCIMGroup) error {
	set, err := tx.Directory()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(groups, func(g store.SCIMGroup) bool {
		return slices.ContainsFunc(set.Groups, func(m store.GroupRoles) bool { return means(m, g) })
	}) {
		return nil
	}
	for _, id := range who {
		if err := d.regive(tx, by, id); err != nil {
			return fmt.Errorf("a member of a group: %w", err)
		}
	}
	return nil
}

// means reports whether a mapping is about this group.
func means(m store.GroupRoles, g store.SCIMGroup) bool {
	return m.ID == g.ID || g.ExternalID != "" && m.ID == g.ExternalID
}

// DeleteGroup lets the directory forget a group, and takes away what it gave.
func (d *Directory) DeleteGroup(ctx context.Context, act auth.Actor, id string) error {
	if err := d.sync(ctx, act, "scim.group.delete"); err != nil {
		return err
	}
	return d.update(ctx, func(tx *store.Tx) error {
		g, err := tx.SCIMGroup(id)
		if err != nil {
			return err
		}
		members, err := tx.SCIMMembers(id)
		if err != nil {
			return err
		}
		if err := tx.DeleteSCIMGroup(id); err != nil {
			return err
		}
		data := map[string]string{"group": g.ID, "name": g.Display, "what": "deleted", "source": scimSource, "went": names(members)}
		if err := tx.Append(d.event(act.Elevation(), audit.DirectoryChanged, data)); err != nil {
			return err
		}
		return d.regiveAll(tx, act.Elevation(), members, g)
	})
}

// setGroup sets all attributes of a body. What is not known is left alone.
func setGroup(g *group, op string, body object) error {
	for name, v := range body {
		p, err := readPath(name, strings.ToLower(schemaGroup))
		if err != nil {
			return err
		}
		if slices.Contains([]string{"id", "schemas", "meta"}, p.attr) {
			continue // Okta sends the whole resource
		}
		if err := patchGroup(g, operation{op: op, path: p, value: v}); err != nil {
			return err
		}
	}
	return nil
}

// patchGroup does one operation on a group.
func patchGroup(g *group, op operation) (err error) {
	switch op.path.attr {
	case "":
		body, _ := op.value.(object)
		return setGroup(g, op.op, body)
	case "id", "schemas", "meta":
		return fault("mutability", "%s can not be changed", op.path.attr)
	case "displayname":
		if op.op == "remove" {
			return fault("invalidValue", "a group always has a displayName")
		}
		g.Display, err = text("displayName", op.value, 256)
	case "externalid":
		if op.op == "remove" {
			op.value = nil
		}
		g.ExternalID, err = text("externalId", op.value, 256)
	case "members", "members.value":
		return patchMembers(g, op)
	}
	return err
}

// patchMembers changes who is in a group.
func patchMembers(g *group, op operation) error {
	if op.path.by != "" {
		one, ok := op.path.is.(string)
		if op.path.by != "value" || !ok {
			return fault("invalidPath", "members are named by their value")
		}
		if op.op != "remove" {
			return fault("invalidPath", "add members with their value; a condition removes them")
		}
		delete(g.members, elevation.UserID(one))
		return nil
	}
	if op.op == "remove" && op.value == nil {
		clear(g.members)
		return nil
	}
	ids, err := memberIDs(op.value)
	if err != nil {
		return err
	}
	if op.op == "replace" {
		clear(g.members)
	}
	for _, id := range ids {
		if op.op == "remove" {
			delete(g.members, id)
		} else {
			g.members[id] = true
		}
	}
	return nil
}

func memberIDs(v any) (out []elevation.UserID, err error) {
	list, ok := v.([]any)
	if o, single := v.(object); single {
		list, ok = []any{o}, true
	}
	if !ok && v != nil || len(list) > maxMembers {
		return nil, fault("invalidValue", "members is a list of at most %d", maxMembers)
	}
	for _, x := range list {
		id, plain := x.(string)
		if o, ok := x.(object); ok {
			id, plain = o["value"].(string)
		}
		if !plain || elevation.CheckID(elevation.UserPrefix, id) != nil {
			return nil, fault("invalidValue", "a member has the id of a user as its value; groups in groups are not known here")
		}
		out = append(out, elevation.UserID(id))
	}
	return out, nil
}
