package console_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/shared/elevation"
)

// desk is a small working controller behind the console: people sign in, read
// the queue, answer, and see live what others do. It knows one queue in memory
// and none of the real rules.
type desk struct {
	http *httptest.Server
	url  string

	mu        sync.Mutex // guards the fields below
	requests  []*client.Request
	sessions  map[string]client.Person
	followers map[chan string]bool
	seq       int
	undo      time.Duration
	admin     bool            // people may also see endpoints, and see and make users
	lost      map[string]bool // ids whose answers break the connection
	late      chan struct{}   // while it is open, readings of one request are on their way
	held      int             // readings on their way
	slow      chan struct{}   // while it is open, readings of the list are on their way
	slowed    int             // of those
	breaks    int             // so many of them break
	verbs     chan struct{}   // while it is open, answers are on their way to the controller
	replies   chan struct{}   // while it is open, what it says to them is on its way back
	told      int             // timelines with a decision
	doors     doors
}

const password = "correct horse"

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{sessions: map[string]client.Person{}, followers: map[chan string]bool{}, lost: map[string]bool{}, undo: 30 * time.Second}
	mux := http.NewServeMux()
	mux.Handle("/", console.Handler())
	mux.HandleFunc("POST /api/v1/sessions", d.signIn)
	d.addDoors(mux)
	for pattern, do := range map[string]func(client.Person, http.ResponseWriter, *http.Request){
		"DELETE /api/v1/sessions":               d.signOut,
		"GET /api/v1/me":                        d.me,
		"GET /api/v1/settings":                  d.settings,
		"GET /api/v1/events":                    d.events,
		"GET /api/v1/users":                     d.users,
		"GET /api/v1/endpoints":                 d.endpoints,
		"GET /api/v1/requests":                  d.list,
		"GET /api/v1/counts":                    d.counts,
		"GET /api/v1/requests/{id}":             d.one,
		"GET /api/v1/requests/{id}/timeline":    d.timeline,
		"GET /api/v1/requests/{id}/explain":     d.explain,
		"POST /api/v1/requests/{id}/{verb}":     d.answerInTime,
		"GET /api/v1/requests/{id}/{elsewhere}": d.one,
	} {
		mux.HandleFunc(pattern, d.guard(do))
	}
	d.http = httptest.NewServer(mux)
	d.url = d.http.URL
	t.Cleanup(func() {
		d.drop()
		d.http.CloseClientConnections()
		d.http.Close()
	})
	return d
}

// drop ends every live connection.
func (d *desk) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.followers {
		close(f)
	}
	d.followers = map[chan string]bool{}
}

// away makes the controller unreachable; the returned function brings it back
// at the same address.
func (d *desk) away(t *testing.T) (back func()) {
	t.Helper()
	handler := d.http.Config.Handler
	address := d.http.Listener.Addr().String()
	d.drop()
	d.http.CloseClientConnections()
	d.http.Close()
	return func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		d.http = httptest.NewUnstartedServer(handler)
		d.http.Listener.Close()
		d.http.Listener = l
		d.http.Start()
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code, detail string, d *client.Decision) {
	reply(w, status, map[string]any{"status": status, "code": code, "detail": detail, "decision": d})
}

func (d *desk) guard(do func(client.Person, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("session")
		d.mu.Lock()
		var who client.Person
		if err == nil {
			who = d.sessions[c.Value]
		}
		d.mu.Unlock()
		if who.ID == "" {
			refuse(w, http.StatusUnauthorized, "unauthenticated", "sign in first", nil)
			return
		}
		do(who, w, r)
	}
}

func (d *desk) signIn(w http.ResponseWriter, r *http.Request) {
	var in client.NewSession
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
		return
	}
	login := in.Login
	if d.doors.wait != "" {
		w.Header().Set("Retry-After", d.doors.wait)
		refuse(w, http.StatusTooManyRequests, "rate_limited", "too many tries", nil)
		return
	}
	if in.Link != "" {
		login, _ = strings.CutPrefix(in.Link, "link-for-")
	} else if in.Password != password {
		refuse(w, http.StatusUnauthorized, "unauthenticated", "login or password is wrong", nil)
		return
	} else if d.doors.totp[login] && in.Code != rightCode {
		refuse(w, http.StatusUnauthorized, "code_required", "the code is missing or wrong", nil)
		return
	}
	who := client.Person{ID: "usr_" + login, Login: login, Name: strings.ToUpper(login[:1]) + login[1:]}
	d.mu.Lock()
	d.sessions["s-"+login] = who
	d.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "s-" + login, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	d.me(who, w, r)
}

func (d *desk) signOut(_ client.Person, w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("session"); err == nil {
		d.mu.Lock()
		delete(d.sessions, c.Value)
		d.mu.Unlock()
	}
	w.WriteHeader(http.StatusNoContent)
}

