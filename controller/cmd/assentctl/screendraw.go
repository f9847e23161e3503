package main

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/inert"
)

// Widths at which the screen has another shape.
const (
	besideFrom = 132 // details stand beside the list, else below it
	belowFrom  = 18  // lines: lower ones have no details
	paneLines  = 6
)

// look are the colours. What they say stands in words beside them, so that the
// screen is whole without.
type look struct {
	text, mute, strong, accent, ok, no, warn, focus, picked, head, alarm, cursor lipgloss.Style
}

func (s *screen) look() look {
	pick := func(light, dark string) color.Color {
		if s.light {
			return lipgloss.Color(light)
		}
		return lipgloss.Color(dark)
	}
	st := lipgloss.NewStyle
	fore := func(light, dark string) lipgloss.Style { return st().Foreground(pick(light, dark)) }
	return look{
		text: st(), mute: fore("#5f5f5f", "#9e9e9e"), strong: st().Bold(true), accent: fore("#3b5bdb", "#7c9cff").Bold(true),
		ok: fore("#18794e", "#4cc38a"), no: fore("#c62a2f", "#ff8589"), warn: fore("#8a5300", "#f5b544"),
		focus: st().Background(pick("#e8edff", "#1d2647")), picked: fore("#3b5bdb", "#7c9cff"),
		head: fore("#5f5f5f", "#9e9e9e"), alarm: st().Background(pick("#f5b544", "#f5b544")).Foreground(lipgloss.Color("#14161b")).Bold(true),
		cursor: st().Reverse(true),
	}
}

// glyph is the nicer of two where the terminal can show it.
func (s *screen) glyph(nice, plain string) string {
	if s.rude {
		return plain
	}
	return nice
}

// View draws the screen.
func (s *screen) View() tea.View {
	lines := s.lay()
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = fmt.Sprintf("Assent: %d waiting", s.waiting())
	return v
}

// lay is the screen line by line.
func (s *screen) lay() []string {
	foot := []string{s.status(), s.legend()}
	room := s.high - 1 - len(foot)
	body := s.body(room)
	if s.over != nil {
		if _, whole := s.over.(interface{ page() }); whole {
			body = s.over.draw(s, s.wide, room)
		} else {
			body = onTop(body, s.over.draw(s, s.wide, room), s.wide)
		}
	}
	body = body[:min(len(body), room)]
	for len(body) < room {
		body = append(body, "")
	}
	all := append(append([]string{s.header()}, body...), foot...)
	for i, line := range all {
		all[i] = ansi.Truncate(line, s.wide, "")
	}
	return all
}

func (s *screen) waiting() int {
	n := len(s.fresh)
	for _, r := range s.rows {
		if r.gone == "" {
			n++
		}
	}
	return max(n, int(s.total)-(len(s.rows)-n+len(s.fresh)))
}

// header says what one looks at, or that it is not live.
func (s *screen) header() string {
	l := s.look()
	if s.down != nil {
		text := fmt.Sprintf(" Not live since %s", s.downSince.Local().Format(time.TimeOnly))
		if again := s.down.again.Sub(s.now()); again > 0 {
			text += fmt.Sprintf(", trying again in %s", span(again))
		} else {
			text += ", trying again"
		}
		return l.alarm.Render(pad(cut(text+s.glyph(" · ", ", ")+"what you see may be old", s.wide), s.wide))
	}
	left := " Assent  "
	n := s.waiting()
	words := fmt.Sprintf("%d waiting", n)
	if s.filter != "" {
		words += " with " + inert.Text(s.filter)
	}
	if oldest := s.oldest(); oldest > 0 && n > 0 {
		words += ", longest " + span(oldest)
	}
	if len(s.picked) > 0 {
		words += fmt.Sprintf("%s%d selected", s.glyph(" · ", ", "), len(s.picked))
	}
	right := s.glyph("● ", "* ") + "live  " + inert.Text(s.me.Login) + " "
	words = cut(words, max(s.wide-lipgloss.Width(left)-lipgloss.Width(right)-1, 4))
	gap := max(s.wide-lipgloss.Width(left)-lipgloss.Width(words)-lipgloss.Width(right), 1)
	mark, rest, _ := strings.Cut(right, " ")
	return l.accent.Render(left) + l.strong.Render(words) + strings.Repeat(" ", gap) + l.ok.Render(mark) + l.mute.Render(" "+rest)
}

func (s *screen) oldest() time.Duration {
	var longest time.Duration
	for _, r := range s.rows {
		if r.gone == "" && r.SubmittedAt != nil {
			longest = max(longest, s.now().Sub(*r.SubmittedAt))
		}
	}
	return longest
}

