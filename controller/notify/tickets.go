package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// ticketTime is how long one message to a ticket system may take.
const ticketTime = 30 * time.Second

// ticketSystem makes tickets, and comments the ticket that a request carries: so
// what was decided stands where the work is kept.
type ticketSystem struct {
	cfg  webhookConfig
	base string // without the path of the API
	deps Deps

	// made is the body of a new ticket, and where it goes.
	made func(m Message) (path string, body any)
	// noted finds where a comment to a ticket goes. An empty path means that
	// this is no ticket of theirs.
	noted func(ctx context.Context, ticket string, m Message) (method, path string, body any, res Result, err error)
}

// openTickets makes the sender of the templates jira and servicenow.
func openTickets(cfg webhookConfig, deps Deps) (Sender, error) {
	t := &ticketSystem{cfg: cfg, deps: deps}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: the url can not be read", elevation.ErrInvalid)
	}
	u.RawQuery = ""
	t.base = strings.TrimSuffix(u.String(), "/")
	if err := checkOptions(cfg); err != nil {
		return nil, err
	}
	if cfg.Template == Jira {
		t.base = strings.TrimSuffix(strings.TrimSuffix(t.base, "/issue"), "/rest/api/3")
		t.made, t.noted = t.jiraIssue, t.jiraComment
		return t, nil
	}
	t.base = strings.TrimSuffix(t.base, "/api/now/table/incident")
	t.made, t.noted = t.snowIncident, t.snowNote
	return t, nil
}

// checkOptions refuses options that a template does not have or that it lacks.
func checkOptions(cfg webhookConfig) error {
	known := map[string][]string{Jira: {"project", "issue_type", "comments_only"}, ServiceNow: {"assignment_group", "caller_id", "comments_only"}}[cfg.Template]
	for name, value := range cfg.Options {
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("%w: this template has no option %q", elevation.ErrInvalid, inert.Clip(inert.Text(name), 40))
		case len(value) > 200 || hasControls(value):
			return fmt.Errorf("%w: the option %s has at most 200 bytes, and no control characters", elevation.ErrInvalid, name)
		case name == "comments_only" && value != "true" && value != "false":
			return fmt.Errorf("%w: comments_only is true or false", elevation.ErrInvalid)
		}
	}
	only := cfg.Options["comments_only"] == "true"
	if cfg.Template == Jira && !only && !regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,49}$`).MatchString(cfg.Options["project"]) {
		return fmt.Errorf("%w: the template jira needs the option project, the key of a project like OPS", elevation.ErrInvalid)
	}
	if (cfg.Template == PagerDuty) != (cfg.RoutingKey != "") {
		return fmt.Errorf("%w: a routing_key belongs to the template pagerduty, which needs it", elevation.ErrInvalid)
	}
	if cfg.Template == PagerDuty && !regexp.MustCompile(`^[A-Za-z0-9]{32}$`).MatchString(cfg.RoutingKey) {
		return fmt.Errorf("%w: the routing_key has 32 letters and digits", elevation.ErrInvalid)
	}
	return nil
}

// Send comments the ticket of the request, or makes a new one.
func (t *ticketSystem) Send(ctx context.Context, m Message) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, ticketTime)
	defer cancel()
	if ticket := ticketOf(m); ticket != "" {
		method, path, body, res, err := t.noted(ctx, ticket, m)
		if err != nil {
			return res, err
		}
		if path != "" {
			return t.call(ctx, method, path, body, nil)
		}
	}
	if t.cfg.Options["comments_only"] == "true" {
		return Result{}, nil // there is nothing to comment
	}
	path, body := t.made(m)
	return t.call(ctx, http.MethodPost, path, body, nil)
}

// call calls the ticket system; the answer goes into answer unless that is nil.
func (t *ticketSystem) call(ctx context.Context, method, path string, body, answer any) (Result, error) {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Result{Permanent: true}, fmt.Errorf("write a ticket: %w", err)
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, t.base+path, sent)
	if err != nil {
		return Result{Permanent: true}, errors.New("the url can not be called")
	}
	for name, value := range t.cfg.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Assent")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := t.deps.HTTP
	if answer != nil {
		client = &http.Client{Timeout: client.Timeout, CheckRedirect: client.CheckRedirect, Transport: reading{client.Transport, answer}}
	}
	res, err := call(client, req, t.deps.Now())
	res.Gone = false // a ticket may be gone; the channel is not
	res.Permanent = res.Permanent || res.Status == http.StatusBadRequest || res.Status == http.StatusNotFound || res.Status == http.StatusGone
	return res, err
}

// reading reads the answer of a call that went well into a value.
type reading struct {
	http.RoundTripper
	into any
}

// RoundTrip implements [http.RoundTripper].
func (r reading) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := r.RoundTripper.RoundTrip(req)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(raw, r.into)
	}
	if err != nil {
		return nil, errors.New("its answer can not be read")
	}
	answer.Body = io.NopCloser(bytes.NewReader(nil))
	return answer, nil
}

// told is what a ticket says: the facts, the link and the delivery.
func told(m Message) []fact {
	facts := factsOf(m)
	for i, x := range m.Items[:min(len(m.Items), 50)] {
		facts = append(facts, fact{fmt.Sprintf("%d", i+1), titleOf(x, maxFact)})
	}
	if len(facts) == 0 {
		facts = append(facts, fact{"Text", strings.Join(lines(m.Text, 2000), " / ")})
	}
	return append(facts, fact{"Delivery", inert.Text(m.ID)})
}

// jiraKey is the key of an issue of Jira.
func jiraKey(ticket string) bool {
	return regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,49}-[1-9][0-9]{0,9}$`).MatchString(ticket)
}

