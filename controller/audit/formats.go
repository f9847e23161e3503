package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Format is a form in which other systems take single events.
type Format string

// The forms. What strangers wrote is made inert in all of them: it ends no line,
// begins no field and moves no cursor.
const (
	FormatCEF    Format = "cef"    // ArcSight common event format, one line
	FormatOCSF   Format = "ocsf"   // open cybersecurity schema framework 1.3, one JSON object
	FormatSyslog Format = "syslog" // RFC 5424, one line
)

// Line writes an event in a form, without the newline. An unknown form is an
// error wrapping [ErrInvalid].
func (e Event) Line(f Format) (string, error) {
	switch f {
	case FormatCEF:
		return e.cef(), nil
	case FormatSyslog:
		return e.Framed(FormatSyslog, Header{Facility: LogAudit})
	case FormatOCSF:
		return e.ocsf()
	}
	return "", fmt.Errorf("%w: no form is called %q", ErrInvalid, f)
}

// severity is from 0 (nothing) to 10, as CEF counts.
func (e Event) severity() int {
	switch e.Kind {
	case GrantEndFailed, EndpointClone, EndpointAlarm:
		return 9
	case EmergencyUsed, EndpointQuarantined, RightsChanged:
		return 8
	case AuthLoginFailed, AuthRefused, EndpointRefused, GrantRefused, EndpointSilent, DeliveryFailed:
		return 6
	case RequestDenied, GrantRevoked, RuleChanged, SettingsChanged, PolicyChanged, LinkChanged, TeamChanged, AwayChanged, KeysChanged,
		AuthFactor, AuthDevice, ChannelChanged, AlertChanged, DirectoryChanged, HookChanged:
		return 5
	}
	return 3
}

// words is what an event says in one line: the texts and facts by name.
func (e Event) words() string {
	all := e.All()
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, k+"="+all[k])
	}
	return inert.Text(strings.Join(parts, " "))
}

