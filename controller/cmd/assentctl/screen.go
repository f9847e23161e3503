package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Times and bounds of the screen.
const (
	goneFor    = 3 * time.Second        // a request that was handled stays so long
	settle     = 120 * time.Millisecond // several events are one reading
	mostOnTop  = 1000                   // requests that are read
	longestSay = 400                    // of a line that is shown
)

// What the screen is told. None of it comes from a key.
type (
	openMsg   struct{}                        // the stream is open
	newsMsg   struct{ about *client.Request } // something happened
	brokenMsg struct {
		err   error
		again time.Time // zero: never
	}
	readMsg  struct{} // time to read the queue
	queueMsg struct {
		filter string
		rows   []client.Request
		total  int64
		err    error
	}
	seenMsg   struct{ r client.Request } // one request as it is now
	clockMsg  time.Time
	sweepMsg  struct{}
	doneMsg   done
	cannedMsg client.CannedTexts
)

// done is what came of an act.
type done struct {
	action  string
	results []result
	now     []client.Request // as they are after it, where that is known
}

// row is a request on the screen. When it was handled it says so until it goes.
type row struct {
	client.Request
	gone   string // "approved by bo"; empty: it waits
	goneAt time.Time
	busy   bool // an act on it is under way
}

// screen is the queue on a terminal. Bubble Tea calls it from one goroutine; what
// takes time runs in commands, which see nothing of it and answer by messages.
//
// The focus is on a request, not on a place: the row under the cursor moves only
// when a key moves it. Where a row leaves or comes above it, the list is scrolled
// so that the focused one stays on its line (top may be less than zero then).
type screen struct {
	ctx  context.Context
	c    *client.Client
	me   client.Me
	now  func() time.Time
	save func(name, text string) error

	wide, high int
	light      bool // the terminal's background
	rude       bool // ASCII only

	rows    []row
	fresh   []client.Request // new ones, behind the bar
	order   map[string]int   // the controller's, of the last reading
	total   int64            // that wait, as the controller counts
	focus   string           // id; "" = on none
	at      int              // its place, or where the next one is found
	top     int              // row on the first line
	picked  map[string]bool
	filter  string
	last    []string // what the last answer was given to, for undo
	lastAct string
	canned  client.CannedTexts
	read    bool // the queue was read once

	reading, dirty bool
	down           *brokenMsg
	downSince      time.Time
	said           string
	bad            bool // said is a failure
	over           layer
	failed         error
}

// layer is what lies over the list and takes the keys.
type layer interface {
	press(s *screen, k tea.KeyPressMsg) tea.Cmd
	draw(s *screen, wide, high int) []string
}

func newScreen(ctx context.Context, c *client.Client, me client.Me) *screen {
	return &screen{ctx: ctx, c: c, me: me, now: time.Now, picked: map[string]bool{}, wide: 80, high: 24}
}

// Init reads the queue and asks the terminal for its colours.
func (s *screen) Init() tea.Cmd {
	return tea.Batch(s.readQueue(), s.tick(), tea.RequestBackgroundColor, func() tea.Msg {
		texts, err := client.Get[client.CannedTexts](s.ctx, s.c, "/canned", nil)
		if err != nil {
			return nil // they are a convenience
		}
		return cannedMsg(texts)
	})
}

func (s *screen) tick() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return clockMsg(t) })
}

