package privilege

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/localgroup"
)

// This file has the tokens, processes and jobs of an [office].

// officeToken is an open token.
type officeToken struct {
	o      *office
	data   tokenData
	other  *tokenData // its other half
	isMade bool       // a process can be made with it
	usual  string     // access list of what its processes make
	closed bool
}

func (o *office) token(d tokenData) *officeToken {
	o.handles++
	return &officeToken{o: o, data: d}
}

const fullGroup = groupMandatory | groupByDefault | groupEnabled | groupOwner

// halves are the tokens of somebody: what they work with, and the other half of it.
func (p *officePerson) halves(sid string, session uint32, groups ...tokenGroup) (tokenData, *tokenData) {
	d := tokenData{user: sid, session: session, elevation: elevationDefault, integrity: 0x2000}
	d.groups = append(slices.Clone(groups), tokenGroup{"S-1-5-32-545", groupMandatory | groupByDefault | groupEnabled})
	if !p.admin {
		return d, nil
	}
	full := d
	full.elevation, full.integrity = elevationFull, highIntegrity
	full.groups = append(slices.Clone(d.groups), tokenGroup{localgroup.AdministratorsSID, fullGroup})
	if !p.split {
		return full, nil
	}
	d.elevation, d.groups = elevationLimited, append(slices.Clone(d.groups), tokenGroup{localgroup.AdministratorsSID, groupDenyOnly})
	return d, &full
}

func logOnGroup(session uint32) tokenGroup {
	return tokenGroup{fmt.Sprintf("S-1-5-5-0-%d", session), groupMandatory | groupByDefault | groupEnabled | groupLogOn}
}

func (o *office) sessionToken(session uint32) (winToken, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("session token"); err != nil {
		return nil, err
	}
	sid, there := o.sessions[session]
	if !there {
		return nil, errors.New("nobody is logged on there")
	}
	d, other := o.people[sid].halves(sid, session, logOnGroup(session))
	d.elevation = cmp.Or(o.people[sid].odd, d.elevation)
	token := o.token(d)
	token.other = other
	return token, nil
}

// logOn knows the people of this machine by one package and all others by another.
func (o *office) logOn(as winLogOn) (winToken, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, as)
	if err := o.call("log on"); err != nil {
		return nil, err
	}
	for sid, p := range o.people {
		known := packageDomain
		if p.domain == officeComputer {
			known = packageLocal
		}
		if p.name != as.account || p.domain != as.domain || known != as.pack {
			continue
		}
		d, other := p.halves(sid, 0, as.groups...)
		if d.facts().admin {
			d.integrity = highIntegrity
		}
		if o.logsOn != nil {
			o.logsOn(&d)
		}
		token := o.token(d)
		token.other = other
		return token, nil
	}
	return nil, errors.New("nobody is known by that name")
}

func (o *office) facts(of winToken) (systemFacts, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("facts"); err != nil {
		return systemFacts{}, err
	}
	p := o.people[of.(*officeToken).data.user]
	return systemFacts{Root: `C:\Windows`, Programs: `C:\Program Files`, Programs32: `C:\Program Files`, Data: `C:\ProgramData`, Public: `C:\Users\Public`,
		Profile: p.profile, Computer: officeComputer, User: p.name, Domain: p.domain, Processors: 4, Machine: "AMD64"}, nil
}

// ask is a question to an open token.
func (t *officeToken) ask(call string) error {
	if t.closed {
		return fs.ErrClosed
	}
	return t.o.call(call)
}

func (t *officeToken) read() (tokenData, error) {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	return t.data, t.ask("read token")
}

func (t *officeToken) linked() (winToken, error) {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	if err := t.ask("linked token"); err != nil {
		return nil, err
	}
	if t.other == nil {
		return nil, errors.New("it is whole")
	}
	return t.o.token(*t.other), nil
}

func (t *officeToken) primary() (winToken, error) {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	if err := t.ask("primary token"); err != nil {
		return nil, err
	}
	made := t.o.token(t.data)
	made.isMade = true
	return made, nil
}

func (t *officeToken) moveTo(session uint32) error {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	err := t.ask("move token")
	if err == nil && !t.o.stuck {
		t.data.session = session
	}
	return err
}

func (t *officeToken) guardNew(list string) error {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	err := t.ask("guard token")
	if err == nil {
		t.usual = list
	}
	return err
}

func (t *officeToken) close() error {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	if t.closed {
		return fs.ErrClosed
	}
	t.closed = true
	t.o.handles--
	return nil
}

// officeProcess is a process; it has a hold of its file.
type officeProcess struct {
	winProcess
	number       int
	file         *officeFile
	data         tokenData
	usual        string
	mine, thread acl.List
	code         int
	ended        bool
	over         chan struct{}
}

