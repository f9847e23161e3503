package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// pad fills a text with spaces to so many cells.
func pad(text string, wide int) string {
	return text + strings.Repeat(" ", max(wide-lipgloss.Width(text), 0))
}

// wrapped breaks inert text into lines; a word that is too long is broken too.
func wrapped(text string, wide int) []string {
	return strings.Split(lipgloss.Wrap(text, max(wide, 8), ""), "\n")
}

// boxInner is how wide the text in a box is.
func boxInner(wide int) int { return max(min(wide-8, 84), 12) }

// box frames lines, with a title.
func (s *screen) box(title string, lines []string, wide int) []string {
	l, inner := s.look(), boxInner(wide)
	h, v := s.glyph("─", "-"), l.accent.Render(s.glyph("│", "|"))
	title = " " + cut(inert.Text(title), inner-2) + " "
	out := []string{l.accent.Render(s.glyph("╭", "+")+h) + l.strong.Render(title) + l.accent.Render(strings.Repeat(h, max(inner+1-lipgloss.Width(title), 0))+s.glyph("╮", "+"))}
	blank := v + strings.Repeat(" ", inner+2) + v
	out = append(out, blank)
	for _, line := range lines {
		out = append(out, v+" "+pad(line, inner)+" "+v)
	}
	return append(out, blank, l.accent.Render(s.glyph("╰", "+")+strings.Repeat(h, inner+2)+s.glyph("╯", "+")))
}

// onTop lays a box over the middle of what is below.
func onTop(below, box []string, wide int) []string {
	high := 0
	for _, line := range box {
		high = max(high, lipgloss.Width(line))
	}
	left := max((wide-high)/2, 0)
	from := max((len(below)-len(box))/2, 0)
	out := append([]string{}, below...)
	for len(out) < from+len(box) {
		out = append(out, "")
	}
	for i, line := range box {
		under := pad(out[from+i], wide)
		out[from+i] = lipgloss.NewCompositor(lipgloss.NewLayer(under), lipgloss.NewLayer(line).X(left)).Render()
	}
	return out
}

// fact is one line of what is known of a request: a name and a text.
type fact struct {
	name, text string
	style      lipgloss.Style
}

// facts are what an approver must know, the most important first.
func (s *screen) facts(r client.Request) []fact {
	l := s.look()
	who := r.User.Name
	if d := str(r.User.Display); d != "" && d != who {
		who += " (" + d + ")"
	}
	if r.User.Account != nil && r.User.Account.Login != r.User.Name {
		who += ", account " + r.User.Account.Login
	}
	where := first(str(r.Endpoint.Name), r.Endpoint.ID)
	if extra := strings.TrimSpace(str(r.Endpoint.OSVersion) + "  " + pairs(r.Endpoint.Labels)); extra != "" {
		where += "  " + extra
	}
	reason := str(r.Justification)
	if t := str(r.Ticket); t != "" {
		reason += "  [" + t + "]"
	}
	asked := first(requestedFor(r), "its run")
	if r.ExpiresAt != nil {
		asked += ", expires in " + span(r.ExpiresAt.Sub(s.now()))
	}
	if r.Approvals.Need > 1 {
		asked += fmt.Sprintf(", %d of %d approvals", r.Approvals.Have, r.Approvals.Need)
	}
	out := []fact{{"Run", application(r), l.strong}, {"Why", reason, l.text}}
	name := "Caution"
	for _, c := range r.Caution {
		out, name = append(out, fact{name, c.Fact, l.warn}), ""
	}
	out = append(out, fact{"Who", who, l.text}, fact{"Where", where, l.text}, fact{"As", r.Subject.RunAs + " in " + first(str(r.Subject.Cwd), "?"), l.text},
		fact{"For", asked, l.text})
	for _, q := range r.Questions {
		out = append(out, fact{"Asked", q.By.Login + ": " + q.Text + " - " + first(str(q.Answer), "not answered yet"), l.text})
	}
	for _, n := range r.Notes {
		out = append(out, fact{"Note", n.By.Login + ": " + n.Text, l.text})
	}
	if r.Claim != nil {
		out = append(out, fact{"Claimed", r.Claim.By.Login + " looks at it", l.warn})
	}
	if r.Queue != nil && len(r.Queue.CanAnswer) > 0 {
		out = append(out, fact{"Who may", strings.Join(r.Queue.CanAnswer, " "), l.mute})
	}
	return out
}

// factLines are facts on lines, each at most so many.
func (s *screen) factLines(facts []fact, wide, most int) []string {
	const names = 9
	var out []string
	for _, f := range facts {
		lines := wrapped(inert.Text(f.text), wide-names)
		if len(lines) > most {
			lines = append(lines[:most-1:most-1], cut(strings.Join(lines[most-1:], " "), wide-names))
		}
		name := f.name
		for _, line := range lines {
			out = append(out, s.look().mute.Render(pad(name, names))+f.style.Render(line))
			name = ""
		}
	}
	return out
}

