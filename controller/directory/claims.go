package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// claims is what a provider says of a person.
type claims struct {
	Subject  string
	Email    string // "" = none that it has verified
	Name     string
	Groups   []string
	LinkUser string
	LinkUID  string
}

// maxGroups bounds the groups of one person.
const maxGroups = 5000

// readClaims takes what is there out of the claims. What is of the wrong kind is
// refused where it decides, and left out where it is only shown.
func readClaims(p store.Provider, subject string, all map[string]json.RawMessage) (claims, error) {
	c := claims{Subject: subject}
	var verified bool
	if raw, ok := all["email_verified"]; ok && json.Unmarshal(raw, &verified) != nil {
		verified = false // "true" in quotes is no promise
	}
	if email := textClaim(all, "email"); verified && checkEmail(email) == nil {
		c.Email = strings.ToLower(email)
	}
	if name := textClaim(all, "name"); elevation.CheckLine("name", name, 200) == nil {
		c.Name = strings.TrimSpace(name)
	}
	c.LinkUser, c.LinkUID = textClaim(all, p.Link.UserClaim), textClaim(all, p.Link.UIDClaim)
	if elevation.CheckLine("user", c.LinkUser, 256) != nil || elevation.CheckLine("uid", c.LinkUID, 256) != nil {
		return c, refusal(notChecked, "the claims of links are not text that can be used")
	}
	raw, there := all[p.GroupsClaim]
	if !there || len(p.Groups) == 0 {
		return c, elsewhere(p, all)
	}
	if err := json.Unmarshal(raw, &c.Groups); err != nil {
		var single string
		if json.Unmarshal(raw, &single) != nil {
			return c, refusal(notChecked, "the claim %q is no list of groups", p.GroupsClaim)
		}
		c.Groups = []string{single}
	}
	if len(c.Groups) > maxGroups {
		return c, refusal(notChecked, "%d groups are too many", len(c.Groups))
	}
	return c, nil
}

// elsewhere notices that the provider has left the groups out because there are
// too many: that is not the same as having none.
func elsewhere(p store.Provider, all map[string]json.RawMessage) error {
	var names map[string]string
	if raw, ok := all["_claim_names"]; ok && json.Unmarshal(raw, &names) == nil && names[p.GroupsClaim] != "" && len(p.Groups) > 0 {
		return refusal(p.Name+" did not say which groups you are in, because there are too many. Ask an administrator.",
			"the groups are left out; let the provider send only those that are assigned to this application")
	}
	return nil
}

func textClaim(all map[string]json.RawMessage, name string) string {
	var s string
	if raw, ok := all[name]; name == "" || !ok || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// recognise finds or makes the account of a person, gives it the roles of its
// groups, and refuses who has none.
func (d *Directory) recognise(ctx context.Context, p store.Provider, c claims) (elevation.UserID, error) {
	var user elevation.UserID
	var refused error
	err := d.update(ctx, func(tx *store.Tx) error {
		user, refused = "", nil
		now, err := tx.Provider(p.ID)
		if err == nil && !now.Enabled || errors.Is(err, elevation.ErrNotFound) {
			return refusal("This identity provider is no longer used. Sign in another way.", "provider %s was turned off", p.ID)
		} else if err != nil {
			return err
		}
		who := elevation.Actor{Kind: elevation.BySystem, Name: "identity provider " + now.Name}
		i, u, err := d.account(tx, now, c, who)
		if err != nil {
			return err
		}
		i.Groups, i.SeenAt = keep(now, c.Groups), d.cfg.Now()
		if i.Link, err = d.tie(tx, now, c, i, u, who); err != nil {
			return err
		}
		if err := tx.PutIdentity(i); err != nil {
			return err
		}
		u, access, err := d.give(tx, who, u, string(p.ID), groupRoles(now, c.Groups), len(now.Groups) == 0)
		if err != nil {
			return err
		}
		user = u.ID
		data := map[string]string{"user": string(u.ID), "login": u.Login, "provider": string(p.ID), "what": "recognised"}
		switch { // what was taken away stays taken away
		case !access:
			data["what"] = "no access"
			refused = refusal("None of your groups at "+now.Name+" has access here. Ask an administrator.", "no group of %s gives a role", u.Login)
		case !u.DisabledAt.IsZero():
			data["what"] = "disabled"
			refused = refusal("Your account is disabled. Ask an administrator.", "the account %s is disabled", u.Login)
		}
		return tx.Append(d.event(who, audit.DirectoryChanged, data))
	})
	if errors.Is(err, elevation.ErrConflict) {
		return "", d.lastOne(ctx, p, c, err)
	}
	if err == nil {
		err = refused
	}
	return user, err
}

// keep is those of a person's groups that mean something here.
func keep(p store.Provider, groups []string) []string {
	return slices.DeleteFunc(slices.Clone(groups), func(g string) bool {
		return !slices.ContainsFunc(p.Groups, func(m store.GroupRoles) bool { return m.ID == g })
	})
}

// lastOne refuses the last administrator who has lost the group: the account
// stays what it is, so that somebody can administer, but nobody comes in by it.
func (d *Directory) lastOne(ctx context.Context, p store.Provider, c claims, why error) error {
	err := d.update(ctx, func(tx *store.Tx) error {
		i, err := tx.Identity(p.Issuer, c.Subject)
		if err != nil {
			return err
		}
		if err := tx.EndAccess(i.User); err != nil {
			return err
		}
		by := elevation.Actor{Kind: elevation.BySystem, Name: "identity provider " + p.Name}
		return tx.Append(d.event(by, audit.DirectoryChanged, map[string]string{"user": string(i.User), "provider": string(p.ID), "what": "last administrator"}))
	})
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return err
	}
	return refusal("Your groups no longer give you access, and you are the last administrator. Make another one on the controller's machine.", "%w", why)
}

