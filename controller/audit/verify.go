package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Wrong says what is wrong with a log.
type Wrong string

// What [Verify] finds.
const (
	Changed    Wrong = "changed"     // an event is not what was signed
	Missing    Wrong = "missing"     // an event that was signed is not there
	Reordered  Wrong = "reordered"   // an event stands at another's place
	Added      Wrong = "added"       // an event that was never signed
	Forked     Wrong = "forked"      // two signed histories that do not fit together
	ForeignKey Wrong = "foreign key" // signed by somebody else
	Unreadable Wrong = "unreadable"  // a file or a line can not be read
)

// Fault is the first thing wrong with a log; it names the event.
type Fault struct {
	Wrong Wrong
	Seq   uint64 // the first event concerned; 0 when it is no single event
	To    uint64 // the last one that it may be, when only a range is known
	ID    string // the event's id, if it can be read
	Text  string
}

func (f *Fault) Error() string {
	what := "audit log " + string(f.Wrong)
	switch {
	case f.To > f.Seq:
		what = fmt.Sprintf("events %d to %d: %s", f.Seq, f.To, f.Wrong)
	case f.Seq > 0:
		what = fmt.Sprintf("event %d: %s", f.Seq, f.Wrong)
	}
	if f.ID != "" {
		what += " (" + f.ID + ")"
	}
	if f.Text != "" {
		what += ": " + f.Text
	}
	return what
}

// Options of [Verify].
type Options struct {
	// Key is the public key that is trusted. "" takes the one in the folder:
	// then the result says only that the folder fits together with that key.
	Key string
	// Remembered is a checkpoint seen before, such as the one an endpoint
	// keeps: it shows a log that was cut off or rewritten as a whole.
	Remembered []byte
}

// Result describes a log that was proven.
type Result struct {
	Cluster       string
	Events        uint64
	Checkpoints   int
	Forgotten     uint64 // texts that were deleted; their hashes are proven
	Key           string
	KeyFromFolder bool // nobody but the folder itself says that the key is right
	Root          string
	SignedAt      time.Time // of the last checkpoint
}

// Verify proves an exported folder without a controller. The error is a *Fault
// that names the first event found wrong, or says why the folder can not be read.
//
// A log that was cut back to an earlier checkpoint, together with all later
// checkpoints, fits together by itself: only Options.Remembered shows that.
func Verify(dir string, o Options) (Result, error) {
	return VerifyFS(os.DirFS(dir), o)
}

// VerifyFS is [Verify] for any file system, such as a zip file.
func VerifyFS(files fs.FS, o Options) (Result, error) {
	r := Result{Key: strings.TrimSpace(o.Key)}
	if r.Key == "" {
		raw, err := fs.ReadFile(files, keyFile)
		if err != nil {
			return r, unreadable(keyFile, err)
		}
		r.Key, r.KeyFromFolder = strings.TrimSpace(string(raw)), true
	}
	said, err := readCheckpoints(files, r.Key)
	if err != nil {
		return r, err
	}
	leaves, err := readLeaves(files)
	if err != nil {
		return r, err
	}
	r.Events, r.Checkpoints = uint64(len(leaves)), len(said)
	if err := r.compareEvents(files, leaves, said[len(said)-1].Size); err != nil {
		return r, err
	}
	if err := r.compareRoots(leaves, said, o); err != nil {
		return r, err
	}
	return r, nil
}

func unreadable(name string, err error) *Fault {
	return &Fault{Wrong: Unreadable, Text: name + ": " + err.Error()}
}

// maxLine is the longest line that is read, in bytes.
const maxLine = 4 << 20

// eachLine calls do for every line of a file, which must end with a newline.
func eachLine(files fs.FS, name string, do func(n uint64, line []byte) error) error {
	f, err := files.Open(name)
	if err != nil {
		return unreadable(name, err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 64<<10)
	for n := uint64(1); ; n++ {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(fmt.Sprintf("%s line %d", name, n), err)
		}
		if err := do(n, line); err != nil {
			return err
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errors.New("cut off")
		default:
			return nil, err
		}
	}
}

