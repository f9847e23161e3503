package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// Limits of one call.
const (
	maxBody     = 1 << 20
	maxRuleBody = 4 << 20
	bodyTime    = 10 * time.Second
)

// door is what every call passes: who is it, how often, how large, and seen
// before. It decides nothing about permissions; queue and admin do.
type door struct {
	accounts *auth.Accounts
	replays  replays
	log      *slog.Logger
	now      func() time.Time
	cookie   string // name of the session cookie
	secure   bool   // the cookie is only for TLS
	calls    *auth.Limiter
	proxies  []netip.Prefix                         // whose X-Forwarded-For is believed
	decorate func(context.Context, error, *failure) // adds what a special error knows

	mu   sync.Mutex // guards the field below
	busy map[string]chan struct{}
}

// hint tells the door about one operation.
type hint struct {
	public bool  // no sign-in
	factor bool  // open to whoever must add or use a second factor before anything else
	secret bool  // the answer has a secret that must not be kept
	limit  int64 // of the body, bytes
	stream bool  // no limit in time
	seat   bool  // open to who has no account, but whose endpoint vouches for them
}

// What an operation carries besides what the document says of it.
const (
	hintKey    = "assent-hint"
	exampleKey = "assent-example"
)

func hintOf(op *huma.Operation) hint {
	h, _ := op.Metadata[hintKey].(hint)
	return h
}

// adapter lets huma run on a ServeMux behind the door.
type adapter struct {
	mux  *http.ServeMux
	door *door
}

// Handle registers one operation.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
		a.door.pass(w, r, hintOf(op), func(w http.ResponseWriter, r *http.Request) {
			handler(&humaContext{inner: humago.NewContext(op, r, w)})
		})
	})
}

// ServeHTTP answers a call.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// humaContext makes huma answer 400 where it would answer 422: the contract
// has one status for input that is wrong.
type humaContext struct{ inner }

type inner = huma.Context

// SetStatus writes the status.
func (c *humaContext) SetStatus(status int) {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	c.inner.SetStatus(status)
}

// Unwrap gives the context below.
func (c *humaContext) Unwrap() huma.Context { return c.inner }

// caller is what the door knows of a call besides its input.
type caller struct {
	actor   auth.Actor
	cookie  string // of the session, if any
	address string
}

type callerKey struct{}

// callerOf is what the door found out. The context carries it only from the
// door to the handler's adapter, which passes it on as an argument.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

func (d *door) pass(w http.ResponseWriter, r *http.Request, h hint, next http.HandlerFunc) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if err := checkURL(r.URL); err != nil {
		d.refuse(w, r, fmt.Errorf("%w: %w", elevation.ErrInvalid, err))
		return
	}
	act, err := d.recognise(r)
	if err != nil && !(h.public && errors.Is(err, auth.ErrUnauthenticated)) {
		d.refuse(w, r, err)
		return
	}
	// A browser's session counts by its account, so that signing in anew gives no
	// more: every refused act is a line of the audit log.
	if err := d.take(act); err != nil {
		d.refuse(w, r, err)
		return
	}
	if !h.factor && !h.public {
		if err := d.accounts.Admit(r.Context(), act, r.Method+" "+r.URL.Path); err != nil {
			d.refuse(w, r, err)
			return
		}
	}
	if !h.seat && !h.public {
		if err := d.accounts.AdmitSeat(r.Context(), act, r.Method+" "+r.URL.Path); err != nil {
			d.refuse(w, r, err)
			return
		}
	}
	who := caller{actor: act, address: d.address(r)}
	if c, err := r.Cookie(d.cookie); err == nil {
		who.cookie = c.Value
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
	if h.stream {
		next(w, r)
		return
	}
	body, err := d.read(w, r, h)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" && r.Method == http.MethodPost && act.User != "" {
		d.once(w, r, key, act, h, body, next)
		return
	}
	next(w, r)
}

// take takes one call from the caller's allowance. Nobody has none: what is open
// to everybody is bounded by address.
func (d *door) take(act auth.Actor) error {
	key := string(act.Token)
	if key == "" {
		key = string(act.User)
	}
	if key == "" {
		return nil
	}
	if wait := d.calls.TakeOrWait(key, d.now()); wait > 0 {
		return &auth.RateError{Wait: wait}
	}
	return nil
}

