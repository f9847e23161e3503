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
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Limits of webhooks.
const (
	maxURL        = 2000
	maxHeaders    = 20
	maxHeaderText = 4000
	maxAnswer     = 64 << 10 // of an answer's body, which is thrown away
	maxRetryAfter = 24 * time.Hour
	minKey        = 24 // bytes of a signing secret, as the specification has them
	maxKey        = 64
)

// webhookConfig is the configuration of a webhook.
type webhookConfig struct {
	URL      string            `json:"url"`
	Template string            `json:"template,omitempty"` // name of one that is shipped
	Body     string            `json:"body,omitempty"`     // a template of one's own
	Headers  map[string]string `json:"headers,omitempty"`
	Secret   string            `json:"secret,omitempty"` // whsec_…

	// What templates of other makers need.
	Options    map[string]string `json:"options,omitempty"`     // like project of jira
	RoutingKey string            `json:"routing_key,omitempty"` // of pagerduty
}

// renderer turns a message into the body of a call and its content type.
type renderer func(m Message) (body []byte, contentType string, err error)

// webhook calls an address, signed after the Standard Webhooks specification.
type webhook struct {
	cfg    webhookConfig
	client *http.Client
	signer *standardwebhooks.Webhook
	render renderer
	now    func() time.Time
}

func openWebhook(c Channel, d Deps) (Sender, error) {
	var cfg webhookConfig
	if err := decode(c.Config, &cfg); err != nil {
		return nil, err
	}
	if err := checkURL(cfg.URL, d.Refuse); err != nil {
		return nil, err
	}
	if err := checkHeaders(cfg.Headers); err != nil {
		return nil, err
	}
	if cfg.Template == Jira || cfg.Template == ServiceNow {
		return openTickets(cfg, d)
	}
	if err := checkOptions(cfg); err != nil {
		return nil, err
	}
	signer, err := openSecret(cfg.Secret)
	if err != nil {
		return nil, err
	}
	render, err := rendererOf(cfg)
	if err != nil {
		return nil, err
	}
	return &webhook{cfg: cfg, client: d.HTTP, signer: signer, render: render, now: d.Now}, nil
}

// rendererOf chooses what the body looks like.
func rendererOf(cfg webhookConfig) (renderer, error) {
	shape := func(f func(Message) any) renderer {
		return func(m Message) ([]byte, string, error) {
			raw, err := json.Marshal(f(m))
			return raw, "application/json", err
		}
	}
	switch {
	case cfg.Template != "" && cfg.Body != "":
		return nil, fmt.Errorf("%w: give a template or a body, not both", elevation.ErrInvalid)
	case cfg.Body != "":
		t, err := parseTemplate(cfg.Body)
		if err != nil {
			return nil, err
		}
		return t.render, nil
	}
	switch cfg.Template {
	case "":
		return standardBody, nil
	case Slack:
		return shape(slackBody), nil
	case Teams:
		return shape(teamsBody), nil
	case PagerDuty:
		return shape(func(m Message) any { return pagerBody(cfg.RoutingKey, m) }), nil
	case Jira, ServiceNow:
		t := &ticketSystem{cfg: cfg}
		return shape(func(m Message) any {
			if cfg.Template == Jira {
				_, body := t.jiraIssue(m)
				return body
			}
			_, body := t.snowIncident(m)
			return body
		}), nil
	}
	return nil, fmt.Errorf("%w: there is no template %q; there are %s", elevation.ErrInvalid, inert.Clip(inert.Text(cfg.Template), 40), strings.Join(templates(), ", "))
}

