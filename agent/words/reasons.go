package words

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what is remembered of reasons.
const (
	recentReasons = 3                // of one user, offered again
	reasonKept    = 30 * time.Minute // for Enter alone in the same terminal
	reasonUsers   = 1000             // users and terminals; the oldest are forgotten
)

// Reasons remembers what people gave as reasons, so that they need not type it
// again: their last ones are offered, and in the same terminal Enter alone takes
// the last one for half an hour. It is memory only. The zero value is empty.
type Reasons struct {
	mu        sync.Mutex // guards the fields below
	users     map[string][]string
	terminals map[terminal]kept
}

// terminal is one terminal of one user. Name must change when the terminal is
// another one, as a pty is numbered again after its end.
type terminal struct {
	user string
	name string
}

type kept struct {
	reason string
	at     time.Time
}

// Remember takes a reason that a person gave at a terminal, "" = at none.
func (r *Reasons) Remember(user, name, reason string, now time.Time) {
	if reason == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil {
		r.users, r.terminals = map[string][]string{}, map[terminal]kept{}
	}
	if len(r.users) >= reasonUsers {
		clear(r.users) // far more people than sit at one machine: nobody misses it
	}
	old := slices.DeleteFunc(r.users[user], func(s string) bool { return s == reason })
	r.users[user] = append([]string{reason}, old[:min(len(old), recentReasons-1)]...)
	if name == "" {
		return
	}
	for t, k := range r.terminals {
		if len(r.terminals) >= reasonUsers || now.Sub(k.at) > reasonKept {
			delete(r.terminals, t)
		}
	}
	r.terminals[terminal{user, name}] = kept{reason, now}
}

// Recent are the last reasons of a user, the newest first.
func (r *Reasons) Recent(user string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.users[user])
}

// Again is the reason that Enter alone stands for at a terminal, "" = none.
func (r *Reasons) Again(user, name string, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.terminals[terminal{user, name}]
	if !ok || name == "" || now.Sub(k.at) > reasonKept || now.Before(k.at) {
		return ""
	}
	return k.reason
}

// Weak says of a reason that is long enough what an approver will miss in it, ""
// when nothing stands out. It is a hint and refuses nothing.
func (t Tongue) Weak(reason string) string {
	letters, words := 0, strings.FieldsFunc(reason, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	seen := map[rune]bool{}
	for _, r := range strings.ToLower(reason) {
		if unicode.IsLetter(r) {
			letters++
			seen[r] = true
		}
	}
	switch {
	case letters*2 < utf8.RuneCountInString(strings.ReplaceAll(reason, " ", "")) && !hasTicket(words):
		return t.Say("An approver may not understand this: say in words what you are doing.")
	case letters > 7 && len(seen) < 4:
		return t.Say("An approver may not understand this: say in words what you are doing.")
	case len(words) == 1 && !hasTicket(words):
		return t.Say("One word is little: what for, and since when? Approvers answer sooner when they know.")
	}
	return ""
}

// hasTicket reports whether one of the words has both letters and digits, or is a
// number of four digits and more: a ticket, a host, a version.
func hasTicket(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		digits := strings.IndexFunc(w, unicode.IsDigit) >= 0
		letters := strings.IndexFunc(w, unicode.IsLetter) >= 0
		return digits && (letters || len(w) >= 4)
	})
}
