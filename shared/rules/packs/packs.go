// Package packs holds starter packs: sets of rules that most places need, made
// ready, readable and tested.
//
// A pack is a file of rules in this folder, embedded, with a version that grows
// when the file changes. No approving rule of a pack is in force until somebody
// enables the pack; the pack "deny", which guards who is in charge of a machine,
// is on from the start in ask mode: such attempts go to a person, with a warning,
// whatever other rules say. A rule of one's own takes the place of a pack's rule
// of the same name.
package packs

import (
	"embed"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/rules"
)

//go:embed *.yaml
var files embed.FS

// State says how a pack is in force.
type State string

// The states. Ask is for packs that deny: a person is asked instead.
const (
	Off     State = "off"
	Observe State = "observe"
	Ask     State = "ask"
	Enforce State = "enforce"
)

// Pack is one starter pack.
type Pack struct {
	Name    string
	Version int
	Title   string // one sentence
	First   State  // before anybody has chosen
	Guards  bool   // it denies; ask mode is for it
	YAML    string
}

// All are the packs, the guarding one first.
func All() ([]Pack, error) {
	list := []Pack{
		{Name: "deny", Version: 1, First: Ask, Guards: true, Title: "Who is in charge: sudoers, the agent's files, new administrators, boot keys."},
		{Name: "packages", Version: 1, First: Off, Title: "Package managers: refresh and update what is installed."},
		{Name: "services", Version: 1, First: Off, Title: "Services and logs: look, and restart those of the desktop."},
		{Name: "network", Version: 1, First: Off, Title: "Network and printers: what people at a desk or on the road need."},
		{Name: "updaters", Version: 1, First: Off, Title: "Updaters that programs bring along, by the thumbprint of their publisher."},
		{Name: "homebrew", Version: 1, First: Off, Title: "Homebrew: the few steps that need an administrator."},
	}
	for i := range list {
		raw, err := files.ReadFile(list[i].Name + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read pack %s: %w", list[i].Name, err)
		}
		list[i].YAML = string(raw)
	}
	return list, nil
}

// Allows reports whether the pack can be in a state.
func (p Pack) Allows(s State) bool {
	return s == Off || s == Observe || s == Enforce || s == Ask && p.Guards
}

// Set are the rules of the pack in a state; nil when it is off. Its faults are
// those of a program that was built wrongly.
func (p Pack) Set(s State, c rules.Conditions, zone *time.Location) (*rules.Set, error) {
	if s == Off {
		return nil, nil
	}
	set, faults := rules.Parse([]byte(p.YAML), rules.WithConditions(c), rules.WithZone(zone))
	if set == nil {
		return nil, fmt.Errorf("pack %s: %v", p.Name, faults)
	}
	from := fmt.Sprintf("%s@%d", p.Name, p.Version)
	switch s {
	case Observe:
		return set.OfPack(from, rules.Observe, false), nil
	case Ask:
		return set.OfPack(from, rules.Enforce, true), nil
	}
	return set.OfPack(from, rules.Enforce, false), nil
}