func readCheckpoints(files fs.FS, key string) ([]statement, error) {
	var list []statement
	err := eachLine(files, checkpointsFile, func(n uint64, line []byte) error {
		var x exportedCheckpoint
		if err := json.Unmarshal(line, &x); err != nil {
			return unreadable(fmt.Sprintf("%s line %d", checkpointsFile, n), err)
		}
		s, err := openCheckpoint([]byte(x.Note), key)
		if errors.Is(err, ErrKey) {
			return &Fault{Wrong: ForeignKey, Text: fmt.Sprintf("checkpoint %d (of %d events) is not signed by the audit key, or was changed", n, x.Size)}
		}
		if err != nil {
			return unreadable(fmt.Sprintf("%s line %d", checkpointsFile, n), err)
		}
		again, err := json.Marshal(exportedCheckpoint{Size: s.Size, At: s.At.UTC(), Note: x.Note})
		if err != nil || !bytes.Equal(again, line) {
			return &Fault{Wrong: Changed, Text: fmt.Sprintf("the line of checkpoint %d does not say what the checkpoint says", n)}
		}
		if len(list) > 0 {
			last := list[len(list)-1]
			if s.Size < last.Size || s.Cluster != last.Cluster {
				return &Fault{Wrong: Forked, Text: fmt.Sprintf("checkpoint %d does not follow the one before it", n)}
			}
			if s.Size == last.Size && s.Root != last.Root {
				return &Fault{Wrong: Forked, Text: fmt.Sprintf("two signed checkpoints of %d events differ", s.Size)}
			}
		}
		list = append(list, s)
		return nil
	})
	if err == nil && len(list) == 0 {
		err = &Fault{Wrong: Missing, Text: "no signed checkpoint"}
	}
	return list, err
}

func readLeaves(files fs.FS) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	err := eachLine(files, leavesFile, func(n uint64, line []byte) error {
		h, err := tlog.ParseHash(string(line))
		if err == nil && h.String() != string(line) {
			err = errors.New("not in the one valid encoding")
		}
		if err != nil {
			return unreadable(fmt.Sprintf("%s line %d", leavesFile, n), err)
		}
		leaves = append(leaves, h)
		return nil
	})
	return leaves, err
}

// found is what one line of events.jsonl holds.
type found struct {
	id    string
	seq   uint64 // the place that it claims
	hash  tlog.Hash
	fault string // why the line is not what the leaf says
}

// readEvent reads a line: every byte of it must be what its leaf demands.
func readEvent(line []byte) (f found, forgotten int) {
	var x exportedEvent
	in := json.NewDecoder(bytes.NewReader(line))
	in.DisallowUnknownFields()
	if err := in.Decode(&x); err != nil {
		return found{fault: "the line can not be read"}, 0
	}
	f = found{id: string(x.ID), seq: x.Seq, hash: tlog.RecordHash(x.Leaf)}
	l, err := openLeaf(x.Leaf)
	if err != nil {
		f.fault = "its leaf can not be read"
		return f, 0
	}
	f.id = string(l.ID)
	for k, t := range x.Text {
		if want, ok := l.Text[k]; !ok || !bytes.Equal(want, secret(t).hash(k)) {
			f.fault = fmt.Sprintf("the text %q is not the one that was signed", k)
			return f, 0
		}
	}
	want := exportedEvent{Seq: x.Seq, ID: l.ID, At: time.UnixMilli(l.At).UTC(), Kind: l.Kind.String(), Actor: l.Actor, Request: l.Request,
		Grant: l.Grant, Endpoint: l.Endpoint, Data: l.Data, Text: x.Text, Leaf: x.Leaf}
	again, err := json.Marshal(want)
	if err != nil || !bytes.Equal(again, line) {
		f.fault = "what it says is not what was signed"
	}
	return f, len(l.Text) - len(x.Text)
}

// compareEvents holds every event against the list of leaf hashes.
func (r *Result) compareEvents(files fs.FS, leaves []tlog.Hash, signed uint64) error {
	var list []found
	at := make(map[tlog.Hash]uint64, len(leaves)) // hash -> its line
	err := eachLine(files, eventsFile, func(n uint64, line []byte) error {
		f, forgotten := readEvent(line)
		r.Forgotten += uint64(max(0, forgotten))
		list = append(list, f)
		at[f.hash] = n
		return nil
	})
	if err != nil {
		return err
	}
	place := make(map[tlog.Hash]uint64, len(leaves))
	for i, h := range leaves {
		place[h] = uint64(i) + 1
	}
	for i := range max(len(list), len(leaves)) {
		if f := difference(uint64(i)+1, list, leaves, place, at, signed); f != nil {
			return f
		}
	}
	return nil
}

