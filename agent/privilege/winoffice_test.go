package privilege

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/localgroup"
)

// office is a little Windows of memory: people in sessions, tokens that UAC splits,
// files with access lists and sharing, processes that are made stopped, and jobs.
type office struct {
	mu       sync.Mutex // guards what follows; programs are waited for elsewhere
	me       string     // whom the agent runs as
	people   map[string]*officePerson
	sessions map[uint32]string // who is logged on, by SID
	nodes    map[string]*officeNode
	procs    map[int]*officeProcess
	jobs     map[string][]int
	handles  int // that the agent has open
	count    uint64

	calls   []string               // what was asked, in order
	fails   func(call string) bool // the call is not done
	late    string                 // the call that is done, and said to have failed
	before  map[string]func()      // what somebody does just before a call
	made    func(p *officeProcess) // what becomes of a process as it is made
	logsOn  func(d *tokenData)     // what becomes of a token by the log-on service
	asked   []winLogOn             // of that
	resumed []int                  // processes that ran
	stuck   bool                   // tokens stay in the session they have
}

type officePerson struct {
	name, domain, profile string
	admin, split          bool
	odd                   uint32 // kind of their token, 0 = as it is
}

const officeComputer = "PC7"

// errFault is of calls that fail because a test wants it.
var errFault = errors.New("the system says no")

const everything = 0x1f01ff

var administratorsOwn = acl.List{Owner: localgroup.AdministratorsSID, Allow: []acl.Entry{{SID: localgroup.AdministratorsSID, Mask: everything}, {SID: "S-1-5-32-545", Mask: 0x1200a9}}}

