package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
)

// prefix is where the operations live.
const prefix = "/api/v1"

// route describes one operation. Its method and path are its identity: the
// authorisation matrix of the tests has an entry for every one.
type route struct {
	method, path string // path below /api/v1
	id, summary  string
	tag          string
	status       int // of success, 0 = 200
	hint         hint
	example      any // a body that can be sent; nil = one is made up from the examples of its fields
}

// answer is what huma writes for a success.
type answer[T any] struct {
	Status int
	Body   T
}

// answerCookie also sets a cookie.
type answerCookie[T any] struct {
	Status    int
	SetCookie string `header:"Set-Cookie" doc:"The session of a browser."`
	Body      T
}

// emptyCookie sets a cookie and has no body.
type emptyCookie struct {
	SetCookie string `header:"Set-Cookie" doc:"Ends the session of a browser."`
}

func (s *server) operation(r route) huma.Operation {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	s.paths[prefix+r.path] = append(s.paths[prefix+r.path], r.method)
	op := huma.Operation{Method: r.method, Path: prefix + r.path, OperationID: r.id, Summary: r.summary,
		Tags: []string{r.tag}, DefaultStatus: status, Metadata: map[string]any{hintKey: r.hint, exampleKey: r.example},
		MaxBodyBytes: maxRuleBody + 1, BodyReadTimeout: -1, // the door has read the body within its limits
		Responses: map[string]*huma.Response{
			"default":            s.problemResponse(),
			strconv.Itoa(status): {Description: http.StatusText(status)},
		}}
	if !r.hint.public {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	} else {
		op.Security = []map[string][]string{}
	}
	if r.method == http.MethodPost && !r.hint.public {
		op.Parameters = append(op.Parameters, &huma.Param{Name: "Idempotency-Key", In: "header",
			Description: "A repeated call with the same key within 24 hours gets the first answer.",
			Schema:      &huma.Schema{Type: "string", MaxLength: intp(128)}})
	}
	return op
}

func intp(n int) *int { return &n }

func (s *server) problemResponse() *huma.Response {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(typeOf[client.Problem](), true, "Problem")
	return &huma.Response{Description: "A problem; its code says which.",
		Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
}

// handle registers an operation whose handler gets the caller as an argument.
func handle[In, Out any](s *server, r route, h func(context.Context, auth.Actor, *In) (Out, error)) {
	op := s.operation(r)
	huma.Register(s.huma, op, func(ctx context.Context, in *In) (*answer[Out], error) {
		out, err := h(ctx, callerOf(ctx).actor, in)
		if err != nil {
			return nil, s.door.fail(ctx, err, op.Method, op.Path)
		}
		return &answer[Out]{Status: op.DefaultStatus, Body: out}, nil
	})
}

// handleEmpty registers an operation that answers 204.
func handleEmpty[In any](s *server, r route, h func(context.Context, auth.Actor, *In) error) {
	r.status = http.StatusNoContent
	op := s.operation(r)
	huma.Register(s.huma, op, func(ctx context.Context, in *In) (*struct{}, error) {
		if err := h(ctx, callerOf(ctx).actor, in); err != nil {
			return nil, s.door.fail(ctx, err, op.Method, op.Path)
		}
		return &struct{}{}, nil
	})
}
