package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// ErrUnauthenticated means that nobody was recognised: no credential, a wrong
// one, or one that has ended. It never says which.
var ErrUnauthenticated = errors.New("not signed in")

// What sign-in asks for besides.
var (
	ErrCode         = errors.New("give the code of your authenticator too")
	ErrWrong        = errors.New("that was not the right password, code or passkey")
	ErrSecondFactor = errors.New("your role needs a second factor: add a passkey or an authenticator in the console, or sign in with it")
)

// Permission is one kind of act. Acts on one's own requests (see, cancel, check
// in) need none of these except [RequestsOwn], which every account has.
type Permission string

// The permissions. Their text is what a refused caller reads.
const (
	RequestsOwn      Permission = "requests.own"     // see and withdraw one's own requests
	RequestsRead     Permission = "requests.read"    // see other people's requests within the scope
	RequestsDecide   Permission = "requests.decide"  // approve, deny, revoke, undo, clear; queue also asks delegation
	RequestsRevoke   Permission = "requests.revoke"  // end what was granted, whoever granted it
	RequestsReview   Permission = "requests.review"  // look at what is over; queue also asks for the team
	RulesRead        Permission = "rules.read"       // list, view, check, evaluate
	RulesWrite       Permission = "rules.write"      // apply
	EndpointsRead    Permission = "endpoints.read"   // list, view
	EndpointsWrite   Permission = "endpoints.write"  // delete
	EnrollTokenRead  Permission = "enrollment.read"  // list enrolment tokens
	EnrollTokenWrite Permission = "enrollment.write" // make and withdraw enrolment tokens
	UsersRead        Permission = "users.read"       // list accounts
	UsersWrite       Permission = "users.write"      // make, edit and delete accounts that have no role above requester
	RolesWrite       Permission = "roles.write"      // give or take roles, and change accounts that have them
	TokensOwn        Permission = "tokens.own"       // make, list and delete API tokens of one's own
	TokensWrite      Permission = "tokens.write"     // the same for everybody's
	LinksRead        Permission = "links.read"       // which accounts are which local users, within the scope
	LinksWrite       Permission = "links.write"      // tie accounts to local users
	TeamsWrite       Permission = "teams.write"      // make, edit and delete teams, and say who stands in for others
	AuditRead        Permission = "audit.read"       // the whole audit log
	SettingsRead     Permission = "settings.read"    // see settings
	SettingsWrite    Permission = "settings.write"   // change settings
	MetricsRead      Permission = "metrics"          // counters for monitoring
	TeamRead         Permission = "requests.team"    // who may answer, in timelines and explanations
	ReportsRead      Permission = "reports.read"     // named reports, within the scope
	AlertsRead       Permission = "alerts.read"      // channels without their secrets, alerts, deliveries
	AlertsWrite      Permission = "alerts.write"     // make, edit, test and delete channels and alerts
	DirectoryWrite   Permission = "directory.write"  // identity providers, what their groups mean, hooks
	DirectorySync    Permission = "directory.sync"   // SCIM: users and groups as the directory has them
	RightsRead       Permission = "rights.read"      // who can become root without Assent, within the scope
	RightsWrite      Permission = "rights.write"     // take standing rights over, give them back, pause endpoints
)

// Permissions are all permissions, in the order of the table above.
func Permissions() []Permission {
	return []Permission{RequestsOwn, RequestsRead, RequestsDecide, RequestsRevoke, RequestsReview, RulesRead, RulesWrite, EndpointsRead,
		EndpointsWrite, EnrollTokenRead, EnrollTokenWrite, UsersRead, UsersWrite, RolesWrite, TokensOwn,
		TokensWrite, LinksRead, LinksWrite, TeamsWrite, AuditRead, SettingsRead, SettingsWrite, MetricsRead, TeamRead, ReportsRead,
		AlertsRead, AlertsWrite, DirectoryWrite, DirectorySync, RightsRead, RightsWrite}
}

// Roles are all roles.
func Roles() []Role {
	return []Role{Administrator, SecurityAdmin, RuleAuthor, Approver, Auditor, Requester}
}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Powerful reports whether an account with these roles is more than a
// requester, so that changing it needs [RolesWrite].
func Powerful(roles []Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return r != Requester })
}

// rolePermissions is THE table. A role that is not in it, or a permission that
// is not in its row, means no.
func rolePermissions(r Role) []Permission {
	switch r {
	case Administrator:
		return Permissions()
	case Approver:
		return []Permission{RequestsOwn, RequestsRead, RequestsDecide, RequestsRevoke, RequestsReview, TeamRead, RulesRead, EndpointsRead, TokensOwn}
	case Auditor:
		return []Permission{RequestsOwn, RequestsRead, RequestsReview, TeamRead, RulesRead, EndpointsRead, EnrollTokenRead,
			UsersRead, LinksRead, AuditRead, SettingsRead, MetricsRead, TokensOwn, ReportsRead, AlertsRead, RightsRead}
	case SecurityAdmin:
		return []Permission{RequestsOwn, RequestsRead, RequestsRevoke, TeamRead, EndpointsRead, TokensOwn, RightsRead}
	case RuleAuthor:
		return []Permission{RequestsOwn, RequestsRead, TeamRead, RulesRead, RulesWrite, EndpointsRead, TokensOwn}
	case Requester:
		return []Permission{RequestsOwn, TokensOwn}
	}
	return nil
}

