package tray

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"
)

//go:embed page
var pageFiles embed.FS

// Limits of the form's door.
const (
	enterWithin  = 2 * time.Minute  // the link is used by then, or worth nothing
	idleAfter    = 10 * time.Minute // without a word of the page
	overAfter    = 2 * time.Minute  // once nothing more will happen
	aloneAfter   = time.Minute      // a page that is there asks more often
	pollWithin   = 20 * time.Second
	maxBody      = 16 << 10
	cookieName   = "assent_form"
	keyHeader    = "X-Assent-Key"
	policyHeader = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

// Door serves one form to one browser of one person, on an address of this
// machine that nobody else knows.
//
// The page itself holds nothing. Its link has a token that works once, in the part
// of an address that is never sent; it is exchanged for a cookie and for a key
// that only the page has. A cookie goes to every port of this machine and would
// not do: a page of somebody else's program here would be sent it.
type Door struct {
	form *Form
	host string // the only name that it answers to
	now  func() time.Time
	// mayCall reports whether the other end of a connection is of this person.
	mayCall func(c net.Conn) bool

	mu      sync.Mutex // guards the fields below
	token   string     // "" = used
	cookie  string
	key     string
	entered bool
	last    time.Time // word of the page
	over    time.Time // since when nothing more will happen
	closed  chan struct{}
	once    sync.Once
}

// Config of a door beside its form.
type DoorConfig struct {
	// MayCall reports whether the other end of a connection is a program of this
	// person; nil = that can not be told here.
	MayCall func(c net.Conn) bool
	Now     func() time.Time
	// Every is how often it looks whether it is to close; 0 = every second.
	Every time.Duration
}

// secret has 128 bits that nobody can guess.
func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails: the program ends before
	return hex.EncodeToString(b[:])
}

// Serve opens a door for a form and serves it until done is closed. The form is
// the caller's to close.
func Serve(f *Form, cfg DoorConfig) (link string, done <-chan struct{}, stop func(), err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, nil, fmt.Errorf("open a page: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	d := &Door{form: f, host: l.Addr().String(), now: cfg.Now, mayCall: cfg.MayCall, token: secret(), last: cfg.Now(), closed: make(chan struct{})}
	serving, end := context.WithCancel(context.Background()) // ends with it who waits for news
	srv := &http.Server{Handler: d, BaseContext: func(net.Listener) context.Context { return serving }, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }}
	ended := make(chan struct{})
	go func() { _ = srv.Serve(l) }() // it ends with Close, below
	go func() {
		defer close(ended)
		d.watch(cfg.Every)
		end()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	}()
	return "http://" + d.host + "/#" + d.token, ended, d.close, nil
}

type connKey struct{}

func (d *Door) close() { d.once.Do(func() { close(d.closed) }) }

// watch waits until there is no more need of the door.
func (d *Door) watch(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-d.closed:
			return
		case <-tick.C:
			if d.tired(d.form.Over()) {
				return
			}
		}
	}
}

// tired reports whether the door is to close.
func (d *Door) tired(over bool) bool {
	now := d.now()
	d.mu.Lock()
	quiet, entered := now.Sub(d.last), d.entered
	switch {
	case !over:
		d.over = time.Time{}
	case d.over.IsZero():
		d.over = now
	}
	finished := over && now.Sub(d.over) >= overAfter
	d.mu.Unlock()
	if entered && quiet >= aloneAfter {
		d.form.Alone()
	}
	return finished || quiet >= idleAfter || !entered && quiet >= enterWithin
}

// ServeHTTP implements [http.Handler]: the guards first.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policyHeader)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	switch {
	case r.Host != d.host: // a name that somebody made lead here
		refuse(w, http.StatusMisdirectedRequest)
	case d.mayCall != nil && (conn == nil || !d.mayCall(conn)):
		refuse(w, http.StatusForbidden)
	case r.Method == http.MethodGet && r.URL.Path != "/state":
		d.file(w, r)
	case !d.sameOrigin(r):
		refuse(w, http.StatusForbidden)
	case r.URL.Path == "/enter" && r.Method == http.MethodPost:
		d.enter(w, r)
	case !d.known(r):
		refuse(w, http.StatusUnauthorized)
	default:
		d.inside(w, r)
	}
}

