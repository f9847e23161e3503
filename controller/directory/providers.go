package directory

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/egress"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// EditProvider makes or changes an identity provider; what is nil stays.
type EditProvider struct {
	Name           *string
	Issuer         *string // of a new one only
	ClientID       *string
	ClientSecret   *string
	Scopes         *[]string
	GroupsClaim    *string
	Groups         *[]store.GroupRoles
	CreateAccounts *bool
	AllowedDomains *[]string
	Link           *store.ProviderLink
	Enabled        *bool
}

// Limits of providers.
const (
	maxProviders = 100
	maxDomains   = 200
	maxScopes    = 30
	idPrefix     = "idp_"
)

// Offered is a provider as the page for signing in shows it.
type Offered struct {
	ID   store.ProviderID
	Name string
}

// Offered are the providers that anybody may sign in with.
func (d *Directory) Offered(ctx context.Context) (out []Offered, err error) {
	err = d.view(ctx, func(tx *store.Tx) error {
		all, err := tx.Providers()
		for _, p := range all {
			if p.Enabled {
				out = append(out, Offered{p.ID, p.Name})
			}
		}
		return err
	})
	return out, err
}

// Providers lists the identity providers by name.
func (d *Directory) Providers(ctx context.Context, act auth.Actor) (list []store.Provider, err error) {
	if err := act.Can(auth.SettingsRead); err != nil {
		return nil, err
	}
	err = d.view(ctx, func(tx *store.Tx) error { list, err = tx.Providers(); return err })
	return list, err
}

// Provider is one identity provider.
func (d *Directory) Provider(ctx context.Context, act auth.Actor, id store.ProviderID) (p store.Provider, err error) {
	if err := act.Can(auth.SettingsRead); err != nil {
		return p, err
	}
	err = d.view(ctx, func(tx *store.Tx) error { p, err = tx.Provider(id); return err })
	return p, err
}

// AddProvider makes an identity provider. [elevation.ErrConflict] when its name or
// issuer is taken.
func (d *Directory) AddProvider(ctx context.Context, act auth.Actor, in EditProvider) (store.Provider, error) {
	now := d.cfg.Now()
	p := store.Provider{ID: store.ProviderID(elevation.NewID(idPrefix, now)), GroupsClaim: "groups", Scopes: []string{"openid", "email", "profile"}, MadeAt: now}
	if err := d.may(ctx, act, auth.DirectoryWrite, "provider.add"); err != nil {
		return p, err
	}
	if in.Issuer != nil {
		p.Issuer = *in.Issuer
	}
	p, err := d.edited(p, in)
	if err != nil {
		return p, err
	}
	err = d.update(ctx, func(tx *store.Tx) error {
		all, err := tx.Providers()
		if err != nil {
			return err
		}
		if len(all) >= maxProviders {
			return fmt.Errorf("%w: there are %d identity providers", elevation.ErrLimit, len(all))
		}
		if slices.ContainsFunc(all, func(o store.Provider) bool { return o.Issuer == p.Issuer }) {
			return fmt.Errorf("%w: there is a provider of this issuer already", elevation.ErrConflict)
		}
		if err := putProvider(tx, p); err != nil {
			return err
		}
		return tx.Append(d.event(act.Elevation(), audit.DirectoryChanged, providerData(p, "made")))
	})
	return p, err
}

func putProvider(tx *store.Tx, p store.Provider) error {
	err := tx.PutProvider(p)
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: a provider is called %q already", elevation.ErrConflict, p.Name)
	}
	return err
}

func providerData(p store.Provider, what string) map[string]string {
	var groups []string
	for _, g := range p.Groups {
		groups = append(groups, g.ID+": "+roleList(g.Roles))
	}
	return map[string]string{"provider": string(p.ID), "name": p.Name, "issuer": p.Issuer, "client": p.ClientID, "what": what,
		"enabled": fmt.Sprint(p.Enabled), "create_accounts": fmt.Sprint(p.CreateAccounts), "domains": audit.Clip(strings.Join(p.AllowedDomains, ", "), 500),
		"groups": audit.Clip(strings.Join(groups, "; "), 1000)}
}

// EditProvider changes a provider. What its groups now give is given, and what
// they gave is taken away, from everybody that it has recognised.
// [elevation.ErrConflict] when nobody would be left who administers.
func (d *Directory) EditProvider(ctx context.Context, act auth.Actor, id store.ProviderID, in EditProvider) (p store.Provider, err error) {
	if err := d.may(ctx, act, auth.DirectoryWrite, "provider.edit"); err != nil {
		return p, err
	}
	err = d.update(ctx, func(tx *store.Tx) error {
		old, err := tx.Provider(id)
		if err != nil {
			return err
		}
		if in.Issuer != nil && *in.Issuer != old.Issuer {
			return fmt.Errorf("%w: the issuer says who its people are; make another provider", elevation.ErrInvalid)
		}
		if p, err = d.edited(old, in); err != nil {
			return err
		}
		if err := putProvider(tx, p); err != nil {
			return err
		}
		if in.Groups != nil {
			if err := d.regroup(tx, act.Elevation(), p); err != nil {
				return err
			}
		}
		return tx.Append(d.event(act.Elevation(), audit.DirectoryChanged, providerData(p, "changed")))
	})
	d.forget(id)
	return p, err
}

// regroup gives everybody of a provider what their groups give.
func (d *Directory) regroup(tx *store.Tx, by elevation.Actor, p store.Provider) error {
	all, err := tx.IdentitiesOf(p.ID)
	if err != nil {
		return err
	}
	for _, i := range all {
		u, err := tx.User(i.User)
		if err != nil {
			return err
		}
		if _, _, err := d.give(tx, by, u, string(p.ID), groupRoles(p, i.Groups), len(p.Groups) == 0); err != nil {
			return err
		}
	}
	return nil
}

