package audit

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/assent-epm/assent/shared/elevation"
)

// ugly are texts that would break out of a form that does not escape.
func ugly() []string {
	return []string{hostile, "a|b=c\\d", "]\"\\", "line\r\nCEF:0|x|y|z|1|1|10|", "\x1b]0;title\a", "<13>1 - - - - - -", "", "日本 \u202e \xff\xfe", strings.Repeat("x", 5000)}
}

func eventWith(k Kind, text string) Event {
	e := formatted()
	e.Kind, e.Actor.Name = k, text
	e.Data = map[string]string{"verdict": text, "user": text}
	e.Text = map[string]string{"comment": text}
	return e
}

// TestSyslogIsRFC5424 reads every kind back with a parser of somebody else.
func TestSyslogIsRFC5424(t *testing.T) {
	parser := rfc5424.NewParser()
	for _, k := range Kinds() {
		for _, text := range ugly() {
			e := eventWith(k, text)
			line, err := e.Line(FormatSyslog)
			if err != nil {
				t.Fatal(err)
			}
			read, err := parser.Parse([]byte(line))
			if err != nil {
				t.Fatalf("%s: %v\n%q", k, err, line)
			}
			m := read.(*rfc5424.SyslogMessage)
			if *m.Facility != 13 || *m.Appname != "assent" || *m.MsgID != k.String() || !m.Timestamp.Equal(e.At) {
				t.Fatalf("%s: facility %d, %s %s %s", k, *m.Facility, *m.Appname, *m.MsgID, m.Timestamp)
			}
			data := (*m.StructuredData)["assent@32473"]
			if len(*m.StructuredData) != 1 || data["seq"] != "17" || data["id"] != string(e.ID) || data["request"] != "req_1" {
				t.Fatalf("%s: %v", k, *m.StructuredData)
			}
		}
	}
}

// cefHead is the header of CEF version 0 with its escapes: seven fields, of which
// the last is a number from 0 to 10.
func cefHead() *regexp.Regexp {
	return regexp.MustCompile(`^CEF:0\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|([0-9]|10)\|`)
}

// TestCEFEscapes splits each line as a reader of CEF does: keys are what stands
// before a "=" that no backslash hides.
func TestCEFEscapes(t *testing.T) {
	known := []string{"rt", "externalId", "cn1Label", "cn1", "suser", "suid", "spriv", "cs1Label", "cs1", "cs2Label", "cs2", "cs3Label", "cs3", "msg"}
	key := regexp.MustCompile(`(?:^| )([A-Za-z0-9]+)=`)
	for _, k := range Kinds() {
		for _, text := range ugly() {
			line, err := eventWith(k, text).Line(FormatCEF)
			if err != nil {
				t.Fatal(err)
			}
			head := cefHead().FindString(line)
			if head == "" || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("%s: %q", k, line)
			}
			rest := strings.ReplaceAll(line[len(head):], `\\`, "__")
			for _, m := range key.FindAllStringSubmatchIndex(rest, -1) {
				if name := rest[m[2]:m[3]]; !slices.Contains(known, name) {
					t.Fatalf("%s with %q: a field %q of a stranger: %q", k, text, name, line)
				}
			}
			if strings.Count(strings.ReplaceAll(rest, `\=`, "__"), "=") != len(key.FindAllString(rest, -1)) {
				t.Fatalf("%s with %q: a bare = in %q", k, text, line)
			}
		}
	}
}

// TestOCSFRequired checks what schema.ocsf.io/1.3.0 requires of each class.
func TestOCSFRequired(t *testing.T) {
	base := []string{"activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time", "metadata"}
	of := map[float64][]string{ocsfLogin: {"user", "service"}, ocsfAccess: {"user", "privileges"}, ocsfEntity: {"entity"}}
	for _, k := range Kinds() {
		for _, who := range []elevation.Actor{{Kind: elevation.BySystem}, {Kind: elevation.ByUser, ID: "usr_1", Name: hostile}, {Kind: elevation.ByRule, Name: "apt@3"}} {
			for _, e := range []Event{eventWith(k, hostile), {Seq: 1, ID: "ev_1", At: time.Now(), Kind: k}} {
				e.Actor = who
				line, err := e.Line(FormatOCSF)
				if err != nil {
					t.Fatal(err)
				}
				var o map[string]any
				if err := json.Unmarshal([]byte(line), &o); err != nil {
					t.Fatal(err)
				}
				class := o["class_uid"].(float64)
				for _, f := range append(slices.Clone(base), of[class]...) {
					if o[f] == nil {
						t.Fatalf("%s: no %s: %s", k, f, line)
					}
				}
				if o["type_uid"].(float64) != class*100+o["activity_id"].(float64) || o["category_uid"].(float64) != 3 {
					t.Fatalf("%s: %s", k, line)
				}
				for _, f := range []string{"user", "entity"} {
					if o[f] != nil && o[f].(map[string]any)["name"] == nil && o[f].(map[string]any)["uid"] == nil {
						t.Fatalf("%s: %s has no name: %s", k, f, line)
					}
				}
				if s := o["severity_id"].(float64); s < 1 || s > 6 || o["severity"] == "" || o["activity_name"] == "" {
					t.Fatalf("%s: %s", k, line)
				}
				if m := o["metadata"].(map[string]any); m["version"] != "1.3.0" || m["product"].(map[string]any)["vendor_name"] == "" {
					t.Fatalf("%s: %s", k, line)
				}
				if strings.ContainsAny(line, "\n\r\x1b") {
					t.Fatalf("%s: %q", k, line)
				}
			}
		}
	}
}
