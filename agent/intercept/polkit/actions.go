package polkit

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
)

// action is what a policy file says of one action.
type action struct {
	file                  string // absolute
	any, inactive, active string // implied answers
	description           string
}

// implied is the answer of the policy file for a subject.
func (a action) implied(local, active bool) string {
	switch {
	case local && active:
		return a.active
	case local:
		return a.inactive
	}
	return a.any
}

// asksAdministrator reports whether an implied answer wants somebody else's word.
func asksAdministrator(implied string) bool {
	return implied == "auth_admin" || implied == "auth_admin_keep"
}

// The folders with policy files, the strongest first.
func actionDirs() []string {
	return []string{"/etc/polkit-1/actions", "/run/polkit-1/actions", "/usr/local/share/polkit-1/actions", "/usr/share/polkit-1/actions"}
}

// Bounds of what is read.
const (
	maxPolicyFile  = 4 << 20
	maxPolicyFiles = 2000
)

// actions knows every action of this machine. It looks at the folders before each
// answer and reads them again when they have changed.
type actions struct {
	dirs []string

	mu    sync.Mutex // guards the fields below
	seen  map[string]time.Time
	known map[string]action
	files map[string]identity
}

// identity is a policy file as it was when it was hashed.
type identity struct {
	size    int64
	changed time.Time
	is      intercept.Identity
}

// of finds an action. Files that can not be read have none.
func (a *actions) of(id string) (action, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.looked(); a.known == nil || !same(now, a.seen) {
		a.readLocked()
		a.seen = now
	}
	found, ok := a.known[id]
	return found, ok
}

// looked is when each folder has changed.
func (a *actions) looked() map[string]time.Time {
	now := map[string]time.Time{}
	for _, dir := range a.dirs {
		if info, err := os.Stat(dir); err == nil {
			now[dir] = info.ModTime()
		}
	}
	return now
}

func same(a, b map[string]time.Time) bool {
	if len(a) != len(b) {
		return false
	}
	for k, t := range a {
		if !b[k].Equal(t) {
			return false
		}
	}
	return true
}

func (a *actions) readLocked() {
	a.known, a.files = map[string]action{}, map[string]identity{}
	for _, dir := range a.dirs {
		names, err := filepath.Glob(filepath.Join(dir, "*.policy"))
		if err != nil {
			continue
		}
		for _, name := range names[:min(len(names), maxPolicyFiles)] {
			list, err := readPolicy(name)
			if err != nil {
				continue // polkit can not read it either, or it is none of its own
			}
			for id, act := range list {
				if _, there := a.known[id]; !there {
					a.known[id] = act
				}
			}
		}
	}
}

// identify hashes a policy file, once as long as it does not change.
func (a *actions) identify(path string) (intercept.Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return intercept.Identity{}, err
	}
	if info.Size() > maxPolicyFile {
		return intercept.Identity{}, fmt.Errorf("%s is too large", path)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if f, ok := a.files[path]; ok && f.size == info.Size() && f.changed.Equal(info.ModTime()) {
		return f.is, nil
	}
	is, err := intercept.Identify(path)
	if err == nil && a.files != nil {
		a.files[path] = identity{size: info.Size(), changed: info.ModTime(), is: is}
	}
	return is, err
}

func readPolicy(path string) (map[string]action, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxPolicyFile {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	list, err := parsePolicy(io.LimitReader(f, maxPolicyFile))
	for id, act := range list {
		act.file = path
		list[id] = act
	}
	return list, err
}

// parsePolicy reads the actions of a policy file and keeps only what is needed:
// the translations are most of it.
func parsePolicy(r io.Reader) (map[string]action, error) {
	list := map[string]action{}
	d := xml.NewDecoder(r)
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("not UTF-8") }
	var id, in, lang string
	var act action
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the policy file: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			in, lang = t.Name.Local, attribute(t, "lang")
			if in == "action" {
				id, act = attribute(t, "id"), action{}
			}
		case xml.CharData:
			if id != "" {
				act.take(in, lang, strings.TrimSpace(string(t)))
			}
		case xml.EndElement:
			if t.Name.Local == "action" && actionID(id) {
				list[id] = act
				id = ""
			}
			in = ""
		}
	}
}

func (a *action) take(element, lang, text string) {
	switch {
	case text == "":
	case element == "allow_any":
		a.any = text
	case element == "allow_inactive":
		a.inactive = text
	case element == "allow_active":
		a.active = text
	case element == "description" && lang == "":
		a.description = text
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
