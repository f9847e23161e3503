package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/shared/elevation"
)

// hostile is what somebody would write to break out of a line, a field or a cell.
const hostile = "=cmd|' /C calc'!A0\n\r\x1b[2J]\"|\\ suser=root \u202e\u0085CEF:0|x"

func formatted() Event {
	return Event{Seq: 17, ID: "ev_019aa8d2-6666-7c41-9d10-3b1f0c5f2a77", At: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Kind: RequestDenied,
		Actor:   elevation.Actor{Kind: elevation.ByUser, ID: "usr_1", Name: "bo|]\n"},
		Request: "req_1", Endpoint: "ep_1", Data: map[string]string{"verdict": "denied"}, Text: map[string]string{"comment": hostile}}
}

func TestFormats(t *testing.T) {
	want := map[Format]string{
		FormatCEF: `CEF:0|Assent|Controller|1|request.denied|request denied|5|rt=1795341600000 externalId=ev_019aa8d2-6666-7c41-9d10-3b1f0c5f2a77 cn1Label=seq cn1=17 suser=bo|]\\n suid=usr_1 spriv=user cs1Label=request cs1=req_1 cs3Label=endpoint cs3=ep_1 msg=comment\=\=cmd|' /C calc'!A0\\n\\r\\x1b[2J]"|\\ suser\=root \\u{202e}\\x85CEF:0|x verdict\=denied`,
		FormatSyslog: `<109>1 2026-11-22T10:00:00.000Z - assent - request.denied [assent@32473 seq="17" id="ev_019aa8d2-6666-7c41-9d10-3b1f0c5f2a77" actor="bo|\]\\n" actor_id="usr_1" actor_kind="user" request="req_1" endpoint="ep_1"] ` +
			`comment==cmd|' /C calc'!A0\n\r\x1b[2J]"|\ suser=root \u{202e}\x85CEF:0|x verdict=denied`,
	}
	for f, line := range want {
		got, err := formatted().Line(f)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(line, got); d != "" {
			t.Errorf("%s: %s", f, d)
		}
	}
	raw, err := formatted().Line(FormatOCSF)
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		Type     int    `json:"type_uid"`
		Status   string `json:"status"`
		Metadata struct {
			Code string `json:"event_code"`
		} `json:"metadata"`
		Unmapped map[string]string `json:"unmapped"`
	}
	if err := json.Unmarshal([]byte(raw), &o); err != nil || o.Type != 300599 || o.Metadata.Code != "request.denied" || o.Unmapped["request_id"] != "req_1" {
		t.Errorf("ocsf: %v %s", err, raw)
	}
	for f := range map[Format]bool{FormatCEF: true, FormatSyslog: true, FormatOCSF: true} {
		line, _ := formatted().Line(f)
		if i := strings.IndexFunc(line, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x202e }); i >= 0 {
			t.Errorf("%s: a control character at %d: %q", f, i, line)
		}
	}
	if _, err := formatted().Line("xml"); err == nil {
		t.Error("a form that is not there")
	}
	for _, k := range Kinds() { // every kind has a severity that OCSF knows
		e := formatted()
		e.Kind = k
		line, err := e.Line(FormatOCSF)
		if err != nil || strings.Contains(line, `"severity_id":0`) {
			t.Errorf("%s: %v %s", k, err, line)
		}
	}
}
