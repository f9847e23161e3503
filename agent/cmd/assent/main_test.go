package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

var update = flag.Bool("update", false, "write the golden files")

// assent runs the program with its arguments and returns what it wrote.
func assent(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	files := make([]*os.File, 3)
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "std")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	code = execute(args, local.Streams{In: files[0], Out: files[1], Err: files[2]})
	text := func(f *os.File) string {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	return text(files[1]), text(files[2]), code
}

func TestExitCodesWithoutAnAgent(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ASSENT_RUNTIME", dir)
	for name, c := range map[string]struct {
		args []string
		code int
		text string // of stderr
	}{
		"nothing":               {nil, 0, ""},
		"help":                  {[]string{"--help"}, 0, ""},
		"help of a verb":        {[]string{"run", "--help"}, 0, ""},
		"completion":            {[]string{"completion", "bash"}, 0, ""},
		"no shell":              {[]string{"completion"}, exitUsage, "hint: "},
		"unknown shell":         {[]string{"completion", "foo"}, exitUsage, "hint: "},
		"version":               {[]string{"version"}, 0, ""},
		"version in JSON":       {[]string{"version", "--format", "json"}, 0, ""},
		"an unknown verb":       {[]string{"rum"}, 2, "unknown command"},
		"an unknown flag":       {[]string{"run", "--fast", "id"}, 2, "unknown flag"},
		"no command":            {[]string{"run"}, 2, "no command"},
		"an empty command":      {[]string{"run", "--", ""}, 2, "no command"},
		"a bare number":         {[]string{"run", "--for", "5", "id"}, 2, "no unit"},
		"no time at all":        {[]string{"run", "--wait", "0s", "id"}, 2, "no time at all"},
		"a negative time":       {[]string{"run", "--for", "-5m", "id"}, 2, "whole numbers"},
		"an unknown priority":   {[]string{"run", "--priority", "asap", "id"}, 2, "low, normal, high, urgent"},
		"a standard status":     {[]string{"run", "--status-fd", "1", "id"}, 2, "descriptor of its own"},
		"1 MB of justification": {[]string{"run", "--reason", strings.Repeat("x", 1<<20), "id"}, 2, "at most"},
		"an unknown format":     {[]string{"list", "--format", "xml"}, 2, "formats: table, json"},
		"two ids":               {[]string{"view", "a", "b"}, 2, "hint: usage: assent view ID"},
		"run":                   {[]string{"run", "--", "id"}, 69, dir},
		"an emergency":          {[]string{"run", "--emergency", "--", "id"}, 69, "does not answer"},
		"flags of the command":  {[]string{"run", "id", "--fast"}, 69, "does not answer"},
		"list":                  {[]string{"list"}, 69, "does not answer"},
		"status":                {[]string{"status"}, 69, "does not answer"},
		"cancel":                {[]string{"cancel", "9fd3b7"}, 69, "does not answer"},
		"answer":                {[]string{"answer", "9fd3b7", "because", "of", "it"}, 69, "does not answer"},
		"view of nothing":       {[]string{"view"}, 2, "error: say which request\nhint: assent list shows yours with their ids; the last 6 characters are enough\nhint: usage: assent view ID [flags]\n"},
		"cancel of nothing":     {[]string{"cancel"}, 2, "say which request"},
		"an answer to nothing":  {[]string{"answer"}, 2, "say which request"},
		"half of a code":        {[]string{"offline", "9fd3b7"}, 2, "the id and the code"},
		"no answer":             {[]string{"answer", "9fd3b7"}, 2, "usage: assent answer ID TEXT"},
		"more time":             {[]string{"extend", "9fd3b7", "--for", "30m"}, 69, "does not answer"},
		"no time to extend by":  {[]string{"extend", "9fd3b7"}, 2, "--for 30m"},
		"resubmit":              {[]string{"resubmit", "9fd3b7"}, 69, "does not answer"},
		"remove":                {[]string{"remove", "9fd3b7"}, 69, "does not answer"},
		"portal":                {[]string{"portal"}, 69, "does not answer"},
		"a very long answer":    {[]string{"answer", "9fd3b7", strings.Repeat("x", 5000)}, 2, "at most"},
		"another folder":        {[]string{"status", "--runtime", "/no/such/folder"}, 69, "/no/such/folder/agent.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := assent(t, c.args...)
			if code != c.code || !strings.Contains(stderr, c.text) {
				t.Errorf("exit %d, %q", code, stderr)
			}
			if c.code == 0 && (stderr != "" || stdout == "") || c.code != 0 && (stdout != "" || !strings.HasPrefix(stderr, "error: ")) {
				t.Errorf("stdout %q, stderr %q", stdout, stderr)
			}
		})
	}
}

