package main

import "testing"

// machine is a policy with what the installation did to it.
type machine struct {
	policy
	install func(before *uint32) // the installation changes what was before
	change  func(to *uint32)     // somebody else does
}

// inMemory is a machine that is none.
func inMemory(*testing.T) machine {
	m := &memory{}
	return machine{m, func(before *uint32) { m.is, m.before = true, before; m.value = number32(refuse) }, func(to *uint32) { m.value = to }}
}

type memory struct {
	is            bool
	before, value *uint32
}

func (m *memory) changed() (*uint32, bool, error) { return m.before, m.is, nil }
func (m *memory) now() (*uint32, error)           { return m.value, nil }
func (m *memory) set(to *uint32) error            { m.value = to; return nil }
func (m *memory) forget() error                   { m.is, m.before = false, nil; return nil }

func number32(n uint32) *uint32 { return &n }

// TestGiveBack: what Windows did before the installation it does again, unless
// somebody has said something else since.
func TestGiveBack(t *testing.T) {
	for name, make := range machines() {
		for _, row := range []struct {
			name          string
			installed     bool
			before, since *uint32
			want          *uint32
		}{
			{"a number", true, number32(3), number32(refuse), number32(3)},
			{"it was refused before", true, number32(0), number32(refuse), number32(0)},
			{"nothing was said", true, nil, number32(refuse), nil},
			{"changed since", true, number32(3), number32(1), number32(1)},
			{"taken away since", true, number32(3), nil, nil},
			{"not ours", false, nil, number32(refuse), number32(refuse)},
		} {
			t.Run(name+"/"+row.name, func(t *testing.T) {
				m := make(t)
				if row.installed {
					m.install(row.before)
				}
				m.change(row.since)
				for range 2 { // the second time there is nothing to do
					if err := giveBack(m); err != nil {
						t.Fatal(err)
					}
				}
				got, err := m.now()
				if err != nil || (got == nil) != (row.want == nil) || got != nil && *got != *row.want {
					t.Errorf("%v %v, want %v", got, err, row.want)
				}
				if _, is, err := m.changed(); is || err != nil {
					t.Errorf("still ours: %v %v", is, err)
				}
			})
		}
	}
}
