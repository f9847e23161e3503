package localgroup

import (
	"errors"
	"slices"
	"testing"
)

// pc is a machine with Windows in memory: accounts, and who is in the group.
type pc struct {
	computer string
	accounts []entry // also of domains
	off      []string
	in       []string
	silent   bool // nothing answers
}

var errSilent = errors.New("no answer")

func (p *pc) fails() error {
	if p.silent {
		return errSilent
	}
	return nil
}

func (p *pc) Computer() (string, error) { return p.computer, p.fails() }

func (p *pc) NameOf(sid string) (string, error) {
	if sid != AdministratorsSID {
		return "", ErrNoAccount
	}
	return "Administratoren", p.fails()
}

func (p *pc) find(sid string) int {
	return slices.IndexFunc(p.accounts, func(e entry) bool { return e.SID == sid })
}

func (p *pc) Members(group string) (out []entry, err error) {
	if group != "Administratoren" {
		return nil, errors.New("there is no such group")
	}
	for _, sid := range p.in {
		if i := p.find(sid); i >= 0 {
			out = append(out, p.accounts[i])
			continue
		}
		const deleted = 6
		out = append(out, entry{SID: sid, Use: deleted})
	}
	return out, p.fails()
}

func (p *pc) Add(group, sid string) error {
	switch {
	case group != "Administratoren":
		return errors.New("there is no such group")
	case p.find(sid) < 0:
		return ErrNoAccount
	case slices.Contains(p.in, sid):
		return ErrMember
	}
	p.in = append(p.in, sid)
	return p.fails()
}

func (p *pc) Remove(_, sid string) error {
	i := slices.Index(p.in, sid)
	if i < 0 {
		return ErrNotMember
	}
	p.in = slices.Delete(p.in, i, i+1)
	return p.fails()
}

func (p *pc) Flags(user string) (uint32, error) {
	if !slices.ContainsFunc(p.accounts, func(e entry) bool { return e.Name == p.computer+`\`+user }) {
		return 0, ErrNoAccount
	}
	const normal, off = 0x200, 0x2
	if slices.Contains(p.off, user) {
		return normal | off, p.fails()
	}
	return normal, p.fails()
}

func newPC() *pc {
	return &pc{computer: "PC7", off: []string{"bob", "helpers"}, accounts: []entry{
		{"S-1-5-21-1-2-3-500", `PC7\Administrator`, 1}, {"S-1-5-21-1-2-3-1001", `PC7\alice`, 1}, {"S-1-5-21-1-2-3-1002", `PC7\bob`, 1},
		{"S-1-5-21-9-9-9-1002", `CORP\bob`, 1}, {"S-1-5-21-1-2-3-1100", `PC7\helpers`, 4}, {"S-1-5-21-9-9-9-512", `CORP\Admins`, 2},
		{"S-1-5-4", `NT AUTHORITY\INTERACTIVE`, 5}, {"S-1-5-21-9-9-9-7", `CORP\left`, 8}, {"S-1-12-1-1-2-3-4", "", 1}},
		in: []string{"S-1-5-21-1-2-3-500"}}
}

func TestWindowsAdmins(t *testing.T) {
	contract(t, windowsAdmins{newPC()}, "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-4444")
}

// What each kind of entry is called. Whether an account is switched off is known of
// this machine's alone: a domain may have another of the same name.
func TestMembersOfWindows(t *testing.T) {
	p := newPC()
	p.in = []string{"S-1-5-4", "S-1-5-21-9-9-9-1002", "S-1-5-21-9-9-9-7", "S-1-5-21-9-9-9-512", "S-1-5-21-4-4-4-4", "S-1-5-21-1-2-3-1100",
		"S-1-5-21-1-2-3-1002", "S-1-5-21-1-2-3-1001", "S-1-12-1-1-2-3-4"}
	got, err := windowsAdmins{p}.Members()
	want := []Member{{"S-1-12-1-1-2-3-4", "S-1-12-1-1-2-3-4", User, false}, {"S-1-5-21-1-2-3-1001", `PC7\alice`, User, false},
		{"S-1-5-21-1-2-3-1002", `PC7\bob`, User, true}, {"S-1-5-21-1-2-3-1100", `PC7\helpers`, Nested, false},
		{"S-1-5-21-4-4-4-4", "S-1-5-21-4-4-4-4", Unknown, false}, {"S-1-5-21-9-9-9-1002", `CORP\bob`, User, false},
		{"S-1-5-21-9-9-9-512", `CORP\Admins`, Nested, false}, {"S-1-5-21-9-9-9-7", "S-1-5-21-9-9-9-7", Unknown, false},
		{"S-1-5-4", `NT AUTHORITY\INTERACTIVE`, Special, false}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	p.computer = "pc7"
	p.accounts[2].Name = `pc7\bob`
	if m, in, err := Find(windowsAdmins{p}, "S-1-5-21-1-2-3-1002"); !in || err != nil || !m.Disabled {
		t.Errorf("in small letters: %+v, %v", m, err)
	}
	p.silent = true
	g := windowsAdmins{p}
	if list, err := g.Members(); !errors.Is(err, errSilent) {
		t.Errorf("nothing answers: %+v, %v", list, err)
	}
	if err := g.Add("S-1-5-21-1-2-3-500"); !errors.Is(err, errSilent) {
		t.Errorf("nothing answers: %v", err)
	}
}