// Update takes one message.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		s.wide, s.high = max(m.Width, 20), max(m.Height, 6)
		s.settleTop()
	case tea.BackgroundColorMsg:
		s.light = !m.IsDark()
	case tea.KeyPressMsg:
		return s, s.press(m)
	case tea.PasteMsg:
		if in, ok := s.over.(interface{ paste(string) }); ok {
			in.paste(m.Content)
		}
	case openMsg:
		if s.down != nil {
			s.say("live again")
		}
		s.down = nil
		return s, s.later()
	case brokenMsg:
		if s.down == nil {
			s.downSince = s.now()
		}
		s.down = &m
		if m.again.IsZero() {
			s.failed = m.err
			return s, tea.Quit
		}
	case newsMsg:
		if m.about != nil {
			s.update(*m.about)
		}
		return s, tea.Batch(s.later(), s.sweepLater())
	case readMsg:
		return s, s.readQueue()
	case queueMsg:
		return s, s.arrived(m)
	case seenMsg:
		s.update(m.r)
		return s, s.sweepLater()
	case doneMsg:
		return s, s.acted(done(m))
	case cannedMsg:
		s.canned = client.CannedTexts(m)
	case clockMsg:
		s.sweep()
		return s, s.tick()
	case sweepMsg:
		s.sweep()
	case detailMsg:
		if d, ok := s.over.(*detail); ok && d.id == m.id {
			d.facts = &m
		}
	case ruleMsg:
		s.ruleCame(m)
	}
	return s, nil
}

// later reads the queue soon, once for all that happens meanwhile.
func (s *screen) later() tea.Cmd {
	if s.reading {
		s.dirty = true
		return nil
	}
	s.reading = true
	return tea.Tick(settle, func(time.Time) tea.Msg { return readMsg{} })
}

func (s *screen) readQueue() tea.Cmd {
	s.reading = true
	ctx, c, filter := s.ctx, s.c, s.filter
	return func() tea.Msg {
		q := url.Values{"status": {"pending"}, "limit": {"500"}}
		if filter != "" {
			q.Set("q", filter)
		}
		m := queueMsg{filter: filter}
		for len(m.rows) < mostOnTop {
			page, err := client.Get[client.List[client.Request]](ctx, c, "/requests", q)
			if err != nil {
				return queueMsg{filter: filter, err: err}
			}
			m.rows, m.total = append(m.rows, page.Items...), page.Total
			if page.NextCursor == "" {
				break
			}
			q.Set("cursor", page.NextCursor)
		}
		return m
	}
}

// arrived puts what was read beside what is shown: what is shown stays in its
// order, what is new waits behind the bar, what is missing was handled.
func (s *screen) arrived(m queueMsg) tea.Cmd {
	s.reading = false
	var next tea.Cmd
	if s.dirty {
		s.dirty = false
		next = s.later()
	}
	if m.filter != s.filter {
		return next
	}
	if m.err != nil {
		if !s.read && !passing(m.err) {
			s.failed = m.err
			return tea.Quit
		}
		s.complain(m.err)
		return next
	}
	s.total = m.total
	waits := map[string]client.Request{}
	s.order = map[string]int{}
	for i, r := range m.rows {
		waits[r.ID], s.order[r.ID] = r, i
	}
	var missing []string
	for i := range s.rows {
		r, still := waits[s.rows[i].ID]
		switch {
		case still:
			s.put(i, r)
		case s.rows[i].gone == "":
			missing = append(missing, s.rows[i].ID)
		}
	}
	s.fresh = slices.DeleteFunc(m.rows, func(r client.Request) bool { return s.find(r.ID) >= 0 || handled(r) != "" })
	if !s.read {
		s.read = true
		s.showNew()
		if len(s.rows) > 0 {
			s.setFocus(0)
		}
	} else if len(s.rows) == 0 {
		s.showNew() // nothing can move where nothing is
	}
	return tea.Batch(next, s.lookUp(missing), s.sweepLater())
}

// lookUp asks what became of requests that wait no more.
func (s *screen) lookUp(ids []string) tea.Cmd {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if i := s.find(id); i >= 0 {
			s.leave(i, "handled")
		}
	}
	ctx, c := s.ctx, s.c
	return func() tea.Msg {
		var all tea.BatchMsg
		for _, id := range ids[:min(len(ids), 50)] {
			if r, err := c.Request(ctx, id); err == nil {
				all = append(all, func() tea.Msg { return seenMsg{r} })
			}
		}
		return all
	}
}

