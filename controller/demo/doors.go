package demo

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// doorsPath is below what no page of the console has.
const doorsPath = "/demo/"

// Doors are addresses at which a visitor takes a seat of the cast, as often as they
// like and in as many browsers: each visit makes a sign-in link that works once,
// as any other, and goes there. A part of each address is secret, so that it is
// known only to who sees what the demonstration prints. Use [NewDoors].
type Doors struct {
	public, secret string
	link           func(ctx context.Context, login string) (url string, err error)
}

// NewDoors makes the doors of one demonstration. link makes a sign-in link of a
// login; [elevation.ErrNotFound] when it is nobody's.
func NewDoors(public string, link func(ctx context.Context, login string) (string, error)) *Doors {
	return &Doors{public: public, secret: strings.ToLower(rand.Text()[:16]), link: link}
}

// Address is the door to the seat of a login.
func (d *Doors) Address(login string) string { return d.public + doorsPath + d.secret + "/" + login }

// Before serves the doors, and everything else by next.
func (d *Doors) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ours := strings.CutPrefix(r.URL.Path, doorsPath)
		if !ours {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		secret, login, _ := strings.Cut(rest, "/")
		if r.Method != http.MethodGet || subtle.ConstantTimeCompare([]byte(secret), []byte(d.secret)) != 1 {
			http.Error(w, "This is the address of another demonstration, or of none: take one that this one has printed.", http.StatusNotFound)
			return
		}
		url, err := d.link(r.Context(), login)
		switch {
		case errors.Is(err, elevation.ErrNotFound):
			http.Error(w, "Nobody here is called that: take an address that the demonstration has printed.", http.StatusNotFound)
		case err != nil:
			http.Error(w, "No link could be made. Try again.", http.StatusInternalServerError)
		default:
			http.Redirect(w, r, url, http.StatusSeeOther)
		}
	})
}
