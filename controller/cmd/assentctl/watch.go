package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// watch is "approval watch": the queue on the whole terminal, with the keys of
// the console.
func (a *app) watch() *cobra.Command {
	return &cobra.Command{Use: "watch", Short: "Show the queue on the whole terminal and answer by keys", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			in, ok := a.in.(*os.File)
			out, ok2 := a.out.(*os.File)
			if !ok || !ok2 || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
				return usage("approval watch needs a terminal", "without one: assentctl approval list --watch")
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if _, err := client.Get[client.Me](ctx, c, "/me", nil); err != nil {
				return err
			}
			return a.watchOn(ctx, c, in, out)
		})}
}

// watchOn puts the terminal into raw mode, and back when it is over.
func (a *app) watchOn(ctx context.Context, c *client.Client, in, out *os.File) error {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("take the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }()
	fmt.Fprint(out, "\x1b[?1049h\x1b[?25l")
	defer fmt.Fprint(out, "\x1b[?25h\x1b[?1049l")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys, news := make(chan string), make(chan struct{}, 1)
	go readKeys(ctx, in, keys)
	go follow(ctx, c, news)
	w := &watcher{c: c, marked: map[string]bool{}, now: time.Now}
	return w.run(ctx, keys, news, func() {
		wide, high, err := term.GetSize(int(out.Fd()))
		if err != nil || wide < 20 || high < 5 {
			wide, high = 80, 24
		}
		fmt.Fprint(out, "\x1b[H"+strings.Join(w.draw(wide, high), "\x1b[K\r\n")+"\x1b[K\x1b[J")
	})
}

// follow tells of everything that happens, and after a break that things may
// have happened.
func follow(ctx context.Context, c *client.Client, news chan<- struct{}) {
	tell := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	for ctx.Err() == nil {
		_ = c.Follow(ctx, "", func(client.Event) error { tell(); return nil })
		tell()
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
}

// readKeys sends one text for each key: itself, or up, down, enter, esc, back.
func readKeys(ctx context.Context, in *os.File, keys chan<- string) {
	defer close(keys)
	buf := make([]byte, 256)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		for _, k := range parseKeys(buf[:n]) {
			select {
			case keys <- k:
			case <-ctx.Done():
				return
			}
		}
	}
}

func parseKeys(raw []byte) []string {
	var out []string
	for len(raw) > 0 {
		known := false
		for seq, name := range map[string]string{"\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down"} {
			if strings.HasPrefix(string(raw), seq) {
				out, raw, known = append(out, name), raw[len(seq):], true
				break
			}
		}
		if known {
			continue
		}
		r, size := utf8.DecodeRune(raw)
		raw = raw[size:]
		switch r {
		case '\r', '\n':
			out = append(out, "enter")
		case 0x1b:
			if len(raw) > 0 && (raw[0] == '[' || raw[0] == 'O') { // a key that means nothing here
				return out
			}
			out = append(out, "esc")
		case 0x7f, 0x08:
			out = append(out, "back")
		case 0x03, 0x04:
			out = append(out, "quit")
		default:
			out = append(out, string(r))
		}
	}
	return out
}

// watcher is the queue on a screen. Its methods are called by one goroutine.
type watcher struct {
	c   *client.Client
	now func() time.Time

	rows   []client.Request
	marked map[string]bool
	focus  string // id; stays on its request when others come and go
	at     int    // where the focus was
	open   bool   // the focused one is shown whole
	filter string
	text   string // what came of the last act
	ask    *entry
}

// entry is a line that is being typed.
type entry struct {
	label, typed string
	done         func(ctx context.Context, typed string)
}

// run reads the queue and obeys keys until one quits.
func (w *watcher) run(ctx context.Context, keys <-chan string, news <-chan struct{}, show func()) error {
	if err := w.load(ctx); err != nil {
		return err
	}
	clock := time.NewTicker(time.Second) // waiting times grow, and terminals change their size
	defer clock.Stop()
	for {
		show()
		var err error
		select {
		case k, ok := <-keys:
			if !ok || w.press(ctx, k) {
				return nil
			}
		case <-news:
			err = w.load(ctx)
		case <-clock.C:
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			w.text = sentence(err)
		}
	}
}

// load reads the queue anew and keeps the focus where it was.
func (w *watcher) load(ctx context.Context) error {
	q := url.Values{"status": {"pending"}}
	if w.filter != "" {
		q.Set("q", w.filter)
	}
	rows, err := client.All[client.Request](ctx, w.c, "/requests", q, 500)
	if err != nil {
		return err
	}
	w.rows = rows
	for i, r := range rows {
		if r.ID == w.focus {
			w.at = i
			return nil
		}
	}
	w.at = max(min(w.at, len(rows)-1), 0)
	w.focus, w.open = "", false
	if len(rows) > 0 {
		w.focus = rows[w.at].ID
	}
	return nil
}

// press obeys one key; true quits.
func (w *watcher) press(ctx context.Context, key string) bool {
	if w.ask != nil {
		w.typing(ctx, key)
		return key == "quit"
	}
	switch key {
	case "q", "quit":
		return true
	case "j", "J", "down":
		w.move(1)
	case "k", "K", "up":
		w.move(-1)
	case "x", "X":
		if w.focus != "" {
			w.marked[w.focus] = !w.marked[w.focus]
			w.move(1)
		}
	case "enter":
		w.open = w.focus != "" && !w.open
	case "esc":
		w.open, w.text = false, ""
		clear(w.marked)
	case "/":
		w.ask = &entry{"Search: ", w.filter, func(_ context.Context, typed string) { w.filter = typed }}
	default:
		w.answer(ctx, key)
	}
	return false
}

// answer is a key that does something to what is selected.
func (w *watcher) answer(ctx context.Context, key string) {
	comment := func(action, label string) {
		w.ask = &entry{label: label, done: func(ctx context.Context, typed string) { w.act(ctx, action, client.Answer{Comment: typed}) }}
	}
	switch strings.ToLower(key) {
	case "a":
		w.act(ctx, "approve", client.Answer{})
	case "d":
		comment("deny", "Deny, with this comment: ")
	case "c":
		comment("ask", "Ask the requester: ")
	case "e":
		w.act(ctx, "escalate", client.Answer{})
	case "l":
		w.act(ctx, "claim", client.Answer{})
	case "z":
		w.act(ctx, "undo", client.Answer{})
	default:
		w.text = "J/K move  L claim  E escalate  Z undo  Esc back, nothing selected; the others stand below"
	}
}

func (w *watcher) typing(ctx context.Context, key string) {
	switch key {
	case "esc", "quit":
		w.ask = nil
	case "back":
		if r := []rune(w.ask.typed); len(r) > 0 {
			w.ask.typed = string(r[:len(r)-1])
		}
	case "enter":
		done, typed := w.ask.done, strings.TrimSpace(w.ask.typed)
		w.ask = nil
		done(ctx, typed)
		if err := w.load(ctx); err != nil {
			w.text = sentence(err)
		}
	default:
		if utf8.RuneCountInString(key) == 1 {
			w.ask.typed += key
		}
	}
}

func (w *watcher) move(by int) {
	if len(w.rows) == 0 {
		return
	}
	w.at = max(min(w.at+by, len(w.rows)-1), 0)
	w.focus = w.rows[w.at].ID
}

// act does one thing to the selected requests, else to the focused one.
func (w *watcher) act(ctx context.Context, action string, in client.Answer) {
	var ids []string
	for _, r := range w.rows {
		if w.marked[r.ID] {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 && w.focus != "" {
		ids = []string{w.focus}
	}
	var said []string
	for _, id := range ids {
		r, err := w.c.Act(ctx, id, action, in)
		if err != nil {
			said = append(said, elevation.ShortID(id)+": "+sentence(err))
			continue
		}
		said = append(said, elevation.ShortID(id)+" "+past(action)+", now "+r.State)
	}
	clear(w.marked)
	w.text = strings.Join(said, "; ")
	if err := w.load(ctx); err != nil {
		w.text = sentence(err)
	}
}

// draw is the screen, line by line; nothing in it that a terminal would obey.
func (w *watcher) draw(wide, high int) []string {
	head := fmt.Sprintf("Assent: %d waiting", len(w.rows))
	if w.filter != "" {
		head += " with " + inert.Text(w.filter)
	}
	lines := []string{cut(head, wide), ""}
	if w.open {
		lines = append(lines, w.whole(wide)...)
	} else {
		lines = append(lines, w.table(wide, high-4)...)
	}
	lines = lines[:min(len(lines), high-2)]
	for len(lines) < high-2 {
		lines = append(lines, "")
	}
	foot := w.text
	if w.ask != nil {
		foot = w.ask.label + w.ask.typed + "_"
	}
	return append(lines, cut(inert.Text(foot), wide), cut("A approve  D deny  C ask  X select  Enter open  / search  ? keys  Q quit", wide))
}

func (w *watcher) table(wide, high int) []string {
	if len(w.rows) == 0 {
		return []string{"Nothing waits."}
	}
	first := max(0, w.at-high+2) // the focused one is always to be seen
	rows := w.rows[first:min(len(w.rows), first+max(high-1, 1))]
	cols := slices.DeleteFunc(requestColumns(w.now()), func(c column[client.Request]) bool {
		return c.more || c.name == "expires" || c.name == "created" // the time it has waited says enough, and room is short
	})
	var b strings.Builder
	if err := writeTable(&b, rows, cols, false, wide-4); err != nil {
		return []string{sentence(err)}
	}
	var out []string
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		mark := "    "
		if i > 0 {
			r := rows[i-1]
			if w.marked[r.ID] {
				mark = "  x "
			}
			if r.ID == w.focus {
				mark = ">" + mark[1:]
			}
		}
		out = append(out, mark+line)
	}
	return out
}

func (w *watcher) whole(wide int) []string {
	out := fields(w.rows[w.at], viewColumns(w.now()), false)
	for i, line := range out {
		out[i] = cut(line, wide)
	}
	return out
}