func (d *desk) me(who client.Person, w http.ResponseWriter, _ *http.Request) {
	can := []string{"requests.read", "requests.decide"}
	if d.admin {
		can = append(can, "users.read", "users.write", "roles.write", "endpoints.read")
	}
	reply(w, http.StatusOK, client.Me{ID: who.ID, Login: who.Login, Name: who.Name, Roles: []string{"approver"}, Scope: map[string]string{},
		Permissions: can, Session: true, NeedsSecondFactor: d.doors.must, HasPasskey: len(d.doors.keys) > 0, UndoSeconds: 3, Cluster: "example", Version: "1.2.3"})
}

func (d *desk) settings(_ client.Person, w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusForbidden, "forbidden", "settings are for administrators", nil)
}

func (d *desk) users(who client.Person, w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, client.List[client.User]{Items: []client.User{{ID: who.ID, Login: who.Login, Roles: []string{"administrator"}}}, Total: 1})
}

func (d *desk) endpoints(_ client.Person, w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, client.List[client.Endpoint]{Items: []client.Endpoint{}})
}

func (d *desk) list(_ client.Person, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	items := []client.Request{}
	for _, q := range d.requests {
		if r.URL.Query().Get("status") == "all" || q.State == "pending" {
			items = append(items, *q)
		}
	}
	if d.breaks > 0 {
		d.breaks--
		d.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	slow := d.slow
	if slow != nil {
		d.slowed++
	}
	d.mu.Unlock()
	if r.URL.Query().Get("sort") == "newest" {
		slices.Reverse(items)
	}
	page := map[string]any{"items": items, "total": len(items), "total_is_lower_bound": false}
	if limit, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil {
		from, _ := strconv.Atoi(cmp.Or(r.URL.Query().Get("cursor"), r.URL.Query().Get("skip"), "0"))
		to := min(from+limit, len(items))
		page["items"] = items[min(from, to):to]
		if to < len(items) {
			page["next_cursor"] = strconv.Itoa(to)
		}
	}
	if slow != nil {
		select {
		case <-slow:
		case <-r.Context().Done():
		}
	}
	reply(w, http.StatusOK, page)
}

func (d *desk) counts(_ client.Person, w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pending := 0
	for _, q := range d.requests {
		if q.State == "pending" && q.Decision == nil {
			pending++
		}
	}
	reply(w, http.StatusOK, map[string]int{"pending": pending})
}

func (d *desk) find(id string) *client.Request {
	for _, q := range d.requests {
		if q.ID == id {
			return q
		}
	}
	return nil
}

func (d *desk) one(_ client.Person, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	q := d.find(r.PathValue("id"))
	if q == nil {
		d.mu.Unlock()
		refuse(w, http.StatusNotFound, "not_found", "there is no such request", nil)
		return
	}
	as, late := *q, d.late
	if late != nil {
		d.held++
	}
	d.mu.Unlock()
	if late != nil {
		select {
		case <-late:
		case <-r.Context().Done():
		}
	}
	reply(w, http.StatusOK, as)
}

func (d *desk) timeline(_ client.Person, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	items := []client.TimelineItem{}
	if q := d.find(r.PathValue("id")); q != nil {
		items = append(items, client.TimelineItem{At: *q.SubmittedAt, Kind: "request.submitted", By: q.User.Name, Text: "asked to run " + q.Subject.Path})
		if q.Decision != nil {
			d.told++
			items = append(items, client.TimelineItem{At: q.Decision.At, Kind: "request." + q.Decision.Verdict, By: q.Decision.By.Login, Text: q.Decision.Verdict})
		}
	}
	reply(w, http.StatusOK, client.Timeline{Items: items})
}

func (d *desk) explain(_ client.Person, w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, client.Explanation{Outcome: "ask", Sentence: "No rule matched, so the team Approvers is asked.", Trace: []client.TraceLine{
		{Rule: "apt-update", Why: "the path is not /usr/bin/apt"},
		{Rule: "services-need-platform", Matched: true, Why: "path and arguments match; in observe mode, so it only watches"},
	}})
}

// answerInTime answers as slowly as the test wants. What others are told does not
// wait for the reply.
func (d *desk) answerInTime(who client.Person, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	verbs, replies := d.verbs, d.replies
	d.mu.Unlock()
	wait := func(on chan struct{}) {
		if on == nil {
			return
		}
		select {
		case <-on:
		case <-r.Context().Done():
		}
	}
	wait(verbs)
	said := httptest.NewRecorder()
	d.answer(who, said, r)
	wait(replies)
	reply(w, said.Code, json.RawMessage(said.Body.Bytes()))
}

