// Package api is the REST door under /api/v1, with its OpenAPI 3.1 document.
//
// It recognises the caller, bounds what comes in, turns JSON into the arguments
// of queue and admin and their answers and errors into JSON. It decides nothing:
// permissions, scopes and self-approval are checked in the domain, with the
// loaded object, for every door alike.
//
// Read route.go for how an operation is declared, door.go for what every call
// passes, problem.go for the one table of errors. Then the operations, a file for
// each noun: requests.go for lists and views of requests (groups.go by what they
// share), file.go for new ones, verbs.go for what is done to them; rules.go,
// teams.go, insight.go and the like. Their bodies are types of controller/client.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/controller/insight"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// callsASecond is how often one token, or one session, may call; four times as
// many at once.
const callsASecond = 50

// Config names what the door needs. Everything without "may be" must be there.
type Config struct {
	Calls     float64 // a second, of one token; 0 = 50
	Accounts  *auth.Accounts
	Store     *store.Store
	Queue     *queue.Queue
	Admin     *admin.Admin
	Insight   *insight.Insight
	Directory *directory.Directory
	Public    func() string // the console's address
	Sequencer *audit.Sequencer
	Connected func(elevation.EndpointID) bool
	Removed   func(elevation.EndpointID) // an endpoint was deleted: end its session
	Console   http.Handler               // the web application, for every other path
	Metrics   http.Handler
	// ClockOff is how far the clock of a connected endpoint was ahead; may be nil.
	ClockOff func(elevation.EndpointID) (time.Duration, bool)
	// Agents is where endpoints enrol; may be nil.
	Agents   func() string
	Ready    func(context.Context) error // nil when calls can be answered
	Cluster  string
	Demo     bool           // a demonstration, which the console says
	Cookie   string         // name of the session cookie, without the __Host- prefix
	Secure   bool           // the public address is https
	Loopback bool           // listens on loopback only: /metrics needs no token
	Proxies  []netip.Prefix // proxies whose X-Forwarded-For is believed; may be nil
	// Providers are the identity providers of the sign-in page; may be nil.
	Providers func(context.Context) ([]client.SignInProvider, error)
	Now       func() time.Time
	Log       *slog.Logger
	// EventWrite is how long a reader of events may take for what is sent, 0 = 20 s.
	EventWrite time.Duration
}

type server struct {
	cfg        Config
	door       *door
	huma       huma.API
	mux        *http.ServeMux
	paths      map[string][]string // methods by path, for 405
	cookieName string
	stop       chan struct{} // closed when streams shall end
	stopOnce   sync.Once
	hub        *hub
	searches   chan struct{} // one for each search of the log that runs
	searchers  atomic.Int32  // with those that wait

	mu      sync.Mutex // guards the fields below
	streams map[elevation.UserID]int
	// allStreams are those of everybody.
	allStreams int
}

// API is the door. Use [New].
type API struct {
	handler http.Handler
	server  *server
}

// New builds the door.
func New(cfg Config) *API {
	s := &server{cfg: cfg, mux: http.NewServeMux(), paths: map[string][]string{}, stop: make(chan struct{}), searches: make(chan struct{}, searches),
		streams: map[elevation.UserID]int{}, cookieName: cfg.Cookie}
	s.hub = newHub(s)
	if cfg.Calls <= 0 {
		cfg.Calls = callsASecond
	}
	if s.cfg.EventWrite <= 0 {
		s.cfg.EventWrite = eventWrite
	}
	if cfg.Secure {
		s.cookieName = "__Host-" + cfg.Cookie
	}
	s.door = &door{accounts: cfg.Accounts, replays: replays{store: cfg.Store, now: cfg.Now}, log: cfg.Log, now: cfg.Now,
		cookie: s.cookieName, secure: cfg.Secure, proxies: cfg.Proxies, calls: auth.NewLimiter(cfg.Calls, 4*cfg.Calls, 10_000),
		decorate: s.decorate, busy: map[string]chan struct{}{}}
	exactNames()
	s.huma = huma.NewAPI(humaConfig(), &adapter{mux: s.mux, door: s.door})
	s.addSessions()
	s.addRequests()
	s.addFiling()
	s.addOffline()
	s.addRules()
	s.addEndpoints()
	s.addLocks()
	s.addRights()
	s.addPauses()
	s.addPeople()
	s.addTeams()
	s.addLinks()
	s.addSettings()
	s.addChannels()
	s.addAlerts()
	s.addHooks()
	s.addPreferences()
	s.addAudit()
	s.addInsight()
	s.addEvents()
	s.addDirectory()
	s.addOIDC()
	s.addDevices()
	s.addSCIM()
	s.finish()
	s.addPlain()
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.door.refuse(w, r, errCrossOrigin) }))
	return &API{handler: guard.Handler(s.mux), server: s}
}

// exactNames makes {"Name": …} an unknown field, which encoding/json would take
// for "name".
var exactNames = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

// AnswerTime is how long an answer may take to be read; the server that serves
// [API.Handler] has it as its WriteTimeout. Streams extend it for themselves.
const AnswerTime = time.Minute

// Handler answers every path of the console's address.
func (a *API) Handler() http.Handler { return a.handler }

// Close ends the event streams, so that a server can shut down.
func (a *API) Close() { a.server.stopOnce.Do(func() { close(a.server.stop) }) }

