package cel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

func compiler(t testing.TB) *Conditions {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func input() rules.Input {
	return rules.Input{
		Attempt: elevation.Attempt{AccessType: elevation.Run,
			User:    elevation.User{Name: "dina", UID: "1001", Groups: []string{"dina", "developers"}},
			Subject: elevation.Subject{Path: "/usr/bin/apt", Args: []string{"update"}, RunAs: "root", Size: 12, Publisher: elevation.Publisher{Name: "P"}}},
		Endpoint: rules.Endpoint{Name: "ubu-0810", OS: "linux", Labels: map[string]string{"role": "workstation"},
			Reported: map[string]string{"site": "berlin"}},
		Justification: "weekly update", Ticket: "INC-12", Priority: elevation.High,
	}
}

func TestHolds(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		source string
		want   bool
		fails  bool // an error when evaluated
	}{
		{source: `user.groups.exists(g, g == "developers")`, want: true},
		{source: `user.groups.exists(g, g == "admins")`},
		{source: `"developers" in user.groups`, want: true},
		{source: `subject.path == "/usr/bin/apt" && subject.args == ["update"] && subject.run_as == "root"`, want: true},
		{source: `subject.args.all(a, a.matches("^[a-z]+$"))`, want: true},
		{source: `size(subject.args) == 1 && subject.size < 100`, want: true},
		{source: `subject.publisher.name == "P" && subject.publisher.thumbprint == ""`, want: true},
		{source: `endpoint.labels.role == "workstation" && endpoint.os == "linux"`, want: true},
		{source: `endpoint.labels["role"].startsWith("work")`, want: true},
		{source: `has(endpoint.labels.missing)`},
		{source: `"missing" in endpoint.labels`},
		{source: `endpoint.labels.missing == "x"`, fails: true},
		{source: `ticket.matches("^INC-[0-9]+$") && priority == "high" && access_type == "run"`, want: true},
		{source: `justification.contains("update")`, want: true},
		{source: `now.getHours("Europe/Berlin") == 13 && now > timestamp("2026-01-01T00:00:00Z")`, want: true},
		{source: `now.getHours("Mars/Base") == 13`, fails: true},
		{source: `1 / (size(user.name) - 4) == 1`, fails: true},
		{source: `int(user.name) == 1`, fails: true},
		{source: `user.groups[7] == "x"`, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			for _, approving := range []bool{true, false} {
				c, err := compiler(t).Compile(tt.source, approving)
				if err != nil {
					t.Fatal(err)
				}
				got, _, err := c.Holds(input(), noon)
				if got != tt.want || (err != nil) != tt.fails {
					t.Errorf("approving %v: got %v, %v", approving, got, err)
				}
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct {
		name, source string
		want         string // part of the error
	}{
		{"syntax", `user.groups.exists(`, "column"},
		{"unknown variable", `usr.name == "x"`, "usr"},
		{"unknown field", `user.grups == []`, "grups"},
		{"type confusion", `user.groups == "developers"`, "no matching overload"},
		{"number and text", `subject.size == "1"`, "no matching overload"},
		{"not a truth", `user.name`, "must be true or false"},
		{"always dynamic", `dyn(user.name)`, "must be true or false"},
		{"empty", ``, "column"},
		{"1 MB", strings.Repeat("a", 1<<20), "longer"},
		{"loops in loops", `subject.args.all(a, subject.args.all(b, subject.args.all(c, subject.args.all(d, a + b == c + d))))`, "too long"},
		{"eight loops over a literal", nested(8), "too long"},
		{"deep brackets", strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), ""},
		{"many terms that grow", `subject.args.map(a, subject.args.map(b, a + b)).size() > 3 && subject.args.map(a, subject.args.map(b, subject.args.map(c, a))).size() > 1`, "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			started := time.Now()
			c, err := compiler(t).Compile(tt.source, true)
			if err == nil || c != nil {
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want something with %q", err, tt.want)
			}
			if d := time.Since(started); d > 5*time.Second {
				t.Errorf("it took %v to refuse", d)
			}
		})
	}
}

func nested(n int) string {
	list := "[1,2,3,4,5,6,7,8,9,10]"
	s := "x0 > 0"
	for i := range n {
		s = list + ".all(x" + string(rune('0'+i)) + ", " + s + ")"
	}
	return s
}

// Conditions of approving rules can not even name what an endpoint says of
// itself; the others can.
func TestReportedIsNotForApproving(t *testing.T) {
	const source = `endpoint.reported.site == "berlin"`
	if _, err := compiler(t).Compile(source, true); err == nil {
		t.Error("an approving condition sees endpoint.reported")
	}
	c, err := compiler(t).Compile(source, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := c.Holds(input(), time.Time{}); !got || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

// A loop inside a loop is refused when it is compiled; an attempt that is far
// larger than the estimate assumes ends in an error and not in a long wait.
func TestCostLimitHolds(t *testing.T) {
	if _, err := compiler(t).Compile(`subject.args.all(a, subject.args.exists(b, b == a))`, true); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a loop inside a loop: %v", err)
	}
	wide, err := compiler(t).Compile(`subject.args.all(a, a.matches("(a|aa|aaa)*b?") && a.contains("a") && a.matches("a*a*a*a*a*"))`, true)
	if err != nil {
		t.Fatal(err)
	}
	in := input()
	for range elevation.MaxArgs {
		in.Attempt.Subject.Args = append(in.Attempt.Subject.Args, strings.Repeat("a", 4000))
	}
	if _, _, err := wide.Holds(in, time.Time{}); err == nil {
		t.Error("16 MB of arguments were matched without reaching a limit")
	}
}

func TestErrorsNeverApprove(t *testing.T) {
	const text = `rules:
- name: a
  match: {path: /usr/bin/apt, args: [update]}
  when: endpoint.labels.missing == "x" || 1 / size(endpoint.labels.role) == 0
  then: %s
`
	for then, want := range map[string]rules.Kind{"approve": rules.Ask, "deny": rules.Ask, "require": rules.Ask} {
		set, faults := rules.Parse([]byte(strings.Replace(text, "%s", then, 1)), rules.WithConditions(compiler(t)))
		if set == nil {
			t.Fatal(faults)
		}
		in := input()
		in.Endpoint.Labels = map[string]string{"role": ""}
		o := set.Evaluate(in, time.Now())
		if o.Kind != want || len(o.Trace) != 1 || o.Trace[0].Matched || !strings.Contains(o.Trace[0].Why, "could not be evaluated") {
			t.Errorf("%s: got %v, %v", then, o.Kind, o.Trace)
		}
	}
}

func TestDesignExample(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "design.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	set, faults := rules.Parse(raw, rules.WithConditions(compiler(t)))
	if set == nil || len(faults) != 0 {
		t.Fatal(faults)
	}
	if failed := set.Test(); len(failed) != 0 {
		t.Error(failed)
	}
}

// An attempt without lists and labels is an empty one, not an error.
func TestEmptyInput(t *testing.T) {
	for _, source := range []string{`user.groups.exists(g, g == "x")`, `"x" in endpoint.labels`, `size(subject.args) > 0`} {
		c, err := compiler(t).Compile(source, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := c.Holds(rules.Input{}, time.Time{}); got || err != nil {
			t.Errorf("%s: got %v, %v", source, got, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`user.groups.exists(g, g == "x")`, `subject.args.all(a, a.matches("("))`, `1/0 == 1`, `now - now < duration("1s")`,
		`[[[[1]]]].all(x, x == x)`, `endpoint.labels.map(k, k).size() > 0`, `cel.Subject{path: "x"}.path == "x"`, `b"\xff" == b""`, `"\u0000" == ""`} {
		f.Add(s)
	}
	c := compiler(f)
	f.Fuzz(func(t *testing.T, source string) {
		for _, approving := range []bool{true, false} {
			cond, err := c.Compile(source, approving)
			if err != nil {
				continue
			}
			started := time.Now()
			if held, _, err := cond.Holds(input(), time.Unix(0, 0)); err != nil && held {
				t.Fatal("an error that holds")
			}
			if time.Since(started) > 5*time.Second {
				t.Fatalf("%q took %v", source, time.Since(started))
			}
		}
	})
}
