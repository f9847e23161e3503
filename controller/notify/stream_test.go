package notify

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/servers"
	"github.com/assent-epm/assent/shared/elevation"
)

// follower is notify over a real database and real connections, which can be
// stopped and started again.
type follower struct {
	t     *testing.T
	path  string
	sure  time.Duration
	store *store.Store
	stop  func()
}

func asIs(_ string, raw []byte) ([]byte, error) { return raw, nil }

func newFollower(t *testing.T) *follower {
	f := &follower{t: t, path: filepath.Join(t.TempDir(), "a.db"), sure: time.Hour}
	f.start()
	t.Cleanup(func() { f.stop() })
	return f
}

func (f *follower) start() {
	f.t.Helper()
	st, err := store.Open(f.t.Context(), store.Config{Path: f.path})
	if err != nil {
		f.t.Fatal(err)
	}
	d := local(f.t)
	n, err := New(f.t.Context(), Config{Store: st, Wrap: asIs, Unwrap: asIs, HTTP: d.HTTP, Dial: d.Dial, Refuse: d.Refuse,
		Audience: func(*store.Tx, elevation.RequestID, time.Time) (Audience, error) {
			return Audience{}, elevation.ErrNotFound
		},
		Show: func(context.Context, auth.Actor, *audit.Event, elevation.RequestID) (Shown, error) {
			return Shown{}, elevation.ErrNotFound
		},
		Public: func() string { return d.Public }, Now: time.Now})
	if err != nil {
		f.t.Fatal(err)
	}
	n.sure = f.sure
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	f.store = st
	f.stop = func() {
		cancel()
		<-done
		if err := st.Close(); err != nil {
			f.t.Error(err)
		}
	}
}

