package sim

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/office"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is the visitor's simulated terminal: a page on loopback where one
// types "sudo apt install …" on the first machine of the fleet and sees what a
// person at a real endpoint would see. What is typed is split into words and
// becomes a request; nothing is ever run.

//go:embed terminal
var terminalFiles embed.FS

// heard is one thing that the terminal is told about a request, as the page
// reads it.
type heard struct {
	Kind    string              `json:"kind"` // need, sent, waiting, approved, denied, closed, refused, ended
	Request elevation.RequestID `json:"request"`
	Text    string              `json:"text,omitempty"`
	By      string              `json:"by,omitempty"`
	Rule    bool                `json:"rule,omitempty"`
	Place   int                 `json:"place,omitempty"`
	Usual   int                 `json:"usual_seconds,omitempty"`
	GoesTo  []string            `json:"goes_to,omitempty"`
	Min     int                 `json:"min,omitempty"`
	Presets []string            `json:"presets,omitempty"`
}

// terminal is the page with its requests.
type terminal struct {
	f  *fleet
	at *endpoint

	mu   sync.Mutex // guards the field below
	open map[elevation.RequestID]*request
}

// serveTerminal serves the page until ctx ends. The listener is on loopback:
// whoever made it has seen to that.
func (f *fleet) serveTerminal(ctx context.Context, l net.Listener) {
	t := &terminal{f: f, at: f.endpoints[0], open: map[elevation.RequestID]*request{}}
	s := &http.Server{Handler: t.handler(l.Addr().String()), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); err != nil && ctx.Err() == nil {
		f.cfg.Log.Error("serve the terminal", "error", err)
	}
}

const terminalPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// handler takes calls for its own address only: another name for loopback is
// somebody else's page.
func (t *terminal) handler(address string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{file...}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, terminalFiles, path.Join("terminal", path.Join("/", r.PathValue("file"))))
	})
	mux.HandleFunc("GET /name", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, t.f.hostname(t.at.n)) })
	mux.HandleFunc("GET /console", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, t.at.link.Console()) })
	mux.HandleFunc("POST /run", t.run)
	mux.HandleFunc("POST /reason", t.reason)
	mux.HandleFunc("POST /withdraw", t.withdraw)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	_, port, _ := net.SplitHostPort(address)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != address && r.Host != "localhost:"+port {
			http.Error(w, "this page has another address", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", terminalPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
		guarded.ServeHTTP(w, r)
	})
}

// programs are what the simulated machine has.
func programs() map[string]string {
	known := map[string]string{"id": "/usr/bin/id", "cat": "/usr/bin/cat", "ls": "/usr/bin/ls", "nano": "/usr/bin/nano", "reboot": "/usr/sbin/reboot"}
	for _, t := range office.Tasks() {
		known[t.Argv[0][strings.LastIndex(t.Argv[0], "/")+1:]] = t.Argv[0]
	}
	return known
}

// parse makes words of a line; the simulated machine has no shell.
func parse(line string) ([]string, error) {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "sudo" {
		return nil, fmt.Errorf("this machine is simulated and knows sudo only; try: sudo apt install wireshark")
	}
	words = words[1:]
	if len(words) > 40 {
		return nil, fmt.Errorf("that is more than this machine can hold; type a shorter command")
	}
	if !strings.HasPrefix(words[0], "/") {
		program, ok := programs()[words[0]]
		if !ok {
			return nil, fmt.Errorf("sudo: %s: command not found; there are apt, systemctl, bash, vim and some more", words[0])
		}
		words[0] = program
	}
	return words, nil
}

// run answers one line: JSON objects, one a line, until the matter is over.
func (t *terminal) run(w http.ResponseWriter, r *http.Request) {
	var in struct{ Line string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "want {line}", http.StatusBadRequest)
		return
	}
	argv, err := parse(in.Line)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	told := make(chan heard, 64)
	req := newRequest(attemptOf(office.Visitor, visitorUID, argv, ""), "", time.Now())
	id := req.attempt.Request
	req.tell = func(h heard) {
		h.Request = id
		select {
		case told <- h:
		default: // a page that does not read misses a place in the queue
		}
	}
	t.mu.Lock()
	t.open[id] = req
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.open, id)
		t.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	t.at.ask(req)
	for {
		select {
		case h := <-told:
			if out.Encode(h) != nil || flush.Flush() != nil || slices.Contains([]string{"denied", "closed", "refused", "ended"}, h.Kind) {
				return
			}
		case <-r.Context().Done():
			return // a closed page keeps the request, as a lost terminal does
		}
	}
}

// about finds the request that a call of the page names.
func (t *terminal) about(w http.ResponseWriter, r *http.Request) (*request, string) {
	var in struct {
		Request elevation.RequestID
		Reason  string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "want {request, reason}", http.StatusBadRequest)
		return nil, ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	req := t.open[in.Request]
	if req == nil {
		http.Error(w, "that is over", http.StatusNotFound)
	}
	return req, strings.TrimSpace(in.Reason)
}

func (t *terminal) reason(w http.ResponseWriter, r *http.Request) {
	if req, reason := t.about(w, r); req != nil {
		t.at.send(req, wire.TComplete, wire.Complete{Request: req.attempt.Request, Justification: reason})
		w.WriteHeader(http.StatusNoContent)
	}
}

func (t *terminal) withdraw(w http.ResponseWriter, r *http.Request) {
	if req, _ := t.about(w, r); req != nil {
		t.at.send(req, wire.TWithdraw, wire.Withdraw{Request: req.attempt.Request})
		w.WriteHeader(http.StatusNoContent)
	}
}