func humaConfig() huma.Config {
	format := huma.Format{
		Marshal: func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: func(data []byte, v any) error {
			if _, first := v.(*any); first { // huma reads twice: to validate, then into the type
				if err := checkJSON(data); err != nil {
					return err
				}
			}
			return json.Unmarshal(data, v)
		},
	}
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(typeOf[client.Scope](), typeOf[scopeSchema]())
	c := huma.Config{OpenAPI: &huma.OpenAPI{OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Assent", Version: "1", Description: "The controller's REST interface. Errors are " +
			"application/problem+json with a code; times are RFC 3339 in UTC; durations are whole seconds."},
		Components: &huma.Components{
			Schemas: schemas,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":   {Type: "http", Scheme: "bearer", Description: "An API token."},
				"session": {Type: "apiKey", In: "cookie", Name: "assent_session", Description: "The console's session."},
			}}},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers: []huma.Transformer{func(_ huma.Context, _ string, v any) (any, error) {
			if m, ok := v.(*huma.ErrorModel); ok {
				return ofHuma(m), nil
			}
			return v, nil
		}},
	}
	return c
}

// addPlain adds what is not an operation: health, documents, metrics, the
// console, and answers for paths that do not exist.
func (s *server) addPlain() {
	text := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write(body)
		}
	}
	s.mux.HandleFunc("GET /healthz", text("text/plain; charset=utf-8", []byte("ok\n")))
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.cfg.Ready(r.Context()); err != nil {
			s.door.refuse(w, r, fmt.Errorf("%w: %w", errUnavailable, err))
			return
		}
		text("text/plain; charset=utf-8", []byte("ready\n"))(w, r)
	})
	s.mux.HandleFunc("GET /openapi.json", s.written("application/json", s.document))
	s.mux.HandleFunc("GET /docs", s.written("text/html; charset=utf-8", s.docs))
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		// On loopback it needs no token, unless a proxy brings somebody from elsewhere.
		if !s.cfg.Loopback || !isLoopback(s.door.address(r)) {
			act, err := s.door.recognise(r)
			if err == nil { // somebody without a needed second factor can nothing
				err = act.Can(auth.MetricsRead)
			}
			if err != nil {
				s.door.refuse(w, r, err)
				return
			}
		}
		s.cfg.Metrics.ServeHTTP(w, r)
	})
	known := http.NewServeMux()
	for path := range s.paths {
		known.HandleFunc(path, func(http.ResponseWriter, *http.Request) {})
	}
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := known.Handler(r); pattern != "" {
			methods := slices.Clone(s.paths[pattern])
			slices.Sort(methods)
			w.Header().Set("Allow", strings.Join(methods, ", "))
			s.door.refuse(w, r, errMethod)
			return
		}
		s.door.refuse(w, r, fmt.Errorf("%w: no operation has this path; see /docs", elevation.ErrNotFound))
	})
	s.mux.Handle("/", s.cfg.Console)
}

// written serves a document that is written when somebody first asks for it: that
// takes longer than everything else of a start.
func (s *server) written(kind string, write func() ([]byte, error)) http.HandlerFunc {
	once := sync.OnceValues(write)
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := once()
		if err != nil {
			s.door.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body)
	}
}

// stream registers an operation that writes its answer itself.
func (s *server) stream(r route, kind string, h func(http.ResponseWriter, *http.Request, auth.Actor) error, params ...*huma.Param) {
	r.hint.stream = true
	op := s.operation(r)
	op.Parameters = append(op.Parameters, params...)
	op.Responses["200"].Content = map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: "string"}}}
	s.huma.OpenAPI().AddOperation(&op)
	s.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, req *http.Request) {
		s.door.pass(w, req, r.hint, func(w http.ResponseWriter, req *http.Request) {
			if err := h(w, req, callerOf(req.Context()).actor); err != nil {
				s.door.refuse(w, req, err)
			}
		})
	})
}

// replays keeps answers in the store.
type replays struct {
	store *store.Store
	now   func() time.Time
}

type keptReplay struct {
	Status int
	Answer []byte
}

// Replay finds a kept answer.
func (k replays) Replay(ctx context.Context, owner, key string, sum [32]byte) (status int, answer []byte, found bool, err error) {
	var raw []byte
	err = k.store.View(ctx, func(tx *store.Tx) error {
		raw, found, err = tx.IdempotentGet(key, owner, sum[:], k.now())
		return err
	})
	if errors.Is(err, store.ErrKeyReused) {
		return 0, nil, false, errKeyReused
	}
	if err != nil || !found {
		return 0, nil, false, err
	}
	var kept keptReplay
	if err := json.Unmarshal(raw, &kept); err != nil {
		return 0, nil, false, fmt.Errorf("read a kept answer: %w", err)
	}
	return kept.Status, kept.Answer, true, nil
}

// KeepReplay keeps an answer.
func (k replays) KeepReplay(ctx context.Context, owner, key string, sum [32]byte, status int, answer []byte) error {
	raw, err := json.Marshal(keptReplay{Status: status, Answer: answer})
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return k.store.Update(ctx, func(tx *store.Tx) error {
		return tx.IdempotentPut(key, owner, sum[:], raw, k.now())
	})
}

// words splits a comma-separated list.
func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
