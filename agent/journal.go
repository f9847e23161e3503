package agent

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// phase is how far a request of this endpoint has come, as this endpoint knows.
type phase string

const (
	phaseWaiting     phase = "waiting" // queued at the controller
	phaseWithdrawing phase = "withdrawing"
	phaseApproved    phase = "approved" // its grant is in the ledger
	phaseDenied      phase = "denied"
	phaseClosed      phase = "closed"
)

// note is what the journal keeps of one request.
type note struct {
	ID            elevation.RequestID `cbor:"id"`
	Attempt       elevation.Attempt   `cbor:"attempt"`
	Justification string              `cbor:"justification"`
	Ticket        string              `cbor:"ticket"`
	Accepted      bool                `cbor:"accepted"` // the controller has said that it is stored
	Phase         phase               `cbor:"phase"`
	Grant         elevation.GrantID   `cbor:"grant"`
	By            string              `cbor:"by"`
	Text          string              `cbor:"text"`
	Why           string              `cbor:"why"` // of a closed one
	At            time.Time           `cbor:"at"`
	ChangedAt     time.Time           `cbor:"changed_at"`

	Extends   elevation.RequestID `cbor:"extends,omitempty"` // it asks for more time of that one
	Previous  elevation.RequestID `cbor:"previous,omitempty"`
	Questions []question          `cbor:"questions,omitempty"`
	Events    []happening         `cbor:"events,omitempty"`
	Removed   bool                `cbor:"removed,omitempty"` // by its person, from the list
	Joined    bool                `cbor:"joined,omitempty"`  // it was asked for elsewhere, and the same thing was asked for here

	Endpoint elevation.EndpointID `cbor:"endpoint,omitempty"` // as which this machine asked

	fresh []happening // since it was stored
}

// question is what an approver wants to know.
type question struct {
	By         string    `cbor:"by"`
	Text       string    `cbor:"text"`
	At         time.Time `cbor:"at"`
	Answer     string    `cbor:"answer"`
	AnsweredAt time.Time `cbor:"answered_at"`
	Taken      bool      `cbor:"taken"` // the controller has the answer, or does not want it
}

// happening is one line of a request's story as this endpoint knows it.
type happening struct {
	At   time.Time `cbor:"at"`
	Kind string    `cbor:"kind"`
	By   string    `cbor:"by"`
	Text string    `cbor:"text"`
}

func (n note) open() bool { return n.Phase == phaseWaiting || n.Phase == phaseWithdrawing }

// happened adds a line to the story; the first ones and the newest are kept.
func (n *note) happened(at time.Time, kind, by, text string) {
	if len(n.Events) >= eventsKept {
		n.Events = append(n.Events[:eventsKept/2:eventsKept/2], n.Events[eventsKept/2+1:]...)
	}
	n.Events = append(n.Events, happening{At: at, Kind: kind, By: by, Text: text})
	n.fresh = append(n.fresh, n.Events[len(n.Events)-1])
}

// asked is the place of the first question without an answer, -1 = none.
func (n note) asked() int {
	for i, q := range n.Questions {
		if q.AnsweredAt.IsZero() {
			return i
		}
	}
	return -1
}

const (
	eventsKept  = 60
	asksKept    = 50                 // questions of one request
	notesKept   = 500                // finished requests shown by `assent list`
	noteMaxAge  = 7 * 24 * time.Hour // and for how long
	noteMaxSize = sign.MaxSize
)

// journal remembers the requests of this endpoint over restarts: one file per
// request, replaced as a whole. It decides nothing; grants are in the ledger.
type journal struct {
	dir      string
	endpoint elevation.EndpointID
	// told hears of each line of a story once it is stored; may be nil. It must
	// neither block nor call the journal.
	told func(note, happening)
	mu   sync.Mutex // guards the field below
	all  map[elevation.RequestID]note
}

