// Package fakemac is a Mac that is not there, for tests: a folder with a small
// machine in it and programs at the places where macOS has them.
//
// The programs are the test program itself under other names: a test's TestMain calls
// [Main] first. They behave: what one changes another one tells. What they answer has
// the form that Apple's have, as far as that is written down. No shipped program
// imports it; read [Machine] for what there is.
package fakemac

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// User is an account.
type User struct {
	Name, UUID string
	UID        int64
	Ways       []string // AuthenticationAuthority; none = nobody can log on with it
	Elsewhere  bool     // of a directory that the machine asks, not its own
}

// Group is one of the machine.
type Group struct {
	Name, UUID string
	GID        int64
	Names      []string // GroupMembership
	UUIDs      []string // GroupMembers
	Nested     []string
}

// Machine is all that the programs know.
type Machine struct {
	Users  []User
	Groups []Group

	Signed   map[string]Signature      // by path
	Rights   map[string]map[string]any // the authorization database
	Forgets  []string                  // keys of rights that it does not keep
	Sessions []map[string]any          // IOConsoleUsers

	Fail map[string]string // "tool word" to what it says instead, ending with 1; "lies" = it says it did and did not
}

// Signature is what codesign knows of a file. Valid is of its bytes: who changes the
// file changes that.
type Signature struct {
	Identifier, Team, CDHash string
	Authorities              []string
	SHA256                   string // of the file as it was signed
	Adhoc                    bool
}

// Here is a machine in a folder.
type Here struct{ Root string }

// New makes a machine.
func New(t testing.TB, m Machine) Here {
	t.Helper()
	h := Here{Root: t.TempDir()}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range mactool.All() {
		path := filepath.Join(h.Root, string(tool))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(exe, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.save(m); err != nil {
		t.Fatal(err)
	}
	return h
}

// Runner runs its programs.
func (h Here) Runner() mactool.System { return mactool.System{Root: h.Root} }

// Change changes the machine.
func (h Here) Change(t testing.TB, do func(*Machine)) {
	t.Helper()
	m, err := h.load()
	if err != nil {
		t.Fatal(err)
	}
	do(&m)
	if err := h.save(m); err != nil {
		t.Fatal(err)
	}
}

// Machine is how it is now.
func (h Here) Machine(t testing.TB) Machine {
	t.Helper()
	m, err := h.load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (h Here) file() string { return filepath.Join(h.Root, "machine.json") }

func (h Here) load() (m Machine, err error) {
	raw, err := os.ReadFile(h.file())
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(raw, &m)
}

func (h Here) save(m Machine) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(h.file(), raw, 0o600)
}

// program is one that runs now.
type program struct {
	here  Here
	m     Machine
	args  []string
	lies  bool // it changes nothing
	wrote bool
}

// Main runs as the program that it was called as, and ends with it. A test that is
// called as itself goes on.
func Main() {
	verbs := map[string]func(*program) int{"dscl": dscl, "dseditgroup": dseditgroup, "dsmemberutil": dsmemberutil, "codesign": codesign, "ioreg": ioreg, "security": security}
	name := filepath.Base(os.Args[0])
	for _, tool := range mactool.All() {
		if root, here := strings.CutSuffix(os.Args[0], string(tool)); here && verbs[name] != nil {
			p := &program{here: Here{Root: root}, args: os.Args[1:]}
			syscall.Exit(p.run(name, verbs[name])) // a program with the race detector would wait a second in os.Exit
		}
	}
}

// run does what the machine does with it.
func (p *program) run(name string, verb func(*program) int) (code int) {
	var err error
	if p.m, err = p.here.load(); err != nil {
		return complain(70, err.Error())
	}
	for what, say := range p.m.Fail {
		tool, word, _ := strings.Cut(what, " ")
		if tool != name || word != "" && !slices.Contains(p.args, word) {
			continue
		}
		if say != "lies" {
			return complain(1, say)
		}
		p.lies = true
	}
	code = verb(p)
	if p.wrote && !p.lies {
		if err := p.here.save(p.m); err != nil {
			return complain(70, err.Error())
		}
	}
	return code
}

func say(lines ...string) {
	for _, line := range lines {
		os.Stdout.WriteString(line + "\n")
	}
}

func complain(code int, line string) int {
	os.Stderr.WriteString(line + "\n")
	return code
}