// decode reads the configuration of a kind; what the kind does not know is refused.
func decode(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: the configuration of the channel can not be read: %s", elevation.ErrInvalid, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// checkURL refuses addresses that are not plain http(s) ones, and those that
// could only be somewhere where the controller does not call.
func checkURL(text string, refuse func(host string) error) error {
	u, err := url.Parse(text)
	switch {
	case text == "" || len(text) > maxURL || err != nil || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("%w: the url is not an address like https://example.org/hook", elevation.ErrInvalid)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: the url begins with neither https:// nor http://", elevation.ErrInvalid)
	case u.Opaque != "" || u.Hostname() == "":
		return fmt.Errorf("%w: the url names no host", elevation.ErrInvalid)
	case u.User != nil:
		return fmt.Errorf("%w: the url carries a password; use a header, which is never shown", elevation.ErrInvalid)
	case u.Fragment != "":
		return fmt.Errorf("%w: the url has a part behind #, which is never sent", elevation.ErrInvalid)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%w: the port of the url is not 1 to 65535", elevation.ErrInvalid)
		}
	}
	if refuse == nil {
		return nil
	}
	if err := refuse(u.Hostname()); err != nil {
		return fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	return nil
}

// checkHeaders refuses headers that say more than they seem to, and those that
// belong to the call itself.
func checkHeaders(headers map[string]string) error {
	if len(headers) > maxHeaders {
		return fmt.Errorf("%w: more than %d headers", elevation.ErrInvalid, maxHeaders)
	}
	for name, value := range headers {
		lower := strings.ToLower(name)
		switch {
		case name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return !tokenRune(r) }):
			return fmt.Errorf("%w: the name of a header has letters, digits and -", elevation.ErrInvalid)
		case strings.HasPrefix(lower, "webhook-") || slices.Contains(ownHeaders(), lower):
			return fmt.Errorf("%w: the header %s belongs to the call itself", elevation.ErrInvalid, name)
		case len(value) > maxHeaderText || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return fmt.Errorf("%w: the header %s has a value that is too long or has characters which do not belong into a header", elevation.ErrInvalid, name)
		}
	}
	return nil
}

func ownHeaders() []string {
	return []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect",
		"proxy-authorization", "proxy-connection", "keep-alive", "content-encoding", "accept-encoding"}
}

func tokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// openSecret reads a signing secret.
func openSecret(secret string) (*standardwebhooks.Webhook, error) {
	key, err := keyOf(secret)
	if err != nil {
		return nil, err
	}
	return standardwebhooks.NewWebhookRaw(key)
}

// Send implements [Sender].
func (w *webhook) Send(ctx context.Context, m Message) (Result, error) {
	body, contentType, err := w.render(m)
	if err != nil {
		return Result{Permanent: true}, fmt.Errorf("fill the template: %w", err)
	}
	now := w.now()
	signature, err := w.signer.Sign(m.ID, now, body)
	if err != nil {
		return Result{Permanent: true}, errors.New("the message can not be signed")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return Result{Permanent: true}, errors.New("the url can not be called")
	}
	for name, value := range w.cfg.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Assent")
	req.Header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return call(w.client, req, now)
}

// call makes an HTTP call and judges the answer by its status alone; what else
// the other side says is not kept.
func call(client *http.Client, req *http.Request, now time.Time) (Result, error) {
	answer, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the address, which may be a secret
		}
		return Result{}, fmt.Errorf("call: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	res := Result{Status: answer.StatusCode}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return res, nil
	case answer.StatusCode == http.StatusGone:
		res.Gone = true
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable:
		res.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), now)
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return res, fmt.Errorf("the other side answered %d: redirects are not followed", answer.StatusCode)
	}
	return res, fmt.Errorf("the other side answered %d", answer.StatusCode)
}

// retryAfter reads the header of that name, seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// standardBody is the body without a template.
func standardBody(m Message) ([]byte, string, error) {
	type data struct {
		Event   json.RawMessage `json:"event"`
		Request json.RawMessage `json:"request"`
		Items   []any           `json:"items,omitempty"`
		Text    string          `json:"text"`
		Link    string          `json:"link"`
	}
	type body struct {
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
		Data      data   `json:"data"`
	}
	shape := func(m Message) body {
		return body{Type: m.Kind, Timestamp: m.At.UTC().Format(time.RFC3339Nano),
			Data: data{Event: orNull(m.Event), Request: orNull(m.Request), Text: m.Title, Link: m.Link}}
	}
	out := shape(m)
	for _, item := range m.Items {
		out.Data.Items = append(out.Data.Items, shape(item))
	}
	raw, err := json.Marshal(out)
	return raw, "application/json", err
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
