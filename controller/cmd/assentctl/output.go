package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/goccy/go-yaml"
	"golang.org/x/term"

	"github.com/assent-epm/assent/shared/inert"
)

// column is one column of a table of T.
type column[T any] struct {
	name  string
	text  func(T) string
	short func(T) string   // in tables, nil = text
	tight func(T) string   // in tables that must fit a terminal, nil = short
	lines func(T) []string // below each other where one object is shown, nil = text
	more  bool             // only with --columns
}

// write gives do the place where output goes. A file is touched only once all of
// it is there.
func (a *app) write(do func(io.Writer) error) error {
	if a.output == "" {
		return do(a.out)
	}
	var b bytes.Buffer
	if err := do(&b); err != nil {
		return err
	}
	if err := os.WriteFile(a.output, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// list prints rows in the chosen format; id gives the id of a row.
func list[T any](a *app, rows []T, id func(T) string, cols []column[T]) error {
	return a.write(func(w io.Writer) error {
		switch a.format {
		case "json":
			return writeJSON(w, rows, true)
		case "jsonl":
			for _, r := range rows {
				if err := writeJSON(w, r, false); err != nil {
					return err
				}
			}
			return nil
		case "yaml":
			return writeYAML(w, rows)
		case "id":
			for _, r := range rows {
				if _, err := fmt.Fprintln(w, inert.Text(id(r))); err != nil {
					return err
				}
			}
			return nil
		}
		shown, err := choose(a.columns, cols)
		if err != nil {
			return err
		}
		if a.format == "csv" {
			return writeCSV(w, rows, shown, a.headless)
		}
		fit := a.terminal()
		if a.columns != "" {
			fit = 0
		}
		return writeTable(w, rows, shown, table{bare: a.quiet || a.headless, fit: fit, colour: a.colours()})
	})
}

// view prints one object: its columns below each other, or the object itself.
func view[T any](a *app, row T, id func(T) string, cols []column[T]) error {
	switch a.format {
	case "json", "jsonl":
		return a.write(func(w io.Writer) error { return writeJSON(w, row, a.format == "json") })
	case "yaml":
		return a.write(func(w io.Writer) error { return writeYAML(w, row) })
	case "csv", "id":
		return list(a, []T{row}, id, cols)
	}
	shown := cols
	if a.columns != "" {
		var err error
		if shown, err = choose(a.columns, cols); err != nil {
			return err
		}
	}
	return a.write(func(w io.Writer) error {
		for _, line := range fields(row, shown, a.columns != "") {
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}

// fields are the columns of one row below each other. What is empty is left out
// unless all is wanted.
func fields[T any](row T, cols []column[T], all bool) []string {
	if !all {
		cols = slices.DeleteFunc(slices.Clone(cols), func(c column[T]) bool { return c.text(row) == "" })
	}
	width := 0
	for _, c := range cols {
		width = max(width, len(c.name))
	}
	var out []string
	for _, c := range cols {
		lines := []string{c.text(row)}
		if c.lines != nil && lines[0] != "" {
			lines = c.lines(row)
		}
		name := c.name
		for _, text := range lines {
			out = append(out, fmt.Sprintf("%-*s  %s", width, name, inert.Text(text)))
			name = ""
		}
	}
	return out
}

func choose[T any](names string, cols []column[T]) ([]column[T], error) {
	if names == "" {
		return slices.DeleteFunc(slices.Clone(cols), func(c column[T]) bool { return c.more }), nil
	}
	var shown []column[T]
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(cols, func(c column[T]) bool { return c.name == strings.TrimSpace(name) })
		if i < 0 {
			var known []string
			for _, c := range cols {
				known = append(known, c.name)
			}
			return nil, usage(fmt.Sprintf("there is no column %q", name), "columns: "+strings.Join(known, " "))
		}
		shown = append(shown, cols[i])
	}
	return shown, nil
}

// maxCell is how wide a cell of a table gets where there is no terminal: a script
// gets what is there, and nothing that could fill its memory.
const maxCell = 4096

// terminal is how wide tables are at most on the terminal; 0 where there is none.
func (a *app) terminal() int {
	if f, ok := a.out.(*os.File); ok && a.output == "" {
		if wide, _, err := term.GetSize(int(f.Fd())); err == nil && wide > 0 {
			return max(wide, 80)
		}
	}
	return 0
}

// minCell is what is left of a column at least when a table is made to fit.
const minCell = 5

// narrow makes the widest columns narrower until the table fits.
func narrow(width []int, gap, fit int) {
	total := func() int {
		n := gap * (len(width) - 1)
		for _, w := range width {
			n += w
		}
		return n
	}
	for fit > 0 && total() > fit {
		widest := 0
		for i, w := range width {
			if w > width[widest] {
				widest = i
			}
		}
		if width[widest] <= minCell {
			return
		}
		width[widest]--
	}
}

// table says how a table is drawn.
type table struct {
	bare   bool // without the names of the columns
	fit    int  // at most so wide, 0 = as wide as it gets
	colour bool
}

// writeTable prints rows below each other.
func writeTable[T any](w io.Writer, rows []T, cols []column[T], how table) error {
	widest := max(maxCell, how.fit)
	var lines [][]string
	if !how.bare {
		head := []string{}
		for _, c := range cols {
			head = append(head, strings.ToUpper(c.name))
		}
		lines = append(lines, head)
	}
	for _, r := range rows {
		cells := []string{}
		for _, c := range cols {
			text := c.text
			if c.short != nil {
				text = c.short
			}
			if how.fit > 0 && c.tight != nil {
				text = c.tight
			}
			cells = append(cells, cut(inert.Text(text(r)), widest))
		}
		lines = append(lines, cells)
	}
	width := make([]int, len(cols))
	for _, l := range lines {
		for i, cell := range l {
			width[i] = max(width[i], lipgloss.Width(cell))
		}
	}
	narrow(width, 2, how.fit)
	for n, l := range lines {
		var b strings.Builder
		gap := 0
		for i, cell := range l {
			cell = cut(cell, width[i])
			b.WriteString(strings.Repeat(" ", gap))
			gap = width[i] - lipgloss.Width(cell) + 2
			if how.colour && cell != "" {
				cell = tint(n == 0 && !how.bare, cols[i].name, cell)
			}
			b.WriteString(cell)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// colours says whether tables have them: on a terminal that knows them, unless
// somebody does not want them.
func (a *app) colours() bool {
	return a.terminal() > 0 && !a.plain && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}

// tint gives a word of a table its colour. What it says stands there without it.
func tint(head bool, name, cell string) string {
	colour := map[string]string{
		"pending": "33", "active": "32", "available": "32", "approved": "32", "denied": "31", "revoked": "31", "expired": "2", "ended": "2", "cancelled": "2",
		"urgent": "1;31", "high": "31", "enforce": "32", "observe": "33", "failed": "31", "warning": "33", "ok": "32",
	}[cell]
	switch {
	case head:
		colour = "2"
	case name == "caution":
		colour = "33"
	case name != "status" && name != "state" && name != "priority" && name != "mode" && name != "result":
		colour = ""
	}
	if colour == "" {
		return cell
	}
	return "\x1b[" + colour + "m" + cell + "\x1b[0m"
}

// cut shortens inert text to so many cells of a terminal.
func cut(s string, n int) string {
	if lipgloss.Width(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	wide, end := 0, 0
	for i, r := range s {
		wide += lipgloss.Width(string(r))
		if wide > n-1 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	return s[:end] + "…"
}

// writeCSV prefixes cells that a spreadsheet would run as a formula.
func writeCSV[T any](w io.Writer, rows []T, cols []column[T], headless bool) error {
	out := csv.NewWriter(w)
	head := []string{}
	for _, c := range cols {
		head = append(head, c.name)
	}
	if !headless {
		if err := out.Write(head); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	for _, r := range rows {
		cells := []string{}
		for _, c := range cols {
			cell := inert.Text(c.text(r))
			if begin, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", begin) {
				cell = "'" + cell
			}
			cells = append(cells, cell)
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

// writeJSON writes one value with everything a terminal could act on escaped.
func writeJSON(w io.Writer, v any, indent bool) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	var out strings.Builder
	for _, r := range b.String() {
		switch {
		case r == '\n' || r < utf8.RuneSelf && r != 0x7f || unicode.IsPrint(r):
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func writeYAML(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write yaml: %w", err)
	}
	out, err := yaml.JSONToYAML(raw)
	if err != nil {
		return fmt.Errorf("write yaml: %w", err)
	}
	return writeLines(w, string(out))
}

// say prints a line for people, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.out, format+"\n", args...)
	}
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// str is a text that may be missing.
func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// when is a time as it is here, with how far here is from UTC.
func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Local().Format(time.RFC3339)
}

// span is a duration as people read it: two units at most.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// pairs are labels as k=v.
func pairs(m map[string]string) string {
	list := []string{}
	for k, v := range m {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// writeLines prints text with several lines, each made safe.
func writeLines(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, inert.Text(strings.TrimRight(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}
