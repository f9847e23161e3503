package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Header is what a line of RFC 5424 says beside its event.
type Header struct {
	Facility int      // 0 to 23
	Host     string   // "" = not said
	Extra    []string // further names and values of the structured data, in turn
}

// LogAudit is the facility that RFC 5424 sets aside for audit logs.
const LogAudit = 13

// Framed is the event as one line of RFC 5424 whose text is in the form f:
// words for [FormatSyslog], the CEF or OCSF line for the others. The structured
// data name the event in each of them.
func (e Event) Framed(f Format, h Header) (string, error) {
	text := e.words()
	if f != FormatSyslog {
		var err error
		if text, err = e.Line(f); err != nil {
			return "", err
		}
	}
	data := []string{"seq", fmt.Sprint(e.Seq), "id", string(e.ID), "actor", e.Actor.Name, "actor_id", e.Actor.ID,
		"actor_kind", string(e.Actor.Kind), "request", string(e.Request), "grant", string(e.Grant), "endpoint", string(e.Endpoint)}
	if e.Seq == 0 {
		data = data[2:]
	}
	return SyslogLine(h, e.severity(), e.At, e.Kind.String(), append(data, h.Extra...), text), nil
}

// SyslogLine is a line of RFC 5424 with names and values as structured data.
// Severity counts from 0 (nothing) to 10. 32473 is the number that is set aside
// for names which belong to no registered enterprise.
func SyslogLine(h Header, severity int, at time.Time, kind string, data []string, text string) string {
	level := 6 // informational
	switch {
	case severity >= 9:
		level = 1
	case severity >= 8:
		level = 2
	case severity >= 6:
		level = 4
	case severity >= 5:
		level = 5
	}
	value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "]", `\]`)
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s assent - %s [assent@32473", h.Facility*8+level, at.UTC().Format("2006-01-02T15:04:05.000Z"),
		token(h.Host, 255), token(kind, 32))
	for i := 0; i+1 < len(data); i += 2 {
		if data[i+1] != "" {
			fmt.Fprintf(&b, ` %s="%s"`, token(data[i], 32), value.Replace(inert.Text(data[i+1])))
		}
	}
	b.WriteString("] " + inert.Text(text))
	return strings.TrimRight(b.String(), " ")
}

// token keeps the visible ASCII of s that a field of the header may have.
func token(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`="]`, r) {
			return r
		}
		return -1
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), limit)]
}

// ReadShown reads an event in the form in which GET /audit shows it, with texts
// and facts together.
func ReadShown(raw []byte) (Event, error) {
	var s struct {
		Seq      uint64               `json:"seq"`
		ID       elevation.EventID    `json:"id"`
		At       time.Time            `json:"at"`
		Kind     string               `json:"kind"`
		Actor    elevation.Actor      `json:"actor"`
		Request  elevation.RequestID  `json:"request"`
		Grant    elevation.GrantID    `json:"grant"`
		Endpoint elevation.EndpointID `json:"endpoint"`
		Data     map[string]string    `json:"data"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return Event{}, fmt.Errorf("read an event: %w", err)
	}
	kind, err := ParseKind(s.Kind)
	if err != nil {
		return Event{}, err
	}
	return Event{Seq: s.Seq, ID: s.ID, At: s.At, Kind: kind, Actor: s.Actor,
		Request: s.Request, Grant: s.Grant, Endpoint: s.Endpoint, Data: s.Data}, nil
}
