// Package console is the browser application for approvers and administrators.
//
// Its source is TypeScript in src; controller/cmd/webbuild bundles it into dist,
// which is embedded here and not kept in the repository. The page is one more
// client of the REST interface: it holds no permission and no secret of its own,
// and everything that endpoints or people wrote is shown as text, never as
// markup. [Handler] serves the files under a policy that lets the browser run
// nothing else and talk to nobody else.
package console

import (
	"bytes"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// Policy is the Content-Security-Policy of every answer.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

// assets is the folder of files whose names change with their content.
const assets = "/assets/"

// Built reports whether the application was bundled before this program was
// compiled.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// Handler serves the application: the page at "/", its files under "/assets/".
// When it was not built, it answers 503 and says how to build it.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil || !Built() {
		return http.HandlerFunc(notBuilt)
	}
	return handler(files)
}

func handler(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		harden(w.Header())
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		switch clean := path.Clean(r.URL.Path); {
		case clean != r.URL.Path || strings.HasSuffix(clean, "/index.html") && clean != "/":
			http.NotFound(w, r)
		case clean == "/":
			serve(w, r, files, "index.html", "no-store")
		case strings.HasPrefix(clean, assets):
			serve(w, r, files, clean[1:], "public, max-age=31536000, immutable")
		default:
			http.NotFound(w, r)
		}
	})
}

// serve gives a file as small as the browser takes it; its compressed forms lie
// beside it and have no address of their own.
func serve(w http.ResponseWriter, r *http.Request, files fs.FS, name, cache string) {
	f, err := fs.Stat(files, name)
	if ext := path.Ext(name); err != nil || f.IsDir() || ext == ".br" || ext == ".gz" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Vary", "Accept-Encoding")
	for _, form := range []struct{ encoding, ext string }{{"br", ".br"}, {"gzip", ".gz"}} {
		raw, err := fs.ReadFile(files, name+form.ext)
		if err != nil || !takes(r.Header.Get("Accept-Encoding"), form.encoding) {
			continue
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Header().Set("Content-Encoding", form.encoding)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(raw))
		return
	}
	http.ServeFileFS(w, r, files, name)
}

// takes reports whether an Accept-Encoding names an encoding, and not to refuse
// it (RFC 9110, 12.5.3).
func takes(accept, encoding string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return strings.TrimSpace(weight) == "" || err == nil && q > 0
		}
	}
	return false
}

func harden(h http.Header) {
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), payment=()")
}

func notBuilt(w http.ResponseWriter, _ *http.Request) {
	harden(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	w.Write([]byte("The console was not built into this program.\nRun `make build` (it needs node and npm), or use assentctl.\n"))
}
