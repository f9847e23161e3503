package link

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// maxReports is how many reports may wait for the controller.
const maxReports = 10000

// outbox keeps reports as one file each, N.report, until they are accepted. The
// highest accepted one stays as N.done, so that a number is never given twice.
// Reports leave strictly one after the other: the controller drops numbers that
// are not higher than the last it took.
type outbox struct {
	dir  string
	sync bool
	log  *slog.Logger

	mu   sync.Mutex // guards the fields below, and the files
	next uint64     // the next number to give
	wait []uint64   // not accepted, ascending
	done uint64     // N.done, 0 = none
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
		case err != nil || kind == "report"+durable.Unfinished:
			// a report whose call never returned
			if err := durable.Remove(filepath.Join(o.dir, e.Name())); err != nil {
				return nil, fmt.Errorf("open outbox: %w", err)
			}
			continue
		case kind == "report":
			o.wait = append(o.wait, n)
		case kind == "done":
			o.done = max(o.done, n)
		}
		o.next = max(o.next, n+1)
	}
	slices.Sort(o.wait)
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

func (o *outbox) add(r wire.Report) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.wait) >= maxReports {
		return ErrFull
	}
	r.Seq = o.next
	body, err := sign.Encode(r)
	if err != nil {
		return fmt.Errorf("store report: %w", err)
	}
	if err := replaceFile(o.path(r.Seq, ".report"), seal(body), o.sync); err != nil {
		return fmt.Errorf("store report: %w", err)
	}
	o.next++
	o.wait = append(o.wait, r.Seq)
	return nil
}

// first is the oldest report that is not accepted. A file that can not be read
// is set aside as N.bad and said so; the others go on.
func (o *outbox) first() (r wire.Report, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.wait) > 0 {
		n := o.wait[0]
		r, err := o.readLocked(n)
		if err == nil {
			return r, true
		}
		o.log.Error("a stored report can not be read and is set aside", "report_seq", n, "error", err)
		if err := os.Rename(o.path(n, ".report"), o.path(n, ".bad")); err != nil {
			o.log.Error("set report aside", "report_seq", n, "error", err)
		}
		o.wait = o.wait[1:]
	}
	return wire.Report{}, false
}

func (o *outbox) readLocked(n uint64) (wire.Report, error) {
	var r wire.Report
	raw, err := readPrivate(o.path(n, ".report"))
	if err != nil {
		return r, err
	}
	body, err := unseal(raw)
	if err != nil {
		return r, err
	}
	if err := sign.Decode(body, &r); err != nil {
		return r, err
	}
	if r.Seq != n {
		return r, fmt.Errorf("the file holds report %d", r.Seq)
	}
	return r, nil
}

// accepted forgets reports up to n.
func (o *outbox) accepted(n uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.wait) > 0 && o.wait[0] <= n {
		first := o.wait[0]
		if err := os.Rename(o.path(first, ".report"), o.path(first, ".done")); err != nil {
			return fmt.Errorf("forget report %d: %w", first, err)
		}
		if o.done != 0 {
			if err := durable.Remove(o.path(o.done, ".done")); err != nil {
				return fmt.Errorf("forget report %d: %w", o.done, err)
			}
		}
		o.done, o.wait = first, o.wait[1:]
	}
	return nil
}