// openJournal reads what is there. A file that can not be read is put aside by
// its name and said in damaged; it can only hide a request from the list.
func openJournal(dir string, endpoint elevation.EndpointID) (j *journal, damaged []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the journal folder: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read the journal folder: %w", err)
	}
	j = &journal{dir: dir, endpoint: endpoint, all: map[elevation.RequestID]note{}}
	for _, f := range files {
		if elevation.CheckID(elevation.RequestPrefix, f.Name()) != nil {
			continue
		}
		path := filepath.Join(dir, f.Name())
		n, err := readNote(path)
		if err != nil || string(n.ID) != f.Name() {
			damaged = append(damaged, f.Name())
			_ = os.Rename(path, path+".damaged")
			continue
		}
		j.all[n.ID] = n
	}
	return j, damaged, nil
}

func readNote(path string) (note, error) {
	var n note
	info, err := os.Lstat(path)
	if err != nil {
		return n, err
	}
	if !info.Mode().IsRegular() || info.Size() > noteMaxSize {
		return n, fs.ErrInvalid
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return n, err
	}
	return n, sign.Decode(raw, &n)
}

// put stores n durably and forgets what is too old or too much.
func (j *journal) put(n note, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.putLocked(n, now)
}

func (j *journal) putLocked(n note, now time.Time) error {
	if err := elevation.CheckID(elevation.RequestPrefix, string(n.ID)); err != nil {
		return err
	}
	if n.At.IsZero() {
		n.At = now
	}
	n.ChangedAt = now
	if n.Endpoint == "" {
		n.Endpoint = j.endpoint
	}
	fresh := n.fresh
	n.fresh = nil
	raw, err := sign.Encode(n)
	if err != nil {
		return fmt.Errorf("encode request %s: %w", n.ID, err)
	}
	if err := durable.Replace(filepath.Join(j.dir, string(n.ID)), raw); err != nil {
		return fmt.Errorf("store request %s: %w", n.ID, err)
	}
	j.all[n.ID] = n
	for _, e := range fresh {
		if j.told != nil {
			j.told(n, e)
		}
	}
	j.forgetLocked(now)
	return nil
}

// dropOld closes what this machine asked for under an identity that it gave up:
// nobody answers that any more, and the same command would join it for ever.
func (j *journal) dropOld(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, n := range j.all {
		if !n.open() || n.Endpoint == "" || n.Endpoint == j.endpoint {
			continue
		}
		n.Phase, n.Why = phaseClosed, string(wire.ClosedCancelled)
		if err := j.putLocked(n, now); err != nil {
			return err
		}
	}
	return nil
}

// update changes the note of id if there is one. What the link hears and what a
// person does change it at the same time, so change runs under the lock and calls
// nothing of the journal.
func (j *journal) update(id elevation.RequestID, now time.Time, change func(*note)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, ok := j.all[id]
	if !ok {
		return nil
	}
	n.Questions, n.Events = slices.Clone(n.Questions), slices.Clone(n.Events) // others may read the stored ones
	change(&n)
	return j.putLocked(n, now)
}

func (j *journal) forgetLocked(now time.Time) {
	done := make([]note, 0, len(j.all))
	for _, n := range j.all {
		if !n.open() {
			done = append(done, n)
		}
	}
	sort.Slice(done, func(a, b int) bool { return done[a].ChangedAt.After(done[b].ChangedAt) })
	for i, n := range done {
		if i >= notesKept || now.Sub(n.ChangedAt) > noteMaxAge {
			delete(j.all, n.ID)
			_ = os.Remove(filepath.Join(j.dir, string(n.ID)))
		}
	}
}

func (j *journal) get(id elevation.RequestID) (note, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, ok := j.all[id]
	return n, ok
}

// waitingSame finds a queued request for the same thing by the same user.
func (j *journal) waitingSame(a elevation.Attempt) (note, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, n := range j.all {
		if n.Phase == phaseWaiting && n.Extends == "" && n.Attempt.Same(a) {
			return n, true
		}
	}
	return note{}, false
}

// list returns the notes for which keep is true, newest first.
func (j *journal) list(keep func(note) bool) []note {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []note
	for _, n := range j.all {
		if keep(n) {
			found = append(found, n)
		}
	}
	sort.Slice(found, func(a, b int) bool { return found[a].ID > found[b].ID })
	return found
}
