package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestSealAndOpen(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 0, 0, 123456789, time.UTC)
	e := event(1, at)
	row, err := Seal(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := row.Open()
	if err != nil {
		t.Fatal(err)
	}
	e.ID, e.At = row.ID, at.Truncate(time.Millisecond)
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("opened event differs: %s", diff)
	}
	if strings.Contains(string(row.Leaf), "because of") {
		t.Error("the leaf holds the text itself")
	}
	again, err := Seal(e)
	if err != nil || string(again.Leaf) == string(row.Leaf) {
		t.Errorf("equal texts give equal leaves (%v): the hash is not salted", err)
	}
	row.Text = nil
	got, err = row.Open()
	if err != nil || len(got.Text) != 0 || got.Data["number"] != "1" {
		t.Errorf("forgotten text: got %v, %v", got, err)
	}
}

func TestSealRefuses(t *testing.T) {
	at := time.Now()
	many := map[string]string{}
	for i := range MaxEntries + 1 {
		many[strings.Repeat("k", i+1)] = ""
	}
	tests := map[string]func(*Event){
		"no kind":         func(e *Event) { e.Kind = 0 },
		"unknown kind":    func(e *Event) { e.Kind = 65000 },
		"nobody":          func(e *Event) { e.Actor = elevation.Actor{} },
		"no time":         func(e *Event) { e.At = time.Time{} },
		"too many data":   func(e *Event) { e.Data = many },
		"too many texts":  func(e *Event) { e.Text = many },
		"long data":       func(e *Event) { e.Data = map[string]string{"a": strings.Repeat("x", MaxValue+1)} },
		"long text":       func(e *Event) { e.Text = map[string]string{"a": strings.Repeat("x", MaxText+1)} },
		"long name":       func(e *Event) { e.Data = map[string]string{strings.Repeat("x", MaxKey+1): ""} },
		"empty name":      func(e *Event) { e.Data = map[string]string{"": ""} },
		"name twice":      func(e *Event) { e.Data = map[string]string{"justification": ""} },
		"long actor":      func(e *Event) { e.Actor.Name = strings.Repeat("x", MaxValue+1) },
		"too large leaf":  func(e *Event) { e.Data = fill(MaxEntries, MaxValue) },
		"name not UTF-8":  func(e *Event) { e.Text = map[string]string{"\xff": ""} },
		"request is huge": func(e *Event) { e.Request = elevation.RequestID(strings.Repeat("x", MaxLeaf)) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			e := event(1, at)
			change(&e)
			if _, err := Seal(e); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want %v", err, ErrInvalid)
			}
		})
	}
}

func fill(n, size int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[strings.Repeat("a", i+1)] = strings.Repeat("x", size)
	}
	return m
}

func TestSealReplacesInvalidText(t *testing.T) {
	e := event(1, time.Now())
	e.Data["b"], e.Text["justification"], e.Actor.Name = "x\xffy", "\xc3(", "h\xf0st"
	row, err := Seal(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := row.Open()
	if err != nil {
		t.Fatal(err)
	}
	if got.Data["b"] != "x\uFFFDy" || got.Text["justification"] != "\uFFFD(" || got.Actor.Name != "h\uFFFDst" {
		t.Errorf("got %q %q %q", got.Data["b"], got.Text["justification"], got.Actor.Name)
	}
}

func TestOpenRefusesForeignText(t *testing.T) {
	a, err := Seal(event(1, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Seal(event(1, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	a.Text = b.Text
	if _, err := a.Open(); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want %v", err, ErrInvalid)
	}
	a.Leaf = append(a.Leaf, 0)
	if _, err := a.Open(); err == nil {
		t.Error("a leaf with a byte after it was opened")
	}
}

// Numbers are in signed leaves for ever: this list only grows.
func TestKindNumbersNeverChange(t *testing.T) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.String()] {
			t.Errorf("%s twice", k)
		}
		seen[k.String()] = true
		back, err := ParseKind(k.String())
		if err != nil || back != k {
			t.Errorf("%s: got %d, %v, want %d", k, back, err, k)
		}
		b.WriteString(strings.Join([]string{itoa(uint64(k)), k.String()}, " ") + "\n")
	}
	golden := filepath.Join("testdata", "kinds.golden")
	if os.Getenv("ASSENT_UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("kinds differ from %s: %s", golden, diff)
	}
	if k, err := ParseKind("request.created"); err != nil || k != RequestSubmitted {
		t.Errorf("alias request.created: got %v, %v", k, err)
	}
	if _, err := ParseKind("request.eaten"); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown kind: got %v", err)
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly", 7, "exactly"},
		{"too long", 6, "too…"},
		{"äöü", 5, "ä…"},
		{"äöü", 2, ""},
	} {
		if got := Clip(tt.in, tt.limit); got != tt.want || len(got) > tt.limit {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}
