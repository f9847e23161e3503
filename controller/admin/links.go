package admin

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

// Link is a strong link with the names of what it ties.
type Link struct {
	store.Link
	Login    string
	Endpoint string // name, "" = every endpoint
}

// EditLink makes or changes a strong link; what is nil stays.
type EditLink struct {
	Account   *string // login or id
	Endpoint  *string // id or name
	Directory *string // a domain: on every endpoint
	User      *string // name on the endpoint
	UID       *string
}

const (
	maxLinks    = 100_000
	maxUserName = 256
)

// Links lists the strong links of accounts and endpoints inside the actor's
// scope, the newest first; without links.write one's own.
func (a *Admin) Links(ctx context.Context, act auth.Actor) (list []Link, err error) {
	if err := either(act, auth.LinksRead, auth.RequestsOwn); err != nil {
		return nil, err
	}
	err = a.look(ctx, func(tx *store.Tx, staff *store.Staff) error {
		list = nil
		for _, l := range staff.Links {
			shown, err := seeLink(tx, staff, act, l)
			switch {
			case errors.Is(err, elevation.ErrNotFound):
			case err != nil:
				return err
			default:
				list = append(list, shown)
			}
		}
		return nil
	})
	return list, err
}

// Link is one link; what the actor may not see is not found.
func (a *Admin) Link(ctx context.Context, act auth.Actor, id elevation.LinkID) (l Link, err error) {
	if err := either(act, auth.LinksRead, auth.RequestsOwn); err != nil {
		return l, err
	}
	err = a.look(ctx, func(tx *store.Tx, staff *store.Staff) error {
		l, err = findLink(tx, staff, act, id)
		return err
	})
	return l, err
}

// either is nil when the actor may do one of the two.
func either(act auth.Actor, p, q auth.Permission) error {
	if act.Can(p) == nil {
		return nil
	}
	return act.Can(q)
}

func findLink(tx *store.Tx, staff *store.Staff, act auth.Actor, id elevation.LinkID) (Link, error) {
	i := slices.IndexFunc(staff.Links, func(l store.Link) bool { return l.ID == id })
	if i < 0 {
		return Link{}, fmt.Errorf("link %s: %w", audit.Clip(string(id), 80), elevation.ErrNotFound)
	}
	return seeLink(tx, staff, act, staff.Links[i])
}

// seeLink is the link as the actor may see it: their own, or with links.read one
// whose account and endpoint are inside their scope.
func seeLink(tx *store.Tx, staff *store.Staff, act auth.Actor, l store.Link) (Link, error) {
	hidden := fmt.Errorf("link %s: %w", l.ID, elevation.ErrNotFound)
	u, ok := staff.User(l.User)
	if !ok {
		return Link{}, hidden
	}
	out := Link{Link: l, Login: u.Login}
	own := l.User == act.User
	if !own && (act.Can(auth.LinksRead) != nil || !act.Overlaps(u.Scope)) {
		return Link{}, hidden
	}
	if l.Link.Endpoint == "" {
		return out, nil
	}
	ep, err := tx.Endpoint(l.Link.Endpoint)
	if err != nil {
		return Link{}, err
	}
	if !own && !act.Covers(ep.EffectiveLabels()) {
		return Link{}, hidden
	}
	out.Endpoint = ep.Name
	return out, nil
}

// AddLink ties an account to a user of one endpoint, or of every endpoint of a
// directory. [elevation.ErrConflict] when it is there already.
func (a *Admin) AddLink(ctx context.Context, act auth.Actor, in EditLink) (Link, error) {
	l := store.Link{ID: elevation.LinkID(elevation.NewID(elevation.LinkPrefix, a.cfg.Now())), MadeAt: a.cfg.Now()}
	return a.putLink(ctx, act, "link.add", in, func(_ *store.Tx, staff *store.Staff) (store.Link, error) {
		if len(staff.Links) >= maxLinks {
			return l, fmt.Errorf("%w: there are %d links", elevation.ErrLimit, len(staff.Links))
		}
		return l, nil
	})
}

// EditLink changes a link. Nobody changes one of their own.
func (a *Admin) EditLink(ctx context.Context, act auth.Actor, id elevation.LinkID, in EditLink) (Link, error) {
	return a.putLink(ctx, act, "link.edit", in, func(tx *store.Tx, staff *store.Staff) (store.Link, error) {
		l, err := findLink(tx, staff, act, id)
		if err != nil {
			return store.Link{}, err
		}
		return l.Link, notOwn(staff, act, l.Link)
	})
}

// notOwn keeps people from getting rid of what stops them from answering their
// own requests, also by an account or a token that they made for another.
func notOwn(staff *store.Staff, act auth.Actor, l store.Link) error {
	if act.MadeBy.ID != string(l.User) && !heldBy(staff, act.User, l.User) {
		return nil
	}
	return fmt.Errorf("%w: a link of your own account keeps you from answering your own requests; ask another administrator", elevation.ErrNotAllowed)
}

// heldBy reports whether an account is holder's: their own, or one that they made
// or set the password of last, also by an account that is theirs in this way.
func heldBy(staff *store.Staff, id, holder elevation.UserID) bool {
	for range len(staff.Users) + 1 { // who holds whom can go in a circle
		if id == "" || id == holder {
			break
		}
		u, _ := staff.User(id)
		id = elevation.UserID(u.HeldBy.ID)
	}
	return id != "" && id == holder
}

