package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// What this door itself refuses.
var (
	errTooLarge    = errors.New("the body is larger than this operation takes")
	errTimeout     = errors.New("the body did not arrive in time")
	errContentType = errors.New("the body must be application/json")
	errMethod      = errors.New("the path exists, but not with this method")
	errKeyReused   = errors.New("this Idempotency-Key was used for another call")
	errShownOnce   = errors.New("the first call with this Idempotency-Key has made it; its secret is shown once")
	errUnavailable = errors.New("the controller is stopping or its database does not answer")
	errCrossOrigin = errors.New("this call came from another web site")
)

// The codes of problems. Scripts rely on them; add, do not rename.
const (
	codeUnauthenticated = "unauthenticated"
	codeForbidden       = "forbidden"
	codeCode            = "code_required"
	codeSecondFactor    = "second_factor_required"
	codeStepUp          = "step_up_required"
	codeSelfApproval    = "self_approval"
	codeNotFound        = "not_found"
	codeInvalid         = "invalid"
	codeNotPending      = "not_pending"
	codeAlreadyDecided  = "already_decided"
	codeConflict        = "conflict"
	codeRateLimited     = "rate_limited"
	codeLimit           = "limit_reached"
	codeTooLarge        = "too_large"
	codeTimeout         = "timeout"
	codeMethod          = "method_not_allowed"
	codeUnavailable     = "unavailable"
	codeDevicePending   = "authorization_pending"
	codeDeviceSlow      = "slow_down"
	codeDeviceExpired   = "expired_token"
	codeDeviceDenied    = "access_denied"
	codeProvider        = "provider_unavailable"
	codeInternal        = "internal"
)

// meaning is what a sentinel becomes outside.
type meaning struct {
	err    error
	status int
	code   string
}

// errorTable maps every sentinel that an operation can return to status and
// code; the first match counts, so narrower ones come first. A test lists the
// sentinels of every package below and fails for one that is not here.
func errorTable() []meaning {
	return []meaning{
		{auth.ErrUnauthenticated, http.StatusUnauthorized, codeUnauthenticated},
		{auth.ErrCode, http.StatusUnauthorized, codeCode},
		{auth.ErrWrong, http.StatusUnauthorized, codeUnauthenticated},
		{auth.ErrSecondFactor, http.StatusForbidden, codeSecondFactor},
		{auth.ErrRate, http.StatusTooManyRequests, codeRateLimited},
		{directory.ErrDevicePending, http.StatusBadRequest, codeDevicePending},
		{directory.ErrDeviceSlow, http.StatusBadRequest, codeDeviceSlow},
		{directory.ErrDeviceExpired, http.StatusBadRequest, codeDeviceExpired},
		{directory.ErrDeviceDenied, http.StatusBadRequest, codeDeviceDenied},
		{directory.ErrProvider, http.StatusConflict, codeProvider},
		{elevation.ErrSelfApproval, http.StatusForbidden, codeSelfApproval},
		{elevation.ErrAlreadyDecided, http.StatusConflict, codeAlreadyDecided},
		{elevation.ErrNotPending, http.StatusConflict, codeNotPending},
		{elevation.ErrStepUp, http.StatusForbidden, codeStepUp},
		{elevation.ErrNotAllowed, http.StatusForbidden, codeForbidden},
		{elevation.ErrNotFound, http.StatusNotFound, codeNotFound},
		{elevation.ErrLimit, http.StatusTooManyRequests, codeLimit},
		{elevation.ErrInvalid, http.StatusBadRequest, codeInvalid},
		{elevation.ErrID, http.StatusNotFound, codeNotFound},
		{elevation.ErrConflict, http.StatusConflict, codeConflict},
		{store.ErrExists, http.StatusConflict, codeConflict},
		{store.ErrStale, http.StatusConflict, codeConflict},
		{store.ErrBusy, http.StatusServiceUnavailable, codeUnavailable},
		{store.ErrClosed, http.StatusServiceUnavailable, codeUnavailable},
		{errTooLarge, http.StatusRequestEntityTooLarge, codeTooLarge},
		{errTimeout, http.StatusRequestTimeout, codeTimeout},
		{errContentType, http.StatusUnsupportedMediaType, codeInvalid},
		{errMethod, http.StatusMethodNotAllowed, codeMethod},
		{errKeyReused, http.StatusConflict, codeConflict},
		{errShownOnce, http.StatusConflict, codeConflict},
		{errCrossOrigin, http.StatusForbidden, codeForbidden},
		{errUnavailable, http.StatusServiceUnavailable, codeUnavailable},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, codeUnavailable},
		{context.Canceled, http.StatusServiceUnavailable, codeUnavailable},
	}
}

// failure is a problem on its way out; huma writes it as problem+json.
type failure struct {
	*client.Problem
	wait int // seconds, for Retry-After
}

// GetStatus is the HTTP status.
func (f *failure) GetStatus() int { return f.Status }

// ContentType is the media type of problems.
func (f *failure) ContentType(string) string { return "application/problem+json" }

// GetHeaders are the headers that belong to the problem.
func (f *failure) GetHeaders() http.Header {
	h := http.Header{}
	if f.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(f.wait))
	}
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="assent"`)
	}
	return h
}

// fail translates an error. What is not in the table is logged and answered as
// internal, without its text.
func (d *door) fail(ctx context.Context, err error, method, path string) *failure {
	for _, m := range errorTable() {
		if !errors.Is(err, m.err) {
			continue
		}
		f := &failure{Problem: &client.Problem{Title: http.StatusText(m.status), Status: m.status,
			Detail: err.Error(), Code: m.code}}
		var rate *auth.RateError
		if errors.As(err, &rate) {
			f.wait = rate.Seconds()
		} else if m.status == http.StatusTooManyRequests || m.status == http.StatusServiceUnavailable {
			f.wait = 1
		}
		d.decorate(ctx, err, f)
		if m.status >= 500 {
			level := slog.LevelWarn
			if errors.Is(err, context.Canceled) { // who asked has gone
				level = slog.LevelDebug
			}
			d.log.Log(ctx, level, "a call was not answered", "method", method, "path", path, "error", err)
			f.Detail = errUnavailable.Error()
		}
		return f
	}
	d.log.Error("a call failed", "method", method, "path", path, "error", err)
	return &failure{Problem: &client.Problem{Title: "Internal Server Error", Status: http.StatusInternalServerError,
		Detail: "something unexpected went wrong; the controller's log has the reason", Code: codeInternal}}
}

// ofHuma turns an error of huma's validation into ours.
func ofHuma(m *huma.ErrorModel) *failure {
	p := &client.Problem{Title: http.StatusText(m.Status), Status: m.Status, Detail: m.Detail, Code: codeInvalid}
	switch m.Status {
	case http.StatusUnprocessableEntity:
		p.Status, p.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	case http.StatusRequestEntityTooLarge:
		p.Code = codeTooLarge
	case http.StatusRequestTimeout:
		p.Code = codeTimeout
	}
	if p.Status >= 500 {
		p.Code, p.Detail = codeInternal, "something unexpected went wrong; the controller's log has the reason"
		return &failure{Problem: p}
	}
	for i, e := range m.Errors {
		if i == 20 {
			break
		}
		p.Errors = append(p.Errors, client.FieldError{Location: e.Location, Message: e.Message})
	}
	return &failure{Problem: p}
}