func (f *follower) happen(n int, text string) {
	f.t.Helper()
	err := f.store.Update(f.t.Context(), func(tx *store.Tx) error {
		for range n {
			if err := tx.Append(audit.Event{At: time.Now(), Kind: audit.RequestDenied, Actor: elevation.Actor{Kind: elevation.ByUser, ID: "usr_1", Name: text},
				Request: "req_1", Text: map[string]string{"comment": text}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *follower) channel(fields map[string]any) {
	f.t.Helper()
	raw := config(f.t, fields)
	err := f.store.Update(f.t.Context(), func(tx *store.Tx) error {
		if err := tx.PutChannel(store.Channel{ID: "chan_1", Name: "SIEM", Kind: Syslog, Config: raw, MadeAt: time.Now()}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.ChannelChanged, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *follower) pos() (st store.Stream) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(tx *store.Tx) error {
		ch, err := tx.Channel("chan_1")
		if err == nil {
			st, err = tx.Stream(ch)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return st
}

func (f *follower) last() (n uint64) {
	f.t.Helper()
	if err := f.store.View(f.t.Context(), func(tx *store.Tx) (err error) { n, err = tx.LastEvent(); return err }); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// readLine reads a line with a parser of somebody else: its seq, and whether it
// says that it may have come before.
func readLine(t *testing.T, line string) (seq uint64, resent bool) {
	t.Helper()
	m, err := rfc5424.NewParser().Parse([]byte(line))
	if err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	msg := m.(*rfc5424.SyslogMessage)
	data := (*msg.StructuredData)["assent@32473"]
	if _, err := fmt.Sscan(data["seq"], &seq); err != nil || !strings.HasPrefix(data["id"], "ev_") || *msg.Hostname != "assent.example" {
		t.Fatalf("%q", line)
	}
	return seq, data["resent"] == "true"
}

// whole checks that every event from first to last came, in order, and that what
// came twice says so. What a broken connection still had in it may be read after
// what the next one repeated: of each event one copy may be a plain one.
func (f *follower) whole(first, last uint64, lines []string) (again int) {
	f.t.Helper()
	next, plain := first, map[uint64]bool{}
	for _, line := range lines {
		seq, resent := readLine(f.t, line)
		twice := !resent && plain[seq]
		plain[seq] = plain[seq] || !resent
		switch {
		case seq == next:
			next++
		case seq < next && !twice:
			again++
			if seq < first {
				f.t.Fatalf("event %d before the first", seq)
			}
		default:
			f.t.Fatalf("event %d (resent %v) in place of %d", seq, resent, next)
		}
	}
	if next != last+1 {
		f.t.Fatalf("the last is %d, want %d", next-1, last)
	}
	return again
}

func (f *follower) reaches(s *servers.LogServer, last uint64) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("event %d arrives", last), func() bool {
		lines := s.Lines()
		if len(lines) == 0 {
			return false
		}
		seq, _ := readLine(f.t, lines[len(lines)-1])
		return seq >= last
	})
}

func TestStreamFollowsTheLog(t *testing.T) {
	a := servers.NewAuthority(t)
	for format, want := range map[string]string{"rfc5424": "comment=", "cef": "CEF:0|Assent|", "ocsf": `"class_uid":`} {
		t.Run(format, func(t *testing.T) {
			f := newFollower(t)
			f.happen(3, "before") // older than the channel: not sent
			s := servers.NewLogServer(t, a.Server("localhost"))
			_, port, _ := strings.Cut(s.Addr, ":")
			begin := time.Now()
			eventually(t, "the channel is younger than what was before", func() bool { return time.Since(begin) > 3*time.Millisecond })
			f.channel(map[string]any{"address": "localhost:" + port, "ca_pem": a.PEM, "format": format, "stream": true})
			f.happen(450, hostile)
			f.reaches(s, f.last())
			lines := s.Lines()
			f.whole(4, f.last(), lines)
			if !strings.Contains(lines[0], "channel.changed") || !strings.Contains(lines[5], want) {
				t.Errorf("%q\n%q", lines[0], lines[5])
			}
			for _, line := range lines {
				if strings.ContainsAny(line, "\r\n\x00\x1b\u202e") {
					t.Fatalf("%q", line)
				}
			}
		})
	}
}

// TestStreamOverRestarts: the log server goes away and comes back, cuts the
// connection in the middle, and so does the controller; nothing is lost.
func TestStreamOverRestarts(t *testing.T) {
	f := newFollower(t)
	s := servers.NewLogServer(t, nil)
	f.channel(map[string]any{"address": s.Addr, "tls": false, "stream": true})
	f.happen(50, "one")
	f.reaches(s, f.last())
	s.Stop() // with what it has read
	f.happen(30, "two")
	s.CutAfter(7) // and then it reads some and cuts the connection
	s.Start()
	eventually(t, "it has cut a connection", func() bool { return len(s.Lines()) >= 51+7 })
	s.CutAfter(0)
	f.happen(30, "three")
	f.reaches(s, f.last())
	f.stop()
	f.start()
	f.happen(20, "four")
	f.reaches(s, f.last())
	s.Stop()
	f.happen(5, "five")
	f.stop() // both are away
	s.Start()
	f.start()
	f.reaches(s, f.last())
	if again := f.whole(1, f.last(), s.Lines()); again == 0 {
		t.Error("the tail was not sent again after a broken connection")
	}
	if pos := f.pos(); pos.Pos > f.last() || pos.Sent > f.last() {
		t.Errorf("%+v", pos)
	}
}

// TestStreamForgetsWhatIsSure: what was taken long enough ago, or before an orderly
// end, is not sent again.
func TestStreamForgetsWhatIsSure(t *testing.T) {
	f := newFollower(t)
	s := servers.NewLogServer(t, nil)
	f.channel(map[string]any{"address": s.Addr, "tls": false, "stream": true})
	f.happen(50, "one")
	f.reaches(s, f.last())
	f.stop()
	f.sure = 0
	f.start()
	if got := f.pos().Pos; got != f.last() {
		t.Errorf("after an orderly end %d of %d are sure", got, f.last())
	}
	f.happen(10, "two")
	f.reaches(s, f.last())
	eventually(t, "it is sure", func() bool { return f.pos().Pos == f.last() })
	if again := f.whole(1, f.last(), s.Lines()); again != 0 {
		t.Errorf("%d lines came twice", again)
	}
}

// TestStreamNeverStopsTheLog: a log server that reads nothing, and one that is not
// there, hold up nobody.
func TestStreamNeverStopsTheLog(t *testing.T) {
	f := newFollower(t)
	s := servers.NewLogServer(t, nil)
	s.Deafen()
	f.channel(map[string]any{"address": s.Addr, "tls": false, "stream": true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 40 {
			f.happen(200, strings.Repeat("x", 4000))
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("the log waits for a log server")
	}
}

func TestSyslogAlerts(t *testing.T) {
	a, other := servers.NewAuthority(t), servers.NewAuthority(t)
	s := servers.NewLogServer(t, a.Server("localhost"))
	_, port, _ := strings.Cut(s.Addr, ":")
	fields := func(more map[string]any) map[string]any {
		f := map[string]any{"address": "localhost:" + port, "ca_pem": a.PEM, "facility": 10}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	sender := opened(t, Syslog, local(t), fields(nil))
	for _, kind := range []string{"request.submitted", KindTest, KindDigest, "endpoint.silent"} {
		m := evil(kind)
		if _, err := send(t, sender, m); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "five lines arrive", func() bool { return len(s.Lines()) == 5 }) // a digest is a line each
	for i, line := range s.Lines() {
		read, err := rfc5424.NewParser().Parse([]byte(line))
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		msg := read.(*rfc5424.SyslogMessage)
		if data := (*msg.StructuredData)["assent@32473"]; *msg.Facility != 10 || data["delivery"] != evil(KindTest).ID || len(data) > 10 {
			t.Errorf("%d: %v", i, data)
		}
	}
	// The log server went away and came back.
	s.Stop()
	s.Start()
	if _, err := send(t, sender, Example(KindTest, "")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a line arrives over a new connection", func() bool { return len(s.Lines()) == 6 })
	for name, tt := range map[string]struct {
		more map[string]any
		deps Deps
		want string
	}{
		"authority": {map[string]any{"ca_pem": other.PEM}, local(t), "certificate is not trusted"},
		"name":      {map[string]any{"address": "127.0.0.1:" + port}, local(t), "certificate is not trusted"},
		"system":    {map[string]any{"ca_pem": ""}, local(t), "certificate is not trusted"},
		"egress":    {nil, depsFor(nil), "not public"},
		"nobody":    {map[string]any{"address": "localhost:1"}, local(t), "reach the log server"},
	} {
		if _, err := send(t, opened(t, Syslog, tt.deps, fields(tt.more)), Example(KindTest, "")); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, more := range map[string]map[string]any{"address": {"address": "localhost"}, "port": {"address": "localhost:x"}, "format": {"format": "xml"},
		"facility": {"facility": 24}, "authority": {"ca_pem": "x"}, "authority without TLS": {"tls": false}, "host": {"address": "a b:1"}} {
		if _, err := open(Channel{Kind: Syslog, Config: config(t, fields(more))}, local(t)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
