package controller

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// offlineKey gives an endpoint a key for codes that it has confirmed.
func (b *bed) offlineKey(ep elevation.EndpointID) []byte {
	b.t.Helper()
	key := bytes.Repeat([]byte{7}, elevation.OfflineKeyLen)
	wrapped, err := b.keys.Wrap(keys.OfflinePurpose(ep), key)
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.store.Update(b.t.Context(), func(tx *store.Tx) error {
		return tx.PutOfflineKey(ep, store.OfflineKey{Epoch: 1, Key: wrapped})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return key
}

const challenge = "7K2Q-M9XD"

// usedOn is what an endpoint tells of something that a code allowed.
func usedOn(n uint64, attempt elevation.Attempt) wire.Used {
	now := time.Now()
	return wire.Used{Report: n, Request: elevation.NewRequestID(now), Grant: elevation.NewGrantID(now), Attempt: attempt, By: wire.UsedCode,
		Challenge: challenge, Duration: 5 * time.Minute, StartedAt: now}
}

func (b *bed) attemptOf(id string) elevation.Attempt {
	b.t.Helper()
	var r elevation.Request
	if err := b.store.View(b.t.Context(), func(tx *store.Tx) (err error) { r, err = tx.Request(elevation.RequestID(id)); return err }); err != nil {
		b.t.Fatal(err)
	}
	return r.Attempt
}

// eventsOf waits until a last kind of event about a request is in the log, and
// gives the kinds of them, and the alarms of all.
func (b *bed) eventsOf(id, last string) (kinds []string, alarms int) {
	b.t.Helper()
	for {
		placed := b.audit.Placed()
		kinds, alarms = nil, 0
		page := must[client.AuditPage](b.t)(client.Get[client.AuditPage](b.t.Context(), b.admin, "/audit", nil))
		for _, e := range page.Items {
			if e.Request == id {
				kinds = append(kinds, e.Kind)
			}
			if e.Kind == audit.EndpointAlarm.String() {
				alarms++
			}
		}
		if slices.Contains(kinds, last) {
			return kinds, alarms
		}
		select {
		case <-placed:
		case <-b.t.Context().Done():
			b.t.Fatalf("%s is not in the log: %v", last, kinds)
		}
	}
}

// TestOfflineCodeOfARequest: a waiting request is approved by a code, which is the
// same when it is asked for again, and in no row and no event.
func TestOfflineCodeOfARequest(t *testing.T) {
	b := start(t)
	ep := b.endpoint("laptop", nil)
	key := b.offlineKey(ep)
	id := b.ask(ep, "eve", "a")
	cl := b.person("bo", nil, "approver")
	told := must[client.OfflineCodeTold](t)(cl.OfflineCode(t.Context(), id, client.OfflineCode{Code: "7k2q m9xd", DurationSeconds: 200, Comment: "by phone"}))
	want, err := elevation.OfflineCode(key, challenge, b.attemptOf(id), 5*time.Minute)
	if err != nil || told.OfflineCode != want || told.Decision == nil || told.Decision.By.Login != "bo" || told.Grant != nil {
		t.Fatalf("%+v, want code %s (%v)", told, want, err)
	}
	again := must[client.OfflineCodeTold](t)(cl.OfflineCode(t.Context(), id, client.OfflineCode{Code: challenge}))
	if again.OfflineCode != want {
		t.Errorf("again: %s", again.OfflineCode)
	}
	if _, err := b.admin.OfflineCode(t.Context(), id, client.OfflineCode{Code: challenge}); err == nil {
		t.Error("somebody else got the code too")
	}
	used := usedOn(1, b.attemptOf(id))
	if err := b.queue.Used(t.Context(), ep, used); err != nil {
		t.Fatal(err)
	}
	used.Report, used.EndedAt, used.Reason = 2, time.Now(), elevation.Completed
	for range 2 { // delivered twice
		if err := b.queue.Used(t.Context(), ep, used); err != nil {
			t.Fatal(err)
		}
	}
	r := must[client.Request](t)(b.admin.Request(t.Context(), id))
	if r.State != "ended" || r.Grant == nil || r.Grant.ID != string(used.Grant) || cautious(r, "offline_differs") || cautious(r, "offline_code") {
		t.Errorf("%s %+v %+v", r.State, r.Grant, r.Caution)
	}
	replay := usedOn(3, b.attemptOf(id))
	if err := b.queue.Used(t.Context(), ep, replay); err != nil {
		t.Fatal(err)
	}
	twice := must[client.Request](t)(b.admin.Request(t.Context(), string(replay.Request)))
	if twice.Origin != "offline" || !cautious(twice, "offline_code") {
		t.Errorf("a code that was used twice: %+v", twice.Caution)
	}
	_, alarms := b.eventsOf(string(replay.Request), "grant.started")
	kinds, _ := b.eventsOf(id, "grant.ended")
	if got := strings.Join(kinds, " "); alarms != 1 || strings.Count(got, "request.approved") != 1 || strings.Count(got, "offline.code") != 1 ||
		strings.Count(got, "offline.used") != 1 || strings.Count(got, "grant.started") != 1 || strings.Count(got, "grant.ended") != 1 {
		t.Errorf("%s, %d alarms", got, alarms)
	}
	b.nowhere(want)
}

func cautious(r client.Request, reason string) bool {
	return slices.ContainsFunc(r.Caution, func(c client.Caution) bool { return c.Reason == reason })
}

// nowhere fails when a secret is in a file of the controller.
func (b *bed) nowhere(secret string) {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.cfg.Data, "assent.db*"))
	if err != nil || len(files) == 0 {
		b.t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			b.t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(secret)) {
			b.t.Errorf("%s has it", filepath.Base(f))
		}
	}
}