// pane is what the focused request is about, at most so many lines.
func (s *screen) pane(wide, high int) []string {
	r, ok := s.focused()
	if !ok {
		return nil
	}
	if high <= paneLines {
		out := s.brief(r.Request, wide)
		return out[:min(len(out), high)]
	}
	title := s.look().strong.Render(cut(inert.Text(r.User.Name+" on "+first(str(r.Endpoint.Name), r.Endpoint.ID)), wide-8))
	out := []string{title + strings.Repeat(" ", max(wide-6-lipgloss.Width(title), 1)) + s.look().mute.Render(short(r.Request)), ""}
	out = append(out, s.factLines(s.facts(r.Request), wide, 3)...)
	return out[:min(len(out), high)]
}

// brief is what matters most where there is little room.
func (s *screen) brief(r client.Request, wide int) []string {
	l := s.look()
	var care []string
	for _, c := range r.Caution {
		care = append(care, c.Fact)
	}
	all, brief := s.facts(r), map[string]string{}
	for _, f := range all {
		brief[f.name] = f.text
	}
	out := s.factLines([]fact{{"Run", brief["Run"], l.strong}, {"Why", brief["Why"], l.text}}, wide, 1)
	if len(care) > 0 {
		out = append(out, s.factLines([]fact{{"Caution", strings.Join(care, "; "), l.warn}}, wide, 2)...)
	}
	out = append(out, s.factLines([]fact{{"Who", brief["Who"] + " on " + brief["Where"], l.text}, {"As", brief["As"] + ", for " + brief["For"], l.text}}, wide, 1)...)
	for _, f := range all {
		switch f.name {
		case "Asked", "Note", "Claimed", "Who may":
			out = append(out, s.factLines([]fact{f}, wide, 1)...)
		}
	}
	return out
}

// detail is everything about one request, on the whole screen.
type detail struct {
	id    string
	top   int
	facts *detailMsg
}

// detailMsg is what the controller says beside the request itself.
type detailMsg struct {
	id       string
	request  client.Request
	timeline client.Timeline
	why      client.Explanation
	err      error
}

func (s *screen) open(id string) tea.Cmd {
	s.over = &detail{id: id}
	ctx, c := s.ctx, s.c
	return func() tea.Msg { return readDetail(ctx, c, id) }
}

func readDetail(ctx context.Context, c *client.Client, id string) tea.Msg {
	m := detailMsg{id: id}
	if m.request, m.err = c.Request(ctx, id); m.err != nil {
		return m
	}
	if m.timeline, m.err = client.Get[client.Timeline](ctx, c, "/requests/"+id+"/timeline", nil); m.err != nil {
		return m
	}
	m.why, m.err = client.Get[client.Explanation](ctx, c, "/requests/"+id+"/explain", nil)
	return m
}

func (*detail) page() {}

// scroll moves the first line of a page that covers the screen; drawing it keeps
// the last line in sight.
func (s *screen) scroll(top *int, key string) {
	switch key {
	case "j", "down":
		*top++
	case "k", "up":
		*top = max(*top-1, 0)
	case "pgdown", "space":
		*top += s.high - 4
	case "pgup":
		*top = max(*top-s.high+4, 0)
	case "home", "g":
		*top = 0
	}
}

func (d *detail) press(s *screen, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "enter", "q":
		s.over = nil
	case "a", "A", "d", "c", "e", "l", "r", "z":
		if i := s.find(d.id); i >= 0 && k.String() != "z" {
			s.setFocus(i)
		}
		clear(s.picked)
		s.over = nil
		return s.answer(k.String())
	default:
		s.scroll(&d.top, k.String())
	}
	return nil
}

func (*detail) legend(s *screen) string {
	return s.keys("J/K", "scroll", "A", "approve", "D", "deny", "C", "ask", "E", "escalate", "R", "rule", "Esc", "back")
}

func (d *detail) draw(s *screen, wide, high int) []string {
	l := s.look()
	var lines []string
	if i := s.find(d.id); i >= 0 {
		lines = d.lines(s, s.rows[i].Request, wide)
	} else if d.facts != nil {
		lines = d.lines(s, d.facts.request, wide)
	}
	d.top = max(min(d.top, len(lines)-high), 0)
	lines = lines[d.top:]
	if len(lines) > high {
		lines = append(lines[:high-1:high-1], l.mute.Render(fmt.Sprintf("  %s%d more lines", s.glyph("↓", "v"), len(lines)-high+1)))
	}
	return lines
}

