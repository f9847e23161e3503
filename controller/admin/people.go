package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// NewUser asks for an account.
type NewUser struct {
	Login    string
	Name     string
	Email    string
	Password string // "" = none: the account signs in by links and tokens
	Roles    []auth.Role
	Scope    map[string]string // endpoint labels; empty = all endpoints
}

// EditUser changes an account; what is nil stays. A login never changes: the
// audit log and the check against self-approval know people by it.
type EditUser struct {
	Name     *string
	Email    *string
	Password *string // "" takes the password away
	Roles    *[]auth.Role
	Scope    *map[string]string
	Disabled *bool
}

const (
	maxName  = 200
	maxEmail = 254
)

func checkPerson(u store.User) error {
	if err := elevation.CheckLine("name", u.Name, maxName); err != nil {
		return err
	}
	if err := elevation.CheckLine("e-mail address", u.Email, maxEmail); err != nil {
		return err
	}
	if u.Email != "" && (strings.Count(u.Email, "@") != 1 || strings.ContainsAny(u.Email, " ,;<>")) {
		return fmt.Errorf("%w: %q is no e-mail address", elevation.ErrInvalid, u.Email)
	}
	if len(u.Roles) == 0 {
		return fmt.Errorf("%w: an account needs a role, requester at least", elevation.ErrInvalid)
	}
	for i, r := range u.Roles {
		if !r.Valid() {
			return fmt.Errorf("%w: there is no role %q", elevation.ErrInvalid, audit.Clip(string(r), 40))
		}
		if slices.Contains(u.Roles[:i], r) {
			return fmt.Errorf("%w: the role %s is there twice", elevation.ErrInvalid, r)
		}
	}
	return checkLabels(u.Scope)
}

// mayChange checks the permission to make or change an account with these roles
// and this scope, before and after.
func (a *Admin) mayChange(ctx context.Context, act auth.Actor, what string, accounts ...store.User) error {
	for _, u := range accounts {
		p := auth.UsersWrite
		if auth.Powerful(u.Roles) {
			p = auth.RolesWrite
		}
		if err := a.may(ctx, act, p, what); err != nil {
			return err
		}
		if !within(act, u.Scope) {
			return a.refuse(ctx, act, what, fmt.Errorf("%w: the account would see more endpoints than yours", elevation.ErrNotAllowed))
		}
	}
	return nil
}

// AddUser makes an account. Roles default to requester. [elevation.ErrConflict] when the
// login is taken, in whatever case.
func (a *Admin) AddUser(ctx context.Context, act auth.Actor, in NewUser) (store.User, error) {
	now := a.cfg.Now()
	u := store.User{ID: elevation.UserID(elevation.NewID(elevation.UserPrefix, now)), Login: in.Login, Name: in.Name, Email: in.Email,
		Roles: in.Roles, Scope: in.Scope, CreatedAt: now, HeldBy: holder(act)}
	if len(u.Roles) == 0 {
		u.Roles = []auth.Role{auth.Requester}
	}
	if err := a.mayChange(ctx, act, "user.add", u); err != nil {
		return store.User{}, err
	}
	if err := checkLogin(in.Login); err != nil {
		return store.User{}, err
	}
	if err := checkPerson(u); err != nil {
		return store.User{}, err
	}
	if in.Password != "" {
		hash, err := a.cfg.Passwords.HashPassword(ctx, in.Password)
		if err != nil {
			return store.User{}, err
		}
		u.PasswordHash = hash
	}
	err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		err := conflict(tx.InsertUser(u), "the login %s is taken", u.Login)
		return a.event(act, audit.UserCreated, userData(u)), err
	})
	return u, err
}

// holder is who could act as an account that act has made or set the password
// of; nobody when that was done on the controller's own machine.
func holder(act auth.Actor) elevation.Actor {
	switch {
	case act.User == localUser:
		return elevation.Actor{}
	case act.MadeBy.ID != "":
		return act.MadeBy
	}
	return act.Elevation()
}

func checkLogin(login string) error {
	if err := checkName("login", login, auth.MaxLogin); err != nil {
		return err
	}
	return auth.CheckLogin(login)
}

func userData(u store.User) map[string]string {
	data := map[string]string{"user": string(u.ID), "login": u.Login, "roles": roleList(u.Roles)}
	if len(u.Scope) > 0 {
		data["scope"] = labelList(u.Scope)
	}
	return data
}

