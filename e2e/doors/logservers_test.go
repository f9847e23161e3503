package doors

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/assent-epm/assent/controller/client"
	. "github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/servers"
)

// seqs are the places in the log that have arrived, in order, without those that
// say that they were sent again.
func seqs(t *testing.T, s *servers.LogServer) (out []uint64) {
	t.Helper()
	for _, line := range s.Lines() {
		m, err := rfc5424.NewParser().Parse([]byte(line))
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		data := (*m.(*rfc5424.SyslogMessage).StructuredData)["assent@32473"]
		seq := Must(strconv.ParseUint(data["seq"], 10, 64))(t)
		if n := len(out); n > 0 && seq <= out[n-1] {
			if data["resent"] != "true" {
				t.Fatalf("event %d after %d does not say that it was sent before: %q", seq, out[n-1], line)
			}
			continue
		}
		out = append(out, seq)
	}
	return out
}

func TestN4SIEMFollowsTheLogOverTLS(t *testing.T) {
	d := newDesk(t)
	ca := servers.NewAuthority(t)
	s := servers.NewLogServer(t, ca.Server("127.0.0.1"))
	c := channel(d, "syslog", client.ChannelConfig{Address: &s.Addr, TLS: true, CAPEM: &ca.PEM, Format: new("cef"), Stream: new(true)})
	web, bo := d.Endpoint("web-1"), d.Person("bo", "approver")
	bo.Does("deny", ask(web, poison, ""), map[string]any{"comment": poison})
	last := func() uint64 {
		all := Must(client.Get[client.AuditPage](t.Context(), d.Admin.Client, "/audit", url.Values{"limit": {"500"}}))(t)
		return all.NextAfter
	}
	reach := func() {
		t.Helper()
		want := last()
		d.Eventually("the log server has the newest event", func() bool { got := seqs(t, s); return len(got) > 0 && got[len(got)-1] >= want })
	}
	reach()
	s.Stop()
	shown := func() client.ChannelStream {
		t.Helper()
		now := Must(client.Get[client.Channel](t.Context(), d.Admin.Client, "/channels/"+c.ID, nil))(t)
		if now.Stream == nil {
			t.Fatal("the channel does not show how far it is")
		}
		return *now.Stream
	}
	began := d.Now()
	id := web.AskWith(web.Attempt("eve", "/usr/bin/id"), "while nobody listens", "")
	bo.Does("deny", id, nil)
	if took := d.Now().Sub(began); took > Patience/2 {
		t.Errorf("a decision takes %s while the log server is away", took)
	}
	looked := time.Time{}
	d.Eventually("the channel shows why it does not follow", func() bool {
		if time.Since(looked) < 50*time.Millisecond {
			return false // calls are limited
		}
		looked = time.Now()
		return strings.Contains(shown().Error, "log server")
	})
	s.Start()
	reach()
	if now := shown(); now.Error != "" || now.Seq+now.Behind < last() {
		t.Errorf("%+v", now)
	}
	got := seqs(t, s)
	for i := range got {
		if got[i] != got[0]+uint64(i) {
			t.Fatalf("event %d comes after %d", got[i], got[i-1])
		}
	}
	for _, line := range s.Lines() {
		if !strings.Contains(line, " CEF:0|Assent|Controller|1|") || strings.ContainsAny(line, "\r\n\x1b\u202e") {
			t.Errorf("%q", line)
		}
	}
}

func TestN4ExportSpeaksEachForm(t *testing.T) {
	d := newDesk(t)
	d.Person("bo", "approver").Does("deny", ask(d.Endpoint("web-1"), poison, ""), map[string]any{"comment": poison})
	for _, form := range []string{"syslog", "cef", "ocsf", "json"} {
		lines := strings.Split(strings.TrimSuffix(d.Works(d.Admin, "audit", "export", "--as", form), "\n"), "\n")
		if len(lines) < 5 {
			t.Fatalf("%s: %d lines", form, len(lines))
		}
		for _, line := range lines {
			if strings.ContainsAny(line, "\r\x1b\u202e") {
				t.Errorf("%s: %q", form, line)
			}
			switch form {
			case "syslog":
				if _, err := rfc5424.NewParser().Parse([]byte(line)); err != nil {
					t.Errorf("%v: %q", err, line)
				}
			case "cef":
				if !strings.HasPrefix(line, "CEF:0|Assent|Controller|1|") {
					t.Errorf("%q", line)
				}
			default:
				var o map[string]any
				if err := json.Unmarshal([]byte(line), &o); err != nil || form == "ocsf" && (o["class_uid"] == nil || o["metadata"] == nil || o["type_uid"] == nil) {
					t.Errorf("%v: %q", err, line)
				}
			}
		}
	}
}