func (d *detail) lines(s *screen, r client.Request, wide int) []string {
	l := s.look()
	state := r.State
	if text := s.handledBy(r); text != "" {
		state = text
	}
	out := []string{"", " " + l.strong.Render(cut(inert.Text(r.User.Name+" on "+first(str(r.Endpoint.Name), r.Endpoint.ID)), wide-30)) + "  " +
		s.gone(state).Render(inert.Text(state)) + "  " + s.urgency(r.Priority.Value).Render(inert.Text(r.Priority.Value)), ""}
	add := func(facts []fact) {
		for _, line := range s.factLines(facts, wide-4, 12) {
			out = append(out, "  "+line)
		}
	}
	add(s.facts(r))
	add(s.moreFacts(r))
	switch {
	case d.facts == nil:
		return append(out, "", l.mute.Render("  Reading the rest."))
	case d.facts.err != nil:
		return append(out, "", l.no.Render("  "+cut(inert.Text(sentence(d.facts.err)), wide-4)))
	}
	out = append(out, "", " "+l.strong.Render("Why it asks"))
	add([]fact{{"", d.facts.why.Outcome + ": " + d.facts.why.Sentence, l.text}})
	for _, t := range d.facts.why.Trace {
		sign := s.glyph("✗", "no ")
		if t.Matched {
			sign = s.glyph("✓", "yes")
		}
		add([]fact{{"", sign + " " + t.Rule + ": " + t.Why, l.mute}})
	}
	out = append(out, "", " "+l.strong.Render("What happened"))
	for _, t := range d.facts.timeline.Items {
		add([]fact{{t.At.Local().Format(time.TimeOnly), t.By + " " + t.Text, l.text}})
	}
	return out
}

// moreFacts are those that the pane has no room for.
func (s *screen) moreFacts(r client.Request) []fact {
	l := s.look()
	var out []fact
	add := func(name, text string) {
		if text != "" {
			out = append(out, fact{name, text, l.text})
		}
	}
	if p := r.Subject.Publisher; p != nil {
		add("Signed", p.Name)
	}
	add("Sha256", str(r.Subject.SHA256))
	add("Parent", str(r.Subject.Parent))
	add("Address", str(r.Endpoint.IP))
	add("Rules", strings.Join(r.Rules, " "))
	add("Votes", reviewers(r))
	if r.PreviousID != nil {
		add("Before", *r.PreviousID)
	}
	add("Id", r.ID)
	return out
}

// ruleMsg is the rule that a request would need.
type ruleMsg struct {
	id   string
	made client.MadeRule
	err  error
}

// rulePage shows such a rule.
type rulePage struct {
	m   ruleMsg
	top int
}

func (s *screen) makeRule(id string) tea.Cmd {
	s.say("making a rule of %s", elevation.ShortID(id))
	ctx, c := s.ctx, s.c
	return func() tea.Msg {
		m, err := client.Get[client.MadeRule](ctx, c, "/requests/"+id+"/rule", nil)
		return ruleMsg{id, m, err}
	}
}

func (s *screen) ruleCame(m ruleMsg) {
	if m.err != nil {
		s.complain(m.err)
		return
	}
	s.said = ""
	if s.over == nil {
		s.over = &rulePage{m: m}
	}
}

func (*rulePage) page() {}

func (p *rulePage) press(s *screen, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "q", "enter":
		s.over = nil
	case "w":
		name := "rule-" + elevation.ShortID(p.m.id) + ".yaml"
		if err := s.save(name, p.m.made.YAML); err != nil {
			s.complain(err)
			return nil
		}
		s.over = nil
		s.say("%s is written; look at it, then: assentctl rule apply --merge %s", name, name)
	default:
		s.scroll(&p.top, k.String())
	}
	return nil
}

func (*rulePage) legend(s *screen) string {
	return s.keys("W", "write it to a file", "J/K", "scroll", "Esc", "back")
}

func (p *rulePage) draw(s *screen, wide, high int) []string {
	l := s.look()
	out := []string{"", " " + l.strong.Render(cut("The narrowest rule that would have approved "+elevation.ShortID(p.m.id), wide-2)),
		" " + l.mute.Render(cut("Nothing is in force by it. Written to a file, it goes through rule check and rule apply.", wide-2)), ""}
	for _, f := range p.m.made.Faults {
		out = append(out, "  "+l.warn.Render(cut(inert.Text(fmt.Sprintf("line %d: %s: %s", f.Line, f.Severity, f.Text)), wide-4)))
	}
	for line := range strings.Lines(p.m.made.YAML) {
		out = append(out, "  "+cut(inert.Text(strings.TrimRight(line, "\n")), wide-4))
	}
	p.top = max(min(p.top, len(out)-high), 0)
	return out[p.top:]
}
