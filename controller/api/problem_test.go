package api

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// sentinels are the errors of the packages below that an operation can return.
// TestErrorTableIsComplete reads the sources for ones that are missing here.
func sentinels() map[string]error {
	return map[string]error{
		"auth.ErrUnauthenticated":     auth.ErrUnauthenticated,
		"auth.ErrCode":                auth.ErrCode,
		"auth.ErrWrong":               auth.ErrWrong,
		"auth.ErrSecondFactor":        auth.ErrSecondFactor,
		"auth.ErrRate":                auth.ErrRate,
		"queue.ErrLocked":             queue.ErrLocked,
		"elevation.ErrInvalid":        elevation.ErrInvalid,
		"elevation.ErrNotPending":     elevation.ErrNotPending,
		"elevation.ErrAlreadyDecided": elevation.ErrAlreadyDecided,
		"elevation.ErrSelfApproval":   elevation.ErrSelfApproval,
		"elevation.ErrNotAllowed":     elevation.ErrNotAllowed,
		"elevation.ErrNotFound":       elevation.ErrNotFound,
		"elevation.ErrLimit":          elevation.ErrLimit,
		"elevation.ErrConflict":       elevation.ErrConflict,
		"elevation.ErrStepUp":         elevation.ErrStepUp,
		"elevation.ErrID":             elevation.ErrID,
		"directory.ErrDevicePending":  directory.ErrDevicePending,
		"directory.ErrDeviceSlow":     directory.ErrDeviceSlow,
		"directory.ErrDeviceExpired":  directory.ErrDeviceExpired,
		"directory.ErrDeviceDenied":   directory.ErrDeviceDenied,
		"directory.ErrProvider":       directory.ErrProvider,
		"store.ErrStale":              store.ErrStale,
		"store.ErrExists":             store.ErrExists,
		"store.ErrBusy":               store.ErrBusy,
		"store.ErrClosed":             store.ErrClosed,
		"store.ErrCursor":             store.ErrCursor,
		"store.ErrKeyReused":          store.ErrKeyReused,
	}
}

// internal are sentinels that no caller can cause: they are mistakes of ours.
func internal() map[string]string {
	return map[string]string{
		"store.ErrNoEvent": "a change without an audit event is a mistake of the program",
		"audit.ErrInvalid": "an event that can not be logged is a mistake of the program",
		"audit.ErrForked":  "found at the start, before anything is served",
		"audit.ErrKey":     "found at the start, before anything is served",
		"keys.ErrUnwrap":   "a secret of another installation: nothing that a caller can change",
		"keys.ErrDamaged":  "found at the start, before anything is served",
		"keys.ErrWrapKey":  "found at the start, before anything is served",
		"keys.ErrNoRoot":   "of a new key set, which no call makes",
		"keys.ErrCSR":      "of the agents' door, which has its own answers",
		"keys.ErrClient":   "of the agents' door, which has its own answers",
	}
}

func testDoor() *door {
	return &door{log: slog.New(slog.DiscardHandler), decorate: func(context.Context, error, *failure) {}}
}

func TestErrorTable(t *testing.T) {
	d := testDoor()
	for name, err := range sentinels() {
		f := d.fail(t.Context(), fmt.Errorf("act: %w", err), "GET", "/x")
		if f.Status >= 500 && f.Status != http.StatusServiceUnavailable || f.Code == "" || f.Code == codeInternal {
			t.Errorf("%s becomes %d %s", name, f.Status, f.Code)
		}
	}
	seen := map[string]bool{}
	for _, m := range errorTable() {
		if m.status < 400 || m.code == "" {
			t.Errorf("%v has status %d and code %q", m.err, m.status, m.code)
		}
		if seen[m.err.Error()] {
			t.Errorf("%v is in the table twice", m.err)
		}
		seen[m.err.Error()] = true
	}
	f := d.fail(t.Context(), errors.New("the secret is xyzzy"), "GET", "/x")
	if f.Status != 500 || f.Code != codeInternal || strings.Contains(f.Detail, "xyzzy") {
		t.Errorf("an unknown error becomes %+v", f.Problem)
	}
	if f := d.fail(t.Context(), &auth.RateError{Wait: 1500 * time.Millisecond}, "GET", "/x"); f.GetHeaders().Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q", f.GetHeaders().Get("Retry-After"))
	}
}

// TestErrorTableIsComplete fails for an exported sentinel below that nobody has
// given a status.
func TestErrorTableIsComplete(t *testing.T) {
	known := sentinels()
	for _, dir := range []string{"../auth", "../store", "../queue", "../admin", "../audit", "../keys", "../directory", "../../shared/elevation", "../../shared/delegation", "../../shared/rules"} {
		for _, name := range exportedErrors(t, dir) {
			if _, ok := known[name]; !ok && internal()[name] == "" {
				t.Errorf("%s has no place in the error table; add it to sentinels or internal", name)
			}
		}
	}
}

func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	var names []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						names = append(names, file.Name.Name+"."+id.Name)
					}
				}
			}
		}
	}
	return names
}

func TestOfHuma(t *testing.T) {
	f := ofHuma(&huma.ErrorModel{Status: 422, Detail: "validation failed", Errors: []*huma.ErrorDetail{{Location: "body.x", Message: "bad", Value: "secret"}}})
	if f.Status != 400 || f.Code != codeInvalid || len(f.Errors) != 1 || f.Errors[0].Location != "body.x" {
		t.Errorf("422 becomes %+v", f.Problem)
	}
	if f := ofHuma(&huma.ErrorModel{Status: 500, Detail: "path of a file"}); f.Code != codeInternal || strings.Contains(f.Detail, "file") {
		t.Errorf("500 becomes %+v", f.Problem)
	}
}

func TestCheckJSON(t *testing.T) {
	rows := []struct {
		name, text string
		good       bool
	}{
		{"object", `{"a":[1,"x",null,true,{"b":{}}]}`, true},
		{"same name in two objects", `{"a":{"x":1},"b":{"x":1}}`, true},
		{"name twice", `{"a":1,"a":2}`, false},
		{"name twice by casing", `{"a":1,"A":2}`, false},
		{"name twice inside a list", `[{"a":1,"a":2}]`, false},
		{"NUL in a value", `{"a":"\u0000"}`, false},
		{"NUL in a name", `{"\u0000":1}`, false},
		{"not UTF-8", "{\"a\":\"\xff\"}", false},
		{"two values", `{} {}`, false},
		{"rest", `{}x`, false},
		{"empty", ``, false},
		{"open", `{"a":`, false},
		{"32 deep", strings.Repeat("[", 32) + strings.Repeat("]", 32), true},
		{"33 deep", strings.Repeat("[", 33) + strings.Repeat("]", 33), false},
		{"a million deep", strings.Repeat("[", 1_000_000), false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if err := checkJSON([]byte(r.text)); (err == nil) != r.good {
				t.Errorf("got %v, want good = %v", err, r.good)
			}
		})
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `[[[`, `"\u0000"`, "\xff", `{"a":{"b":[1,2,{"c":null}]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = checkJSON(raw) // returns, whatever comes
	})
}