// lines is how many requests the screen shows at once.
func (s *screen) lines() int {
	room := s.high - 3 - 2 // header, foot; names of the columns, the bar
	if s.wide < besideFrom && s.high >= belowFrom {
		room -= paneLines + 1
	}
	return max(room, 1)
}

func (s *screen) body(room int) []string {
	if s.wide >= besideFrom {
		left := max(s.wide*3/5, s.wide-76)
		list := s.list(left)
		pane := s.pane(s.wide-left-3, room)
		out := make([]string, 0, room)
		rule := s.look().mute.Render(s.glyph("│", "|"))
		for i := range room {
			a, b := "", ""
			if i < len(list) {
				a = list[i]
			}
			if i < len(pane) {
				b = pane[i]
			}
			out = append(out, pad(a, left)+" "+rule+" "+b)
		}
		return out
	}
	out := s.list(s.wide)
	if s.high >= belowFrom {
		for len(out) < s.lines()+2 {
			out = append(out, "")
		}
		out = append(out, s.look().mute.Render(strings.Repeat(s.glyph("─", "-"), s.wide)))
		out = append(out, s.pane(s.wide-2, paneLines)...)
		for i := s.lines() + 3; i < len(out); i++ {
			out[i] = " " + out[i]
		}
	}
	return out
}

// screenColumn is a column of the list and how wide it is.
type screenColumn struct {
	name string
	wide int
	text func(r row) string
}

func (s *screen) columns(wide int) []screenColumn {
	now := s.now()
	cols := []screenColumn{
		{"PRIO", 6, func(r row) string { return r.Priority.Value }},
		{"WAITED", 6, func(r row) string { return waited(r.Request, now) }},
		{"USER", 10, func(r row) string { return r.User.Name }},
		{"APPLICATION", 0, func(r row) string { return strings.TrimPrefix(application(r.Request), folder(r.Subject.Path)) }},
		{"ENDPOINT", 12, func(r row) string { return first(str(r.Endpoint.Name), r.Endpoint.ID) }},
		{"ID", 6, func(r row) string { return short(r.Request) }},
	}
	switch {
	case wide >= 112:
		cols[2].wide, cols[4].wide = 18, 22
	case wide < 70: // a narrow one does without the endpoint; the pane has it
		cols = append(cols[:4:4], cols[5])
	}
	used := 4 + 2*(len(cols)-1)
	for _, c := range cols {
		used += c.wide
	}
	cols[3].wide = max(wide-used, 8)
	return cols
}

// list is the queue with its columns, and the bar below it.
func (s *screen) list(wide int) []string {
	cols := s.columns(wide)
	head := "    "
	for i, c := range cols {
		head += pad(cut(c.name, c.wide), c.wide)
		if i < len(cols)-1 {
			head += "  "
		}
	}
	out := []string{s.look().head.Render(cut(head, wide))}
	n := s.lines()
	for i := s.top; i < s.top+n; i++ {
		switch {
		case i >= 0 && i < len(s.rows):
			out = append(out, s.line(s.rows[i], cols, wide))
		case i == s.top && len(s.rows) == 0:
			out = append(out, s.look().mute.Render("    "+s.nothing()))
		default:
			out = append(out, "")
		}
	}
	return append(out, s.bar(wide))
}

// nothing says why the list is empty.
func (s *screen) nothing() string {
	switch {
	case !s.read && s.bad:
		return "The queue could not be read."
	case !s.read:
		return "Reading the queue."
	case s.filter != "":
		return "Nothing that waits has these words. Esc shows all."
	}
	return "Nothing is waiting. New requests show here by themselves."
}

// bar tells of what is not on the screen.
func (s *screen) bar(wide int) string {
	l := s.look()
	left, right := "", ""
	if n := len(s.fresh); n > 0 {
		left = fmt.Sprintf(" %s %d new%s press . to show ", s.glyph("↓", "v"), n, s.glyph(" ·", ","))
		if p := s.fresh[0].Priority.Value; p == "urgent" || p == "high" {
			left = fmt.Sprintf(" %s %d new, one is %s%s press . to show ", s.glyph("↓", "v"), n, p, s.glyph(" ·", ","))
		}
	}
	if above := max(s.top, 0); above > 0 {
		right = fmt.Sprintf("%s%d above", s.glyph("↑", "^"), above)
	}
	if below := len(s.rows) - s.top - s.lines(); below > 0 {
		right = strings.TrimSpace(right + fmt.Sprintf("  %s%d below", s.glyph("↓", "v"), below))
	}
	left = cut(left, wide)
	gap := max(wide-lipgloss.Width(left)-lipgloss.Width(right)-1, 0)
	if left != "" {
		left = l.alarm.Render(left)
	}
	return left + strings.Repeat(" ", gap) + l.mute.Render(right)
}

