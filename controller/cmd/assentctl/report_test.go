package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

func TestTimesOfReports(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"30d": "2026-10-23T12:00:00Z", "90m": "2026-11-22T10:30:00Z", "2026-11-01": "2026-11-01T00:00:00Z",
		"2026-11-01T08:00:00+02:00": "2026-11-01T06:00:00Z"} {
		got, err := timeOf(text, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "30", "-3d", "2026-13-01"} {
		if got, err := timeOf(text, now); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

func TestReportsAreInertInEveryFormat(t *testing.T) {
	r := client.Report{Name: "x", Columns: []string{"user", "what"}, Notes: []string{"a\x1b[2Jnote"},
		Rows: [][]string{{"=1+1", "a\x1b[2J\u202eb\nc"}, {"＝2", "-3"}, {"short"}}}
	for _, format := range []string{"table", "csv", "json", "jsonl", "yaml", "id"} {
		var out, errs bytes.Buffer
		a := &app{out: &out, err: &errs, format: format}
		if err := a.printReport(r); err != nil {
			t.Fatal(format, err)
		}
		if all := out.String() + errs.String(); strings.ContainsAny(all, "\x1b\u202e") {
			t.Errorf("%s lets control characters through: %q", format, all)
		}
		if format == "csv" && out.String() != "user,what\n'=1+1,a\\x1b[2J\\u{202e}b\\nc\n'＝2,'-3\nshort,\n" {
			t.Errorf("csv is %q", out.String())
		}
	}
}
