package main

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// longestTyped is how long a comment gets; the controller takes no more.
const longestTyped = 2000

// entry is a line that somebody types.
type entry struct {
	title, what string
	ready       []string // texts to choose from
	chosen      int      // of ready, 1 = the first
	typed       []rune
	at          int
	needed      bool
	done        func(s *screen, text string) tea.Cmd
}

func (e *entry) press(s *screen, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		s.over = nil
	case "enter", "ctrl+enter":
		text := strings.TrimSpace(string(e.typed))
		if e.needed && text == "" {
			s.say("type something first, or Esc to go back")
			return nil
		}
		s.over = nil
		return e.done(s, text)
	case "down", "up":
		e.choose(k.String() == "down")
	default:
		e.edit(k)
	}
	return nil
}

// choose takes the next ready text.
func (e *entry) choose(down bool) {
	if len(e.ready) == 0 {
		return
	}
	if e.chosen--; down {
		e.chosen += 2
	}
	e.chosen = max(min(e.chosen, len(e.ready)), 1)
	e.typed = []rune(e.ready[e.chosen-1])
	e.at = len(e.typed)
}

// edit changes the text at the cursor.
func (e *entry) edit(k tea.KeyPressMsg) {
	switch k.String() {
	case "backspace":
		if e.at > 0 {
			e.typed = append(e.typed[:e.at-1:e.at-1], e.typed[e.at:]...)
			e.at--
		}
	case "delete":
		if e.at < len(e.typed) {
			e.typed = append(e.typed[:e.at:e.at], e.typed[e.at+1:]...)
		}
	case "left":
		e.at = max(e.at-1, 0)
	case "right":
		e.at = min(e.at+1, len(e.typed))
	case "home", "ctrl+a":
		e.at = 0
	case "end", "ctrl+e":
		e.at = len(e.typed)
	case "ctrl+u":
		e.typed, e.at = e.typed[e.at:], 0
	case "ctrl+w":
		from := len([]rune(strings.TrimRight(string(e.typed[:e.at]), " ")))
		from = len([]rune(string(e.typed[:from])[:strings.LastIndex(string(e.typed[:from]), " ")+1]))
		e.typed, e.at = append(e.typed[:from:from], e.typed[e.at:]...), from
	default:
		e.paste(k.Text)
	}
}

// paste puts a text where the cursor is, on the one line.
func (e *entry) paste(text string) {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	more := []rune(text)
	more = more[:min(len(more), max(longestTyped-len(e.typed), 0))]
	e.typed = append(append(append([]rune{}, e.typed[:e.at]...), more...), e.typed[e.at:]...)
	e.at += len(more)
}

// line is the text with its cursor, scrolled so that the cursor is seen.
func (e *entry) line(s *screen, wide int) string {
	before, after := inert.Text(string(e.typed[:e.at])), inert.Text(string(e.typed[e.at:]))
	under, rest := " ", ""
	if after != "" {
		r := []rune(after)
		under, rest = string(r[0]), string(r[1:])
	}
	for lipgloss.Width(before) > wide-2 {
		before = string([]rune(before)[1:])
	}
	rest = cut(rest, max(wide-lipgloss.Width(before)-lipgloss.Width(under), 0))
	return before + s.look().cursor.Render(under) + rest
}

func (e *entry) draw(s *screen, wide, _ int) []string {
	inner := boxInner(wide)
	lines := wrapped(e.what, inner)
	lines = append(lines, "", s.look().accent.Render(s.glyph("›", ">"))+" "+e.line(s, inner-2))
	if len(e.ready) > 0 {
		lines = append(lines, "")
		for i, text := range e.ready[:min(len(e.ready), 6)] {
			line := "  " + cut(inert.Text(text), inner-2)
			if i == e.chosen-1 {
				line = s.look().strong.Render(s.glyph("▸", ">") + line[1:])
			} else {
				line = s.look().mute.Render(line)
			}
			lines = append(lines, line)
		}
		lines = append(lines, s.look().mute.Render("Up and Down take one of these"))
	}
	return s.box(e.title, lines, wide)
}

func (e *entry) legend(s *screen) string { return s.keys("Enter", "send", "Esc", "back") }

// sure asks before several requests are answered.
type sure struct {
	title, what string
	done        func(s *screen) tea.Cmd
}

func (q *sure) press(s *screen, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "y": // not Enter, which a stray word may end with
		s.over = nil
		return q.done(s)
	case "n", "esc", "q":
		s.over = nil
		s.say("nothing was done")
	}
	return nil
}

