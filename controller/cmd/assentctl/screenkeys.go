package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// press obeys one key.
func (s *screen) press(k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	switch key {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	s.said, s.bad = "", false
	if s.over != nil {
		return s.over.press(s, k)
	}
	switch key {
	case "q":
		return tea.Quit
	case "j", "down":
		s.move(1)
	case "k", "up":
		s.move(-1)
	case "J", "shift+down":
		s.extend(1)
	case "K", "shift+up":
		s.extend(-1)
	case "pgdown", "ctrl+d", "space":
		s.move(s.lines() - 1)
	case "pgup", "ctrl+u":
		s.move(1 - s.lines())
	case "home", "g":
		s.move(-len(s.rows))
	case "end", "G":
		s.move(len(s.rows))
	case "x":
		s.pick()
	case "esc":
		return s.escape()
	case ".":
		s.showNew()
		return s.later()
	case "/":
		s.over = &entry{title: "Search", what: "Shown are requests with these words; nothing shows all.", typed: []rune(s.filter), at: len([]rune(s.filter)),
			done: func(s *screen, text string) tea.Cmd { return s.search(text) }}
	case "?", "h", "f1":
		s.over = &help{}
	default:
		return s.answer(key)
	}
	return nil
}

// escape takes back one thing: the selection, then the search.
func (s *screen) escape() tea.Cmd {
	if len(s.picked) > 0 {
		clear(s.picked)
		return nil
	}
	if s.filter != "" {
		return s.search("")
	}
	return nil
}

func (s *screen) search(text string) tea.Cmd {
	if text == s.filter {
		return nil
	}
	s.filter, s.rows, s.fresh, s.read, s.focus, s.at, s.top = text, nil, nil, false, "", 0, 0
	clear(s.picked)
	return s.readQueue()
}

// answer is a key that does something to what is selected, else to the focused one.
func (s *screen) answer(key string) tea.Cmd {
	switch key {
	case "z":
		return s.undo()
	case "a", "A", "d", "c", "e", "l", "r", "enter":
	default:
		s.say("%s means nothing here; ? shows the keys", key)
		return nil
	}
	ids := s.chosen()
	if len(ids) == 0 {
		s.say("no request is under the cursor: J or K goes to one")
		return nil
	}
	switch key {
	case "a":
		return s.confirmed("approve", ids, client.Answer{})
	case "A":
		s.over = newChoices(s, ids)
	case "d":
		s.over = s.commented("deny", "Deny", "The requester reads it. Enter denies, Esc goes back.", s.canned.Denials, false, ids)
	case "c":
		s.over = s.commented("ask", "Ask", "The requester reads it and can answer. Enter asks, Esc goes back.", s.canned.Questions, true, ids)
	case "e":
		s.over = s.commented("escalate", "Escalate", "One more team may answer: the next of the ladder. A comment is for its members.", nil, false, ids)
	case "l":
		return s.act("claim", ids, client.Answer{})
	case "r":
		return s.makeRule(ids[0])
	case "enter":
		return s.open(ids[len(ids)-1])
	}
	return nil
}

// commented asks for a comment and then acts.
func (s *screen) commented(action, title, what string, ready []string, needed bool, ids []string) layer {
	return &entry{title: title + s.subject(ids), what: what, ready: ready, needed: needed,
		done: func(s *screen, text string) tea.Cmd { return s.confirmed(action, ids, client.Answer{Comment: text}) }}
}

// subject names one request, or counts several.
func (s *screen) subject(ids []string) string {
	if i := s.find(ids[0]); len(ids) == 1 && i >= 0 {
		r := s.rows[i]
		return fmt.Sprintf(" %s for %s", inert.Text(application(r.Request)), inert.Text(r.User.Name))
	}
	return fmt.Sprintf(" %d requests", len(ids))
}

// chosen are the ids that a key is about.
func (s *screen) chosen() []string {
	var ids []string
	for _, r := range s.rows {
		if s.picked[r.ID] {
			ids = append(ids, r.ID)
		}
	}
	if r, ok := s.focused(); ok && len(ids) == 0 {
		ids = []string{r.ID}
	}
	return ids
}

func (s *screen) setFocus(i int) {
	s.at, s.focus = i, s.rows[i].ID
	s.settleTop()
}

// move moves the focus. From nowhere it goes to the row that stands where the
// last one was, or before it.
func (s *screen) move(by int) {
	if len(s.rows) == 0 {
		return
	}
	to := s.at + by
	if s.focus == "" && by > 0 {
		to--
	}
	s.setFocus(max(min(to, len(s.rows)-1), 0))
}

// extend selects on the way.
func (s *screen) extend(by int) {
	if r, ok := s.focused(); ok && r.gone == "" {
		s.picked[r.ID] = true
	}
	s.move(by)
	if r, ok := s.focused(); ok && r.gone == "" {
		s.picked[r.ID] = true
	}
}

func (s *screen) pick() {
	r, ok := s.focused()
	switch {
	case !ok:
		s.say("no request is under the cursor: J or K goes to one")
	case r.gone != "":
		s.say("%s is %s", short(r.Request), r.gone)
	case s.picked[r.ID]:
		delete(s.picked, r.ID)
	default:
		s.picked[r.ID] = true
		s.move(1)
	}
}

// settleTop scrolls so that the focused row is on the screen.
func (s *screen) settleTop() {
	lines := max(s.lines(), 1)
	if s.at < s.top {
		s.top = s.at
	}
	if s.at >= s.top+lines {
		s.top = s.at - lines + 1
	}
	s.top = max(min(s.top, len(s.rows)-lines), 0)
}

// confirmed acts at once on one request and asks before several.
func (s *screen) confirmed(action string, ids []string, in client.Answer) tea.Cmd {
	if len(ids) == 1 {
		return s.act(action, ids, in)
	}
	people, careful := map[string]bool{}, 0
	for _, id := range ids {
		if i := s.find(id); i >= 0 {
			people[s.rows[i].User.Name] = true
			if len(s.rows[i].Caution) > 0 {
				careful++
			}
		}
	}
	what := fmt.Sprintf("%d requests of %s.", len(ids), count(len(people), "user"))
	if careful > 0 {
		what += fmt.Sprintf(" %d of them with a caution: better opened one by one.", careful)
	}
	s.over = &sure{title: strings.ToUpper(action[:1]) + action[1:] + fmt.Sprintf(" %d requests?", len(ids)), what: what,
		done: func(s *screen) tea.Cmd { return s.act(action, ids, in) }}
	return nil
}

// act sends one act. Whether it is allowed the controller says; the focus goes on
// at once, because a key was pressed.
func (s *screen) act(action string, ids []string, in client.Answer) tea.Cmd {
	if s.down != nil {
		s.said, s.bad = "not connected: nothing was done", true
		return nil
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		i := s.find(id)
		if i < 0 || s.rows[i].gone == "" || action == "undo" || action == "revoke" {
			return false
		}
		s.say("%s is %s already", short(s.rows[i].Request), s.rows[i].gone)
		return true
	})
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if i := s.find(id); i >= 0 {
			s.rows[i].busy = true
		}
	}
	clear(s.picked)
	if action == "approve" || action == "deny" {
		s.last, s.lastAct = ids, action
		s.forward()
	}
	ctx, c := s.ctx, s.c
	return func() tea.Msg {
		out := done{action: action}
		if len(ids) == 1 {
			r, err := c.Act(ctx, ids[0], action, in)
			one := result{ID: ids[0], Action: action, OK: err == nil, State: r.State, err: err}
			if err == nil {
				out.now = append(out.now, r)
			}
			out.results = append(out.results, one)
			return doneMsg(out)
		}
		all, err := client.Post[client.BatchResults](ctx, c, "/requests/batch", client.Batch{Action: action, IDs: ids, Comment: in.Comment,
			DurationSeconds: in.DurationSeconds, Lasts: in.Lasts})
		for i, id := range ids {
			one := result{ID: id, Action: action, OK: err == nil, err: err}
			if i < len(all.Results) {
				r := all.Results[i]
				one.OK, one.State = r.OK, r.State
				if r.Error != nil {
					one.err = r.Error
				}
			}
			out.results = append(out.results, one)
		}
		return doneMsg(out)
	}
}