// create refuses what Windows would.
func (o *office) create(p winProcess) (winChild, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("create"); err != nil {
		return nil, err
	}
	token := p.token.(*officeToken)
	folder := o.at(p.folder)
	switch {
	case token.closed || !token.isMade:
		return nil, errors.New("no process can be made with that token")
	case folder == nil || !folder.folder:
		return nil, errors.New("it can not begin there")
	case len(p.files) != 0 && len(p.files) != 3:
		return nil, errors.New("these are no standard files")
	case !slices.IsSortedFunc(p.env, func(a, b string) int { return strings.Compare(strings.ToUpper(a), strings.ToUpper(b)) }):
		return nil, errors.New("the environment is not sorted")
	}
	file, err := o.open(p.program, toRead, toRead)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(file.node.text, []byte("MZ")) {
		file.release()
		return nil, errors.New("it is no program")
	}
	o.count++
	made := &officeProcess{winProcess: p, number: int(o.count), file: file, data: token.data, usual: token.usual, over: make(chan struct{})}
	made.mine = acl.List{Owner: token.data.user, Allow: []acl.Entry{{SID: token.data.user, Mask: everything}}}
	if p.guard != "" {
		made.mine = listOf(p.guard)
	}
	made.thread = made.mine
	if o.made != nil {
		o.made(made)
	}
	o.procs[made.number] = made
	o.handles += 2
	return &officeChild{o: o, p: made}, nil
}

func (o *office) ends(p *officeProcess, code int) {
	if p.ended {
		return
	}
	p.ended, p.code = true, code
	p.file.release()
	close(p.over)
}

// officeChild is an open process and its thread.
type officeChild struct {
	o      *office
	p      *officeProcess
	closed bool
}

func (c *officeChild) do(call string, act func() error) error {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.closed {
		return fs.ErrClosed
	}
	if err := c.o.call(call); err != nil {
		return err
	}
	if err := act(); err != nil || call != c.o.late {
		return err
	}
	return fmt.Errorf("%s: %w", call, errFault)
}

func (c *officeChild) pid() int { return c.p.number }

func (c *officeChild) contain(ref TreeRef) (TreeRef, error) {
	err := c.do("contain", func() error {
		if _, there := c.o.jobs[ref.Name]; there {
			return errors.New("a job is there already")
		}
		c.o.jobs[ref.Name], ref.Started = []int{c.p.number}, uint64(c.p.number)
		return nil
	})
	return ref, err
}

func (c *officeChild) image() (path string, err error) {
	err = c.do("image", func() error { path = c.p.file.node.path; return nil })
	return path, err
}

func (c *officeChild) token() (t winToken, err error) {
	err = c.do("token", func() error { t = c.o.token(c.p.data); return nil })
	return t, err
}

func (c *officeChild) lists() (l []acl.List, err error) {
	err = c.do("lists", func() error { l = []acl.List{c.p.mine, c.p.thread}; return nil })
	return l, err
}

// resume lets the program run: one that is told to stay, or one that ends at once.
func (c *officeChild) resume() error {
	return c.do("resume", func() error {
		c.o.resumed = append(c.o.resumed, c.p.number)
		if !strings.HasSuffix(c.p.line, " stay") {
			c.o.ends(c.p, 7)
		}
		return nil
	})
}

func (c *officeChild) end() error {
	return c.do("end", func() error { c.o.ends(c.p, winEnded); return nil })
}

func (c *officeChild) wait() error {
	<-c.p.over
	return nil
}

func (c *officeChild) code() (int, error) { return c.p.code, nil }

func (c *officeChild) close() {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.o.handles -= 2
	}
}

// officeTrees are the jobs of an office.
type officeTrees struct{ *office }

func (officeTrees) Plan(name string, _ uint32) (TreeRef, error) {
	return TreeRef{Kind: TreeJob, Name: "assent-office-" + name}, nil
}

func (o officeTrees) Births(ref TreeRef) (*Births, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("births"); err != nil {
		return nil, err
	}
	if len(o.jobs[ref.Name]) == 0 {
		return nil, errors.New("there is no such job")
	}
	o.handles++
	return &Births{os: officeEar(o), first: ref}, nil
}

// officeEar is an open port that nobody reads.
type officeEar struct{ *office }

func (officeEar) next(time.Duration) (int, error) { return 0, io.EOF }
func (officeEar) look(int) (newcomer, error)      { return newcomer{}, errors.ErrUnsupported }
func (officeEar) stop()                           {}

func (e officeEar) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handles--
}

func (o officeTrees) End(_ context.Context, ref TreeRef, _ time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, pid := range o.jobs[ref.Name] {
		o.ends(o.procs[pid], winEnded)
	}
	delete(o.jobs, ref.Name)
	return nil
}