// newOffice has alice in session 2, who is no administrator, and bob in session 3,
// who is one with a split token.
func newOffice() *office {
	o := &office{me: "S-1-5-18", people: map[string]*officePerson{
		windowsAlice: {name: "alice", domain: officeComputer, profile: `C:\Users\alice`},
		windowsBob:   {name: "bob", domain: officeComputer, profile: `C:\Users\bob`, admin: true, split: true},
	}, sessions: map[uint32]string{2: windowsAlice, 3: windowsBob}, nodes: map[string]*officeNode{}, procs: map[int]*officeProcess{}, jobs: map[string][]int{}, before: map[string]func(){}}
	for _, dir := range []string{`C:\`, `C:\Windows`, `C:\Windows\System32`, `C:\Program Files`, `C:\Program Files\Tool`, `C:\ProgramData`, `C:\ProgramData\Assent`, `C:\Users`} {
		o.put(dir, administratorsOwn).folder = true
	}
	for sid, p := range o.people {
		o.put(p.profile, acl.List{Owner: sid, Allow: []acl.Entry{{SID: sid, Mask: everything}}}).folder = true
	}
	return o
}

// call is one question or act; the lock is held.
func (o *office) call(name string) error {
	o.calls = append(o.calls, name)
	if do := o.before[name]; do != nil {
		delete(o.before, name)
		o.mu.Unlock()
		do()
		o.mu.Lock()
	}
	if o.fails != nil && o.fails(name) {
		return fmt.Errorf("%s: %w", name, errFault)
	}
	return nil
}

// officeNode is a file or folder.
type officeNode struct {
	path   string
	folder bool
	link   string // leads there
	text   []byte
	list   acl.List
	index  uint64
	opens  []*officeFile
}

// Ways to open a file, and to let others open it.
const (
	toRead   = 1
	toWrite  = 2
	toRemove = 4
)

func officeKey(path string) string { return strings.ToLower(strings.ReplaceAll(path, "/", `\`)) }

func (o *office) put(path string, list acl.List) *officeNode {
	o.count++
	n := &officeNode{path: strings.ReplaceAll(path, "/", `\`), list: list, index: o.count}
	o.nodes[officeKey(path)] = n
	return n
}

// at is what has a path, once links were followed.
func (o *office) at(path string) *officeNode {
	key := officeKey(path)
	for range 8 {
		link := ""
		for at, n := range o.nodes {
			if n.link != "" && (key == at || strings.HasPrefix(key, at+`\`)) && len(at) > len(link) {
				link = at
			}
		}
		if link == "" {
			return o.nodes[key]
		}
		key = officeKey(o.nodes[link].link + key[len(link):])
	}
	return nil
}

// officeFile is an open file.
type officeFile struct {
	o             *office
	node          *officeNode
	access, share int
	from          int64
	closed        bool
}

func (o *office) open(path string, access, share int) (*officeFile, error) {
	n := o.at(path)
	if n == nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	for _, other := range n.opens {
		if access&^other.share != 0 || other.access&^share != 0 {
			return nil, errInUse
		}
	}
	f := &officeFile{o: o, node: n, access: access, share: share}
	n.opens = append(n.opens, f)
	return f, nil
}

// ours is what the agent opens.
func (o *office) ours(path string, access, share int) (*officeFile, error) {
	f, err := o.open(path, access, share)
	if err == nil {
		o.handles++
	}
	return f, err
}

func (f *officeFile) release() {
	f.node.opens = slices.DeleteFunc(f.node.opens, func(g *officeFile) bool { return f == g })
}

func (f *officeFile) Close() error {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	f.o.handles--
	f.release()
	return nil
}

func (f *officeFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.from)
	f.from += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *officeFile) ReadAt(p []byte, at int64) (int, error) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	if err := f.o.call("read file"); err != nil {
		return 0, err
	}
	if f.closed || f.access&toRead == 0 {
		return 0, fs.ErrPermission
	}
	return bytes.NewReader(f.node.text).ReadAt(p, at)
}

func (f *officeFile) Write(p []byte) (int, error) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	if err := f.o.call("write file"); err != nil {
		return 0, err
	}
	f.node.text = append(f.node.text, p...)
	return len(p), nil
}

func (f *officeFile) real() (string, error) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	return f.node.path, f.o.call("real")
}

func (f *officeFile) id() (winFileID, error) {
	f.o.mu.Lock()
	defer f.o.mu.Unlock()
	return winFileID{volume: 7, index: f.node.index}, f.o.call("id")
}

func (o *office) look(path string) (winFile, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("look"); err != nil {
		return nil, err
	}
	f, err := o.ours(path, 0, toRead|toWrite|toRemove)
	return f, err
}

func (o *office) hold(path string) (winFile, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("hold"); err != nil {
		return nil, err
	}
	f, err := o.ours(path, toRead, toRead)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (o *office) list(path string) (acl.List, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("list"); err != nil {
		return acl.List{}, err
	}
	if n := o.at(path); n != nil {
		return n.list, nil
	}
	return acl.List{}, fs.ErrNotExist
}

func (o *office) self() string { return o.me }

func (o *office) makeFolder(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("make folder"); err != nil {
		return err
	}
	if o.at(path) != nil {
		return fs.ErrExist
	}
	if o.at(folderOf(strings.ReplaceAll(path, "/", `\`))) == nil {
		return fs.ErrNotExist
	}
	list := listOf(acl.Secret)
	list.Owner = localgroup.AdministratorsSID
	o.put(path, list).folder = true
	return nil
}

func (o *office) newFile(path string) (io.WriteCloser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("new file"); err != nil {
		return nil, err
	}
	if o.at(path) != nil {
		return nil, fs.ErrExist
	}
	around := o.at(folderOf(strings.ReplaceAll(path, "/", `\`)))
	if around == nil {
		return nil, fs.ErrNotExist
	}
	o.put(path, around.list)
	f, err := o.ours(path, toWrite, toRead|toWrite)
	return f, err
}

func (o *office) removeAll(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.call("remove"); err != nil {
		return err
	}
	return o.gone(path)
}

// below are the paths of what is there and in it.
func (o *office) below(path string) (keys []string) {
	for at := range o.nodes {
		if key := officeKey(path); at == key || strings.HasPrefix(at, key+`\`) {
			keys = append(keys, at)
		}
	}
	return keys
}

// free reports whether something, and what is in it, can be given another name.
func (o *office) free(path string) error {
	for _, at := range o.below(path) {
		for _, f := range o.nodes[at].opens {
			if f.share&toRemove == 0 {
				return errInUse
			}
		}
	}
	return nil
}

func (o *office) gone(path string) error {
	if err := o.free(path); err != nil {
		return err
	}
	for _, at := range o.below(path) {
		delete(o.nodes, at)
	}
	return nil
}

// listOf reads a list as it is written in code.
func listOf(text string) (l acl.List) {
	who := map[string]string{"SY": "S-1-5-18", "BA": localgroup.AdministratorsSID, "OW": "S-1-3-4", "WD": "S-1-1-0"}
	if owner, ok := strings.CutPrefix(text, "O:"); ok {
		l.Owner = who[owner[:2]]
	}
	l.Protected = strings.Contains(text, "D:P")
	for _, m := range regexp.MustCompile(`\(A;[A-Z]*;([A-Z]+);;;([A-Z]+)\)`).FindAllStringSubmatch(text, -1) {
		l.Allow = append(l.Allow, acl.Entry{SID: who[m[2]], Mask: map[string]uint32{"GA": 0x1fffff, "FA": everything, "RC": 0x20000}[m[1]]})
	}
	return l
}

// start is the agent's in the office.
func (o *office) start() winStart {
	return winStart{sys: o, trees: officeTrees{o}, only: func(path string) (bool, error) { return privilegedPlace(o, path) }, most: 1 << 10}
}

// What follows is done by somebody who is not the agent.

func (o *office) write(path, text string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.at(path) == nil {
		o.put(path, o.at(folderOf(path)).list)
	}
	f, err := o.open(path, toWrite, toRead|toWrite)
	if err != nil {
		return err
	}
	defer f.release()
	f.node.text = []byte(text)
	return nil
}

func (o *office) remove(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gone(path)
}

func (o *office) rename(from, to string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(o.free(from), o.free(to)); err != nil {
		return err
	}
	for _, at := range o.below(from) {
		n := o.nodes[at]
		delete(o.nodes, at)
		n.path = to + n.path[len(from):]
		o.nodes[officeKey(n.path)] = n
	}
	return nil
}

func (o *office) openToWrite(path string) (func(), error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, err := o.open(path, toRead|toWrite, toRead|toWrite)
	return func() { o.mu.Lock(); defer o.mu.Unlock(); f.release() }, err
}

func (o *office) there(path string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at(path) != nil
}

// clean reports what the agent has left: processes, trees, open handles, copies.
func (o *office) clean(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.procs {
		if !p.ended {
			t.Errorf("process %d is left", p.number)
		}
	}
	if len(o.jobs) > 0 || o.handles != 0 {
		t.Errorf("left: jobs %v, %d handles", slices.Collect(maps.Keys(o.jobs)), o.handles)
	}
	for at := range o.nodes {
		if strings.HasPrefix(at, officeKey(officeStage)+`\`) {
			t.Errorf("left: %s", at)
		}
	}
}

const officeStage = `C:\ProgramData\Assent\stage`

// spec is a program of somebody's own folder that they may run with rights.
func (o *office) spec(t *testing.T, args ...string) Spec {
	return o.specAt(t, `C:\Users\alice\setup.exe`, args...)
}

func (o *office) specAt(t *testing.T, path string, args ...string) Spec {
	t.Helper()
	const text = "MZ setup"
	if err := o.write(path, text); err != nil {
		t.Fatal(err)
	}
	s := aliceSpec()
	s.Grant = "gr_1"
	s.Path, s.SHA256, s.Args, s.Cwd, s.StageDir = path, digestOf(text), args, `C:\Users\alice`, officeStage
	return s
}

// byBob is a spec of who has a split token.
func byBob(s Spec) Spec {
	who := Account{Name: officeComputer + `\bob`, SID: windowsBob, Session: 3}
	s.Requester, s.RunAs = who, who
	return s
}

func (*office) split(s Spec) Spec        { return byBob(s) }
func (*office) lacks() map[string]string { return nil }
