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
		return e.syslog(), nil
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
	case AuthLoginFailed, AuthRefused, EndpointRefused, GrantRefused, EndpointSilent:
		return 6
	case RequestDenied, GrantRevoked, RuleChanged, SettingsChanged, PolicyChanged, LinkChanged, TeamChanged, AwayChanged, KeysChanged:
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

// syslog is RFC 5424 with facility "log audit" (13). 32473 is the number that is
// set aside for names which belong to no registered enterprise.
func (e Event) syslog() string {
	level := 6 // informational
	switch s := e.severity(); {
	case s >= 9:
		level = 1
	case s >= 8:
		level = 2
	case s >= 6:
		level = 4
	case s >= 5:
		level = 5
	}
	value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "]", `\]`)
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s - assent - %s [assent@32473", 13*8+level, e.At.UTC().Format("2006-01-02T15:04:05.000Z"), e.Kind)
	for _, x := range [][2]string{{"seq", fmt.Sprint(e.Seq)}, {"id", string(e.ID)}, {"actor", e.Actor.Name}, {"actor_id", e.Actor.ID},
		{"actor_kind", string(e.Actor.Kind)}, {"request", string(e.Request)}, {"grant", string(e.Grant)}, {"endpoint", string(e.Endpoint)}} {
		if x[1] != "" {
			fmt.Fprintf(&b, ` %s="%s"`, x[0], value.Replace(inert.Text(x[1])))
		}
	}
	b.WriteString("] " + e.words())
	return strings.TrimRight(b.String(), " ")
}

// The classes of OCSF that are used.
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
	case GrantIssued, GrantDelivered, GrantStarted, RequestApproved, EmergencyUsed, AccessGranted:
		return ocsfAccess, 1 // assign privileges
	case GrantEnded, GrantRevoked, GrantCheckedIn, AccessEnded:
		return ocsfAccess, 2 // revoke privileges
	case UserCreated, TokenCreated, EnrollTokenCreated, EndpointEnrolled:
		return ocsfEntity, 1
	case UserDeleted, TokenDeleted, EnrollTokenDeleted, EndpointDeleted:
		return ocsfEntity, 4
	case UserChanged, TeamChanged, LinkChanged, AwayChanged, RuleChanged, SettingsChanged, PackChanged, PolicyChanged, EndpointChanged, KeysChanged:
		return ocsfEntity, 3
	}
	return ocsfAccess, 99 // other
}

func (e Event) ocsf() (string, error) {
	class, activity := e.Kind.ocsfClass()
	severity := map[int]int{3: 1, 5: 2, 6: 3, 8: 4, 9: 5}[e.severity()]
	status := "Success"
	if e.Kind == AuthLoginFailed || e.Kind == AuthRefused || e.Kind == GrantEndFailed || e.Kind == GrantRefused || e.Kind == EndpointRefused {
		status = "Failure"
	}
	unmapped := map[string]string{}
	for k, v := range e.All() {
		unmapped[inert.Text(k)] = inert.Text(v)
	}
	for k, v := range map[string]string{"request": string(e.Request), "grant": string(e.Grant)} {
		if v != "" {
			unmapped[k+"_id"] = v
		}
	}
	out := map[string]any{
		"activity_id": activity, "category_uid": 3, "class_uid": class, "type_uid": class*100 + activity,
		"time": e.At.UnixMilli(), "time_dt": e.At.UTC().Format(time.RFC3339Nano), "severity_id": severity, "status": status,
		"message": e.Kind.String(),
		"metadata": map[string]any{"version": "1.3.0", "uid": e.ID, "sequence": e.Seq, "event_code": e.Kind.String(),
			"product": map[string]any{"name": "Assent", "vendor_name": "Assent"}},
		"actor": map[string]any{"user": map[string]any{"name": inert.Text(e.Actor.Name), "uid": inert.Text(e.Actor.ID)},
			"app_name": actorApp(e.Actor)},
		"unmapped": unmapped,
	}
	if e.Endpoint != "" {
		out["device"] = map[string]any{"uid": string(e.Endpoint), "type_id": 0}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("write event %s: %w", e.ID, err)
	}
	return string(raw), nil
}

// actorApp says what acted when it was no person.
func actorApp(a elevation.Actor) string {
	if a.Kind == elevation.ByUser {
		return "person"
	}
	return string(a.Kind)
}