// The scopes of API tokens.
const (
	ScopeRequestsRead   = "requests.read"
	ScopeRequestsDecide = "requests.decide"
	ScopeRules          = "rules"
	ScopeEndpoints      = "endpoints"
	ScopeUsers          = "users"
	ScopeAuditRead      = "audit.read"
	ScopeMetrics        = "metrics"
	ScopeSCIM           = "scim" // of a directory that keeps accounts in step
)

// Scopes are all scopes that a token can be narrowed to.
func Scopes() []string {
	return []string{ScopeRequestsRead, ScopeRequestsDecide, ScopeRules, ScopeEndpoints, ScopeUsers, ScopeAuditRead, ScopeMetrics, ScopeSCIM}
}

// scopePermissions is what a token scope lets through of its owner's roles.
func scopePermissions(scope string) []Permission {
	switch scope {
	case ScopeRequestsRead:
		return []Permission{RequestsOwn, RequestsRead, TeamRead}
	case ScopeRequestsDecide:
		return []Permission{RequestsOwn, RequestsRead, RequestsDecide, RequestsRevoke, RequestsReview, TeamRead}
	case ScopeRules:
		return []Permission{RulesRead, RulesWrite}
	case ScopeEndpoints:
		return []Permission{EndpointsRead, EndpointsWrite, EnrollTokenRead, EnrollTokenWrite, RightsRead, RightsWrite}
	case ScopeUsers:
		return []Permission{UsersRead, UsersWrite, LinksRead, TeamRead, TeamsWrite}
	case ScopeAuditRead:
		return []Permission{AuditRead, ReportsRead}
	case ScopeMetrics:
		return []Permission{MetricsRead}
	case ScopeSCIM:
		return []Permission{DirectorySync}
	}
	return nil
}

// neverByToken are the acts that no API token may do except the first
// administrator's admin.token.
func neverByToken(p Permission) bool {
	switch p {
	case RolesWrite, TokensOwn, TokensWrite, LinksWrite, SettingsWrite, DirectoryWrite:
		return true
	}
	return false
}

// Can returns nil when the actor may do p, [ErrUnauthenticated] for nobody,
// [ErrSecondFactor] before a second factor that their role must have, and
// otherwise an error wrapping [elevation.ErrNotAllowed] that says what is
// missing. It knows roles and token scopes; whether one object is inside
// a.Scope is asked with [Actor.Covers].
func (a Actor) Can(p Permission) error {
	if a.User == "" {
		return ErrUnauthenticated
	}
	if a.MissingFactor {
		return ErrSecondFactor
	}
	if a.Seat != (Seat{}) {
		if p == RequestsOwn && a.Seat.Taken() {
			return nil
		}
		return errSeat
	}
	if !slices.ContainsFunc(a.Roles, func(r Role) bool { return slices.Contains(rolePermissions(r), p) }) {
		return lacking(p)
	}
	if a.Token == "" || a.Full {
		return nil
	}
	if neverByToken(p) {
		return fmt.Errorf("%w: no API token may do %s; sign in to the console", elevation.ErrNotAllowed, p)
	}
	if len(a.Scopes) > 0 && !slices.ContainsFunc(a.Scopes, func(s string) bool { return slices.Contains(scopePermissions(s), p) }) {
		return fmt.Errorf("%w: the scopes of this token do not include %s", elevation.ErrNotAllowed, p)
	}
	return nil
}

// lacking is the permission that no role of the actor has.
type lacking Permission

// Error says which roles have it. It is put together only where somebody reads
// it: many ask what they may do just to leave something out.
func (l lacking) Error() string {
	var have []string
	for _, r := range Roles() {
		if slices.Contains(rolePermissions(r), Permission(l)) {
			have = append(have, string(r))
		}
	}
	return fmt.Sprintf("%v: %s needs the role %s", elevation.ErrNotAllowed, string(l), strings.Join(have, " or "))
}

// Unwrap makes it a refusal like any other.
func (l lacking) Unwrap() error { return elevation.ErrNotAllowed }

// Covers reports whether an endpoint with these labels is inside the actor's
// scope. An empty scope is everything; else every label of the scope must be
// there with the same value. A caller answers "not found" outside of it.
func (a Actor) Covers(labels map[string]string) bool {
	for k, v := range a.Scope {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Overlaps reports whether an endpoint can be both inside the actor's scope and
// where these labels are: the scope of another account or of a team. What does
// not overlap is not the actor's business.
func (a Actor) Overlaps(labels map[string]string) bool {
	for k, v := range labels {
		if got, ok := a.Scope[k]; ok && got != v {
			return false
		}
	}
	return true
}

// Is reports whether the actor has the role.
func (a Actor) Is(r Role) bool { return slices.Contains(a.Roles, r) }