func refuse(w http.ResponseWriter, code int) { http.Error(w, http.StatusText(code), code) }

// sameOrigin reports whether a page of this door asks. A browser always says so;
// what is not a browser has no page to be misused by.
func (d *Door) sameOrigin(r *http.Request) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if r.Method == http.MethodPost && origin == "" || origin != "" && origin != "http://"+d.host {
		return false
	}
	return site == "" || site == "same-origin"
}

// file serves what the page is made of; there is nothing in it of anybody.
func (d *Door) file(w http.ResponseWriter, r *http.Request) {
	name, kind := "", ""
	switch r.URL.Path {
	case "/":
		name, kind = "form.html", "text/html; charset=utf-8"
	case "/form.css":
		name, kind = "form.css", "text/css; charset=utf-8"
	case "/form.js":
		name, kind = "form.js", "text/javascript; charset=utf-8"
	case "/icon.svg", "/favicon.ico":
		name, kind = "icon.svg", "image/svg+xml"
	}
	raw, err := pageFiles.ReadFile("page/" + name)
	if name == "" || err != nil {
		refuse(w, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(raw) // whoever has gone does not miss it
}

// enter exchanges the token, once. Wrong ones change nothing: nobody guesses 128
// bits in two minutes, and whoever finds the door must not be able to close it.
func (d *Door) enter(w http.ResponseWriter, r *http.Request) {
	var in struct{ Token string }
	if !body(w, r, &in) {
		return
	}
	d.mu.Lock()
	right := d.token != "" && subtle.ConstantTimeCompare([]byte(in.Token), []byte(d.token)) == 1 && d.now().Sub(d.last) < enterWithin
	if right {
		d.token, d.cookie, d.key, d.entered, d.last = "", secret(), secret(), true, d.now()
	}
	cookie, key := d.cookie, d.key
	d.mu.Unlock()
	if !right {
		refuse(w, http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	answer(w, map[string]any{"key": key, "words": d.form.words()})
}

// known reports whether it is the page that entered.
func (d *Door) known(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || !d.entered || subtle.ConstantTimeCompare([]byte(c.Value), []byte(d.cookie)) != 1 ||
		subtle.ConstantTimeCompare([]byte(r.Header.Get(keyHeader)), []byte(d.key)) != 1 {
		return false
	}
	d.last = d.now()
	return true
}

// inside is what the page can do.
func (d *Door) inside(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Asked
		Path    string `json:"path"`
		Text    string `json:"text"`
		Key     string `json:"key"`
		Version int    `json:"version"`
	}
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	if !body(w, r, &in) {
		return
	}
	var err error
	switch r.URL.Path {
	case "/state":
		ctx, cancel := context.WithTimeout(r.Context(), pollWithin)
		defer cancel()
		d.form.Await(ctx, in.Version)
		d.form.refreshIfOld(d.now())
	case "/words":
		answer(w, d.form.words())
		return
	case "/choose":
		err = d.form.Choose(in.Path)
	case "/browse":
		err = d.form.Browse(r.Context())
	case "/ask":
		err = d.form.Ask(r.Context(), in.Asked)
	case "/answer":
		err = d.form.Answer(r.Context(), in.Text)
	case "/press":
		err = d.form.Press(r.Context(), in.Key)
	case "/close":
		d.form.Alone()
		d.close()
	default:
		refuse(w, http.StatusNotFound)
		return
	}
	switch {
	case errors.Is(err, ErrUsed), errors.Is(err, ErrState):
		refuse(w, http.StatusConflict)
	case err != nil:
		refuse(w, http.StatusInternalServerError)
	default:
		answer(w, d.form.View())
	}
}

// body reads what was sent, which must be JSON: no form of another page can send
// that without being asked first.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType)
		return false
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest)
	}
	return err == nil
}

func answer(w http.ResponseWriter, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // whoever has gone does not miss it
}
