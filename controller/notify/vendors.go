package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/inert"
)

// Names of the templates that are shipped.
const (
	Slack      = "slack"
	Teams      = "teams"
	Jira       = "jira"
	ServiceNow = "servicenow"
	PagerDuty  = "pagerduty"
)

// templates are all of them.
func templates() []string { return []string{Slack, Teams, Jira, ServiceNow, PagerDuty} }

type object = map[string]any

// slackMark takes the meaning from the three characters that have one for Slack:
// without them no <!channel>, no <@user> and no <link|text> can be written. See
// "Formatting message text" of docs.slack.dev.
func slackMark(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func slackPlain(s string, n int) object {
	return object{"type": "plain_text", "text": sizeCut(s, n, slackMark), "emoji": false}
}

// slackMarkdown is for our own words only.
func slackMarkdown(s string) object { return object{"type": "mrkdwn", "text": s, "verbatim": true} }

func slackLink(address string) string {
	return "<" + slackMark(strings.NewReplacer("|", "%7C", " ", "%20").Replace(address)) + "|Open in the console>"
}

// slackBody is a message of Block Kit for an incoming webhook. What strangers wrote
// stands in plain_text objects, which know neither marks nor mentions. The limits
// are those of docs.slack.dev/reference/block-kit: 50 blocks, 150 characters in a
// header, ten fields of 2,000 in a section, 3,000 in its text.
func slackBody(m Message) any {
	title := titleOf(m, 150)
	blocks := []object{{"type": "header", "text": slackPlain(title, 150)}}
	if len(m.Items) > 0 {
		blocks = append(blocks, slackItems(m.Items)...)
	} else {
		blocks = append(blocks, slackFacts(m)...)
	}
	if m.Link != "" {
		blocks = append(blocks, object{"type": "section", "text": slackMarkdown(slackLink(m.Link))})
	}
	blocks = append(blocks, object{"type": "context", "elements": []object{slackPlain("Assent "+inert.Text(m.ID), 200)}})
	return object{"text": sizeCut(title, 3000, slackMark), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false, "blocks": blocks}
}

func slackFacts(m Message) []object {
	facts := factsOf(m)
	if len(facts) == 0 {
		text := strings.Join(lines(m.Text, 2000), "\n")
		if text == "" {
			return nil
		}
		return []object{{"type": "section", "text": slackPlain(text, 3000)}}
	}
	var out []object
	for part := range slices.Chunk(facts, 5) { // a name and a value are two fields
		var fields []object
		for _, f := range part {
			fields = append(fields, slackMarkdown("*"+f.Name+"*"), slackPlain(f.Value, 2000))
		}
		out = append(out, object{"type": "section", "fields": fields})
	}
	return out
}

func slackItems(items []Message) []object {
	const most = 20 // each needs two blocks
	var out []object
	for _, x := range items[:min(len(items), most)] {
		out = append(out, object{"type": "section", "text": slackPlain(titleOf(x, 500), 3000)})
		if x.Link != "" {
			out = append(out, object{"type": "context", "elements": []object{slackMarkdown(slackLink(x.Link))}})
		}
	}
	if n := len(items) - most; n > 0 {
		out = append(out, object{"type": "section", "text": slackPlain(fmt.Sprintf("and %d more", n), 100)})
	}
	return out
}

// maxTeams is less than the 28 KB that Teams takes of one message.
const maxTeams = 24 << 10

// teamsBody is an Adaptive Card in the envelope that workflows of Teams take ("Post
// to a channel when a webhook request is received", learn.microsoft.com). All
// texts of strangers are runs of a RichTextBlock, the one element whose text is
// never read as Markdown; mentions need entities, and there are none.
func teamsBody(m Message) any {
	most := maxFact
	for {
		out := teamsCard(m, most)
		raw, err := json.Marshal(out)
		if err != nil || len(raw) <= maxTeams || most < 20 {
			return out
		}
		most /= 2
	}
}

func teamsRuns(runs ...object) object { return object{"type": "RichTextBlock", "inlines": runs} }

func teamsRun(text string, more object) object {
	run := object{"type": "TextRun", "text": text}
	for k, v := range more {
		run[k] = v
	}
	return run
}

func teamsCard(m Message, most int) any {
	title := titleOf(m, min(300, 2*most))
	body := []object{teamsRuns(teamsRun(title, object{"size": "Large", "weight": "Bolder"}))}
	for _, f := range factsOf(m) {
		body = append(body, teamsRuns(teamsRun(f.Name+": ", object{"weight": "Bolder"}), teamsRun(inert.Clip(f.Value, most), nil)))
	}
	if len(body) == 1 {
		for _, line := range lines(m.Text, 4*most) {
			body = append(body, teamsRuns(teamsRun(line, nil)))
		}
	}
	for i, x := range m.Items {
		if i == 30 {
			body = append(body, teamsRuns(teamsRun(fmt.Sprintf("and %d more", len(m.Items)-i), nil)))
			break
		}
		run := teamsRun(titleOf(x, most), nil)
		if x.Link != "" {
			run["selectAction"] = object{"type": "Action.OpenUrl", "title": "Open in the console", "url": x.Link}
		}
		body = append(body, teamsRuns(run))
	}
	body = append(body, teamsRuns(teamsRun("Assent "+inert.Text(m.ID), object{"size": "Small", "isSubtle": true})))
	card := object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"fallbackText": "Something waits in Assent; open the console.", "body": body, "msteams": object{"width": "Full"}}
	if m.Link != "" {
		card["actions"] = []object{{"type": "Action.OpenUrl", "title": "Open in the console", "url": m.Link}}
	}
	return object{"type": "message", "attachments": []object{{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}}}
}