func (a *Admin) putLink(ctx context.Context, act auth.Actor, what string, in EditLink, find func(*store.Tx, *store.Staff) (store.Link, error)) (Link, error) {
	if err := a.may(ctx, act, auth.LinksWrite, what); err != nil {
		return Link{}, err
	}
	var shown Link
	err := a.changeStaff(ctx, act, what, func(tx *store.Tx, staff *store.Staff) (audit.Event, error) {
		old, err := find(tx, staff)
		if err != nil {
			return audit.Event{}, err
		}
		next, err := tied(tx, staff, act, old, in)
		if err != nil {
			return audit.Event{}, err
		}
		next.By = by(act)
		for _, l := range staff.Links {
			if l.ID != next.ID && l.Link == next.Link {
				return audit.Event{}, fmt.Errorf("%w: the link is there already: %s", elevation.ErrConflict, l.ID)
			}
		}
		if err := tx.PutLink(next); err != nil {
			return audit.Event{}, err
		}
		shown, err = seeLink(tx, staff, act, next)
		ev := a.event(act, audit.LinkChanged, linkData(next, shown.Login))
		ev.Endpoint = next.Link.Endpoint
		return ev, err
	})
	return shown, err
}

// tied is the link after the change, checked. What a request has told of the
// user (name or uid) goes with it, so that a uid that gets another name, or a
// name that gets another uid, is nobody's.
func tied(tx *store.Tx, staff *store.Staff, act auth.Actor, l store.Link, in EditLink) (store.Link, error) {
	if in.Account != nil {
		u, ok := person(staff, *in.Account)
		if !ok || !within(act, u.Scope) {
			return l, fmt.Errorf("%w: no account is called %q", elevation.ErrInvalid, audit.Clip(*in.Account, 80))
		}
		l.User = u.ID
	}
	if in.Endpoint != nil && *in.Endpoint != "" {
		ep, err := namedEndpoint(tx, act, *in.Endpoint)
		if err != nil {
			return l, err
		}
		l.Link.Endpoint, l.Directory = ep.ID, ""
	}
	if in.Directory != nil && *in.Directory != "" {
		if in.Endpoint != nil && *in.Endpoint != "" {
			return l, fmt.Errorf("%w: give an endpoint or a directory, not both", elevation.ErrInvalid)
		}
		if len(act.Scope) > 0 {
			return l, fmt.Errorf("%w: a link of a directory is for all endpoints, and your account is limited to some", elevation.ErrNotAllowed)
		}
		l.Directory, l.Link.Endpoint = *in.Directory, ""
	}
	if in.User != nil || in.UID != nil {
		l.Name, l.UID = "", ""
	}
	if in.User != nil {
		l.Name = *in.User
	}
	if in.UID != nil {
		l.UID = *in.UID
	}
	switch {
	case l.User == "":
		return l, fmt.Errorf("%w: name the account", elevation.ErrInvalid)
	case l.Link.Endpoint == "" && l.Directory == "":
		return l, fmt.Errorf("%w: name the endpoint or the directory", elevation.ErrInvalid)
	case l.Name == "" && l.UID == "":
		return l, fmt.Errorf("%w: name the user or the uid", elevation.ErrInvalid)
	}
	for what, s := range map[string]string{"user": l.Name, "uid": l.UID, "directory": l.Directory} {
		if err := elevation.CheckLine(what, s, maxUserName); err != nil {
			return l, err
		}
	}
	if l.Link.Endpoint == "" || l.Name != "" && l.UID != "" {
		return l, nil
	}
	seen, err := tx.SeenUser(l.Link.Endpoint, l.Name, l.UID)
	if errors.Is(err, elevation.ErrNotFound) {
		return l, nil
	}
	l.Name, l.UID = seen.Name, seen.UID
	return l, err
}

// namedEndpoint finds an endpoint by id or by its name, if only one has it.
func namedEndpoint(tx *store.Tx, act auth.Actor, name string) (store.Endpoint, error) {
	unknown := fmt.Errorf("%w: no endpoint is called %q", elevation.ErrInvalid, audit.Clip(name, 80))
	if strings.HasPrefix(name, elevation.EndpointPrefix) {
		ep, err := visible(tx, act, elevation.EndpointID(name))
		if errors.Is(err, elevation.ErrNotFound) {
			err = unknown
		}
		return ep, err
	}
	all, err := tx.Endpoints(store.EndpointFilter{Name: name})
	if err != nil {
		return store.Endpoint{}, err
	}
	all = slices.DeleteFunc(all, func(e store.Endpoint) bool { return !act.Covers(e.EffectiveLabels()) })
	switch len(all) {
	case 0:
		return store.Endpoint{}, unknown
	case 1:
		return all[0], nil
	}
	return store.Endpoint{}, fmt.Errorf("%w: %d endpoints are called %q; give the id", elevation.ErrInvalid, len(all), audit.Clip(name, 80))
}

func linkData(l store.Link, login string) map[string]string {
	data := map[string]string{"link": string(l.ID), "account": string(l.User), "login": login}
	for k, v := range map[string]string{"user": l.Name, "uid": l.UID, "directory": l.Directory} {
		if v != "" {
			data[k] = v
		}
	}
	return data
}

// DeleteLink frees an account from a user. Nobody frees their own.
func (a *Admin) DeleteLink(ctx context.Context, act auth.Actor, id elevation.LinkID) error {
	if err := a.may(ctx, act, auth.LinksWrite, "link.delete"); err != nil {
		return err
	}
	err := a.changeStaff(ctx, act, "link.delete", func(tx *store.Tx, staff *store.Staff) (audit.Event, error) {
		l, err := findLink(tx, staff, act, id)
		if err != nil {
			return audit.Event{}, err
		}
		if err := notOwn(staff, act, l.Link); err != nil {
			return audit.Event{}, err
		}
		data := linkData(l.Link, l.Login)
		data["deleted"] = "true"
		ev := a.event(act, audit.LinkChanged, data)
		ev.Endpoint = l.Link.Link.Endpoint
		return ev, tx.DeleteLink(id)
	})
	return err
}
