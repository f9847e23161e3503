package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/shared/elevation"
)

// scimPrefix is where directories bring users and groups. It has its own form of
// errors and stands outside of the REST document.
const scimPrefix = "/scim/v2"

const (
	scimType    = "application/scim+json"
	scimErrors  = "urn:ietf:params:scim:api:messages:2.0:Error"
	maxSCIMBody = 4 << 20
)

// scimCall is one call of a directory, recognised and read.
type scimCall struct {
	r    *http.Request
	act  auth.Actor
	id   string
	body []byte
}

// scimAnswer is what a call is answered with.
type scimAnswer struct {
	status int
	body   directory.Resource // nil = none
}

func (s *server) addSCIM() {
	d := s.cfg.Directory
	type handler = func(scimCall) (scimAnswer, error)
	got := func(r directory.Resource, err error) (scimAnswer, error) { return scimAnswer{http.StatusOK, r}, err }
	made := func(r directory.Resource, err error) (scimAnswer, error) {
		return scimAnswer{http.StatusCreated, r}, err
	}
	gone := func(err error) (scimAnswer, error) { return scimAnswer{status: http.StatusNoContent}, err }
	for path, h := range map[string]handler{
		"GET /Users": func(c scimCall) (scimAnswer, error) {
			q, err := queryOf(c.r)
			if err != nil {
				return scimAnswer{}, err
			}
			return got(d.Users(c.r.Context(), c.act, q))
		},
		"POST /Users":        func(c scimCall) (scimAnswer, error) { return made(d.AddUser(c.r.Context(), c.act, c.body)) },
		"GET /Users/{id}":    func(c scimCall) (scimAnswer, error) { return got(d.User(c.r.Context(), c.act, c.id)) },
		"PUT /Users/{id}":    func(c scimCall) (scimAnswer, error) { return got(d.ReplaceUser(c.r.Context(), c.act, c.id, c.body)) },
		"PATCH /Users/{id}":  func(c scimCall) (scimAnswer, error) { return got(d.PatchUser(c.r.Context(), c.act, c.id, c.body)) },
		"DELETE /Users/{id}": func(c scimCall) (scimAnswer, error) { return gone(d.DeleteUser(c.r.Context(), c.act, c.id)) },
		"GET /Groups": func(c scimCall) (scimAnswer, error) {
			q, err := queryOf(c.r)
			if err != nil {
				return scimAnswer{}, err
			}
			return got(d.Groups(c.r.Context(), c.act, q, withoutMembers(c.r)))
		},
		"POST /Groups": func(c scimCall) (scimAnswer, error) { return made(d.AddGroup(c.r.Context(), c.act, c.body)) },
		"GET /Groups/{id}": func(c scimCall) (scimAnswer, error) {
			return got(d.Group(c.r.Context(), c.act, c.id, withoutMembers(c.r)))
		},
		"PUT /Groups/{id}":    func(c scimCall) (scimAnswer, error) { return got(d.ReplaceGroup(c.r.Context(), c.act, c.id, c.body)) },
		"PATCH /Groups/{id}":  func(c scimCall) (scimAnswer, error) { return got(d.PatchGroup(c.r.Context(), c.act, c.id, c.body)) },
		"DELETE /Groups/{id}": func(c scimCall) (scimAnswer, error) { return gone(d.DeleteGroup(c.r.Context(), c.act, c.id)) },
		"GET /ServiceProviderConfig": func(c scimCall) (scimAnswer, error) {
			return got(d.About(c.r.Context(), c.act, "ServiceProviderConfig", ""))
		},
		"GET /ResourceTypes": func(c scimCall) (scimAnswer, error) { return got(d.About(c.r.Context(), c.act, "ResourceTypes", "")) },
		"GET /ResourceTypes/{id}": func(c scimCall) (scimAnswer, error) {
			return got(d.About(c.r.Context(), c.act, "ResourceTypes", c.id))
		},
		"GET /Schemas":      func(c scimCall) (scimAnswer, error) { return got(d.About(c.r.Context(), c.act, "Schemas", "")) },
		"GET /Schemas/{id}": func(c scimCall) (scimAnswer, error) { return got(d.About(c.r.Context(), c.act, "Schemas", c.id)) },
	} {
		verb, path, _ := strings.Cut(path, " ")
		s.mux.HandleFunc(verb+" "+scimPrefix+path, func(w http.ResponseWriter, r *http.Request) { s.scim(w, r, h) })
	}
	s.mux.HandleFunc(scimPrefix+"/", func(w http.ResponseWriter, r *http.Request) {
		s.scim(w, r, func(scimCall) (scimAnswer, error) {
			return scimAnswer{}, fmt.Errorf("%w: there is nothing here to %s", elevation.ErrNotFound, strings.ToLower(r.Method))
		})
	})
}