// line is one request.
func (s *screen) line(r row, cols []screenColumn, wide int) string {
	l := s.look()
	focused := r.ID == s.focus
	on := func(st lipgloss.Style) lipgloss.Style {
		if focused {
			return st.Background(l.focus.GetBackground())
		}
		return st
	}
	mark := "  "
	if focused {
		mark = s.glyph("▌", ">") + " "
	}
	out := on(l.accent).Render(mark)
	switch {
	case r.busy:
		out += on(l.mute).Render(s.glyph("… ", ". "))
	case s.picked[r.ID]:
		out += on(l.picked).Render("x ")
	default:
		out += on(l.text).Render("  ")
	}
	if r.gone != "" {
		cols = withEnd(cols, s.glyph(" · ", ": ")+inert.Text(r.gone))
	}
	for i, c := range cols {
		text := cut(inert.Text(c.text(r)), c.wide)
		style := l.text
		switch c.name {
		case "PRIO":
			style = s.urgency(r.Priority.Value)
		case "WAITED", "ID":
			style = l.mute
		case "APPLICATION":
			if len(r.Caution) > 0 {
				text = cut(s.glyph("▲ ", "! ")+inert.Text(c.text(r)), c.wide)
			}
			style = l.strong
		}
		if r.gone != "" {
			style = s.gone(r.gone)
		}
		text = pad(text, c.wide)
		if i < len(cols)-1 {
			text += "  "
		}
		out += on(style).Render(text)
	}
	if rest := wide - lipgloss.Width(out); rest > 0 {
		out += on(l.text).Render(strings.Repeat(" ", rest))
	}
	return out
}

// withEnd takes the application and the endpoint together, to say there what
// became of a request.
func withEnd(cols []screenColumn, said string) []screenColumn {
	app, wide, last := cols[3], cols[3].wide, len(cols)-1
	if last == 5 {
		wide += 2 + cols[4].wide
	}
	said = cut(said, wide)
	room := wide - lipgloss.Width(said)
	return []screenColumn{cols[0], cols[1], cols[2], {"ENDED", wide, func(r row) string { return cut(inert.Text(app.text(r)), room) + said }}, cols[last]}
}

// urgency is how a priority looks.
func (s *screen) urgency(p string) lipgloss.Style {
	l := s.look()
	switch p {
	case "urgent":
		return l.no.Bold(true)
	case "high":
		return l.warn
	case "low":
		return l.mute
	}
	return l.text
}

// gone is how a row looks that was handled.
func (s *screen) gone(text string) lipgloss.Style {
	l := s.look()
	switch {
	case strings.HasPrefix(text, "approved"):
		return l.ok
	case strings.HasPrefix(text, "denied"):
		return l.no
	}
	return l.mute
}

// status is the line of what was said last.
func (s *screen) status() string {
	l := s.look()
	text := " " + cut(s.said, max(s.wide-2, 1))
	if s.bad {
		return l.no.Render(text)
	}
	return l.ok.Render(text)
}

// legend are the keys that matter here.
func (s *screen) legend() string {
	if d, ok := s.over.(interface{ legend(*screen) string }); ok {
		return " " + d.legend(s)
	}
	all := []string{"J/K", "move", "A", "approve", "D", "deny", "C", "ask", "X", "select", "Enter", "open", "Z", "undo", "?", "keys", "Q", "quit"}
	if s.wide >= 110 {
		all = []string{"J/K", "move", "X", "select", "A", "approve", "Shift+A", "with choices", "D", "deny", "C", "ask", "E", "escalate", "Z", "undo",
			"R", "rule", "/", "search", "Enter", "open", "?", "keys", "Q", "quit"}
	}
	for lipgloss.Width(s.keys(all...)) > s.wide-1 && len(all) > 4 {
		all = append(all[:len(all)-6:len(all)-6], all[len(all)-4:]...)
	}
	return " " + s.keys(all...)
}

// keys are pairs of a key and what it does.
func (s *screen) keys(pairs ...string) string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, s.look().accent.Render(pairs[i])+" "+s.look().mute.Render(pairs[i+1]))
	}
	return strings.Join(out, "  ")
}

func (s *screen) undoTime(r client.Request) time.Duration {
	if r.Decision == nil || r.Decision.HeldUntil == nil {
		return 0
	}
	return r.Decision.HeldUntil.Sub(s.now())
}