// recognise finds the caller by token or cookie. A wrong token is never helped
// by a good cookie.
func (d *door) recognise(r *http.Request) (auth.Actor, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		kind, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(kind, "Bearer") {
			return auth.Actor{}, auth.ErrUnauthenticated
		}
		return d.accounts.Authenticate(r.Context(), strings.TrimSpace(token), d.address(r))
	}
	c, err := r.Cookie(d.cookie)
	if err != nil {
		return auth.Actor{}, auth.ErrUnauthenticated
	}
	return d.accounts.Resume(r.Context(), c.Value)
}

// read takes the body in and puts it back for huma.
func (d *door) read(w http.ResponseWriter, r *http.Request, h hint) ([]byte, error) {
	limit := h.limit
	if limit == 0 {
		limit = maxBody
	}
	body, err := readBody(w, r, limit, "application/json")
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return body, err
}

// readBody takes a body in within size and time, if it is of one of these media
// types.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, types ...string) ([]byte, error) {
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, errTooLarge
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = rc.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &large):
		return nil, errTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		w.Header().Set("Connection", "close")
		return nil, errTimeout
	case err != nil:
		return nil, fmt.Errorf("%w: the body could not be read", elevation.ErrInvalid)
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if len(body) > 0 && !slices.Contains(types, strings.ToLower(strings.TrimSpace(kind))) {
		return nil, errContentType
	}
	return body, nil
}

// once answers a call with an Idempotency-Key: the first time by doing it, later
// with the same answer. Two at the same time wait for each other.
func (d *door) once(w http.ResponseWriter, r *http.Request, key string, act auth.Actor, h hint, body []byte, next http.HandlerFunc) {
	if len(key) > 128 {
		d.refuse(w, r, fmt.Errorf("%w: an Idempotency-Key has at most 128 characters", elevation.ErrInvalid))
		return
	}
	if err := elevation.CheckText("Idempotency-Key", key, 128); err != nil {
		d.refuse(w, r, err)
		return
	}
	// A token that may do less than its owner is not told what the owner did.
	owner := string(act.User) + " " + string(act.Token)
	release, err := d.enter(r.Context(), owner+" "+key)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	defer release()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.RequestURI(), body))
	status, kept, found, err := d.replays.Replay(r.Context(), owner, key, sum)
	switch {
	case err != nil:
		d.refuse(w, r, err)
		return
	case found && status == 0:
		d.refuse(w, r, errShownOnce)
		return
	case found:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Idempotent-Replayed", "true")
		w.WriteHeader(status)
		_, _ = w.Write(kept)
		return
	}
	rec := &recorder{ResponseWriter: w}
	next(rec, r)
	if rec.status >= 300 {
		return // nothing was made: the same key may be tried again
	}
	status, kept = rec.status, rec.body.Bytes()
	if h.secret {
		status, kept = 0, nil // made, but its secret is not kept
	}
	if err := d.replays.KeepReplay(context.WithoutCancel(r.Context()), owner, key, sum, status, kept); err != nil {
		d.log.Error("keep the answer of a call", "path", r.URL.Path, "error", err)
	}
}

// enter lets one call with this name through at a time.
func (d *door) enter(ctx context.Context, name string) (release func(), err error) {
	for {
		d.mu.Lock()
		before, running := d.busy[name]
		if !running {
			done := make(chan struct{})
			d.busy[name] = done
			d.mu.Unlock()
			return func() {
				d.mu.Lock()
				delete(d.busy, name)
				d.mu.Unlock()
				close(done)
			}, nil
		}
		d.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// recorder keeps what is answered beside sending it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write notes the bytes.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// Unwrap lets a ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// refuse answers with the problem of err.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := d.fail(r.Context(), err, r.Method, r.URL.Path)
	for k, v := range f.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", f.ContentType(""))
	w.WriteHeader(f.Status)
	writeJSON(w, f.Problem)
}

func writeJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(true)
	_ = enc.Encode(v) // the peer is gone: there is nobody left to tell
}

var _ huma.StatusError = (*failure)(nil)
var _ error = (*client.Problem)(nil)