func groupRoles(p store.Provider, groups []string) []auth.Role {
	return rolesOf(p.Groups, func(id string) bool { return slices.Contains(groups, id) })
}

// DeleteProvider deletes a provider, and takes away what it gave: whoever has no
// role left loses every session and token. [elevation.ErrConflict] when nobody
// would be left who administers.
func (d *Directory) DeleteProvider(ctx context.Context, act auth.Actor, id store.ProviderID) error {
	if err := d.may(ctx, act, auth.DirectoryWrite, "provider.delete"); err != nil {
		return err
	}
	err := d.update(ctx, func(tx *store.Tx) error {
		p, err := tx.Provider(id)
		if err != nil {
			return err
		}
		given, err := tx.GivenBy(string(id))
		if err != nil {
			return err
		}
		for _, who := range given {
			u, err := tx.User(who)
			if err != nil {
				return err
			}
			if _, _, err := d.give(tx, act.Elevation(), u, string(id), nil, false); err != nil {
				return err
			}
		}
		if err := tx.DeleteProvider(id); err != nil {
			return err
		}
		return tx.Append(d.event(act.Elevation(), audit.DirectoryChanged, providerData(p, "deleted")))
	})
	d.forget(id)
	return err
}

// edited is the provider after the change, checked.
func (d *Directory) edited(p store.Provider, in EditProvider) (store.Provider, error) {
	set(&p.Name, in.Name)
	set(&p.ClientID, in.ClientID)
	set(&p.Scopes, in.Scopes)
	set(&p.GroupsClaim, in.GroupsClaim)
	set(&p.Groups, in.Groups)
	set(&p.CreateAccounts, in.CreateAccounts)
	set(&p.Link, in.Link)
	set(&p.Enabled, in.Enabled)
	if in.AllowedDomains != nil {
		p.AllowedDomains = nil
		for _, domain := range *in.AllowedDomains {
			p.AllowedDomains = append(p.AllowedDomains, strings.ToLower(domain))
		}
	}
	if err := d.checkProvider(p); err != nil {
		return p, err
	}
	if in.ClientSecret != nil {
		p.Secret = nil
		if err := elevation.CheckLine("client secret", *in.ClientSecret, 1024); err != nil {
			return p, err
		}
		if *in.ClientSecret != "" {
			wrapped, err := d.cfg.Wrap(secretPurpose(p.ID), []byte(*in.ClientSecret))
			if err != nil {
				return p, fmt.Errorf("keep the client secret: %w", err)
			}
			p.Secret = wrapped
		}
	}
	return p, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func secretPurpose(id store.ProviderID) string { return "client secret of " + string(id) }

func (d *Directory) checkProvider(p store.Provider) error {
	if err := d.checkIssuer(p.Issuer); err != nil {
		return err
	}
	for _, t := range []struct {
		what, text string
		limit      int
		needed     bool
	}{{"name", p.Name, 100, true}, {"client id", p.ClientID, 256, true}, {"name of the groups claim", p.GroupsClaim, 200, true},
		{"directory of links", p.Link.Directory, 256, false}, {"claim of links", p.Link.UserClaim, 200, false}, {"claim of links", p.Link.UIDClaim, 200, false}} {
		if err := elevation.CheckLine(t.what, t.text, t.limit); err != nil {
			return err
		}
		if t.needed && strings.TrimSpace(t.text) == "" {
			return fmt.Errorf("%w: give the %s", elevation.ErrInvalid, t.what)
		}
	}
	if p.Link.Directory == "" && p.Link.UserClaim+p.Link.UIDClaim != "" || p.Link.Directory != "" && p.Link.UserClaim+p.Link.UIDClaim == "" {
		return fmt.Errorf("%w: a link needs a directory and the claim with the user or the uid", elevation.ErrInvalid)
	}
	if len(p.Scopes) > maxScopes || !slices.Contains(p.Scopes, "openid") {
		return fmt.Errorf("%w: the scopes are at most %d, and openid is one of them", elevation.ErrInvalid, maxScopes)
	}
	for _, s := range p.Scopes {
		if s == "" || len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("%w: %q is no scope", elevation.ErrInvalid, audit.Clip(s, 80))
		}
	}
	if len(p.AllowedDomains) > maxDomains {
		return fmt.Errorf("%w: at most %d domains", elevation.ErrInvalid, maxDomains)
	}
	for _, domain := range p.AllowedDomains {
		if err := checkEmail("a@" + domain); err != nil || !strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, "*") {
			return fmt.Errorf("%w: %q is no domain of e-mail addresses", elevation.ErrInvalid, audit.Clip(domain, 80))
		}
	}
	return checkMapping(p.Groups)
}

// checkIssuer wants https, or http on this machine, and no address that would be
// refused when it is called.
func (d *Directory) checkIssuer(issuer string) error {
	bad := fmt.Errorf("%w: the issuer is an address such as https://login.example.com, as the provider writes it", elevation.ErrInvalid)
	u, err := url.Parse(issuer)
	if err != nil || len(issuer) > 500 || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Contains(issuer, "#") || strings.Contains(issuer, "?") {
		return bad
	}
	at, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	switch {
	case u.Scheme == "https":
	case u.Scheme != "http":
		return bad
	case u.Hostname() != "localhost" && (!literal || !at.IsLoopback()):
		return fmt.Errorf("%w: the issuer needs https", elevation.ErrInvalid)
	}
	if literal {
		if err := egress.Check(at, d.cfg.Allow); err != nil {
			return fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
		}
	}
	return nil
}
