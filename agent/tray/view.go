package tray

import (
	"cmp"
	"strings"
	"time"
	"unicode"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// stage is how far a form has come.
type stage string

const (
	stagePick     stage = "pick"     // which program?
	stageAsk      stage = "ask"      // why?
	stageSent     stage = "sent"     // the agent has not said anything yet
	stageWaiting  stage = "waiting"  // for people
	stageQuestion stage = "question" // somebody asks back
	stageApproved stage = "approved"
	stageActive   stage = "active"
	stageEnded    stage = "ended"
	stageDenied   stage = "denied"
	stageOver     stage = "over" // expired, withdrawn, ended by somebody
	stageFailed   stage = "failed"
)

// View is what the page shows, in words.
type View struct {
	Version  int      `json:"version"`
	Stage    stage    `json:"stage"`
	Tone     string   `json:"tone"` // accent, warn, ok, no or mute
	Title    string   `json:"title"`
	Lead     string   `json:"lead"`
	Program  *Program `json:"program,omitempty"`
	Letter   string   `json:"letter"` // in place of the program's own icon
	Endpoint string   `json:"endpoint"`

	Programs []Program `json:"programs,omitempty"`
	Browses  bool      `json:"browses"`
	Fields   *Fields   `json:"fields,omitempty"`
	Clock    *Clock    `json:"clock,omitempty"`
	Quote    *Quote    `json:"quote,omitempty"` // what somebody says or asks
	Replies  bool      `json:"replies"`         // it wants an answer
	Facts    []Fact    `json:"facts,omitempty"`
	Output   string    `json:"output"`
	Note     string    `json:"note"`
	Wrong    string    `json:"wrong"`
	Buttons  []Button  `json:"buttons"`
	Over     bool      `json:"over"` // nothing more will happen
}

// Fields are what is asked for.
type Fields struct {
	Least     int      `json:"least"` // characters of the reason
	Presets   []string `json:"presets"`
	Ticket    bool     `json:"ticket"`  // one is needed
	Like      string   `json:"like"`    // what a ticket looks like
	Times     []Time   `json:"times"`   // to choose from, none = not to be chosen
	Message   string   `json:"message"` // of the rule, the company, and whom it goes to
	Company   []string `json:"company"`
	Goes      string   `json:"goes"`
	Usual     string   `json:"usual"`
	Reading   bool     `json:"reading"` // the agent has not said yet what it wants
	NeedsText bool     `json:"needs_text"`
}

// Time is one duration to choose.
type Time struct {
	For  time.Duration `json:"for"`
	Text string        `json:"text"`
}

// Clock counts: up since, or down until.
type Clock struct {
	Since int64  `json:"since,omitempty"` // milliseconds of Unix time
	Until int64  `json:"until,omitempty"`
	Text  string `json:"text"`
}

// Quote is what a person or a rule said.
type Quote struct {
	By   string `json:"by"`
	Text string `json:"text"`
}

// Fact is one line of what is known.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Button is one button. Kind is how it looks: primary, quiet or danger.
type Button struct {
	Key  string `json:"key"`
	Text string `json:"text"`
	Kind string `json:"kind"`
}

// What buttons do, beside sending what was filled in.
const (
	pressCancel = "cancel"
	pressEnd    = "end"
	pressRun    = "run"
)

func (f *Form) stageLocked() stage {
	switch {
	case f.asked && f.item != nil && f.id != "":
		return f.stageOf(*f.item)
	case f.end != nil:
		switch f.end.Kind {
		case local.Denied:
			return stageDenied
		case local.Ran:
			return stageEnded
		case local.Expired, local.WaitOver, local.Cancelled, local.Withdrawn:
			return stageOver
		}
		return stageFailed
	case f.asked:
		return stageSent
	case f.program.Name == "":
		return stagePick
	}
	return stageAsk
}

func (f *Form) stageOf(it local.Item) stage {
	switch it.State {
	case string(elevation.StatePending):
		if it.Question != "" && it.Asker != "Assent" {
			return stageQuestion
		}
		return stageWaiting
	case "available":
		if f.end != nil && f.end.Kind == local.Failed {
			return stageFailed
		}
		return stageApproved
	case "active":
		return stageActive
	case "ended":
		return stageEnded
	case "denied":
		return stageDenied
	}
	return stageOver
}

// Over reports whether nothing more will happen.
func (f *Form) Over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stageLocked().over()
}

// over reports whether nothing follows a stage.
func (s stage) over() bool {
	switch s {
	case stageEnded, stageDenied, stageOver, stageFailed:
		return true
	case stagePick, stageAsk, stageSent, stageWaiting, stageQuestion, stageApproved, stageActive:
	}
	return false
}