// pagerBody is an event for the Events API v2 of PagerDuty (its openapiv3.json in
// PagerDuty/api-schema, events-v2): what waits triggers, what answers it resolves
// under the same dedup_key. The summary has at most 1,024 characters, the key 255.
func pagerBody(key string, m Message) any {
	action, dedup := pagerAction(m)
	out := object{"routing_key": key, "event_action": action, "dedup_key": dedup, "client": "Assent"}
	source := "assent"
	details := object{"delivery": inert.Text(m.ID), "event": inert.Text(m.Kind)}
	for _, f := range factsOf(m) {
		details[strings.ToLower(f.Name)] = f.Value
		if f.Name == "Where" || f.Name == "Endpoint" {
			source = f.Value
		}
	}
	for i, x := range m.Items[:min(len(m.Items), 50)] {
		details[fmt.Sprintf("item_%02d", i+1)] = titleOf(x, maxFact)
	}
	payload := object{"summary": titleOf(m, 1024), "source": inert.Clip(source, 255), "severity": pagerSeverity(m),
		"component": "assent", "class": inert.Clip(inert.Text(m.Kind), 255), "custom_details": details}
	if !m.At.IsZero() {
		payload["timestamp"] = m.At.UTC().Format(time.RFC3339Nano)
	}
	out["payload"] = payload
	if m.Link != "" {
		out["client_url"] = m.Link
		out["links"] = []object{{"href": m.Link, "text": "Open in the console"}}
	}
	return out
}

// pagerAction says whether something begins or is over, and of what.
func pagerAction(m Message) (action, dedup string) {
	dedup = first(m.Dedup, m.ID)
	switch m.Kind {
	case "request.approved", "request.denied", "request.cancelled", "request.expired", "request.removed":
		return "resolve", inert.Clip(inert.Text(dedup), 255)
	case "grant.end_failed", "emergency.used": // not over when the request is answered
		dedup += ":" + m.Kind
	}
	if m.Dedup == "" {
		var e shown
		if json.Unmarshal(m.Event, &e) == nil && e.Endpoint != "" {
			dedup = e.Endpoint + ":" + m.Kind
		}
	}
	return "trigger", inert.Clip(inert.Text(dedup), 255)
}

func pagerSeverity(m Message) string {
	switch m.Kind {
	case "grant.end_failed", "endpoint.clone", "endpoint.alarm":
		return "critical"
	case "emergency.used", "endpoint.silent", "rights.changed":
		return "error"
	case "request.escalated", "auth.login_failed":
		return "warning"
	}
	r, _ := about(m)
	switch r.Priority.Value {
	case "urgent":
		return "error"
	case "high":
		return "warning"
	}
	return "info"
}