// forward goes to the next request that still waits: below, else above.
func (s *screen) forward() {
	waits := func(i int) bool { return s.rows[i].gone == "" && !s.rows[i].busy }
	for i := s.at; i < len(s.rows); i++ {
		if waits(i) {
			s.setFocus(i)
			return
		}
	}
	for i := min(s.at, len(s.rows)) - 1; i >= 0; i-- {
		if waits(i) {
			s.setFocus(i)
			return
		}
	}
}

// undo takes the last answer back, where it is held still.
func (s *screen) undo() tea.Cmd {
	if len(s.last) == 0 {
		s.say("there is no answer of yours to take back")
		return nil
	}
	ids := s.last
	s.last = nil
	return s.act("undo", ids, client.Answer{})
}

// acted tells what came of an act and reads the queue.
func (s *screen) acted(d done) tea.Cmd {
	for _, r := range d.results {
		if i := s.find(r.ID); i >= 0 {
			s.rows[i].busy = false
		}
	}
	var failures []string
	for _, r := range d.results {
		if !r.OK {
			failures = append(failures, elevation.ShortID(r.ID)+": "+s.refusal(r))
		}
	}
	for _, r := range d.now {
		s.update(r)
	}
	switch {
	case d.action == "undo" && tooLate(d.results) && s.lastAct == "approve" && s.over == nil:
		ids := idsOf(d.results, func(r result) string { return r.ID })
		s.over = &sure{title: "Too late to take it back: revoke instead?", what: "What was granted ends on the endpoint, also while it is in use.",
			done: func(s *screen) tea.Cmd { return s.act("revoke", ids, client.Answer{}) }}
	case len(failures) > 0:
		s.said, s.bad = cut(inert.Text(strings.Join(failures, "; ")), longestSay), true
	case len(d.results) > 1:
		s.say("%d %s", len(d.results), past(d.action))
	case len(d.now) == 1:
		s.say("%s", s.outcome(d.action, d.now[0]))
	}
	return tea.Batch(s.later(), s.sweepLater())
}

// tooLate says whether nothing could be taken back because it holds already.
func tooLate(all []result) bool {
	for _, r := range all {
		if p, ok := r.err.(*client.Problem); !ok || p.Status != http.StatusConflict {
			return false
		}
	}
	return len(all) > 0
}

// outcome is what came of an act in words.
func (s *screen) outcome(action string, r client.Request) string {
	text := short(r) + " " + past(action)
	switch {
	case action == "approve" && r.State == "pending" && r.Decision == nil:
		text += fmt.Sprintf(": %d of %d approvals", r.Approvals.Have, r.Approvals.Need)
	case r.State == "pending" && r.Decision != nil:
		text += fmt.Sprintf(", Z takes it back within %s", span(s.undoTime(r)))
	case r.State != past(action) && r.State != "pending":
		text += ", now " + r.State
	}
	return text
}

// refusal is a failure in words, with what to do next.
func (s *screen) refusal(r result) string {
	if p, ok := r.err.(*client.Problem); ok && p.Code == "step_up_required" {
		return sentence(r.err) + "; open " + s.c.URL + "/#/requests/" + r.ID
	}
	return sentence(r.err)
}