// update takes one request as it is now, where it is shown.
func (s *screen) update(r client.Request) {
	if i := s.find(r.ID); i >= 0 {
		s.put(i, r)
	}
	if handled(r) != "" {
		s.fresh = slices.DeleteFunc(s.fresh, func(f client.Request) bool { return f.ID == r.ID })
	}
}

func (s *screen) put(i int, r client.Request) {
	s.rows[i].Request = r
	text := s.handledBy(r)
	if text == "" {
		s.rows[i].gone = ""
		return
	}
	s.leave(i, text)
}

// leave marks a row as handled; the first time says when.
func (s *screen) leave(i int, text string) {
	if s.rows[i].gone == "" {
		s.rows[i].goneAt = s.now()
	}
	s.rows[i].gone = text
	delete(s.picked, s.rows[i].ID)
}

// handled says in words what became of a request, "" while it waits.
func handled(r client.Request) string {
	if r.Decision != nil && (r.State == "pending" || r.State == "denied" || r.Decision.Verdict == "approved") {
		return r.Decision.Verdict
	}
	if r.State == "pending" {
		return ""
	}
	if r.State == "cancelled" {
		return "withdrawn"
	}
	return r.State
}

func (s *screen) handledBy(r client.Request) string {
	text := handled(r)
	if text == "" || r.Decision == nil {
		return text
	}
	switch {
	case r.Decision.By != nil && r.Decision.By.ID == s.me.ID:
		return text + " by you"
	case r.Decision.By != nil:
		return text + " by " + first(r.Decision.By.Login, r.Decision.By.ID)
	case r.Decision.Rule != nil:
		return text + " by rule " + *r.Decision.Rule
	}
	return text
}

// sweepLater looks for rows to take off when the first of them is due.
func (s *screen) sweepLater() tea.Cmd {
	var due time.Time
	for _, r := range s.rows {
		if t := r.goneAt.Add(goneFor); r.gone != "" && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if due.IsZero() {
		return nil
	}
	return tea.Tick(due.Sub(s.now())+10*time.Millisecond, func(time.Time) tea.Msg { return sweepMsg{} })
}

// sweep takes off what was handled long enough ago.
func (s *screen) sweep() {
	for i := 0; i < len(s.rows); {
		r := s.rows[i]
		if r.gone == "" || s.now().Sub(r.goneAt) < goneFor {
			i++
			continue
		}
		s.rows = slices.Delete(s.rows, i, i+1)
		switch {
		case r.ID == s.focus:
			s.focus = "" // no other one comes under the cursor by itself
		case i < s.at:
			s.at--
			s.top-- // what is focused stays on its line
		}
	}
	if len(s.rows) == 0 {
		s.at, s.top = 0, 0
		s.showNew()
	}
}

// showNew brings what waits behind the bar into the list, in the queue's order.
func (s *screen) showNew() {
	for _, r := range s.fresh {
		s.rows = append(s.rows, row{Request: r})
	}
	s.fresh = nil
	slices.SortStableFunc(s.rows, func(a, b row) int { return s.place(a) - s.place(b) })
	if i := s.find(s.focus); i >= 0 {
		s.at = i
	}
	s.settleTop()
}

// place is where the controller has a request in its queue; what it has no more
// stays where it was, at the end.
func (s *screen) place(r row) int {
	if i, ok := s.order[r.ID]; ok {
		return i
	}
	return 1 << 30
}

func (s *screen) find(id string) int {
	return slices.IndexFunc(s.rows, func(r row) bool { return r.ID == id })
}

// focused is the row under the cursor, where there is one.
func (s *screen) focused() (row, bool) {
	if i := s.find(s.focus); i >= 0 && s.focus != "" {
		return s.rows[i], true
	}
	return row{}, false
}

func (s *screen) say(format string, args ...any) {
	s.said, s.bad = cut(inert.Text(fmt.Sprintf(format, args...)), longestSay), false
}

func (s *screen) complain(err error) {
	s.said, s.bad = cut(inert.Text(sentence(err)), longestSay), true
}

// short is how a request is named in what is said.
func short(r client.Request) string { return elevation.ShortID(r.ID) }