// View is the form as it is now.
func (f *Form) View() View {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := View{Version: f.version, Stage: f.stageLocked(), Over: f.stageLocked().over(), Wrong: oneLine(f.wrong, 300), Endpoint: oneLine(f.endpoint, 60), Buttons: f.buttonsLocked()}
	if p := f.program; p.Name != "" {
		p.Name, p.Path = oneLine(p.Name, 60), oneLine(p.Path, 300)
		shown := make([]string, len(p.Args))
		for i, a := range p.Args {
			shown[i] = oneLine(a, 200)
		}
		p.Args = shown[:min(len(shown), 40)]
		v.Program, v.Letter = &p, letter(p.Name)
	}
	f.headLocked(&v)
	switch v.Stage {
	case stagePick:
		v.Programs, v.Browses = f.programs(), f.cfg.Browse != nil
	case stageAsk:
		v.Fields = f.fieldsLocked()
	default:
		v.Facts = f.factsLocked()
	}
	if v.Stage == stageActive || v.Stage == stageEnded || v.Stage == stageFailed {
		v.Output = f.out.lines(12)
	}
	return v
}

func letter(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "•"
}

// headLocked is what the page says first.
func (f *Form) headLocked(v *View) {
	say, it := f.tongue.Say, f.item
	switch v.Stage {
	case stagePick:
		v.Tone, v.Title, v.Lead = "accent", say("Ask for access"), say("Which program do you need with administrator rights?")
	case stageAsk:
		v.Tone, v.Title, v.Lead = "accent", say("Ask for approval"), say("This program needs administrator rights. Say why you need it, and somebody answers.")
	case stageSent:
		v.Tone, v.Title, v.Lead = "accent", say("Sending…"), ""
	case stageWaiting:
		f.waitingLocked(v)
	case stageQuestion:
		v.Tone, v.Title, v.Lead = "warn", say("%s has a question", oneLine(it.Asker, 80)), say("Your request waits for your answer, and keeps its place.")
		v.Quote, v.Replies = &Quote{By: oneLine(it.Asker, 80), Text: oneLine(it.Question, 2000)}, true
	case stageApproved:
		v.Tone, v.Title, v.Lead = "ok", say("Approved"), f.bySaid(v, it.By, it.Text)
		v.Clock = down(it.Until, say("left to start it"))
		if v.Note = say("It does not start by itself: begin when you are ready."); desktop.Command(*it) == nil && !own(*it, f.cfg.Folder) {
			v.Note = say("Do the same again, and it goes through.")
		}
	case stageActive:
		v.Tone, v.Title, v.Lead = "ok", say("Access is active"), f.bySaid(v, it.By, it.Text)
		v.Clock = down(it.Until, say("left until it ends"))
		v.Note = say("When you are done, end it: that is safer than letting the time run out.")
	case stageDenied:
		v.Tone, v.Title = "no", say("Denied")
		switch {
		case it != nil && f.id != "":
			v.Lead = f.bySaid(v, it.By, it.Text)
		case f.end != nil:
			v.Quote = &Quote{Text: oneLine(f.end.Text, 2000)}
		}
	case stageEnded, stageOver, stageFailed:
		f.endLocked(v)
	}
}

func (f *Form) waitingLocked(v *View) {
	say, it := f.tongue.Say, f.item
	v.Tone, v.Title = "accent", say("Waiting for an answer")
	v.Lead = say("You can close this page: you are told when somebody has answered.")
	v.Clock = &Clock{Since: it.At.UnixMilli(), Text: say("since you asked")}
	if it.SeenBy != "" {
		v.Note = say("%s is looking at it", oneLine(it.SeenBy, 80))
	}
}

func (f *Form) endLocked(v *View) {
	say, it := f.tongue.Say, f.item
	switch {
	case v.Stage == stageFailed:
		v.Tone, v.Title, v.Lead = "no", say("It could not be run"), oneLine(f.end.Text, 400)
	case v.Stage == stageEnded:
		v.Tone, v.Title, v.Lead = "mute", say("It has ended"), say("The access is over. Nothing is left of it.")
		if code := f.exitLocked(); code > 0 {
			v.Tone, v.Title = "warn", say("It ended with code %d", code)
		}
	case it != nil && it.State == "revoked":
		v.Tone, v.Title, v.Lead = "no", say("Ended by somebody"), f.bySaid(v, it.By, it.Text)
	case it != nil && it.State == "expired", f.end != nil && (f.end.Kind == local.Expired || f.end.Kind == local.WaitOver):
		v.Tone, v.Title, v.Lead = "warn", say("Nobody answered in time"), say("Ask again, or call the people who answer.")
	default:
		v.Tone, v.Title, v.Lead = "mute", say("Withdrawn"), say("The request was taken back. Nobody is asked any more.")
	}
}

// exitLocked is the code that the program ended with, -1 = not known.
func (f *Form) exitLocked() int {
	switch {
	case f.item != nil && f.item.Exit != nil:
		return *f.item.Exit
	case f.end != nil && f.end.Kind == local.Ran:
		return f.end.Exit
	}
	return -1
}

// bySaid says who answered, and quotes them.
func (f *Form) bySaid(v *View, by, text string) string {
	if text = oneLine(text, 2000); text != "" {
		v.Quote = &Quote{By: oneLine(by, 80), Text: text}
	}
	if by == "" {
		return ""
	}
	return f.tongue.Say("by %s", oneLine(by, 80))
}