func (d *desk) answer(who client.Person, w http.ResponseWriter, r *http.Request) {
	var in client.Answer
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error(), nil)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.find(r.PathValue("id"))
	switch {
	case q == nil:
		refuse(w, http.StatusNotFound, "not_found", "there is no such request", nil)
		return
	case d.lost[q.ID]:
		panic(http.ErrAbortHandler) // the connection breaks without an answer
	case d.careless(q.ID, r.PathValue("verb")):
		refuse(w, http.StatusForbidden, "step_up_required", "prove that it is you", nil)
		return
	case r.PathValue("verb") == "ask":
		d.ask(who, q, in.Comment)
		reply(w, http.StatusOK, q)
		return
	case r.PathValue("verb") == "undo":
		q.Decision, q.State = nil, "pending"
		d.tell("request.undone", q)
		reply(w, http.StatusOK, q)
		return
	case r.PathValue("verb") == "revoke":
		q.State, q.Delivery = "revoked", "revoking"
		d.tell("grant.revoked", q)
		reply(w, http.StatusOK, q)
		return
	case q.Decision != nil:
		refuse(w, http.StatusConflict, "already_decided", "the request was already decided", q.Decision)
		return
	}
	until := time.Now().Add(d.undo)
	q.Decision = &client.Decision{Verdict: r.PathValue("verb") + "d", By: &who, At: time.Now(), HeldUntil: &until}
	if in.Comment != "" {
		q.Decision.Comment = &in.Comment
	}
	if r.PathValue("verb") == "deny" {
		q.Decision.Verdict = "denied"
	}
	d.tell("request."+q.Decision.Verdict, q)
	reply(w, http.StatusOK, q)
}

// tell sends an event to everybody who follows; the caller holds the lock.
func (d *desk) tell(kind string, q *client.Request) {
	d.seq++
	data, err := json.Marshal(map[string]any{"seq": d.seq, "kind": kind, "request": q})
	if err != nil {
		panic(err)
	}
	for f := range d.followers {
		f <- fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", kind, d.seq, data)
	}
}

func (d *desk) events(_ client.Person, w http.ResponseWriter, r *http.Request) {
	f := make(chan string, 100)
	d.mu.Lock()
	d.followers[f] = true
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": hello\n\n")
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			d.mu.Lock()
			delete(d.followers, f)
			d.mu.Unlock()
			return
		case text, open := <-f:
			if !open {
				return
			}
			fmt.Fprint(w, text)
			w.(http.Flusher).Flush()
		}
	}
}

// submit puts a request into the queue.
func (d *desk) submit(q *client.Request) *client.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, q)
	d.tell("request.submitted", q)
	return q
}

// following is how many live connections there are.
func (d *desk) following() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.followers)
}

func (d *desk) decision(id string) *client.Decision {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(id).Decision
}

func ptr[T any](v T) *T { return &v }

// asked is a request of a person who has waited for a while.
func asked(user, host, reason string, waited time.Duration, priority string, path string, args ...string) *client.Request {
	at := time.Now().Add(-waited)
	if args == nil {
		args = []string{}
	}
	return &client.Request{
		ID: string(elevation.NewRequestID(at)), Origin: "endpoint", State: "pending", AccessType: "run",
		User: client.RequestUser{Name: user, Display: ptr("Dina Osei"), UID: "1001", Groups: []string{"users", "developers"}},
		Endpoint: client.EndpointRef{ID: "ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77", Name: &host, OS: ptr("linux"), OSVersion: ptr("Debian GNU/Linux 12 (bookworm)"),
			Arch: ptr("amd64"), IP: ptr("192.0.2.17"), Labels: map[string]string{"role": "workstation", "site": "berlin"}, Reported: map[string]string{"kernel": "6.1.0-28"}},
		Subject: client.Subject{Path: path, Args: args, Cwd: ptr("/home/dina"), RunAs: "root", Size: ptr(int64(1115536)), Parent: ptr("/usr/bin/bash"),
			SHA256: ptr("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")},
		Justification: &reason, Priority: client.Priority{Value: priority}, SubmittedAt: &at, ExpiresAt: ptr(at.Add(8 * time.Hour)),
		Requested: client.Window{DurationSeconds: ptr(int64(1800))},
		Approvals: client.Approvals{Need: 1, Stages: []client.Stage{{Team: "team_approvers", Name: "Approvers", Quorum: 1}}},
		Reviews:   []client.Review{}, Questions: []client.Question{}, Rules: []string{}, Caution: []client.Caution{},
		Escalations: []client.Escalation{}, Notes: []client.Note{}, Listed: []client.Listed{}, Changes: []client.Change{},
		Queue: &client.Queue{CanAnswer: []string{"bo", "mika"}}, Delivery: "none",
	}
}
