package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// exampleRequest has every field of a request, as REST shows it; templates are
// tried with it, so a field that is missing here can not be used in one.
const exampleRequest = `{"id":"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77","origin":"endpoint","state":"pending","end_reason":null,"access_type":"run",
"user":{"name":"dina","display":"Dina Osei","uid":"1001","groups":["users"],"account":{"id":"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77","login":"dina","name":"Dina Osei"}},
"endpoint":{"id":"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77","name":"ubu-0810","os":"linux","os_version":"Debian GNU/Linux 12 (bookworm)","arch":"amd64","ip":"192.0.2.17","labels":{"role":"web"},"reported":{}},
"account":null,
"subject":{"path":"/usr/bin/systemctl","args":["restart","nginx"],"cwd":"/home/dina","run_as":"root","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","size":268392,"publisher":null,"parent":"/usr/bin/bash","product":"systemd","version":"252"},
"justification":"restart after the update \"3.1\", see <INC-4821>","ticket":"INC-4821","priority":{"value":"high","set_by":"rule"},
"submitted_at":"2026-11-22T10:00:00Z","expires_at":"2026-11-22T10:30:00Z","requested":{"start":null,"duration_seconds":1800},"granted":null,
"approvals":{"have":0,"need":1,"stages":[{"team":"team_approvers","name":"Approvers","have":0,"quorum":1}]},"reviews":[],
"questions":[{"by":{"id":"usr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77","login":"bo","name":"Bo Chen"},"at":"2026-11-22T10:01:00Z","text":"which server?","answer":"web-3","answered_at":"2026-11-22T10:02:00Z"}],
"decision":%s,"grant":null,"rules":["ask-people@3"],"caution":[{"reason":"unbounded","fact":"systemctl can start anything"}],
"queue":{"position":3,"usual_wait_seconds":240,"can_answer":["bo"],"can_answer_from":null},"previous_id":null,"delivery":"none","emergency":false,"extends_id":null,"joined":0,"filed_by":null,
"claim":null,"notes":[],"escalations":[],"nudges":{"count":1,"last_at":"2026-11-22T10:03:00Z"},"after_review":null,"listed":[],"changes":[],"confirming":null}`

const exampleDecision = `{"verdict":"%s","by":{"id":"usr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77","login":"bo","name":"Bo Chen"},"at":"2026-11-22T10:05:00Z","comment":"ok for today","rule":null,"held_until":null}`

const exampleEvent = `{"seq":17,"id":"ev_019aa8d2-6666-7c41-9d10-3b1f0c5f2a77","at":"2026-11-22T10:00:00Z","kind":%q,"actor":{"kind":"user","id":"usr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77","name":"bo"},` +
	`"request":"%s","grant":"","endpoint":"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77","data":{"priority":"high"}}`

// Example is a message of a kind as it could be: for the preview of templates, and
// to try them when they are saved. public is the console's address.
func Example(kind, public string) Message {
	const id = "req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	m := Message{ID: "dlv_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77", Kind: kind, At: at, Link: public + "/",
		To: Recipient{User: "usr_019aa8d2-3333-7c41-9d10-3b1f0c5f2a77", Name: "Bo Chen", Email: "bo@example.org", Phone: "+4930123456"}}
	switch {
	case kind == KindTest:
		m.Title, m.Text = "This is a test from Assent", "If you can read this, the channel works."
	case kind == KindDigest:
		m.Title = "2 things happened"
		m.Items = []Message{Example("request.submitted", public), Example("request.denied", public)}
	case strings.HasPrefix(kind, "request.") || strings.HasPrefix(kind, "grant.") || kind == "emergency.used" || kind == "review.due":
		decision := "null"
		switch kind {
		case "request.denied":
			decision = fmt.Sprintf(exampleDecision, elevation.Denied)
		case "request.approved", "grant.started", "grant.ended", "grant.end_failed":
			decision = fmt.Sprintf(exampleDecision, elevation.Approved)
		}
		m.Dedup, m.Link = id, public+"/#/requests/"+id
		m.Title = kind + ": dina on ubu-0810, systemctl restart nginx"
		m.Text = "Who: Dina Osei\nWhere: ubu-0810\nWhat: /usr/bin/systemctl restart nginx"
		m.Request = json.RawMessage(fmt.Sprintf(exampleRequest, decision))
		m.Event = json.RawMessage(fmt.Sprintf(exampleEvent, kind, id))
	default:
		m.Title, m.Text = kind+": ubu-0810", "The endpoint ubu-0810"
		m.Event = json.RawMessage(fmt.Sprintf(exampleEvent, kind, ""))
	}
	return m
}

// PreviewTemplate is [Preview] with the address of this console.
func (n *Notify) PreviewTemplate(template, body, kind string) ([]byte, string, error) {
	return Preview(template, body, kind, n.cfg.Public())
}

// Preview shows what a template makes of an example: of a shipped one by name, or
// of a body that somebody writes. Its errors wrap [elevation.ErrInvalid] and say
// the line.
func Preview(template, body, kind, public string) (out []byte, contentType string, err error) {
	if kind == "" {
		kind = audit.RequestSubmitted.String()
	}
	if _, err := audit.ParseKind(kind); err != nil && kind != KindTest && kind != KindDigest && kind != KindWaiting {
		return nil, "", fmt.Errorf("%w: there is no event %q", elevation.ErrInvalid, audit.Clip(kind, 80))
	}
	render, err := rendererOf(webhookConfig{Template: template, Body: body})
	if err != nil {
		return nil, "", err
	}
	return render(Example(kind, public))
}