// difference says what is wrong at one place of the log, nil if nothing is.
// place and at are where each hash should be and where it is.
func difference(seq uint64, list []found, leaves []tlog.Hash, place, at map[tlog.Hash]uint64, signed uint64) *Fault {
	if seq > uint64(len(list)) {
		return &Fault{Wrong: Missing, Seq: seq, Text: "the log ends too early"}
	}
	is := list[seq-1]
	if seq > uint64(len(leaves)) || seq > signed {
		return &Fault{Wrong: Added, Seq: seq, ID: is.id, Text: "it was never signed"}
	}
	should, cut := leaves[seq-1], max(len(list), len(leaves)) < int(signed)
	switch {
	case is.hash == should && is.fault == "" && is.seq == seq:
		return nil
	case is.hash == should && is.fault == "" && is.seq > seq && cut:
		return &Fault{Wrong: Missing, Seq: seq, Text: fmt.Sprintf("event %d stands there", is.seq)}
	case is.hash == should && is.fault == "" && is.seq > seq && claimed(list, seq):
		return &Fault{Wrong: Reordered, Seq: seq, ID: is.id, Text: fmt.Sprintf("its place is %d", is.seq)}
	case is.hash == should && is.fault == "":
		return &Fault{Wrong: Changed, Seq: seq, ID: is.id, Text: fmt.Sprintf("it says that it is event %d", is.seq)}
	case is.hash == should:
		return &Fault{Wrong: Changed, Seq: seq, ID: is.id, Text: is.fault}
	case place[is.hash] != 0 && at[should] != 0:
		return &Fault{Wrong: Reordered, Seq: seq, ID: is.id, Text: fmt.Sprintf("its place is %d", place[is.hash])}
	case place[is.hash] != 0:
		return &Fault{Wrong: Missing, Seq: seq, Text: fmt.Sprintf("event %d stands there", place[is.hash])}
	case at[should] != 0:
		return &Fault{Wrong: Added, Seq: seq, ID: is.id, Text: "it was never signed"}
	}
	return &Fault{Wrong: Changed, Seq: seq, ID: is.id, Text: is.fault}
}

// claimed reports whether a later line says that it is event seq.
func claimed(list []found, seq uint64) bool {
	for _, f := range list[seq:] {
		if f.seq == seq {
			return true
		}
	}
	return false
}

// compareRoots builds the tree from the leaf hashes and holds it against every
// checkpoint. A difference lies after the last one that still fits.
func (r *Result) compareRoots(leaves []tlog.Hash, said []statement, o Options) error {
	last := said[len(said)-1]
	r.Cluster, r.Root, r.SignedAt = last.Cluster, last.Root.String(), last.At
	var tree []tlog.Hash
	read := tlog.HashReaderFunc(func(index []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(index))
		for i, x := range index {
			out[i] = tree[x]
		}
		return out, nil
	})
	var size, good uint64
	for _, s := range said {
		for ; size < s.Size && size < uint64(len(leaves)); size++ {
			more, err := tlog.StoredHashesForRecordHash(int64(size), leaves[size], read)
			if err != nil {
				return unreadable(leavesFile, err)
			}
			tree = append(tree, more...)
		}
		if size < s.Size {
			return &Fault{Wrong: Missing, Seq: size + 1, To: s.Size, Text: "they are signed, but not there"}
		}
		root, err := tlog.TreeHash(int64(size), read)
		if err != nil {
			return unreadable(leavesFile, err)
		}
		if root != s.Root {
			return r.differs(good, s)
		}
		good = size
	}
	if size < uint64(len(leaves)) {
		return &Fault{Wrong: Added, Seq: size + 1, To: uint64(len(leaves)), Text: "after the last signed checkpoint"}
	}
	return r.compareRemembered(o.Remembered, size, read)
}

// compareRemembered shows that a log that fits together is the one seen before.
func (r *Result) compareRemembered(raw []byte, size uint64, read tlog.HashReader) error {
	if raw == nil {
		return nil
	}
	s, err := openCheckpoint(raw, r.Key)
	switch {
	case errors.Is(err, ErrKey):
		return &Fault{Wrong: ForeignKey, Text: "the remembered checkpoint is not signed by the audit key"}
	case err != nil:
		return unreadable("the remembered checkpoint", err)
	case s.Cluster != r.Cluster:
		return &Fault{Wrong: Forked, Text: "the remembered checkpoint is of another controller"}
	case s.Size > size:
		return &Fault{Wrong: Missing, Seq: size + 1, To: s.Size, Text: "they were signed once: the log was cut off or put back"}
	case s.Size == 0:
		return nil
	}
	root, err := tlog.TreeHash(int64(s.Size), read)
	if err != nil {
		return unreadable(leavesFile, err)
	}
	if root != s.Root {
		return &Fault{Wrong: Forked, Text: fmt.Sprintf("its first %d events are not those seen at %s", s.Size, s.At.UTC().Format(time.RFC3339))}
	}
	return nil
}

func (r *Result) differs(good uint64, s statement) error {
	return &Fault{Wrong: Changed, Seq: good + 1, To: s.Size,
		Text: fmt.Sprintf("the hashes do not give what was signed at %s; one of these was changed, removed or moved", s.At.UTC().Format(time.RFC3339))}
}
