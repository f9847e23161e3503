package tray

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local) }

func request(id, state string, with func(*local.Item)) local.Item {
	it := local.Item{ID: elevation.RequestID(id), State: state, Access: "run", Path: "/usr/bin/apt", Args: []string{"install", "nginx"}, RunAs: "root",
		Cwd: "/home/lena", Mechanism: "assent", At: noon().Add(-3 * time.Minute)}
	if with != nil {
		with(&it)
	}
	return it
}

func state(items ...local.Item) State {
	return State{Reached: true, Status: local.Status{Connected: true}, Items: items, Now: noon(), Asks: true, Portal: true, Folder: "/home/lena"}
}

// drawn is a menu as lines: "key | text", dashes for a separator.
func drawn(s State) string {
	var lines []string
	for _, it := range Menu(s) {
		switch {
		case it.Separator:
			lines = append(lines, "---")
		case it.Key == "":
			lines = append(lines, it.Text)
		default:
			lines = append(lines, it.Key+" | "+it.Text)
		}
	}
	return strings.Join(lines, "\n")
}

const rest = "---\nask | Ask for access…\nportal | My requests\nabout | About Assent"

// TestMenu: each state has its head, its lines and its look.
func TestMenu(t *testing.T) {
	in := func(d time.Duration) func(*local.Item) { return func(it *local.Item) { it.Until = noon().Add(d) } }
	question := request("req_q", "pending", func(it *local.Item) { it.Question, it.Asker = "Which host?", "bo" })
	active := request("req_a", "active", in(24*time.Minute+10*time.Second))
	ready := request("req_r", "available", in(10*time.Minute))
	locked, paused, offline, both := state(), state(), state(), state(active)
	locked.Status.Locked = "This computer is\nlocked by security"
	paused.Status.PausedUntil, paused.Status.PausedWhy = noon().Add(time.Hour), "patch day"
	offline.Status.Connected, both.Status.Connected = false, false
	german := state(active)
	german.Tongue = words.German
	bare := state()
	bare.Asks, bare.Portal = false, false
	for _, tt := range []struct {
		name string
		s    State
		look Look
		want string
	}{
		{"idle", state(), Look{Mood: Idle}, "Nothing is waiting\n" + rest},
		{"what is over does not count", state(request("req_x", "ended", nil), request("req_y", "denied", nil), request("req_z", "available", in(-time.Second))), Look{Mood: Idle}, "Nothing is waiting\n" + rest},
		{"what is for later does not count", state(request("req_x", "available", func(it *local.Item) { it.From = noon().Add(time.Hour) })), Look{Mood: Idle}, "Nothing is waiting\n" + rest},
		{"one waits", state(request("req_w", "pending", nil)), Look{Mood: Waiting}, "A request waits for an answer\nshow req_w | Waiting: apt install nginx (3 min)\n" + rest},
		{"two wait", state(request("req_v", "pending", nil), request("req_w", "pending", nil)), Look{Mood: Waiting},
			"2 requests wait for an answer\nshow req_v | Waiting: apt install nginx (3 min)\nshow req_w | Waiting: apt install nginx (3 min)\n" + rest},
		{"question", state(question), Look{Mood: Question}, "A question waits for your answer\nanswer req_q | Answer: apt install nginx\n" + rest},
		{"ready", state(ready), Look{Mood: Ready}, "Approved: ready to run\nrun req_r | Run now: apt install nginx (until 12:10)\n" + rest},
		{"ready elsewhere", state(request("req_r", "available", func(it *local.Item) { it.Cwd = "/srv" })), Look{Mood: Ready}, "Approved: ready to run\nshow req_r | Approved: apt install nginx\n" + rest},
		{"ready and masked", state(request("req_r", "available", func(it *local.Item) { it.Args = []string{"-p", elevation.Masked} })), Look{Mood: Ready}, "Approved: ready to run\nshow req_r | Approved: apt -p " + elevation.Masked + "\n" + rest},
		{"active", state(active), Look{Mood: Active}, "Access active, 25 min left\nend req_a | End now: apt install nginx (25 min left)\n" + rest},
		{"active, its last seconds", state(request("req_a", "active", in(65*time.Second))), Look{Mood: Active}, "Access active, 1:05 left\nend req_a | End now: apt install nginx (1:05 left)\n" + rest},
		{"active without an end", state(request("req_a", "active", nil)), Look{Mood: Active}, "Access active\nend req_a | End now: apt install nginx\n" + rest},
		{"administrator", state(request("req_a", "active", func(it *local.Item) {
			it.Path, it.Args, it.Access, it.Until = "", nil, "admin", noon().Add(3*time.Hour)
		})), Look{Mood: Active},
			"Access active, 3 h left\nend req_a | End now: administrator (3 h left)\n" + rest},
		{"everything at once", state(question, ready, active, request("req_w", "pending", nil)), Look{Active, true},
			"Access active, 25 min left\nend req_a | End now: apt install nginx (25 min left)\nanswer req_q | Answer: apt install nginx\nrun req_r | Run now: apt install nginx (until 12:10)\nshow req_w | Waiting: apt install nginx (3 min)\n" + rest},
		{"locked", locked, Look{Mood: Locked}, "Locked: nothing can be approved here\nThis computer is locked by security\n---\nportal | My requests\nabout | About Assent"},
		{"paused", paused, Look{Mood: Paused}, "Paused until 13:00\npatch day\n" + rest},
		{"offline", offline, Look{Mood: Offline}, "Offline: the controller can not be reached\n---\nask | Ask for access…\nabout | About Assent"},
		{"offline with access", both, Look{Mood: Active}, "Access active, 25 min left\nOffline: the controller can not be reached\nend req_a | End now: apt install nginx (25 min left)\n---\nask | Ask for access…\nabout | About Assent"},
		{"no agent", State{Asks: true, Portal: true, Now: noon()}, Look{Mood: Gone}, "The Assent agent does not answer\n---\nabout | About Assent"},
		{"another version", State{Foreign: true, Now: noon()}, Look{Mood: Gone}, "Assent was upgraded: this program starts anew\n---\nabout | About Assent"},
		{"nothing can be opened", bare, Look{Mood: Idle}, "Nothing is waiting\n---\nabout | About Assent"},
		{"German", german, Look{Mood: Active}, "Zugriff aktiv, noch 25 Min.\nend req_a | Jetzt beenden: apt install nginx (noch 25 Min.)\n---\nask | Zugriff anfragen…\nportal | Meine Anfragen\nabout | Über Assent"},
	} {
		if got := drawn(tt.s); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
		if got := tt.s.Look(); got != tt.look {
			t.Errorf("%s: looks %+v, want %+v", tt.name, got, tt.look)
		}
	}
}

// TestMenuHoldsLittle: a menu stays short, and what strangers named is harmless
// in it.
func TestMenuHoldsLittle(t *testing.T) {
	var many []local.Item
	for range 20 {
		many = append(many, request("req_w", "pending", func(it *local.Item) {
			it.Path, it.Args = `C:\Tools\a`+"\x1b[31m\u202egpj.exe", []string{"a\nb", strings.Repeat("x", 500)}
		}))
	}
	menu := Menu(state(many...))
	if len(menu) > 1+MaxLines+5 {
		t.Errorf("%d lines", len(menu))
	}
	for _, it := range menu {
		if strings.ContainsAny(it.Text, "\n\x1b\u202e") || len([]rune(it.Text)) > 90 {
			t.Errorf("line %q", it.Text)
		}
	}
	if last := menu[MaxLines]; last.Key != KeyPortal || last.Text != "and 13 more…" {
		t.Errorf("the last line is %+v", last)
	}
	offline := state(many...)
	offline.Status.Connected = false
	if last := Menu(offline)[MaxLines]; last.Key != "" || last.Text != "and 13 more…" {
		t.Errorf("offline, with no page of theirs to open, it is %+v", last)
	}
}
