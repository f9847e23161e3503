// Package tray is what a person sees of Assent beside the clock: an icon, its
// menu, messages, and a form that asks for access and then shows the answer. One
// program for each person runs it, `assent-tray`, and speaks with the agent over
// the users' door.
//
// It decides nothing and has no right that its user has not: whatever it sends,
// any program of theirs could send. The agent, which has rights, never draws.
//
// Read menu.go for what is shown when, icon.go for how it is drawn, keeper.go for
// how it stays fresh, form.go and serve.go for the form and its guards.
package tray

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// State is all that the menu and the icon follow from.
type State struct {
	Reached bool // the agent answers
	Foreign bool // it is of another version
	Status  local.Status
	Items   []local.Item // the person's requests, newest first
	Tongue  words.Tongue
	Now     time.Time
	Asks    bool   // a form can be opened here
	Portal  bool   // so can the person's own page
	Folder  string // where this program asks from
}

// Item is one line of the menu.
type Item struct {
	Key       string // what a click does, "" = nothing
	Text      string
	Separator bool
}

// What clicks do; those with a request name it after a space.
const (
	KeyAsk    = "ask"
	KeyPortal = "portal"
	KeyAbout  = "about"
	KeyAnswer = "answer"
	KeyRun    = "run"
	KeyEnd    = "end"
	KeyShow   = "show"
)

// MaxLines is how many lines the menu has about requests.
const MaxLines = 8

// Mood is what the icon says.
type Mood string

// The moods.
const (
	Idle     Mood = "idle"
	Waiting  Mood = "waiting"
	Question Mood = "question"
	Ready    Mood = "ready"
	Active   Mood = "active"
	Locked   Mood = "locked"
	Paused   Mood = "paused"
	Offline  Mood = "offline"
	Gone     Mood = "gone"
)

// Moods are all of them.
func Moods() []Mood {
	return []Mood{Idle, Waiting, Question, Ready, Active, Locked, Paused, Offline, Gone}
}

// Look is what is drawn. Attention is a dot beside the mood: something wants the
// person while access is active.
type Look struct {
	Mood      Mood
	Attention bool
}

// tally is the person's requests by what they mean to them.
type tally struct{ questions, ready, active, waiting []local.Item }

