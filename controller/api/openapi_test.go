package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// documented is a door with nothing behind it: enough for its document.
func documented(t *testing.T) *API {
	t.Helper()
	return New(Config{Console: http.NotFoundHandler(), Metrics: http.NotFoundHandler(), Cookie: "assent_session", Now: time.Now,
		Ready: func(context.Context) error { return nil }, Log: slog.New(slog.DiscardHandler)})
}

// TestExamplesAreValid holds the example of every body against its schema.
func TestExamplesAreValid(t *testing.T) {
	a := documented(t)
	doc := a.server.huma.OpenAPI()
	bodies := 0
	check := func(where string, content map[string]*huma.MediaType, mode huma.ValidateMode) {
		for kind, m := range content {
			if !strings.HasSuffix(kind, "json") {
				continue
			}
			bodies++
			raw, err := json.Marshal(m.Example)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(raw, &value); err != nil {
				t.Fatal(err)
			}
			res := &huma.ValidateResult{}
			huma.Validate(doc.Components.Schemas, m.Schema, huma.NewPathBuffer(nil, 0), mode, value, res)
			for _, err := range res.Errors {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	for path, item := range doc.Paths {
		for _, op := range operationsOf(item) {
			where := op.Method + " " + path
			if op.RequestBody != nil {
				check(where+" body", op.RequestBody.Content, huma.ModeWriteToServer)
			}
			for status, resp := range op.Responses {
				check(where+" "+status, resp.Content, huma.ModeReadFromServer)
			}
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s has no summary, id or tag", where)
			}
		}
	}
	if bodies < 50 {
		t.Errorf("%d bodies were looked at", bodies)
	}
}

// TestOperationIDsAreUnique: generated clients name their methods by them.
func TestOperationIDsAreUnique(t *testing.T) {
	seen := map[string]string{}
	for path, item := range documented(t).server.huma.OpenAPI().Paths {
		for _, op := range operationsOf(item) {
			if other := seen[op.OperationID]; other != "" {
				t.Errorf("%s and %s %s have the id %s", other, op.Method, path, op.OperationID)
			}
			seen[op.OperationID] = op.Method + " " + path
		}
	}
}