func roleList(roles []auth.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

func labelList(labels map[string]string) string {
	var out []string
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return audit.Clip(strings.Join(out, ", "), 2000)
}

// Users lists the accounts that can see an endpoint inside the actor's scope, by
// login.
func (a *Admin) Users(ctx context.Context, act auth.Actor) (list []store.User, err error) {
	if err := act.Can(auth.UsersRead); err != nil {
		return nil, err
	}
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		if list, err = tx.Users(); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(u store.User) bool { return u.ID != act.User && !act.Overlaps(u.Scope) })
		return tx.AllFactored(list)
	})
	return list, err
}

// User is one account, by its login or id. One's own needs no permission.
func (a *Admin) User(ctx context.Context, act auth.Actor, who string) (u store.User, err error) {
	if act.User == "" {
		return u, auth.ErrUnauthenticated
	}
	may := act.Can(auth.UsersRead)
	if may != nil && who != string(act.User) && !strings.EqualFold(who, act.Login) {
		return u, may
	}
	u, err = a.find(ctx, act, who)
	if err == nil && may != nil && u.ID != act.User {
		return store.User{}, may
	}
	return u, err
}

// account finds an account by login or id.
func account(tx *store.Tx, who string) (store.User, error) {
	var u store.User
	var err error
	if strings.HasPrefix(who, elevation.UserPrefix) {
		u, err = tx.User(elevation.UserID(who))
	} else {
		u, err = tx.UserByLogin(who)
	}
	if err != nil {
		return store.User{}, fmt.Errorf("account %s: %w", audit.Clip(who, 80), err)
	}
	return u, nil
}

// EditUser changes an account, named by login or id. A new password, and
// disabling, end its sessions; a password that somebody else sets its tokens too. [elevation.ErrConflict] when it is the last administrator
// who could undo it.
func (a *Admin) EditUser(ctx context.Context, act auth.Actor, who string, in EditUser) (store.User, error) {
	if err := a.may(ctx, act, auth.UsersWrite, "user.edit"); err != nil {
		return store.User{}, err
	}
	old, err := a.find(ctx, act, who)
	if err != nil {
		return store.User{}, err
	}
	if err := a.mayChange(ctx, act, "user.edit", old, a.edited(old, in, "")); err != nil {
		return store.User{}, err
	}
	if err := a.ownPassword(ctx, act, old, in); err != nil {
		return store.User{}, err
	}
	hash := ""
	if in.Password != nil && *in.Password != "" {
		if hash, err = a.cfg.Passwords.HashPassword(ctx, *in.Password); err != nil {
			return store.User{}, err
		}
	}
	var next store.User
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		now, err := tx.User(old.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if roleList(now.Roles) != roleList(old.Roles) || labelList(now.Scope) != labelList(old.Scope) {
			return audit.Event{}, fmt.Errorf("%w: the account was changed meanwhile; look at it and try again", elevation.ErrConflict)
		}
		next = a.edited(now, in, hash)
		next.HeldBy = holderAfter(act, now, next, hash != "")
		if err := checkPerson(next); err != nil {
			return audit.Event{}, err
		}
		data, err := a.changed(tx, now, next, in)
		if data == nil || err != nil {
			return audit.Event{}, err
		}
		if err := tx.PutUser(next); err != nil {
			return audit.Event{}, err
		}
		if err := endAfter(tx, act, next, in); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.UserChanged, data), tx.KeepsAdministrator()
	})
	if err != nil {
		return store.User{}, err
	}
	if now, err := a.find(ctx, act, string(next.ID)); err == nil {
		next = now
	}
	return next, nil
}

// asOwner reports whether an account's owner acts: in a session, or by a token that
// nobody else made.
func asOwner(act auth.Actor, u store.User) bool { return act.User == u.ID && act.MadeBy.ID == "" }

// endAfter ends what an account may no longer be used with. Whose password
// somebody else sets may have lost the account to a stranger, who made tokens; an
// owner who sets a new one keeps those, each of which can be deleted by itself.
func endAfter(tx *store.Tx, act auth.Actor, u store.User, in EditUser) error {
	switch {
	case in.Password != nil && asOwner(act, u):
		return tx.EndSignIns(u.ID)
	case in.Password != nil:
		return tx.EndAccess(u.ID)
	case !u.DisabledAt.IsZero():
		return tx.DeleteWebSessionsOf(u.ID)
	}
	return nil
}

// ownPassword refuses a session that sets its own account's password without
// having just proved that its owner is there: the door for other people's
// passwords is no way around that.
func (a *Admin) ownPassword(ctx context.Context, act auth.Actor, u store.User, in EditUser) error {
	if in.Password == nil || !act.Session || act.User != u.ID {
		return nil
	}
	if err := act.Present(a.cfg.Now()); err != nil {
		return a.refuse(ctx, act, "user.edit", err)
	}
	return nil
}

