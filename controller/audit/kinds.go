package audit

import "fmt"

// Kind says what happened. Its number is in signed leaves: it is never changed
// and never used again for something else; new kinds take new numbers.
type Kind uint16

// The kinds by area. 2026-11-21: the first list. 2026-11-22: 20–23, 75–77, 83, 84; then
// 65–67, 78, 79, 85–87, 112; then 24–28, 49, 101–104; then
// 113, 114.
const (
	RequestSubmitted   Kind = 1 // a person must answer
	RequestReviewed    Kind = 2 // one vote
	RequestApproved    Kind = 3
	RequestDenied      Kind = 4
	RequestUndone      Kind = 5 // a held decision was taken back
	RequestCancelled   Kind = 6
	RequestExpired     Kind = 7
	RequestRemoved     Kind = 8
	RequestResubmitted Kind = 9
	RequestEscalated   Kind = 10
	RequestClaimed     Kind = 11
	RequestAsked       Kind = 12 // a question back
	RequestAnswered    Kind = 13
	RequestPrioritized Kind = 14
	RequestExtended    Kind = 15
	RequestNudged      Kind = 16
	RequestAfterReview Kind = 17
	EmergencyUsed      Kind = 18
	ReviewDue          Kind = 19
	RequestNoted       Kind = 20 // approvers' note
	RequestJoined      Kind = 21 // the same thing was asked for again
	AccessGranted      Kind = 22 // an answer that lasts
	AccessEnded        Kind = 23
	AttemptObserved    Kind = 24 // an endpoint that only observes saw one
	AttemptAround      Kind = 25 // a setuid program ran without being held
	BreakGlassUsed     Kind = 26 // somebody of the break-glass group elevated
	OfflineCode        Kind = 27 // a code was told for an endpoint that can not be reached
	OfflineUsed        Kind = 28 // an endpoint elevated by its bundle or by a code

	GrantIssued    Kind = 40
	GrantDelivered Kind = 41
	GrantStarted   Kind = 42
	GrantListed    Kind = 43 // a program ran inside what was granted
	GrantEnded     Kind = 44
	GrantEndFailed Kind = 45 // take-back could not be confirmed: alarm
	GrantRevoked   Kind = 46
	GrantCheckedIn Kind = 47
	GrantRefused   Kind = 48 // the endpoint refused to apply it: something differed
	GrantChanges   Kind = 49 // what an administrator for a while left changed
	GrantConfirmed Kind = 50 // its requester has shown their passkey before it is applied
	GrantWantsKey  Kind = 51 // the endpoint waits for that passkey

	AuthRefused     Kind = 60 // an action that its actor may not do, or came too late for
	AuthLogin       Kind = 61
	AuthLoginFailed Kind = 62
	AuthLogout      Kind = 63
	AuthLinkCreated Kind = 64 // a one-time sign-in link
	AuthStepUp      Kind = 65 // presence was proved again
	AuthFactor      Kind = 66 // a passkey or an authenticator was added or removed
	AuthDevice      Kind = 67 // a device was allowed to act for its owner

	UserCreated  Kind = 70
	UserChanged  Kind = 71
	UserDeleted  Kind = 72
	TokenCreated Kind = 73
	TokenDeleted Kind = 74
	TeamChanged  Kind = 75 // made, changed or deleted
	LinkChanged  Kind = 76 // an account was tied to a user of an endpoint, or freed
	AwayChanged  Kind = 77 // somebody answers for somebody else

	ChannelChanged Kind = 78 // a way to tell people or systems
	AlertChanged   Kind = 79 // what is told to whom

	RuleChanged     Kind = 80
	RightsChanged   Kind = 81
	SettingsChanged Kind = 82
	PackChanged     Kind = 83
	PolicyChanged   Kind = 84

	DirectoryChanged   Kind = 85 // an identity provider, or what its groups mean
	HookChanged        Kind = 86 // a way in for another system
	PreferencesChanged Kind = 87 // somebody's own settings
	TokenChanged       Kind = 88 // an API token got another name or fewer scopes

	EndpointEnrolled    Kind = 90
	EndpointRenewed     Kind = 91 // a new certificate
	EndpointChanged     Kind = 92
	EndpointDeleted     Kind = 93
	EndpointRefused     Kind = 94 // unknown key, bad token, ban
	EndpointSilent      Kind = 95
	EndpointClone       Kind = 96 // two copies of one identity
	EndpointAlarm       Kind = 97 // damaged ledger, gap, rollback
	EnrollTokenCreated  Kind = 98
	EnrollTokenDeleted  Kind = 99
	EndpointQuarantined Kind = 100
	EndpointPaused      Kind = 101 // one, some by label, or the whole fleet only observes for a while
	EndpointResumed     Kind = 102
	RightsTaken         Kind = 103 // standing rights were removed, or ordered to be
	RightsGiven         Kind = 104 // and put back

	ControllerStarted Kind = 110
	KeysChanged       Kind = 111
	DeliveryFailed    Kind = 112 // an alert could not be delivered and was given up
	ReportWeekly      Kind = 113 // a week is over, with its numbers: somebody wants to be told
	ReportMonthly     Kind = 114 // the same of a month
)