// TestOfflineCodeOfADescription: a request that never arrived is described, and
// what ran is held against that.
func TestOfflineCodeOfADescription(t *testing.T) {
	b := start(t)
	ep := b.endpoint("laptop", nil)
	b.offlineKey(ep)
	attempt := b.attemptOf(b.ask(ep, "eve", "a")) // she is known from before
	describe := func(code, command string) client.OfflineCodeTold {
		t.Helper()
		return must[client.OfflineCodeTold](t)(b.admin.OfflineCode(t.Context(), "new", client.OfflineCode{Code: code, Endpoint: "laptop", User: "eve", Command: command}))
	}
	fits := describe(challenge, "/usr/bin/id a")
	if fits.Origin != "offline" || fits.OfflineCode == "" || !cautious(fits.Request, "offline_described") {
		t.Fatalf("%+v", fits)
	}
	if err := b.queue.Used(t.Context(), ep, usedOn(1, attempt)); err != nil {
		t.Fatal(err)
	}
	other := describe("7K2Q-M9XE", "/usr/bin/who")
	used := usedOn(2, attempt)
	used.Challenge = "7K2Q-M9XE"
	if err := b.queue.Used(t.Context(), ep, used); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{fits.ID: "offline_described", other.ID: "offline_differs"} {
		r := must[client.Request](t)(b.admin.Request(t.Context(), id))
		if r.State != "active" || r.Subject.SHA256 == nil || *r.Subject.SHA256 != attempt.Subject.SHA256 || !cautious(r, want) {
			t.Errorf("%s: %s %+v %+v", want, r.State, r.Subject, r.Caution)
		}
		if cautious(r, "offline_differs") != (id == other.ID) {
			t.Errorf("%s: %+v", want, r.Caution)
		}
	}
	if _, alarms := b.eventsOf(other.ID, "grant.started"); alarms != 1 {
		t.Errorf("%d alarms", alarms)
	}
}

// TestOfflineCodeRefusals: telling a code is an approval under all its rules.
func TestOfflineCodeRefusals(t *testing.T) {
	b := start(t)
	ep := b.endpoint("laptop", nil)
	id := b.ask(ep, "eve", "a")
	refuse := func(what string, cl *client.Client, id string, in client.OfflineCode, code string) {
		t.Helper()
		_, err := cl.OfflineCode(t.Context(), id, in)
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	in := client.OfflineCode{Code: challenge}
	refuse("no key", b.admin, id, in, "conflict")
	b.offlineKey(ep)
	refuse("an auditor", b.person("au", nil, "auditor"), id, in, "forbidden")
	refuse("eve herself", b.person("eve", nil, "approver"), id, in, "self_approval")
	refuse("another scope", b.person("sc", map[string]string{"x": "y"}, "approver"), id, in, "not_found")
	refuse("no challenge", b.admin, id, client.OfflineCode{Code: "12345678U"}, "invalid")
	refuse("too long", b.admin, id, client.OfflineCode{Code: challenge, DurationSeconds: 901}, "invalid")
	refuse("nothing described", b.admin, "new", in, "invalid")
	described := client.OfflineCode{Code: challenge, Endpoint: "laptop", User: "eve", Command: "/usr/bin/id"}
	for what, change := range map[string]func(*client.OfflineCode){
		"no whole path": func(c *client.OfflineCode) { c.Command = "id" },
	} {
		d := described
		change(&d)
		refuse(what, b.admin, "new", d, "invalid")
	}
	stranger := described
	stranger.User = "nobody-known"
	refuse("a stranger", b.admin, "new", stranger, "conflict")
	must[client.Ruleset](t)(client.Post[client.Ruleset](t.Context(), b.admin, "/rules/apply", client.ApplyRules{YAML: "rules:\n" +
		"  - name: two\n    match: {path: /usr/bin/id}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 2}]}\n" +
		"  - name: never\n    match: {path: /usr/bin/who}\n    then: deny\n"}))
	second := b.ask(b.endpoint("desk", nil), "eve", "b")
	refuse("two votes", b.admin, second, in, "forbidden")
	refuse("two votes, described", b.admin, "new", described, "forbidden")
	denied := described
	denied.Command = "/usr/bin/who"
	refuse("a rule denies", b.admin, "new", denied, "forbidden")
	must[client.Endpoint](t)(b.admin.LockEndpoint(t.Context(), string(ep), "lost"))
	refuse("locked", b.admin, id, in, "conflict")
}

func TestOfflineCodesAreRateLimited(t *testing.T) {
	b := start(t)
	ep := b.endpoint("laptop", nil)
	b.offlineKey(ep)
	id := b.ask(ep, "eve", "a")
	for i := range 12 {
		_, err := b.admin.OfflineCode(t.Context(), id, client.OfflineCode{Code: challenge})
		var p *client.Problem
		if limited := errors.As(err, &p) && p.Code == "rate_limited"; limited != (i >= 10) {
			t.Fatalf("number %d: %v", i+1, err)
		}
	}
}