// holderAfter is who could act as an account after act has changed it: whoever sets
// its password, or writes the address by which a provider recognises its owner.
func holderAfter(act auth.Actor, old, next store.User, password bool) elevation.Actor {
	own := asOwner(act, next)
	switch {
	case password && own:
		return elevation.Actor{}
	case password:
		return holder(act)
	case !own && next.Email != "" && !strings.EqualFold(old.Email, next.Email) && next.HeldBy.Kind == "":
		return holder(act)
	}
	return next.HeldBy
}

// changed names what differs, nil when nothing does. Whom an administrator
// disables no directory lets in again, although it had done so first.
func (a *Admin) changed(tx *store.Tx, old, next store.User, in EditUser) (map[string]string, error) {
	data := changes(old, next)
	if in.Disabled == nil || !*in.Disabled {
		return data, nil
	}
	kept, err := tx.KeepDisabled(next.ID)
	if kept && data == nil {
		data = map[string]string{"user": string(next.ID), "login": next.Login, "disabled": "true"}
	}
	return data, err
}

// find reads an account; one that the actor may not know of is not found.
func (a *Admin) find(ctx context.Context, act auth.Actor, who string) (u store.User, err error) {
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		if u, err = account(tx, who); err == nil {
			u, err = tx.Factored(u)
		}
		return err
	})
	hidden := err == nil && u.ID != act.User && !act.Overlaps(u.Scope)
	if hidden || errors.Is(err, elevation.ErrNotFound) { // the same words for both
		return store.User{}, fmt.Errorf("account %s: %w", audit.Clip(who, 80), elevation.ErrNotFound)
	}
	return u, err
}

// edited is the account after the change.
func (a *Admin) edited(u store.User, in EditUser, hash string) store.User {
	if in.Name != nil {
		u.Name = *in.Name
	}
	if in.Email != nil {
		u.Email = *in.Email
	}
	if in.Password != nil {
		u.PasswordHash = hash
	}
	if in.Roles != nil {
		u.Roles = *in.Roles
	}
	if in.Scope != nil {
		u.Scope = *in.Scope
	}
	if in.Disabled != nil {
		switch {
		case !*in.Disabled:
			u.DisabledAt = time.Time{}
		case u.DisabledAt.IsZero():
			u.DisabledAt = a.cfg.Now()
		}
	}
	return u
}

// changes names what differs, for the audit log; nil when nothing does.
func changes(old, next store.User) map[string]string {
	data := map[string]string{}
	differ := func(what, was, is string) {
		if was != is {
			data[what], data[what+"_before"] = is, was
		}
	}
	differ("name", old.Name, next.Name)
	differ("email", old.Email, next.Email)
	differ("roles", roleList(old.Roles), roleList(next.Roles))
	differ("scope", labelList(old.Scope), labelList(next.Scope))
	if old.PasswordHash != next.PasswordHash {
		data["password"] = "changed"
	}
	if old.DisabledAt.IsZero() != next.DisabledAt.IsZero() {
		data["disabled"] = fmt.Sprint(!next.DisabledAt.IsZero())
	}
	if len(data) == 0 {
		return nil
	}
	data["user"], data["login"] = string(next.ID), next.Login
	return data
}

// DeleteUser deletes an account, named by login or id, with its tokens and
// sessions. What it did stays in the audit log.
func (a *Admin) DeleteUser(ctx context.Context, act auth.Actor, who string) error {
	if err := a.may(ctx, act, auth.UsersWrite, "user.delete"); err != nil {
		return err
	}
	u, err := a.find(ctx, act, who)
	if err != nil {
		return err
	}
	if err := a.mayChange(ctx, act, "user.delete", u); err != nil {
		return err
	}
	var denied error
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		denied = nil
		now, err := tx.User(u.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if denied, err = freed(tx, act, u.ID); denied != nil || err != nil {
			return audit.Event{}, errors.Join(denied, err)
		}
		if auth.Powerful(now.Roles) != auth.Powerful(u.Roles) {
			return audit.Event{}, fmt.Errorf("%w: the account was changed meanwhile; look at it and try again", elevation.ErrConflict)
		}
		if err := tx.DeleteUser(u.ID); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.UserDeleted, userData(now)), tx.KeepsAdministrator()
	})
	if denied != nil {
		return a.refuse(ctx, act, "user.delete", denied)
	}
	return err
}

// freed refuses who would get rid of their own links with the account.
func freed(tx *store.Tx, act auth.Actor, id elevation.UserID) (denied, err error) {
	staff, err := tx.Staff()
	if err != nil {
		return nil, err
	}
	for _, l := range staff.Links {
		if l.User == id && denied == nil {
			denied = notOwn(staff, act, l)
		}
	}
	return denied, nil
}
