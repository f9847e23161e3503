package delegation

import (
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// Link is a strong link: an administrator's word, or a verified identity, that
// an account and a user of an endpoint are one person. Endpoint "" means every
// endpoint; Directory then is the domain that the user's name may carry. One of
// UID and Name is enough; both must agree when both are given, so that a uid that
// was given to somebody else is nobody's.
type Link struct {
	User      elevation.UserID
	Endpoint  elevation.EndpointID
	Directory string
	UID       string
	Name      string
}

// IsRequester reports whether any link says that who made the request, or
// whether they filed it for themself.
//
// A weak link (the same login name as the local account, ignoring case and any
// domain) is enough, because here links only take away; so is the name of a
// strong one whatever the uid has become. An account without an id or a login is
// taken for the requester: what can not be told apart is refused.
func (p Plan) IsRequester(who Person, r *elevation.Request) bool {
	if who.ID == "" || bareName(who.Login) == "" {
		return true
	}
	if r.FiledBy.ID == string(who.ID) && r.Origin != elevation.FromBehalf {
		return true
	}
	u := r.Attempt.User
	if bareName(who.Login) == bareName(u.Name) {
		return true
	}
	for _, l := range p.links(who.ID) {
		if l.User != who.ID {
			continue
		}
		if l.Name != "" {
			l.UID = ""
		}
		if l.names(r.Endpoint, u) {
			return true
		}
	}
	return false
}

// Held reports whether who made the request could be acting as that account: they
// made it or set its password last, and its owner has set no other since.
func (p Plan) Held(who Person, r *elevation.Request) bool { return p.heldBy(who, r) }

// Strong reports whether a strong link says that the account is this user of
// this endpoint. Weak links never count: strong ones give rights.
func (p Plan) Strong(account elevation.UserID, ep elevation.EndpointID, u elevation.User) bool {
	for _, l := range p.links(account) {
		if account != "" && l.User == account && l.names(ep, u) {
			return true
		}
	}
	return false
}

// sameUser reports whether strong links say of two accounts that they are the
// same user of some endpoint: then they are one person.
func (p Plan) sameUser(a, b elevation.UserID) bool {
	for _, x := range p.links(a) {
		for _, y := range p.links(b) {
			if x.User == a && y.User == b && x.sameAs(y) {
				return true
			}
		}
	}
	return false
}

func (l Link) sameAs(o Link) bool {
	if l.Endpoint != o.Endpoint || !strings.EqualFold(l.Directory, o.Directory) {
		return false
	}
	if l.UID != "" && o.UID != "" {
		return l.UID == o.UID
	}
	return l.Name != "" && strings.EqualFold(l.Name, o.Name)
}

func (l Link) names(ep elevation.EndpointID, u elevation.User) bool {
	if l.Endpoint != "" && l.Endpoint != ep || l.UID == "" && l.Name == "" {
		return false
	}
	if l.Directory != "" {
		if d := domain(u.Name); d != "" && !strings.EqualFold(d, l.Directory) {
			return false
		}
		return (l.UID == "" || l.UID == u.UID) && (l.Name == "" || bareName(l.Name) == bareName(u.Name))
	}
	return (l.UID == "" || l.UID == u.UID) && (l.Name == "" || strings.EqualFold(l.Name, u.Name))
}

// domain is what bareName leaves out.
func domain(login string) string {
	if d, _, ok := strings.Cut(login, `\`); ok {
		return d
	}
	if _, d, ok := strings.Cut(login, "@"); ok {
		return d
	}
	return ""
}

// bareName is a login without its domain: `CORP\bo`, `bo@corp.example` and `Bo`
// are all "bo".
func bareName(login string) string {
	s := strings.ToLower(strings.TrimSpace(login))
	if i := strings.LastIndexByte(s, '\\'); i >= 0 {
		s = s[i+1:]
	}
	if i := strings.IndexByte(s, '@'); i > 0 {
		s = s[:i]
	}
	return s
}
