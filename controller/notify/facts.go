package notify

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/inert"
)

// fact is one line of what a message tells, inert.
type fact struct{ Name, Value string }

// asked is what is needed of a request, as REST shows it.
type asked struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	AccessType string `json:"access_type"`
	User       struct {
		Name    string  `json:"name"`
		Display *string `json:"display"`
	} `json:"user"`
	Endpoint struct {
		Name *string `json:"name"`
		ID   string  `json:"id"`
	} `json:"endpoint"`
	Subject struct {
		Path  string   `json:"path"`
		Args  []string `json:"args"`
		RunAs string   `json:"run_as"`
	} `json:"subject"`
	Justification *string `json:"justification"`
	Ticket        *string `json:"ticket"`
	Priority      struct {
		Value string `json:"value"`
	} `json:"priority"`
	Caution []struct {
		Fact string `json:"fact"`
	} `json:"caution"`
	Decision *struct {
		Verdict string  `json:"verdict"`
		Comment *string `json:"comment"`
	} `json:"decision"`
}

// shown is what is needed of an event, as REST shows it.
type shown struct {
	Kind  string `json:"kind"`
	Actor struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"actor"`
	Endpoint string `json:"endpoint"`
}

// about reads the request of a message; false when it is about none.
func about(m Message) (asked, bool) {
	var r asked
	return r, len(m.Request) > 0 && json.Unmarshal(m.Request, &r) == nil && r.ID != ""
}

// ticketOf is the ticket that the request of a message carries.
func ticketOf(m Message) string {
	if r, ok := about(m); ok && r.Ticket != nil {
		return *r.Ticket
	}
	return ""
}

// Limits of facts.
const (
	maxFact  = 500 // characters of one
	maxFacts = 10
)

// factsOf are what a message tells, in the order in which people read it.
func factsOf(m Message) []fact {
	var out []fact
	add := func(name, value string) {
		if value = inert.Clip(inert.Text(strings.TrimSpace(value)), maxFact); value != "" && len(out) < maxFacts {
			out = append(out, fact{name, value})
		}
	}
	var e shown
	_ = json.Unmarshal(m.Event, &e) // without an event there is nobody to name
	r, ok := about(m)
	if !ok {
		add("By", e.Actor.Name)
		add("Endpoint", e.Endpoint)
		return out
	}
	who := r.User.Name
	if d := deref(r.User.Display); d != "" && d != who {
		who = d + " (" + who + ")"
	}
	add("Who", who)
	add("Where", first(deref(r.Endpoint.Name), r.Endpoint.ID))
	switch r.AccessType {
	case "run":
		add("What", strings.Join(append([]string{r.Subject.Path}, r.Subject.Args...), " ")+as(r.Subject.RunAs))
	case "admin":
		add("What", "administrator rights")
	default:
		add("What", r.AccessType+as(r.Subject.RunAs))
	}
	add("Why", deref(r.Justification))
	add("Ticket", deref(r.Ticket))
	if r.Priority.Value != "normal" {
		add("Priority", r.Priority.Value)
	}
	var care []string
	for _, c := range r.Caution {
		care = append(care, c.Fact)
	}
	add("Care", strings.Join(care, "; "))
	if d := r.Decision; d != nil {
		add("Decision", d.Verdict)
		if e.Actor.Name != "" && strings.HasPrefix(e.Kind, "request.") {
			add("By", e.Actor.Name)
		}
		add("Comment", deref(d.Comment))
	}
	return out
}

func as(user string) string {
	if user == "" || user == "root" {
		return ""
	}
	return " as " + user
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// titleOf is the title on one line, at most n characters and never empty.
func titleOf(m Message, n int) string {
	return inert.Clip(first(inert.Text(strings.TrimSpace(m.Title)), inert.Text(m.Kind), "Assent"), n)
}

// sizeCut shortens s so that its escaped form has at most n characters.
func sizeCut(s string, n int, escape func(string) string) string {
	if out := escape(s); utf8.RuneCountInString(out) <= n {
		return out
	}
	runes := []rune(s)
	low, high := 0, min(len(runes), n)
	for low < high {
		mid := (low + high + 1) / 2
		if utf8.RuneCountInString(escape(string(runes[:mid])+"…")) <= n {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return escape(string(runes[:low]) + "…")
}