func TestHelpIsGolden(t *testing.T) {
	var all strings.Builder
	for _, verb := range []string{"", "run", "list", "view", "cancel", "checkin", "answer", "extend", "resubmit", "remove", "portal", "session", "admin", "offline", "status", "doctor", "version"} {
		args := []string{"--help"}
		if verb != "" {
			args = []string{verb, "--help"}
		}
		stdout, _, _ := assent(t, args...)
		all.WriteString("$ assent " + strings.Join(args, " ") + "\n" + stdout + "\n")
	}
	file := filepath.Join("testdata", "help.golden")
	if *update {
		if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != all.String() {
		t.Errorf("help changed (%v); go test -update writes it anew:\n%s", err, all.String())
	}
}

func TestOptions(t *testing.T) {
	opt, err := runFlags{forTime: "15m", wait: "0", priority: "high", as: "bob", statusFD: -1}.options([]string{"id", "-u"}, " from the environment ")
	if err != nil || opt.For != 15*time.Minute || !opt.NoWait || opt.Priority != elevation.High || opt.As != "bob" ||
		opt.Command != "id" || len(opt.Args) != 1 || opt.Reason != "from the environment" {
		t.Errorf("%+v, %v", opt, err)
	}
	if opt, err = (runFlags{reason: "mine", wait: "5m", statusFD: -1}).options([]string{"id"}, "other"); err != nil || opt.Reason != "mine" || opt.Wait != 5*time.Minute || opt.NoWait {
		t.Errorf("%+v, %v", opt, err)
	}
}

func TestFinish(t *testing.T) {
	const id = "req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b7"
	for name, c := range map[string]struct {
		opt            local.RunOptions
		out            local.Outcome
		stdout, stderr string
	}{
		"ran":         {out: local.Outcome{Kind: local.Ran, Exit: 5}},
		"not waiting": {opt: local.RunOptions{NoWait: true}, out: local.Outcome{Kind: local.Kept, Request: id, Text: "kept"}, stdout: id + "\n"},
		"kept":        {out: local.Outcome{Kind: local.Kept, Request: id, Text: "kept as x", Hints: []string{"again"}}, stderr: "kept as x\nhint: again\n"},
		"withdrawn":   {out: local.Outcome{Kind: local.Withdrawn, Text: "withdrawn"}, stderr: "withdrawn\n"},
		"denied":      {out: local.Outcome{Kind: local.Denied, Text: "denied by bo: no"}, stderr: "denied by bo: no\n"},
		"unreachable": {out: local.Outcome{Kind: local.Unreachable, Text: "gone"}, stderr: "error: gone\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var files [2]*os.File
			for i := range files {
				f, err := os.Create(filepath.Join(dir, string(rune('a'+i))))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				files[i] = f
			}
			if code := finish(local.Streams{Out: files[0], Err: files[1]}, c.opt, c.out, -1); code != c.out.Exit {
				t.Errorf("exit %d", code)
			}
			for i, want := range []string{c.stdout, c.stderr} {
				if raw, err := os.ReadFile(files[i].Name()); err != nil || string(raw) != want {
					t.Errorf("wrote %q, %v, want %q", raw, err, want)
				}
			}
		})
	}
}

