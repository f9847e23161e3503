package standing

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// state is how far the taking of one right has come.
type state string

const (
	statePlanned   state = "planned"   // written down; the machine may be changed or not
	stateDone      state = "done"      // taken
	stateReturning state = "returning" // to be given back; the machine may be changed or not
	stateGone      state = "gone"      // its account is gone: kept while its line has others that can come back
)

// record is one right that was taken, with all that is needed to put it back.
type record struct {
	Right elevation.Right `cbor:"right"`
	Order string          `cbor:"order"`
	At    time.Time       `cbor:"at"`
	State state           `cbor:"state"`
	UID   string          `cbor:"uid"` // of the account, "" = none is known
	GID   string          `cbor:"gid"` // of the group, "" = none is known

	File   string `cbor:"file"`
	Before []byte `cbor:"before"` // the file as it was before Assent changed anything in it
	After  []byte `cbor:"after"`  // SHA-256 of the file as Assent has left it
	Mode   uint32 `cbor:"mode"`
	Owner  uint32 `cbor:"owner"`
	Group  uint32 `cbor:"owner_group"`

	Site   string `cbor:"site"` // the same for everything that was taken from one line
	Line   []byte `cbor:"line"` // of sudoers, as it was before anything was taken from it
	LineN  int    `cbor:"line_n"`
	Entry  int    `cbor:"entry"`  // in its list of users
	Except string `cbor:"except"` // taken by an exception with this name

	Members       []string `cbor:"members"` // of the group, as they were
	InShadow      bool     `cbor:"in_shadow"`
	ShadowBefore  []byte   `cbor:"shadow_before"`
	ShadowMembers []string `cbor:"shadow_members"`
}

const recordEnd = ".right"

func (s *Standing) path(r record) string { return filepath.Join(s.dir(), r.Right.ID+recordEnd) }

// put writes a record; after it returns, it outlives a power cut.
func (s *Standing) put(r record) error {
	if err := keep.Write(s.path(r), r); err != nil {
		return fmt.Errorf("write down a right: %w", err)
	}
	return nil
}

// drop forgets a record.
func (s *Standing) drop(r record) error {
	if err := durable.Remove(s.path(r)); err != nil {
		return fmt.Errorf("forget a right: %w", err)
	}
	return durable.SyncDir(s.dir())
}

// records reads the ledger in the order of taking. A file that can not be read
// stays where it is and is said.
func (s *Standing) records() (out []record, faults []string) {
	entries, err := os.ReadDir(s.dir())
	if err != nil {
		return nil, []string{err.Error()}
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), recordEnd) {
			continue
		}
		r, err := readRecord(filepath.Join(s.dir(), e.Name()))
		if err != nil {
			faults = append(faults, fmt.Sprintf("a right that was taken can not be read (%s): %v", e.Name(), err))
			continue
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b record) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Right.ID, b.Right.ID)
	})
	return out, faults
}

func readRecord(path string) (r record, err error) {
	raw, err := readBounded(path, 4*maxGroupFile)
	if err != nil {
		return r, err
	}
	err = keep.Open(raw, &r)
	return r, err
}

// sameLine are the records of the line that r was taken from, r among them.
func sameLine(all []record, r record) (out []record) {
	for _, x := range all {
		if x.Line != nil && x.Site == r.Site {
			out = append(out, x)
		}
	}
	return out
}

// left notes that Assent has changed a file, in every record that knew it as it was.
func (s *Standing) left(file string, was, is []byte) error {
	before, after := digest(was), digest(is)
	records, _ := s.records()
	for _, r := range records {
		if r.File != file || !bytes.Equal(r.After, before) {
			continue
		}
		r.After = after
		if err := s.put(r); err != nil {
			return err
		}
	}
	return nil
}

func digest(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	return sum[:]
}

// without is a list without the record of that right.
func without(list []record, id string) []record {
	return slices.DeleteFunc(slices.Clone(list), func(r record) bool { return r.Right.ID == id })
}

// render is how a line of sudoers reads with the given rights taken out of it.
func render(line []byte, taken []record) []byte {
	if len(taken) == 0 {
		return line
	}
	lines := splitLines(line)
	r, ok := readRule(lines[0].text)
	if !ok {
		return line
	}
	dropped, gone := map[int]bool{}, true
	var except []string
	var ids []string
	for _, t := range taken {
		if t.State != stateGone {
			gone = false
			ids = append(ids, t.Right.ID)
		}
		if t.Except == "" {
			dropped[t.Entry] = true
		} else {
			except = append(except, t.Except)
		}
	}
	slices.Sort(except)
	slices.Sort(ids)
	var out []byte
	last, some := -1, false
	for i, it := range r.users {
		if dropped[i] {
			continue
		}
		if last >= 0 {
			out = append(out, line[r.users[last].end:r.users[last+1].start]...)
		}
		out = append(out, line[it.start:it.end]...)
		last, some = i, some || !it.not
	}
	if !some {
		if gone {
			return nil
		}
		return []byte("# taken over by Assent, assent-agent give-back puts it back: " + strings.Join(ids, " "))
	}
	for _, name := range except {
		out = append(out, ", !"+escapeName(name)...)
	}
	out = append(slices.Clone(line[:r.users[0].start]), out...)
	return append(out, line[r.users[len(r.users)-1].end:]...)
}

// escapeName writes a name as sudoers reads it.
func escapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(" \t,=:()!\"\\@", name[i]) >= 0 && !(i == 1 && name[:2] == "%:") {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}