func (s State) tally() tally {
	var t tally
	for _, it := range s.Items {
		over := !it.Until.IsZero() && !it.Until.After(s.Now)
		switch {
		case it.State == string(elevation.StatePending) && it.Question != "":
			t.questions = append(t.questions, it)
		case it.State == string(elevation.StatePending):
			t.waiting = append(t.waiting, it)
		case it.State == "available" && !over && !it.From.After(s.Now):
			t.ready = append(t.ready, it)
		case it.State == "active" && !over:
			t.active = append(t.active, it)
		}
	}
	slices.SortStableFunc(t.active, func(a, b local.Item) int {
		if a.Until.IsZero() != b.Until.IsZero() { // what has no end comes last
			return cmp.Compare(btoi(a.Until.IsZero()), btoi(b.Until.IsZero()))
		}
		return a.Until.Compare(b.Until)
	})
	return t
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Look is what the icon shows of a state.
func (s State) Look() Look {
	t := s.tally()
	wants := len(t.questions)+len(t.ready) > 0
	switch {
	case !s.Reached:
		return Look{Mood: Gone}
	case s.Status.Locked != "":
		return Look{Mood: Locked}
	case len(t.active) > 0:
		return Look{Mood: Active, Attention: wants}
	case len(t.questions) > 0:
		return Look{Mood: Question}
	case len(t.ready) > 0:
		return Look{Mood: Ready}
	case !s.Status.Connected:
		return Look{Mood: Offline}
	case len(t.waiting) > 0:
		return Look{Mood: Waiting}
	case s.Status.PausedUntil.After(s.Now):
		return Look{Mood: Paused}
	}
	return Look{Mood: Idle}
}

// Headline is the state in one line: the head of the menu, and what the icon says
// to whoever points at it.
func (s State) Headline() string {
	t, say := s.tally(), s.Tongue.Say
	switch s.Look().Mood {
	case Gone:
		if s.Foreign {
			return say("Assent was upgraded: this program starts anew")
		}
		return say("The Assent agent does not answer")
	case Locked:
		return say("Locked: nothing can be approved here")
	case Active:
		if n := len(t.active); n > 1 {
			return say("%d approvals in use", n)
		}
		if left := s.left(t.active[0]); left != "" {
			return say("Access active, %s", left)
		}
		return say("Access active")
	case Question:
		return say("A question waits for your answer")
	case Ready:
		return say("Approved: ready to run")
	case Offline:
		return say("Offline: the controller can not be reached")
	case Waiting:
		if n := len(t.waiting); n > 1 {
			return say("%d requests wait for an answer", n)
		}
		return say("A request waits for an answer")
	case Paused:
		return say("Paused until %s", s.Tongue.Clock(s.Status.PausedUntil, s.Now))
	}
	return say("Nothing is waiting")
}

// detail is a second line for what needs one, "" = none.
func (s State) detail() string {
	switch {
	case !s.Reached:
		return ""
	case s.Status.Locked != "":
		return oneLine(s.Status.Locked, 80)
	case s.Look().Mood == Paused:
		return oneLine(s.Status.PausedWhy, 80)
	case !s.Status.Connected && s.Look().Mood != Offline:
		return s.Tongue.Say("Offline: the controller can not be reached")
	}
	return ""
}

// Menu is what the menu of a state has: the head, what waits for the person and
// what they have, then what they can begin.
func Menu(s State) []Item {
	say := s.Tongue.Say
	menu := []Item{{Text: s.Headline()}}
	if more := s.detail(); more != "" {
		menu = append(menu, Item{Text: more})
	}
	if s.Reached {
		menu = append(menu, s.lines()...)
	}
	menu = append(menu, Item{Separator: true})
	if s.Asks && s.Reached && s.Status.Locked == "" {
		menu = append(menu, Item{Key: KeyAsk, Text: say("Ask for access…")})
	}
	if s.portal() {
		menu = append(menu, Item{Key: KeyPortal, Text: say("My requests")})
	}
	return append(menu, Item{Key: KeyAbout, Text: say("About Assent")})
}

// portal reports whether the person's own page can be opened now.
func (s State) portal() bool { return s.Portal && s.Reached && s.Status.Connected }

// lines are the person's requests that matter now.
func (s State) lines() []Item {
	t, say := s.tally(), s.Tongue.Say
	var all []Item
	line := func(key string, it local.Item, text string) {
		all = append(all, Item{Key: key + " " + string(it.ID), Text: text})
	}
	for _, it := range t.active {
		if left := s.left(it); left != "" {
			line(KeyEnd, it, say("End now: %s (%s)", title(s.Tongue, it), left))
		} else {
			line(KeyEnd, it, say("End now: %s", title(s.Tongue, it)))
		}
	}
	for _, it := range t.questions {
		line(KeyAnswer, it, say("Answer: %s", title(s.Tongue, it)))
	}
	for _, it := range t.ready {
		switch {
		case s.runs(it) && it.Until.IsZero():
			line(KeyRun, it, say("Run now: %s", title(s.Tongue, it)))
		case s.runs(it):
			line(KeyRun, it, say("Run now: %s (until %s)", title(s.Tongue, it), s.Tongue.Clock(it.Until, s.Now)))
		default:
			line(KeyShow, it, say("Approved: %s", title(s.Tongue, it)))
		}
	}
	for _, it := range t.waiting {
		line(KeyShow, it, say("Waiting: %s (%s)", title(s.Tongue, it), s.minutes(s.Now.Sub(it.At))))
	}
	if more := len(all) - MaxLines; more > 0 {
		rest := Item{Text: say("and %d more…", more+1)}
		if s.portal() {
			rest.Key = KeyPortal
		}
		all = append(all[:MaxLines-1], rest)
	}
	return all
}

// left is how long something goes on, "" = without an end.
func (s State) left(it local.Item) string {
	if it.Until.IsZero() {
		return ""
	}
	return s.Tongue.Say("%s left", s.countdown(it.Until.Sub(s.Now)))
}

// countdown is a time to come: to the second only where seconds matter, since a
// menu that is open is written anew whenever it changes.
func (s State) countdown(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
	case d < 2*time.Hour:
		d += time.Minute - 1
	}
	return s.minutes(d)
}

// minutes has no seconds: a menu would move with them.
func (s State) minutes(d time.Duration) string {
	if d = max(d, 0); d < time.Minute {
		return s.Tongue.Say("%d min", 0)
	}
	return s.Tongue.Span(d)
}

// title is what was asked for in the few words that a menu has room for: the
// program by its name, and its arguments.
func title(t words.Tongue, it local.Item) string {
	text := strings.Join(append([]string{base(it.Path)}, it.Args...), " ")
	switch {
	case it.Path == "" && it.Access == string(elevation.Admin):
		text = t.Say("administrator")
	case it.Path == "":
		text = t.Say("session")
	case strings.HasSuffix(it.Path, ".policy"): // the file only defines the action
		text = strings.Join(it.Args, " ")
	}
	return oneLine(text, 44)
}

// base is the name of a program of any system.
func base(p string) string {
	if i := strings.LastIndexByte(p, '\\'); i >= 0 {
		p = p[i+1:]
	}
	return path.Base(filepath.ToSlash(p))
}

// runs reports whether this program can start what was approved: what its own form
// asked for, and what the desktop can.
func (s State) runs(it local.Item) bool { return own(it, s.Folder) || desktop.Command(it) != nil }

// own reports whether a request is one that the door can run again from a folder.
// Masked arguments are not the ones that were approved.
func own(it local.Item, folder string) bool {
	masked := slices.ContainsFunc(it.Args, func(a string) bool { return strings.Contains(a, elevation.Masked) })
	return fromDoor(it) && it.Path != "" && !masked && it.Cwd == folder
}

// fromDoor reports whether a request came through the users' door.
func fromDoor(it local.Item) bool {
	return it.Mechanism == string(elevation.ByAssent) || it.Mechanism == string(elevation.ByUAC)
}

// oneLine is text from elsewhere as one harmless line.
func oneLine(s string, limit int) string {
	return inert.Clip(inert.Text(strings.Join(strings.Fields(s), " ")), limit)
}
