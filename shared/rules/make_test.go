package rules_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/cel"
)

func asked(path string, args ...string) rules.Input {
	return rules.Input{Attempt: elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: "o'dina", UID: "1001"},
		Subject: elevation.Subject{Path: path, Args: args, RunAs: "root", SHA256: strings.Repeat("a", 64)}},
		Endpoint: rules.Endpoint{ID: "ep_1", Labels: map[string]string{"role": "it's"}}}
}

// A made rule can be read, its test holds, it approves what it was made from, and
// nothing that differs in any way.
func TestMake(t *testing.T) {
	conditions, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]rules.Input{
		"plain":         asked("/usr/bin/apt", "update"),
		"no arguments":  asked("/usr/bin/id"),
		"odd arguments": asked("/usr/bin/id", "", "a b", "'", "#x", "{any: true}", "ünï", "- x", "1"),
		"no labels":     func() rules.Input { in := asked("/usr/bin/id"); in.Endpoint.Labels = nil; return in }(),
		"another run_as": func() rules.Input {
			in := asked("/usr/bin/id")
			in.Attempt.Subject.RunAs = "postgres"
			return in
		}(),
		"user writable": func() rules.Input {
			in := asked("/home/dina/tool", "x")
			in.Attempt.Subject.Marks = []string{elevation.MarkUserWritable}
			return in
		}(),
		"a shell's script": asked("/usr/bin/bash", "/usr/local/sbin/x"),
		"a secret":         asked("/usr/bin/id", "--token", "***"),
	} {
		t.Run(name, func(t *testing.T) {
			text, err := rules.Make(in, "From a request.", time.Hour, func(n elevation.RuleID) bool { return !strings.Contains(string(n), "again3") })
			if err != nil {
				t.Fatal(err)
			}
			set, faults := rules.Parse([]byte(text), rules.WithConditions(conditions))
			if set == nil {
				t.Fatalf("%v in\n%s", faults, text)
			}
			if failed := set.Test(); len(failed) > 0 {
				t.Errorf("%v in\n%s", failed, text)
			}
			now := time.Now()
			if o := set.Evaluate(in, now); o.Kind != rules.Approve || o.Limits.Duration != time.Hour || !strings.Contains(string(o.Name), "again3") {
				t.Errorf("%v by %s in\n%s", o.Kind, o.Name, text)
			}
			for what, change := range map[string]func(*rules.Input){
				"another user":     func(in *rules.Input) { in.Attempt.User.Name = "bo" },
				"another argument": func(in *rules.Input) { in.Attempt.Subject.Args = append([]string{"x"}, in.Attempt.Subject.Args...) },
				"another program":  func(in *rules.Input) { in.Attempt.Subject.Path += "2" },
				"another place": func(in *rules.Input) {
					in.Endpoint.ID, in.Endpoint.Labels = "ep_2", nil
				},
				"a session": func(in *rules.Input) { in.Attempt.AccessType = elevation.Session },
			} {
				other := in
				change(&other)
				if set.Evaluate(other, now).Kind == rules.Approve {
					t.Errorf("%s is approved by\n%s", what, text)
				}
			}
		})
	}
}

func TestMakeRefuses(t *testing.T) {
	marked := func(in rules.Input, marks ...string) rules.Input { in.Attempt.Subject.Marks = marks; return in }
	session := asked("")
	session.Attempt.AccessType = elevation.Session
	for name, in := range map[string]rules.Input{
		"a session":               session,
		"a shell":                 marked(asked("/usr/bin/bash", "-i"), elevation.MarkShell),
		"dialogs for files":       marked(asked(`C:\Tools\edit.exe`, "x"), elevation.MarkDialogs),
		"another name":            marked(asked("/usr/bin/systemctl"), "called_as:reboot"),
		"unbounded":               asked("/usr/bin/vim"),
		"unbounded with a secret": asked("/usr/bin/env", "X=***", "id"),
		"a control character":     asked("/usr/bin/id", "a\x1b[2J"),
		"a line end in the name":  asked("/usr/bin/i\nd"),
		"user writable, no sha256": func() rules.Input {
			in := marked(asked("/home/x/y"), elevation.MarkUserWritable)
			in.Attempt.Subject.SHA256 = ""
			return in
		}(),
	} {
		if text, err := rules.Make(in, "x", 0, nil); !errors.Is(err, elevation.ErrConflict) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
