package notify

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/egress"
)

// hostile is what somebody would write to break out of any of the formats.
const hostile = "x\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<evil> <!channel> @everyone <@U1> *b* [l](http://evil) <script>alert(1)</script> " +
	"\x1b[31m\x1b]0;t\a \u202egpj.exe \"}],\"x\":[{\" [code]<b>x</b>[/code] a|b=c ]\\ \x00"

// local are deps that may call this machine.
func local(t *testing.T) Deps {
	t.Helper()
	allow, err := egress.ParseAllow([]string{"127.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	return depsFor(allow)
}

func depsFor(allow []netip.Prefix) Deps {
	return Deps{HTTP: egress.Client(allow), Dial: egress.Dialer(allow).DialContext, Refuse: func(string) error { return nil },
		Public: "https://assent.example", Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

// eventually waits until something holds that happens by itself.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.NewTimer(20 * time.Second)
	defer end.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-end.C:
			t.Fatalf("it does not come to be that %s", what)
		}
	}
}

// config writes a configuration.
func config(t *testing.T, fields map[string]any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// must opens a channel.
func opened(t *testing.T, kind string, deps Deps, fields map[string]any) Sender {
	t.Helper()
	s, err := open(Channel{ID: "chan_1", Name: "test", Kind: kind, Config: config(t, fields)}, deps)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := s.(io.Closer); ok {
		t.Cleanup(func() { _ = c.Close() })
	}
	return s
}

// evil is an example whose every text is hostile.
func evil(kind string) Message {
	m := Example(kind, "https://assent.example")
	m.Title, m.Text, m.To.Name = hostile, hostile+"\n"+hostile, hostile
	var r map[string]any
	if err := json.Unmarshal(m.Request, &r); err == nil {
		r["justification"], r["user"].(map[string]any)["display"], r["endpoint"].(map[string]any)["name"] = hostile, hostile, hostile
		r["subject"].(map[string]any)["path"], r["subject"].(map[string]any)["args"] = "/"+hostile, []string{hostile}
		r["caution"] = []map[string]string{{"reason": "x", "fact": hostile}}
		m.Request, _ = json.Marshal(r)
	}
	var e map[string]any
	if err := json.Unmarshal(m.Event, &e); err == nil {
		e["actor"].(map[string]any)["name"], e["data"] = hostile, map[string]string{"comment": hostile}
		m.Event, _ = json.Marshal(e)
	}
	return m
}

// huge is a message whose texts are longer than anybody takes.
func huge(kind string) Message {
	m := evil(kind)
	long := strings.Repeat(`<&>"\`, 6000)
	m.Title, m.Text = long, strings.Repeat(long+"\n", 20)
	var r map[string]any
	if err := json.Unmarshal(m.Request, &r); err == nil {
		r["justification"] = long
		r["subject"].(map[string]any)["args"] = []string{long, long}
		m.Request, _ = json.Marshal(r)
	}
	return m
}

func send(t *testing.T, s Sender, m Message) (Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return s.Send(ctx, m)
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
