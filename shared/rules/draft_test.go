package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

const draftWhole = `# all
rules:
  # about id
  - name: id   # first
    match: {path: /usr/bin/id, args: []} # none
    then: approve
    odd: {kept: true}

  - name: w
    match: {path: /usr/bin/w, args: [a, {any: true}]}
    then: require
tests:
  - {attempt: {path: /usr/bin/id}, expect: approve}
  - {attempt: {path: /usr/bin/w}, expect: ask, rule: w}
`

// A form changes what it shows and leaves everything else as it is written.
func TestFieldsBothWays(t *testing.T) {
	text, err := Cut([]byte(draftWhole), "id")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "name: id   # first") || strings.Count(text, "attempt") != 1 {
		t.Fatalf("cut out:\n%s", text)
	}
	f, err := Fields([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	same, err := SetFields([]byte(text), f)
	if err != nil || !strings.Contains(string(same), "args: []} # none") {
		t.Fatalf("nothing changed, but (%v):\n%s", err, same)
	}
	var next map[string]any
	raw := strings.Replace(must(json.Marshal(f)), `"then":"approve"`, `"then":"approve","limits":{"duration":"1h"},"precedence":7,"message":{"en":"yes: it is"}`, 1)
	raw = strings.Replace(raw, `"args":[]`, `"args":["on",{"regex":"a b"},"12"]`, 1)
	if err := json.Unmarshal([]byte(raw), &next); err != nil {
		t.Fatal(err)
	}
	out, err := SetFields([]byte(text), next)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# first", "odd: {kept: true}", "limits: {duration: 1h}", "precedence: 7", `args: [on, {regex: a b}, "12"]`, "message: {en: 'yes: it is'}"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	again, err := Fields(out)
	if err != nil || must(json.Marshal(again)) != must(json.Marshal(next)) {
		t.Errorf("read again (%v): %s, want %s", err, must(json.Marshal(again)), must(json.Marshal(next)))
	}
	for _, bad := range []string{"rules: [", "a: &x 1\nb: *x\n", "a: 1\na: 2\n"} {
		if _, err := Fields([]byte(bad)); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func must(raw []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// A rule goes back to where it was taken from, with its tests.
func TestPutDraft(t *testing.T) {
	text, err := Cut([]byte(draftWhole), "w")
	if err != nil {
		t.Fatal(err)
	}
	same, err := Put([]byte(draftWhole), "w", []byte(text))
	if err != nil || string(same) != draftWhole {
		t.Errorf("put back (%v):\n%s", err, same)
	}
	changed := strings.Replace(text, "expect: ask", "expect: require", 1)
	out, err := Put([]byte(draftWhole), "w", []byte(strings.Replace(changed, "name: w", "name: w2", 1)))
	if err != nil || !strings.Contains(string(out), "  # about id\n  - name: id   # first\n") || !strings.Contains(string(out), "name: w2") ||
		!strings.Contains(string(out), "expect: require") || strings.Contains(string(out), "expect: ask") || !strings.Contains(string(out), "path: /usr/bin/id}, expect: approve") {
		t.Errorf("put (%v):\n%s", err, out)
	}
	if _, err := Put([]byte(draftWhole), "", []byte(text)); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("the same name: %v", err)
	}
	if _, err := Put([]byte(draftWhole), "", []byte("rules: []\n")); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("no rule: %v", err)
	}
	out, err = Put([]byte("rules: []\n"), "", []byte(text))
	if err != nil || !strings.Contains(string(out), "rules:\n  - name: w\n") || !strings.Contains(string(out), "rule: w") {
		t.Errorf("the first (%v):\n%s", err, out)
	}
}

// Faults stand where they are in the part that is changed.
func TestPlaced(t *testing.T) {
	file := "# x\n\nrules:\n  - name: w\n    match: {path: /usr/bin/w, args: [a, {any: true}]}\n    then: no\n"
	whole, err := Put([]byte(draftWhole), "w", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	_, faults := Parse(whole)
	got := Placed(whole, []byte(file), faults)
	if len(got) != 2 || got[0].Line != 0 || !strings.Contains(got[0].Text, "odd") || got[1].Line != 6 || got[1].Col != 11 {
		t.Errorf("placed: %+v", got)
	}
}

// The phrase says what a rule is about, in the author's words.
func TestWhat(t *testing.T) {
	set, faults := Parse([]byte(`rules:
  - name: a
    match: {path: /usr/bin/apt, args: [update, {any: true}, {rest: true}], user: [ada, bo], endpoint: {labels: {role: web}}}
    then: require
    require: {stages: [{team: T, quorum: 2}], ticket: 'INC-\d+'}
    limits: {duration: 1h, hours: "Mon-Fri 07:00-20:00"}
`))
	if set == nil {
		t.Fatal(faults)
	}
	r := set.Rules()[0]
	if got, want := r.What(), "/usr/bin/apt update ‹any› and any further by ada or bo on endpoints with role=web"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := strings.Join(r.Terms(), ", "), `2 of T, ticket INC-\d+, 1h at most, Mon-Fri 07:00-20:00`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDraftsAreBounded: who may read rules can not keep the controller busy with
// a draft of very many values: it is refused, or written at once.
func TestDraftsAreBounded(t *testing.T) {
	list := func(n int, prefix string) (string, []any) {
		var text strings.Builder
		values := make([]any, n)
		text.WriteString("rules:\n  - name: a\n    match: {path: /usr/bin/id}\n    then: require\nx: [")
		for i := range n {
			fmt.Fprintf(&text, "%d, ", i)
			values[i] = prefix + strconv.Itoa(i)
		}
		return text.String() + "0]\n", values
	}
	large, values := list(maxDraft, "v")
	if _, err := Fields([]byte(large)); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("fields of too many values: %v", err)
	}
	if _, err := SetFields([]byte(large), map[string]any{}); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("a text of too many values: %v", err)
	}
	if _, err := SetFields(nil, map[string]any{"x": values}); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("too many values: %v", err)
	}
	if _, err := Put([]byte("rules: []\n"), "", []byte(large)); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("a file of too many values: %v", err)
	}
	text, values := list(maxDraft-100, "v")
	fields, err := Fields([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	fields["x"] = values
	begun := time.Now()
	out, err := SetFields([]byte(text), fields)
	if took := time.Since(begun); err != nil || took > 10*time.Second {
		t.Errorf("as many as there may be took %v: %v", took, err)
	}
	if again, err := Fields(out); err != nil || len(again["x"].([]any)) != len(values) {
		t.Errorf("written anew: %v", err)
	}
}