func (q *sure) draw(s *screen, wide, _ int) []string {
	lines := append(wrapped(q.what, boxInner(wide)), "", s.keys("Y", "yes", "N", "no, nothing is done"))
	return s.box(q.title, lines, wide)
}

func (q *sure) legend(s *screen) string { return s.keys("Y", "yes", "N", "no") }

// choices is approving with a time, how long it lasts, and a comment.
type choices struct {
	ids     []string
	title   string
	on      int // the line that the keys are about
	spans   []string
	lasts   []string
	at      [2]int
	comment entry
}

func newChoices(s *screen, ids []string) *choices {
	return &choices{ids: ids, title: "Approve" + s.subject(ids),
		spans: []string{"as asked", "15m", "30m", "1h", "2h", "4h", "8h"}, lasts: []string{"once", "8h", "1d", "7d"}}
}

func (c *choices) press(s *screen, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		s.over = nil
	case "enter", "ctrl+enter":
		s.over = nil
		return c.send(s)
	case "down", "tab":
		c.on = (c.on + 1) % 3
	case "up", "shift+tab":
		c.on = (c.on + 2) % 3
	case "left", "right":
		if c.on == 2 {
			c.comment.edit(k)
			return nil
		}
		n := len(c.spans)
		if c.on == 1 {
			n = len(c.lasts)
		}
		by := 1
		if k.String() == "left" {
			by = n - 1
		}
		c.at[c.on] = (c.at[c.on] + by) % n
	default:
		if c.on == 2 {
			c.comment.edit(k)
		}
	}
	return nil
}

func (c *choices) paste(text string) {
	if c.on == 2 {
		c.comment.paste(text)
	}
}

func (c *choices) send(s *screen) tea.Cmd {
	in := client.Answer{Comment: strings.TrimSpace(string(c.comment.typed))}
	if c.at[0] > 0 {
		d, err := elevation.ParseDuration(c.spans[c.at[0]])
		if err != nil {
			s.complain(err)
			return nil
		}
		in.DurationSeconds = int64(d.Seconds())
	}
	if c.at[1] > 0 {
		in.Lasts = c.lasts[c.at[1]]
	}
	return s.confirmed("approve", c.ids, in)
}

func (c *choices) draw(s *screen, wide, _ int) []string {
	l := s.look()
	row := func(on int, name, value string) string {
		mark := "  "
		if c.on == on {
			mark = l.accent.Render(s.glyph("▸ ", "> "))
		}
		return mark + l.mute.Render(pad(name, 16)) + value
	}
	pickFrom := func(on int, all []string) string {
		var out []string
		for i, text := range all {
			switch {
			case i != c.at[on]:
				text = l.mute.Render(" " + text + " ")
			case c.on == on:
				text = l.focus.Bold(true).Render("[" + text + "]")
			default:
				text = l.strong.Render("[" + text + "]")
			}
			out = append(out, text)
		}
		return strings.Join(out, "")
	}
	comment := inert.Text(string(c.comment.typed))
	if c.on == 2 {
		comment = c.comment.line(s, boxInner(wide)-21)
	} else {
		comment = cut(comment, boxInner(wide)-21)
	}
	lines := []string{row(0, "For", pickFrom(0, c.spans)), row(1, "Approved again", pickFrom(1, c.lasts)), row(2, "Comment", " "+comment)}
	return s.box(c.title, lines, wide)
}

func (c *choices) legend(s *screen) string {
	return s.keys("Left/Right", "choose", "Up/Down", "line", "Enter", "approve", "Esc", "back")
}

// help shows every key.
type help struct{}

func (*help) press(s *screen, _ tea.KeyPressMsg) tea.Cmd {
	s.over = nil
	return nil
}

func (*help) legend(s *screen) string { return s.keys("any key", "back") }

func (*help) draw(s *screen, wide, _ int) []string {
	all := [][2]string{{"J K", "move, also by arrows, Page Up, Page Down, Home, End"}, {"X", "select; Shift+J and Shift+K select on the way"},
		{"A", "approve"}, {"Shift+A", "approve with a time, for again, with a comment"}, {"D", "deny, with a comment"}, {"C", "ask the requester something"},
		{"E", "escalate: one more team may answer"}, {"L", "claim: say that you look at it"}, {"Z", "take the last answer back"},
		{"R", "make a rule of the request"}, {"Enter", "everything about it"}, {".", "show the new ones"}, {"/", "search"}, {"Esc", "back; then nothing selected; then no search"}, {"Q", "quit"}}
	var lines []string
	for _, k := range all {
		lines = append(lines, s.look().accent.Render(pad(k[0], 9))+cut(k[1], max(boxInner(wide)-9, 8)))
	}
	return s.box("Keys", lines, wide)
}