func (e Event) cef() string {
	head := strings.NewReplacer(`\`, `\\`, "|", `\|`)
	value := strings.NewReplacer(`\`, `\\`, "=", `\=`)
	var b strings.Builder
	fmt.Fprintf(&b, "CEF:0|Assent|Controller|1|%s|%s|%d|", head.Replace(e.Kind.String()),
		head.Replace(strings.NewReplacer(".", " ", "_", " ").Replace(e.Kind.String())), e.severity())
	first := true
	field := func(name, text string) {
		if text == "" {
			return
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(name + "=" + value.Replace(inert.Text(text)))
	}
	field("rt", fmt.Sprint(e.At.UnixMilli()))
	field("externalId", string(e.ID))
	field("cn1Label", "seq")
	field("cn1", fmt.Sprint(e.Seq))
	field("suser", e.Actor.Name)
	field("suid", e.Actor.ID)
	field("spriv", string(e.Actor.Kind))
	for i, x := range [][2]string{{"request", string(e.Request)}, {"grant", string(e.Grant)}, {"endpoint", string(e.Endpoint)}} {
		if x[1] != "" {
			field(fmt.Sprintf("cs%dLabel", i+1), x[0])
			field(fmt.Sprintf("cs%d", i+1), x[1])
		}
	}
	field("msg", e.words())
	return b.String()
}

// The classes of OCSF 1.3 that are used, with what each of them requires beside
// what every event has: an entity, a user and the privileges, a user and the
// service. They are described at schema.ocsf.io/1.3.0/categories/iam.
const (
	ocsfEntity = 3004 // entity management
	ocsfAccess = 3005 // user access management
	ocsfLogin  = 3002 // authentication
)

// ocsfClass is the class and activity of a kind.
func (k Kind) ocsfClass() (class, activity int) {
	switch k {
	case AuthLogin, AuthLoginFailed, AuthLinkCreated:
		return ocsfLogin, 1
	case AuthLogout:
		return ocsfLogin, 2
	case AuthStepUp, AuthDevice:
		return ocsfLogin, 99
	case GrantIssued, GrantDelivered, GrantStarted, RequestApproved, EmergencyUsed, AccessGranted:
		return ocsfAccess, 1 // assign privileges
	case GrantEnded, GrantRevoked, GrantCheckedIn, AccessEnded:
		return ocsfAccess, 2 // revoke privileges
	case UserCreated, TokenCreated, EnrollTokenCreated, EndpointEnrolled:
		return ocsfEntity, 1
	case UserDeleted, TokenDeleted, EnrollTokenDeleted, EndpointDeleted:
		return ocsfEntity, 4
	case UserChanged, TeamChanged, LinkChanged, AwayChanged, RuleChanged, SettingsChanged, PackChanged, PolicyChanged, EndpointChanged, KeysChanged,
		ChannelChanged, AlertChanged, DirectoryChanged, HookChanged, PreferencesChanged, AuthFactor, EndpointRenewed:
		return ocsfEntity, 3
	case EndpointRefused, EndpointSilent, EndpointClone, EndpointAlarm, EndpointQuarantined, ControllerStarted, DeliveryFailed:
		return ocsfEntity, 99
	}
	return ocsfAccess, 99 // other
}

// ocsfNames are the captions of classes, activities and severities.
func ocsfNames(class, activity, severity int) (className, activityName, severityName string) {
	activities := map[int]string{}
	switch class {
	case ocsfLogin:
		className, activities = "Authentication", map[int]string{1: "Logon", 2: "Logoff"}
	case ocsfEntity:
		className, activities = "Entity Management", map[int]string{1: "Create", 3: "Update", 4: "Delete"}
	case ocsfAccess:
		className, activities = "User Access Management", map[int]string{1: "Assign Privileges", 2: "Revoke Privileges"}
	}
	return className, activities[activity], [...]string{1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}[severity]
}

func (e Event) ocsf() (string, error) {
	class, activity := e.Kind.ocsfClass()
	severity := map[int]int{3: 1, 5: 2, 6: 3, 8: 4, 9: 5}[e.severity()]
	status, statusID := "Success", 1
	if e.Kind == AuthLoginFailed || e.Kind == AuthRefused || e.Kind == GrantEndFailed || e.Kind == GrantRefused || e.Kind == EndpointRefused ||
		e.Kind == DeliveryFailed {
		status, statusID = "Failure", 2
	}
	className, activityName, severityName := ocsfNames(class, activity, severity)
	if activityName == "" {
		activityName = e.Kind.String()
	}
	metadata := map[string]any{"version": "1.3.0", "uid": e.ID, "sequence": e.Seq, "event_code": e.Kind.String(),
		"product": map[string]any{"name": "Assent", "vendor_name": "Assent"}}
	out := map[string]any{
		"activity_id": activity, "activity_name": activityName, "category_uid": 3, "category_name": "Identity & Access Management",
		"class_uid": class, "class_name": className, "type_uid": class*100 + activity, "type_name": className + ": " + activityName,
		"time": e.At.UnixMilli(), "severity_id": severity, "severity": severityName, "status": status, "status_id": statusID,
		"message": e.Kind.String(), "metadata": metadata, "unmapped": e.ocsfUnmapped(),
		"actor": map[string]any{"user": ocsfUser(e.Actor), "app_name": actorApp(e.Actor)},
	}
	switch class {
	case ocsfLogin:
		out["user"], out["service"] = ocsfUser(e.Actor), map[string]any{"name": "Assent"}
	case ocsfAccess:
		out["user"], out["privileges"] = e.ocsfSubject(), []string{"elevation"}
	case ocsfEntity:
		out["entity"] = e.ocsfThing()
	}
	if e.Endpoint != "" {
		metadata["profiles"] = []string{"host"}
		out["device"] = map[string]any{"uid": string(e.Endpoint), "type_id": 0}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("write event %s: %w", e.ID, err)
	}
	return string(raw), nil
}

// ocsfUnmapped is what the schema has no place for.
func (e Event) ocsfUnmapped() map[string]string {
	unmapped := map[string]string{"at": e.At.UTC().Format(time.RFC3339Nano)}
	for k, v := range e.All() {
		unmapped[inert.Text(k)] = inert.Text(v)
	}
	for k, v := range map[string]string{"request": string(e.Request), "grant": string(e.Grant)} {
		if v != "" {
			unmapped[k+"_id"] = v
		}
	}
	return unmapped
}

// ocsfUser is who acts, with the name or id that the schema requires.
func ocsfUser(a elevation.Actor) map[string]any {
	u := map[string]any{}
	if a.Name != "" {
		u["name"] = inert.Text(a.Name)
	}
	if a.ID != "" {
		u["uid"] = inert.Text(a.ID)
	}
	if len(u) == 0 {
		u["name"] = string(a.Kind)
	}
	return u
}

// ocsfSubject is whose privileges an event is about: the user whom it names, or
// else whoever made its request, by the request.
func (e Event) ocsfSubject() map[string]any {
	switch user := e.All()["user"]; {
	case user != "":
		return map[string]any{"name": inert.Text(user)}
	case e.Request != "":
		return map[string]any{"uid": string(e.Request), "type_id": 99, "type": "Requester of this request"}
	}
	return ocsfUser(e.Actor)
}

// ocsfThing is what an event of administration is about.
func (e Event) ocsfThing() map[string]any {
	area, _, _ := strings.Cut(e.Kind.String(), ".")
	all, thing := e.All(), map[string]any{"type": area, "name": area}
	for _, k := range []string{"name", "login", "channel", "alert", "team", "link", "token", "hook"} {
		if all[k] != "" {
			thing["name"] = inert.Text(all[k])
			break
		}
	}
	if e.Endpoint != "" {
		thing["uid"] = string(e.Endpoint)
	} else if all[area] != "" {
		thing["uid"] = inert.Text(all[area])
	}
	return thing
}

// actorApp says what acted when it was no person.
func actorApp(a elevation.Actor) string {
	if a.Kind == elevation.ByUser {
		return "person"
	}
	return string(a.Kind)
}
