package main

import (
	"errors"
	"io/fs"
	"testing"
)

// place is a policy with what the installation and others write.
type place struct {
	policy
	put func(path, name string, value any) // nil: the key alone
}

// memory is a registry of memory: values of keys.
type memory struct {
	all   map[string]map[string]any
	fails string // a call that fails
}

var errBroken = errors.New("the registry says no")

func (m *memory) key(call, path string) (map[string]any, error) {
	if m.fails == call+" "+path {
		return nil, errBroken
	}
	key, is := m.all[path]
	if !is {
		return nil, fs.ErrNotExist
	}
	return key, nil
}

func (m *memory) read(path, name string) (uint32, bool, error) {
	key, err := m.key("read", path)
	if err != nil {
		return 0, false, err
	}
	value, is := key[name]
	if !is {
		return 0, false, fs.ErrNotExist
	}
	n, number := value.(uint32)
	return n, number, nil
}

func (m *memory) write(path, name string, n uint32) error {
	key, err := m.key("write", path)
	if err == nil {
		key[name] = n
	}
	return err
}

func (m *memory) drop(path, name string) error {
	key, err := m.key("drop", path)
	if _, is := key[name]; err == nil && !is {
		return fs.ErrNotExist
	}
	delete(key, name)
	return err
}

func (m *memory) remove(path string) error {
	_, err := m.key("remove", path)
	if err == nil {
		delete(m.all, path)
	}
	return err
}

func inMemory(*testing.T) place {
	m := &memory{all: map[string]map[string]any{}}
	return place{policy{m, "kept", "policies"}, func(path, name string, value any) {
		if m.all[path] == nil {
			m.all[path] = map[string]any{}
		}
		if value != nil {
			m.all[path][name] = value
		}
	}}
}

// value is what is there: a number, "" for what is none, nil for nothing.
func (p place) value(t *testing.T, path, name string) any {
	t.Helper()
	n, number, err := p.read(path, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		t.Fatal(err)
	case number:
		return n
	}
	return ""
}

// TestKeys is what a registry does.
func TestKeys(t *testing.T) {
	for name, make := range registries() {
		t.Run(name, func(t *testing.T) {
			p := make(t)
			is := func(want any) {
				t.Helper()
				if got := p.value(t, p.policies, policyName); got != want {
					t.Errorf("%v, want %v", got, want)
				}
			}
			missing := func(calls ...error) {
				t.Helper()
				for i, err := range calls {
					if !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("call %d: %v", i, err)
					}
				}
			}
			is(nil)
			missing(p.write(p.policies, policyName, 1), p.drop(p.policies, policyName), p.remove(p.policies))
			p.put(p.policies, "", nil)
			is(nil)
			missing(p.drop(p.policies, policyName))
			for _, n := range []uint32{3, 0} {
				if err := p.write(p.policies, policyName, n); err != nil {
					t.Error(err)
				}
				is(n)
			}
			p.put(p.policies, policyName, "")
			is("")
			if err := p.drop(p.policies, policyName); err != nil {
				t.Error(err)
			}
			is(nil)
			p.put(p.policies, policyName, uint32(1))
			if err := p.remove(p.policies); err != nil {
				t.Error(err)
			}
			is(nil)
		})
	}
}

// installed makes of a place what the installation does where that was said before.
func (p place) installed(before any) {
	p.put(p.kept, markName, uint32(1))
	p.put(p.kept, beforeName, before)
	p.put(p.policies, policyName, uint32(refuse))
}

// TestGiveBack: what Windows did before the installation it does again, unless
// somebody has said something else since.
func TestGiveBack(t *testing.T) {
	for name, make := range registries() {
		for _, row := range []struct {
			name          string
			installed     bool
			before, since any // "" is a text, as the package writes where nothing was said; nil is nothing
			want          any
		}{
			{"a number", true, uint32(3), uint32(refuse), uint32(3)},
			{"it was refused before", true, uint32(0), uint32(refuse), uint32(0)},
			{"nothing was said", true, "", uint32(refuse), nil},
			{"what was said is not there", true, nil, uint32(refuse), nil},
			{"changed since", true, uint32(3), uint32(1), uint32(1)},
			{"taken away since", true, uint32(3), nil, nil},
			{"a text since", true, uint32(3), "", ""},
			{"not ours", false, nil, uint32(refuse), uint32(refuse)},
		} {
			t.Run(name+"/"+row.name, func(t *testing.T) {
				p := make(t)
				p.put(p.policies, "", nil)
				if row.installed {
					p.installed(row.before)
				}
				p.put(p.policies, policyName, row.since)
				if row.since == nil {
					if err := p.drop(p.policies, policyName); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 { // the second time there is nothing to do
					if err := p.giveBack(); err != nil {
						t.Fatal(err)
					}
				}
				if got := p.value(t, p.policies, policyName); got != row.want {
					t.Errorf("%v, want %v", got, row.want)
				}
				if got := p.value(t, p.kept, markName); got != nil {
					t.Errorf("still ours: %v", got)
				}
			})
		}
	}
}

// Whatever fails is told, and is done by the next removal: what was before is forgotten
// last.
func TestGiveBackFails(t *testing.T) {
	for _, call := range []string{"read kept", "read policies", "write policies", "drop policies", "remove kept"} {
		p := inMemory(t)
		var want any
		p.installed(want)
		if call != "drop policies" {
			want = uint32(3)
			p.installed(want)
		}
		p.keys.(*memory).fails = call
		if err := p.giveBack(); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", call, err)
		}
		p.keys.(*memory).fails = ""
		if p.value(t, p.kept, markName) == nil {
			t.Errorf("%s: it is forgotten", call)
		}
		if err := p.giveBack(); err != nil || p.value(t, p.policies, policyName) != want || p.value(t, p.kept, markName) != nil {
			t.Errorf("%s, and again: %v", call, err)
		}
	}
}

// Without the key of policies nothing is given back, and nothing is ours any more.
func TestGiveBackWithoutPolicies(t *testing.T) {
	for name, make := range registries() {
		p := make(t)
		p.installed(uint32(3))
		if err := errors.Join(p.remove(p.policies), p.giveBack()); err != nil || p.value(t, p.policies, policyName) != nil || p.value(t, p.kept, markName) != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