// account finds the account of a person: by the subject, which never changes;
// once by a verified address of an allowed domain; else it makes one.
func (d *Directory) account(tx *store.Tx, p store.Provider, c claims, who elevation.Actor) (store.Identity, store.User, error) {
	i, err := tx.Identity(p.Issuer, c.Subject)
	if err == nil {
		u, err := tx.User(i.User)
		i.Provider = p.ID
		return i, u, err
	}
	i = store.Identity{Issuer: p.Issuer, Subject: c.Subject, Provider: p.ID}
	if !errors.Is(err, elevation.ErrNotFound) {
		return i, store.User{}, err
	}
	if c.Email == "" {
		return i, store.User{}, refusal("There is no account for you here, and "+p.Name+" has not verified your e-mail address. Ask an administrator.", "a stranger without a verified address")
	}
	_, domain, _ := strings.Cut(c.Email, "@")
	if !slices.Contains(p.AllowedDomains, domain) {
		return i, store.User{}, refusal("E-mail addresses like yours have no access here. Ask an administrator.", "the domain %q is not allowed", domain)
	}
	same, err := tx.UsersByEmail(c.Email)
	switch {
	case err != nil:
		return i, store.User{}, err
	case len(same) > 1:
		return i, store.User{}, refusal("Several accounts have your e-mail address. Ask an administrator.", "%d accounts have the address", len(same))
	case len(same) == 1:
		taken, err := tx.HasIdentity(p.Issuer, same[0].ID)
		if err != nil {
			return i, store.User{}, err
		}
		if taken {
			return i, store.User{}, refusal("Your e-mail address belongs to another person's account. Ask an administrator.", "%s is tied to another subject", same[0].Login)
		}
		i.User = same[0].ID
		return i, same[0], nil
	case !p.CreateAccounts:
		return i, store.User{}, refusal("There is no account for you here. Ask an administrator.", "a stranger, and the provider makes no accounts")
	}
	u, err := d.newAccount(tx, p, c, who)
	i.User = u.ID
	return i, u, err
}

// newAccount makes an account without a password. Its roles are not given yet.
func (d *Directory) newAccount(tx *store.Tx, p store.Provider, c claims, who elevation.Actor) (store.User, error) {
	now := d.cfg.Now()
	u := store.User{ID: elevation.UserID(elevation.NewID(elevation.UserPrefix, now)), Login: c.Email, Name: c.Name, Email: c.Email,
		Roles: []auth.Role{auth.Requester}, CreatedAt: now}
	if err := auth.CheckLogin(u.Login); err != nil {
		return u, refusal("Your e-mail address can not be a login here. Ask an administrator for an account.", "%w", err)
	}
	err := tx.InsertUser(u)
	if errors.Is(err, store.ErrExists) {
		return u, refusal("Somebody else's account has your e-mail address as its login. Ask an administrator.", "the login %s is taken", u.Login)
	}
	if err != nil {
		return u, err
	}
	// The role that every account needs is nobody's gift yet.
	if err := tx.PutGivenRoles(u.ID, noSource, u.Roles); err != nil {
		return u, err
	}
	return u, tx.Append(d.event(who, audit.UserCreated, map[string]string{"user": string(u.ID), "login": u.Login, "roles": roleList(u.Roles)}))
}

// tie makes the strong link that the provider's claims say, and replaces the one
// that they said before.
func (d *Directory) tie(tx *store.Tx, p store.Provider, c claims, i store.Identity, u store.User, who elevation.Actor) (elevation.LinkID, error) {
	if p.Link.Directory == "" || c.LinkUser == "" && c.LinkUID == "" {
		return i.Link, nil
	}
	want := delegation.Link{User: u.ID, Directory: p.Link.Directory, Name: c.LinkUser, UID: c.LinkUID}
	all, err := tx.Links()
	if err != nil {
		return "", err
	}
	id := i.Link
	known := false
	for _, l := range all {
		if l.Link == want {
			return i.Link, nil // it is there, by whoever made it
		}
		known = known || l.ID == id
	}
	if !known {
		id = elevation.LinkID(elevation.NewID(elevation.LinkPrefix, d.cfg.Now()))
	}
	if err := tx.PutLink(store.Link{Link: want, ID: id, By: who, MadeAt: d.cfg.Now()}); err != nil {
		return "", fmt.Errorf("tie %s to the directory: %w", u.Login, err)
	}
	data := map[string]string{"link": string(id), "account": string(u.ID), "login": u.Login, "directory": want.Directory, "user": want.Name, "uid": want.UID}
	return id, tx.Append(d.event(who, audit.LinkChanged, data))
}