// scim answers one call of a directory.
func (s *server) scim(w http.ResponseWriter, r *http.Request, do func(scimCall) (scimAnswer, error)) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", scimType)
	c, err := s.scimCaller(w, r)
	var a scimAnswer
	if err == nil {
		a, err = do(c)
	}
	if err != nil {
		s.scimFail(w, r, err)
		return
	}
	if meta, ok := a.body["meta"].(directory.Resource); ok {
		if at, ok := meta["location"].(string); ok && a.status == http.StatusCreated {
			w.Header().Set("Location", at)
		}
		if version, ok := meta["version"].(string); ok {
			w.Header().Set("ETag", version)
		}
	}
	if a.body == nil {
		w.Header().Del("Content-Type")
		w.WriteHeader(a.status)
		return
	}
	w.WriteHeader(a.status)
	writeJSON(w, project(r, a.body))
}

// scimCaller recognises a directory by its token, never by a cookie, and reads
// what it brings.
func (s *server) scimCaller(w http.ResponseWriter, r *http.Request) (scimCall, error) {
	if err := checkURL(r.URL); err != nil {
		return scimCall{}, fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	if r.Header.Get("Authorization") == "" {
		return scimCall{}, auth.ErrUnauthenticated
	}
	act, err := s.door.recognise(r)
	if err != nil {
		return scimCall{}, err
	}
	if err := s.door.take(act); err != nil {
		return scimCall{}, err
	}
	body, err := readBody(w, r, maxSCIMBody, scimType, "application/json")
	if err != nil {
		return scimCall{}, err
	}
	if len(body) > 0 {
		if err := checkJSON(body); err != nil {
			return scimCall{}, &directory.Fault{Type: "invalidSyntax", Err: fmt.Errorf("%w: %w", elevation.ErrInvalid, err)}
		}
	}
	return scimCall{r: r, act: act, id: r.PathValue("id"), body: body}, nil
}

// scimFail answers with an error in the form of SCIM.
func (s *server) scimFail(w http.ResponseWriter, r *http.Request, err error) {
	f := s.door.fail(r.Context(), err, r.Method, r.URL.Path)
	for k, v := range f.GetHeaders() {
		w.Header()[k] = v
	}
	body := map[string]any{"schemas": []string{scimErrors}, "status": strconv.Itoa(f.Status), "detail": f.Detail}
	var kind *directory.Fault
	if errors.As(err, &kind) && f.Status < 500 {
		body["scimType"] = kind.Type
	} else if f.Status == http.StatusBadRequest {
		body["scimType"] = "invalidValue"
	}
	w.WriteHeader(f.Status)
	writeJSON(w, body)
}

// queryOf reads which page of a list is asked for. What else stands in the query
// is left alone: directories send much.
func queryOf(r *http.Request) (directory.Query, error) {
	q := directory.Query{Filter: r.URL.Query().Get("filter"), StartIndex: 1, Count: -1}
	for name, to := range map[string]*int{"startIndex": &q.StartIndex, "count": &q.Count} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n > 1<<30 {
			return q, fmt.Errorf("%w: %s is a number", elevation.ErrInvalid, name)
		}
		*to = max(n, 0)
	}
	return q, nil
}

func withoutMembers(r *http.Request) bool {
	return slices.Contains(strings.Split(strings.ToLower(r.URL.Query().Get("excludedAttributes")), ","), "members")
}

// project leaves out the attributes that the caller does not want.
func project(r *http.Request, body directory.Resource) directory.Resource {
	split := func(name string) []string {
		return strings.FieldsFunc(strings.ToLower(r.URL.Query().Get(name)), func(r rune) bool { return r == ',' || r == ' ' })
	}
	only, without := split("attributes"), split("excludedAttributes")
	if len(only)+len(without) == 0 {
		return body
	}
	if list, ok := body["Resources"].([]directory.Resource); ok {
		for i := range list {
			list[i] = reduce(list[i], only, without)
		}
		return body
	}
	return reduce(body, only, without)
}

func reduce(r directory.Resource, only, without []string) directory.Resource {
	out := directory.Resource{}
	for name, v := range r {
		always := name == "id" || name == "schemas"
		low := strings.ToLower(name)
		wanted := len(only) == 0 || slices.ContainsFunc(only, func(o string) bool {
			attr, _, _ := strings.Cut(o[strings.LastIndexByte(o, ':')+1:], ".")
			return attr == low
		})
		if always || wanted && !slices.Contains(without, low) {
			out[name] = v
		}
	}
	return out
}