func down(until time.Time, text string) *Clock {
	if until.IsZero() {
		return nil
	}
	return &Clock{Until: until.UnixMilli(), Text: text}
}

func (f *Form) buttonsLocked() []Button {
	say := f.tongue.Say
	switch f.stageLocked() {
	case stageAsk:
		if f.draft != "" && f.hold == nil { // something of theirs is held until they say so
			return []Button{{pressCancel, say("Do not ask"), "quiet"}}
		}
	case stageWaiting, stageQuestion:
		return []Button{{pressCancel, say("Withdraw"), "quiet"}}
	case stageApproved:
		if desktop.Command(*f.item) != nil || own(*f.item, f.cfg.Folder) {
			return []Button{{pressRun, say("Run now"), "primary"}}
		}
	case stageActive:
		return []Button{{pressEnd, say("End now"), "danger"}}
	case stagePick, stageSent, stageEnded, stageDenied, stageOver, stageFailed:
	}
	return []Button{}
}

func (f *Form) fieldsLocked() *Fields {
	say := f.tongue.Say
	is := &Fields{Least: 1, Presets: []string{}, Company: []string{}, Reading: f.wants == nil && f.hold != nil, NeedsText: true}
	recent := f.cfg.Reasons.Recent("")
	if w := f.wants; w != nil {
		is.Least, is.Ticket, is.Message = w.Reason, w.Ticket != "", oneLine(w.Message, 300)
		is.NeedsText = w.Reason > 0
		is.Company = append(is.Company, f.tongue.Company(w.Words)...)
		for _, p := range w.Presets {
			is.Presets = append(is.Presets, oneLine(p, 100))
		}
		if w.Ticket != "" {
			is.Like = say("like %s", oneLine(w.Ticket, 40))
		}
		is.Goes = oneLine(strings.Join(w.GoesTo, ", "), 120)
		if w.Usual >= time.Second {
			is.Usual = say("usually within %s", f.tongue.Span(w.Usual.Round(time.Second)))
		}
	}
	for _, r := range recent {
		if len(is.Presets) < 6 {
			is.Presets = append(is.Presets, oneLine(r, 100))
		}
	}
	if f.draft == "" || f.hold != nil {
		is.Times = []Time{{0, say("As usual")}}
		for _, d := range []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 8 * time.Hour} {
			is.Times = append(is.Times, Time{d, f.tongue.Span(d)})
		}
	}
	return is
}

// factsLocked are what the person may want to look up.
func (f *Form) factsLocked() []Fact {
	say := f.tongue.Say
	var facts []Fact
	fact := func(name, text string) {
		if text != "" {
			facts = append(facts, Fact{name, text})
		}
	}
	if f.item != nil {
		if it := *f.item; it.State == string(elevation.StatePending) {
			usual := it.Usual
			if w := f.wants; w != nil {
				fact(say("Goes to"), oneLine(strings.Join(w.GoesTo, ", "), 120))
				usual = cmp.Or(usual, w.Usual)
			}
			switch {
			case it.Position > 100:
				fact(say("Place"), say("behind the first hundred"))
			case it.Position > 1:
				fact(say("Place"), say("number %d", it.Position))
			case it.Position == 1:
				fact(say("Place"), say("next to be answered"))
			}
			if usual >= time.Second {
				fact(say("Usual wait"), f.tongue.Span(usual.Round(time.Second)))
			}
		} else if !it.Until.IsZero() && (it.State == "available" || it.State == "active") {
			fact(say("Until"), f.tongue.Clock(it.Until, f.cfg.Now()))
		}
	}
	fact(say("Your reason"), oneLine(f.reason, 400))
	fact(say("Ticket"), oneLine(f.ticket, 80))
	if f.item != nil {
		fact(say("Request"), elevation.ShortID(string(f.item.ID)))
	}
	return facts
}

// words are the texts that stand in the page itself.
func (f *Form) words() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	say := f.tongue.Say
	lang := string(f.tongue)
	if lang == "" {
		lang = "en"
	}
	return map[string]string{
		"lang": lang, "reason": say("Why do you need it?"), "hint": say("What for, and since when: whoever answers may not know."),
		"more": say("characters more"), "ticket": say("Ticket"), "optional": say("if there is one"), "for": say("For how long"), "send": say("Ask for it"),
		"goes": say("Goes to"), "reading": say("Looking up who answers…"), "somebody": say("Goes to the people who answer for this computer"),
		"search": say("Search programs, or type a path"), "browse": say("Choose a file…"), "none": say("No program is called that."),
		"use": say("Use this path"), "ctrl": say("Ctrl"), "answer": say("Your answer"), "reply": say("Answer"), "output": say("What it wrote"),
		"close": say("Close"), "later": say("Later"), "gone": say("This page is over"),
		"goneText": say("Each page is for one request, and closes after it. A request that you made goes on; My requests in the menu shows it."),
	}
}
