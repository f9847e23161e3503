package link

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/wire"
)

// maxReports is how many reports may wait for the controller.
const maxReports = 10000

// outbox keeps reports and what else is told in order as one file each, N.report
// or N.TYPE, until they are accepted. The
// highest accepted one stays as N.done, so that a number is never given twice.
// Reports leave strictly one after the other: the controller drops numbers that
// are not higher than the last it took.
type outbox struct {
	dir  string
	sync bool
	log  *slog.Logger

	mu   sync.Mutex // guards the fields below, and the files
	next uint64     // the next number to give
	wait []waiting  // not accepted, ascending
	done uint64     // N.done, 0 = none
}

// waiting is one file of the outbox.
type waiting struct {
	n    uint64
	kind wire.Type
}

// kept reports whether messages of a type are kept in files of their own.
func kept(t wire.Type) bool {
	switch t {
	case wire.TReport, wire.TRights, wire.TOrdered, wire.TSeen, wire.TUsed:
		return true
	}
	return false
}

func openOutbox(stateDir string, sync bool, log *slog.Logger) (*outbox, error) {
	o := &outbox{dir: filepath.Join(stateDir, "outbox"), sync: sync, log: log, next: 1}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	for _, e := range entries {
		number, kind, _ := strings.Cut(e.Name(), ".")
		n, err := strconv.ParseUint(number, 10, 64)
		switch {
		case err != nil || strings.HasSuffix(kind, durable.Unfinished):
			// a report whose call never returned
			if err := durable.Remove(filepath.Join(o.dir, e.Name())); err != nil {
				return nil, fmt.Errorf("open outbox: %w", err)
			}
			continue
		case kept(wire.Type(kind)):
			o.wait = append(o.wait, waiting{n, wire.Type(kind)})
		case kind == "done":
			o.done = max(o.done, n)
		}
		o.next = max(o.next, n+1)
	}
	slices.SortFunc(o.wait, func(a, b waiting) int { return cmp.Compare(a.n, b.n) })
	return o, nil
}

func (o *outbox) path(n uint64, kind string) string {
	return filepath.Join(o.dir, strconv.FormatUint(n, 10)+kind)
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.wait)
}

// of is how many of a type wait.
func (o *outbox) of(t wire.Type) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.wait {
		if w.kind == t {
			n++
		}
	}
	return n
}

func (w waiting) suffix() string { return "." + string(w.kind) }

func (o *outbox) add(m wire.Told) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.wait) >= maxReports {
		return ErrFull
	}
	w := waiting{n: o.next, kind: m.Type()}
	body, err := wire.EncodeBody(w.kind, m.Numbered(w.n))
	if err != nil {
		return fmt.Errorf("store report: %w", err)
	}
	if _, err := wire.Wrap(w.kind, 0, body); err != nil { // it could never leave, and nothing behind it
		return fmt.Errorf("store report: %w", err)
	}
	if err := replaceFile(o.path(w.n, w.suffix()), seal(body), o.sync); err != nil {
		return fmt.Errorf("store report: %w", err)
	}
	o.next++
	o.wait = append(o.wait, w)
	return nil
}

// first is the oldest message that is not accepted, as a frame. A file that can
// not be read is set aside as N.bad and said so; the others go on.
func (o *outbox) first() (n uint64, frame []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.wait) > 0 {
		w := o.wait[0]
		frame, err := o.readLocked(w)
		if err == nil {
			return w.n, frame, true
		}
		o.log.Error("a stored report can not be read and is set aside", "report_seq", w.n, "error", err)
		if err := os.Rename(o.path(w.n, w.suffix()), o.path(w.n, ".bad")); err != nil {
			o.log.Error("set report aside", "report_seq", w.n, "error", err)
		}
		o.wait = o.wait[1:]
	}
	return 0, nil, false
}

func (o *outbox) readLocked(w waiting) ([]byte, error) {
	raw, err := readPrivate(o.path(w.n, w.suffix()))
	if err != nil {
		return nil, err
	}
	body, err := unseal(raw)
	if err != nil {
		return nil, err
	}
	return wire.Wrap(w.kind, 0, body)
}

// accepted forgets reports up to n.
func (o *outbox) accepted(n uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.wait) > 0 && o.wait[0].n <= n {
		first := o.wait[0]
		if err := os.Rename(o.path(first.n, first.suffix()), o.path(first.n, ".done")); err != nil {
			return fmt.Errorf("forget report %d: %w", first.n, err)
		}
		if o.done != 0 {
			if err := durable.Remove(o.path(o.done, ".done")); err != nil {
				return fmt.Errorf("forget report %d: %w", o.done, err)
			}
		}
		o.done, o.wait = first.n, o.wait[1:]
	}
	return nil
}