// String is the kind's name as the outside sees it, "" if there is no such kind.
func (k Kind) String() string {
	switch k {
	case RequestSubmitted:
		return "request.submitted"
	case RequestReviewed:
		return "request.reviewed"
	case RequestApproved:
		return "request.approved"
	case RequestDenied:
		return "request.denied"
	case RequestUndone:
		return "request.undone"
	case RequestCancelled:
		return "request.cancelled"
	case RequestExpired:
		return "request.expired"
	case RequestRemoved:
		return "request.removed"
	case RequestResubmitted:
		return "request.resubmitted"
	case RequestEscalated:
		return "request.escalated"
	case RequestClaimed:
		return "request.claimed"
	case RequestAsked:
		return "request.asked"
	case RequestAnswered:
		return "request.answered"
	case RequestPrioritized:
		return "request.prioritized"
	case RequestExtended:
		return "request.extended"
	case RequestNudged:
		return "request.nudged"
	case RequestAfterReview:
		return "request.after_review"
	case EmergencyUsed:
		return "emergency.used"
	case ReviewDue:
		return "review.due"
	}
	return k.grantString()
}

func (k Kind) grantString() string {
	switch k {
	case RequestNoted:
		return "request.noted"
	case RequestJoined:
		return "request.joined"
	case AccessGranted:
		return "access.granted"
	case AccessEnded:
		return "access.ended"
	case AttemptObserved:
		return "attempt.observed"
	case AttemptAround:
		return "attempt.around"
	case BreakGlassUsed:
		return "break_glass.used"
	case OfflineCode:
		return "offline.code"
	case OfflineUsed:
		return "offline.used"
	case GrantIssued:
		return "grant.issued"
	case GrantDelivered:
		return "grant.delivered"
	case GrantStarted:
		return "grant.started"
	case GrantListed:
		return "grant.listed"
	case GrantEnded:
		return "grant.ended"
	case GrantEndFailed:
		return "grant.end_failed"
	case GrantRevoked:
		return "grant.revoked"
	case GrantCheckedIn:
		return "grant.checked_in"
	case GrantRefused:
		return "grant.refused"
	case GrantChanges:
		return "grant.changes"
	case GrantConfirmed:
		return "grant.confirmed"
	case GrantWantsKey:
		return "grant.wants_passkey"
	}
	return k.adminString()
}

func (k Kind) adminString() string {
	switch k {
	case AuthRefused:
		return "auth.refused"
	case AuthLogin:
		return "auth.login"
	case AuthLoginFailed:
		return "auth.login_failed"
	case AuthLogout:
		return "auth.logout"
	case AuthLinkCreated:
		return "auth.link_created"
	case AuthStepUp:
		return "auth.step_up"
	case AuthFactor:
		return "auth.factor_changed"
	case AuthDevice:
		return "auth.device_allowed"
	case UserCreated:
		return "user.created"
	case UserChanged:
		return "user.changed"
	case UserDeleted:
		return "user.deleted"
	case TokenCreated:
		return "token.created"
	case TokenDeleted:
		return "token.deleted"
	case TokenChanged:
		return "token.changed"
	case RuleChanged:
		return "rule.changed"
	case RightsChanged:
		return "rights.changed"
	case TeamChanged:
		return "team.changed"
	case LinkChanged:
		return "link.changed"
	case AwayChanged:
		return "delegation.changed"
	case PackChanged:
		return "pack.changed"
	case PolicyChanged:
		return "policy.changed"
	case ChannelChanged:
		return "channel.changed"
	case AlertChanged:
		return "alert.changed"
	case DirectoryChanged:
		return "directory.changed"
	case HookChanged:
		return "hook.changed"
	case PreferencesChanged:
		return "preferences.changed"
	case SettingsChanged:
		return "settings.changed"
	}
	return k.machineString()
}

func (k Kind) machineString() string {
	switch k {
	case EndpointEnrolled:
		return "endpoint.enrolled"
	case EndpointRenewed:
		return "endpoint.renewed"
	case EndpointChanged:
		return "endpoint.changed"
	case EndpointDeleted:
		return "endpoint.deleted"
	case EndpointRefused:
		return "endpoint.refused"
	case EndpointSilent:
		return "endpoint.silent"
	case EndpointClone:
		return "endpoint.clone"
	case EndpointAlarm:
		return "endpoint.alarm"
	case EnrollTokenCreated:
		return "enrollment_token.created"
	case EnrollTokenDeleted:
		return "enrollment_token.deleted"
	case EndpointQuarantined:
		return "endpoint.quarantined"
	case EndpointPaused:
		return "endpoint.paused"
	case EndpointResumed:
		return "endpoint.resumed"
	case RightsTaken:
		return "rights.taken_over"
	case RightsGiven:
		return "rights.given_back"
	case ControllerStarted:
		return "controller.started"
	case KeysChanged:
		return "keys.changed"
	case DeliveryFailed:
		return "delivery.failed"
	case ReportWeekly:
		return "report.weekly"
	case ReportMonthly:
		return "report.monthly"
	}
	return ""
}

// lastKind is the highest number given so far.
const lastKind = ReportMonthly

// Kinds lists every kind in the order of the numbers.
func Kinds() []Kind {
	var all []Kind
	for k := Kind(1); k <= lastKind; k++ {
		if k.String() != "" {
			all = append(all, k)
		}
	}
	return all
}

// ParseKind is the kind of that name. "request.created" is the same as
// "request.submitted". Anything unknown is an error wrapping [ErrInvalid].
func ParseKind(name string) (Kind, error) {
	if name == "request.created" {
		return RequestSubmitted, nil
	}
	for _, k := range Kinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%w: no event kind is called %q", ErrInvalid, name)
}