// adf is a text in the Atlassian Document Format: strangers write into text nodes,
// which have no marks and no further meaning. See
// developer.atlassian.com/cloud/jira/platform/apis/document/structure.
func adf(m Message, title string) object {
	text := func(s string, marks ...object) object {
		node := object{"type": "text", "text": s}
		if len(marks) > 0 {
			node["marks"] = marks
		}
		return node
	}
	paragraph := func(nodes ...object) object { return object{"type": "paragraph", "content": nodes} }
	content := []object{}
	if title != "" {
		content = append(content, paragraph(text(title, object{"type": "strong"})))
	}
	for _, f := range told(m) {
		if f.Value != "" {
			content = append(content, paragraph(text(f.Name+": ", object{"type": "strong"}), text(f.Value)))
		}
	}
	if m.Link != "" {
		content = append(content, paragraph(text("Open in the console", object{"type": "link", "attrs": object{"href": m.Link}})))
	}
	return object{"type": "doc", "version": 1, "content": content}
}

// jiraIssue is the body of POST /rest/api/3/issue of Jira Cloud
// (developer.atlassian.com, group Issues). A summary is one line of at most 255
// characters; a label has no blanks.
func (t *ticketSystem) jiraIssue(m Message) (string, any) {
	labels := []string{"assent"}
	if m.Dedup != "" {
		labels = append(labels, inert.Clip(idText(m.Dedup), 255))
	}
	return "/rest/api/3/issue", object{"fields": object{
		"project":     object{"key": t.cfg.Options["project"]},
		"issuetype":   object{"name": first(t.cfg.Options["issue_type"], "Task")},
		"summary":     titleOf(m, 255),
		"description": adf(m, ""),
		"labels":      labels,
	}}
}

// jiraComment is the body of POST /rest/api/3/issue/{key}/comment.
func (t *ticketSystem) jiraComment(_ context.Context, ticket string, m Message) (string, string, any, Result, error) {
	if !jiraKey(ticket) {
		return "", "", nil, Result{}, nil
	}
	return http.MethodPost, "/rest/api/3/issue/" + url.PathEscape(ticket) + "/comment", object{"body": adf(m, titleOf(m, 255))}, Result{}, nil
}

// snowText takes away the one mark that the journal of ServiceNow reads as HTML.
func snowText(s string) string {
	return regexp.MustCompile(`(?i)\[(/?\s*code)\]`).ReplaceAllString(s, "($1)")
}

func snowLines(m Message) string {
	var b strings.Builder
	for _, f := range told(m) {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	if m.Link != "" {
		b.WriteString("Open in the console: " + m.Link + "\n")
	}
	return inert.Clip(snowText(b.String()), 4000)
}

// snowIncident is the body of POST /api/now/table/incident, the Table API of
// ServiceNow. A short_description has at most 160 characters, a description 4,000,
// a correlation_id 100; urgency and impact are 1 to 3.
func (t *ticketSystem) snowIncident(m Message) (string, any) {
	urgency := map[string]string{"critical": "1", "error": "1", "warning": "2"}[pagerSeverity(m)]
	body := object{"short_description": snowText(titleOf(m, 160)), "description": snowLines(m), "urgency": first(urgency, "3"), "impact": "3",
		"correlation_id": inert.Clip(inert.Text(m.ID), 100), "correlation_display": "Assent"}
	for _, name := range []string{"assignment_group", "caller_id"} {
		if v := t.cfg.Options[name]; v != "" {
			body[name] = v
		}
	}
	return "/api/now/table/incident", body
}

// snowNote adds a work note to the record of a number: the Table API names records
// by their sys_id, so that is looked up first.
func (t *ticketSystem) snowNote(ctx context.Context, ticket string, m Message) (string, string, any, Result, error) {
	if !regexp.MustCompile(`^[A-Z]{2,10}[0-9]{4,12}$`).MatchString(ticket) {
		return "", "", nil, Result{}, nil
	}
	table := "task"
	if strings.HasPrefix(ticket, "INC") {
		table = "incident"
	}
	var found struct {
		Result []struct {
			ID string `json:"sys_id"`
		} `json:"result"`
	}
	query := url.Values{"sysparm_query": {"number=" + ticket}, "sysparm_fields": {"sys_id"}, "sysparm_limit": {"1"}}
	res, err := t.call(ctx, http.MethodGet, "/api/now/table/"+table+"?"+query.Encode(), nil, &found)
	switch {
	case res.Status == http.StatusNotFound || err == nil && len(found.Result) == 0:
		return "", "", nil, res, nil
	case err != nil:
		return "", "", nil, res, err
	case !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(found.Result[0].ID):
		return "", "", nil, Result{Permanent: true}, errors.New("the ticket system names the ticket in a way that is not known")
	}
	note := object{"work_notes": inert.Clip(snowText(titleOf(m, 160))+"\n"+snowLines(m), 4000)}
	return http.MethodPatch, "/api/now/table/" + table + "/" + found.Result[0].ID, note, res, nil
}