func TestStatusFD(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := tellStatus(int(w.Fd()), local.Outcome{Kind: local.Ran, Exit: 7, Request: "req_x"}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var got map[string]any
	if err := json.NewDecoder(r).Decode(&got); err != nil || got["outcome"] != "ran" || got["exit"] != 7.0 || got["request"] != "req_x" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTableIsInert(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	items := []local.Item{
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b7", State: "pending", Path: "/usr/bin/id", Args: []string{"-u", "a b", "", "it's", "\x1b[2J"},
			RunAs: "root", At: now.Add(-90 * time.Second), Justification: "line\none\u202e"},
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f111111", State: "ended", Path: "/bin/\x07", RunAs: "bob", At: now.Add(-50 * time.Hour)},
	}
	var b bytes.Buffer
	if err := table(&b, items, now); err != nil {
		t.Fatal(err)
	}
	want := "ID      STATE    AGE  AS    COMMAND                                          REASON\n" +
		"9fd3b7  pending  1m   root  /usr/bin/id -u 'a b' '' 'it'\\''s' '\\x1b[2J'       line\\none\\u{202e}\n"
	if got := b.String(); strings.ContainsAny(got, "\x1b\x07\u202e") || strings.Count(got, "\n") != 3 ||
		!strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")) {
		t.Errorf("%s", got)
	}
	b.Reset()
	if err := details(&b, items[0]); err != nil || strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("%s, %v", b.String(), err)
	}
	b.Reset()
	if err := table(&b, nil, now); err != nil || b.String() != "no requests\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestOfStatus(t *testing.T) {
	items := []local.Item{{State: "pending"}, {State: "active"}, {State: "available"}, {State: "denied"}}
	for status, want := range map[string]int{"": 4, "all": 4, "pending": 1, "available": 2, "active": 1, "pending,denied": 2, "other": 0} {
		if got := ofStatus(items, status); len(got) != want || got == nil {
			t.Errorf("%q: %v", status, got)
		}
	}
}

// TestListSaysWhatMoves: who looks at a request, until when an approval is good,
// when what is in use ends; nothing of what somebody else wrote reaches the
// terminal as it is.
func TestListSaysWhatMoves(t *testing.T) {
	until := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	if err := standing(&b, []local.Item{
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f000001", State: "pending", SeenBy: "bo\x1b[2J"},
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f000002", State: "pending"},
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f000003", State: "available", By: "cy", Until: until},
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f000004", State: "active", Until: until},
		{ID: "req_01a1fffc-7b9d-7152-a85a-4e800f000005", State: "ended", Until: until},
	}); err != nil {
		t.Fatal(err)
	}
	want := "\n000001: bo\\x1b[2J is looking at it\n000003: approved by cy; run the same command before " + stamp(until) + "\n000004: it ends at " + stamp(until) + "\n"
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
}

// TestCodesThatAreNot: who asks for codes where there are none reads of codes, and
// of no request.
func TestCodesThatAreNot(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		code int
		text string
		hint string
	}{
		"not switched on": {fmt.Errorf("%w: %s", local.ErrConflict, local.CodesOff), exitState, "codes are not switched on for this machine",
			"an administrator switches them on in its policy, with offline: {codes: true}, by assentctl policy set"},
		"no key":      {fmt.Errorf("%w: there is no key for codes", local.ErrConflict), exitState, "there is no key for codes", "what to do"},
		"for nothing": {local.ErrNotFound, exitMissing, "nothing of yours waits for a code under that id", "what to do"},
		"no agent":    {local.ErrNoAgent, exitNoAgent, local.ErrNoAgent.Error(), "is assent-agent running? ASSENT_RUNTIME names its folder"},
	} {
		t.Run(name, func(t *testing.T) {
			var f *failure
			if !errors.As(withoutCode(row.err, "what to do"), &f) || f.code != row.code || f.text != row.text || strings.Join(f.hints, "\n") != row.hint {
				t.Errorf("%+v", f)
			}
		})
	}
}

// Who speaks with an agent of another version, or one that serves no more of
// theirs, is told what to do.
func TestAgentsThatDoNotServe(t *testing.T) {
	for err, row := range map[error]struct {
		code int
		hint string
	}{
		local.ErrVersion: {exitUsage, "restart the agent's service"},
		local.ErrBusy:    {exitFailed, "end an assent command that waits"},
	} {
		var f *failure
		if !errors.As(explained(fmt.Errorf("%w: why", err)), &f) || f.code != row.code || !strings.HasPrefix(f.text, err.Error()) || !strings.Contains(strings.Join(f.hints, ""), row.hint) {
			t.Errorf("%v: %+v", err, f)
		}
	}
}
