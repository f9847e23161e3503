// Package client is the REST interface as Go sees it: the types of every body,
// which controller/api imports so that both sides cannot differ, and a small
// typed client that assentctl is built on.
//
// It knows no business rule and retries nothing by itself. Errors of the
// controller are [*Problem]; a controller that could not be reached is
// [ErrUnreachable]. The contract of each operation is in the OpenAPI document.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// ErrUnreachable means that no controller answered at the address.
var ErrUnreachable = errors.New("the controller was not reached")

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Problem is an error of the controller (RFC 9457).
type Problem struct {
	Type     string       `json:"type,omitempty" example:"about:blank"`
	Title    string       `json:"title" example:"Conflict"`
	Status   int          `json:"status" example:"409"`
	Detail   string       `json:"detail" example:"bo approved it a moment ago"`
	Code     string       `json:"code" example:"already_decided"`
	Decision *Decision    `json:"decision,omitempty" doc:"With already_decided: who was first."`
	Errors   []FieldError `json:"errors,omitempty" nullable:"false"`
}

// FieldError says which part of the input is wrong.
type FieldError struct {
	Location string `json:"location" example:"body.ids"`
	Message  string `json:"message" example:"expected array length >= 1"`
}

// Error is the detail, with the wrong parts of the input.
func (p *Problem) Error() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	for i, e := range p.Errors {
		if i == 3 {
			s += "; …"
			break
		}
		s += "; " + e.Location + ": " + e.Message
	}
	return s
}

// Client calls one controller. It follows no
// redirect. The zero value of HTTP is [http.DefaultClient].
type Client struct {
	URL   string // https://host[:port], without /api/v1
	Token string // API token, may be empty
	HTTP  *http.Client
	Agent string // User-Agent
}

// New makes a client; it refuses an address that is not http or https.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("the controller's address %q is not http(s)://host[:port]", address)
	}
	return &Client{URL: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), Token: token}, nil
}

// Call does one operation: in is the body or nil, the answer is decoded into
// out unless that is nil. Path begins with "/" and is below /api/v1.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	resp, err := c.send(ctx, method, path, query, in, "application/json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the controller's answer: %w", err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any, accept string) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode the call: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	address := c.URL + "/api/v1" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make the call: %w", err)
	}
	req.Header.Set("Accept", accept)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Agent != "" {
		req.Header.Set("User-Agent", c.Agent)
	}
	resp, err := c.staying().Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var call *url.Error // repeats the address
		if errors.As(err, &call) {
			err = call.Err
		}
		return nil, fmt.Errorf("%w at %s: %v", ErrUnreachable, c.URL, err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, problem(resp)
	}
	return resp, nil
}

// staying is the client without redirects: the token, and what a body carries,
// would go to wherever an answer points.
func (c *Client) staying() *http.Client {
	h := http.Client{}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// Download reads an answer that is not JSON, at most 1 GiB.
func (c *Client) Download(ctx context.Context, path string) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, path, nil, nil, "*/*")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<30))
	if err != nil {
		return nil, fmt.Errorf("%w: the answer broke off: %v", ErrUnreachable, err)
	}
	return raw, nil
}

// problem reads the error of an answer; anything that is not one of ours, such
// as a proxy's page, still becomes a Problem with its status.
func problem(resp *http.Response) error {
	p := &Problem{}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err := json.Unmarshal(raw, p); err != nil || p.Code == "" {
		p = &Problem{Title: http.StatusText(resp.StatusCode), Code: "unknown",
			Detail: fmt.Sprintf("the address answered %s, which is not an answer of a controller", resp.Status)}
	}
	p.Status = resp.StatusCode
	return p
}

// Get reads one object.
func Get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	err := c.Call(ctx, http.MethodGet, path, query, nil, &out)
	return out, err
}

// Post sends a body and reads the answer.
func Post[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	var out T
	err := c.Call(ctx, http.MethodPost, path, nil, in, &out)
	return out, err
}

// put changes one thing and reads it.
func put[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	var out T
	err := c.Call(ctx, http.MethodPut, path, nil, in, &out)
	return out, err
}

// All reads every page of a list, at most limit items (0 = all).
func All[T any](ctx context.Context, c *Client, path string, query url.Values, limit int) ([]T, error) {
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	items := []T{}
	for {
		size := 500
		if limit > 0 {
			size = min(size, limit-len(items))
		}
		q.Set("limit", fmt.Sprint(size))
		page, err := Get[List[T]](ctx, c, path, q)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.NextCursor == "" || limit > 0 && len(items) >= limit {
			return items, nil
		}
		q.Set("cursor", page.NextCursor)
	}
}

// Request reads one request.
func (c *Client) Request(ctx context.Context, id string) (Request, error) {
	return Get[Request](ctx, c, "/requests/"+url.PathEscape(id), nil)
}

// Act does one action ("approve", "deny", "ask", "answer", "undo", "revoke",
// "cancel", "check-in", "remove", "claim", "nudge", "escalate", "prioritize",
// "after-review") and returns the request as it then is.
func (c *Client) Act(ctx context.Context, id, action string, in Answer) (Request, error) {
	return Post[Request](ctx, c, "/requests/"+url.PathEscape(id)+"/"+action, in)
}
