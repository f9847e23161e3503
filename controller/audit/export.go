package audit

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/elevation"
)

// The files of an exported log.
const (
	eventsFile      = "events.jsonl"      // one event a line, readable, with its leaf
	leavesFile      = "leaves.txt"        // the tree's leaf hashes, one a line
	checkpointsFile = "checkpoints.jsonl" // every signed checkpoint
	keyFile         = "audit.pub"         // the key that they claim to be signed with
)

// exportedEvent is one line of events.jsonl. Everything readable repeats what
// Leaf says; [Verify] compares them byte by byte.
type exportedEvent struct {
	Seq      uint64                  `json:"seq"`
	ID       elevation.EventID       `json:"id"`
	At       time.Time               `json:"at"`
	Kind     string                  `json:"kind"`
	Actor    elevation.Actor         `json:"actor"`
	Request  elevation.RequestID     `json:"request,omitempty"`
	Grant    elevation.GrantID       `json:"grant,omitempty"`
	Endpoint elevation.EndpointID    `json:"endpoint,omitempty"`
	Data     map[string]string       `json:"data"`
	Text     map[string]exportedText `json:"text,omitempty"`
	Leaf     []byte                  `json:"leaf"` // base64
}

type exportedText struct {
	Salt []byte `json:"salt"`
	Text string `json:"text"`
}

type exportedCheckpoint struct {
	Size uint64    `json:"size"`
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

func exportRow(r Row) (exportedEvent, error) {
	l, err := openLeaf(r.Leaf)
	if err != nil {
		return exportedEvent{}, err
	}
	secrets, err := openText(l, r.Text)
	if err != nil {
		return exportedEvent{}, err
	}
	x := exportedEvent{Seq: r.Seq, ID: l.ID, At: time.UnixMilli(l.At).UTC(), Kind: l.Kind.String(), Actor: l.Actor,
		Request: l.Request, Grant: l.Grant, Endpoint: l.Endpoint, Data: l.Data, Leaf: r.Leaf}
	for k, s := range secrets {
		if x.Text == nil {
			x.Text = map[string]exportedText{}
		}
		x.Text[k] = exportedText(s)
	}
	return x, nil
}

// ExportDir writes the signed part of the log into the folder dir, which must
// not exist or be empty, for [Verify]. key is [Sequencer.Key].
func ExportDir(ctx context.Context, store Store, key, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("export audit log: %w", err)
	}
	return export(ctx, store, key, func(name string, write func(io.Writer) error) error {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := write(f); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	})
}

// ExportZip writes the same files as [ExportDir] as one zip stream; a
// [zip.Reader] of it can be given to [VerifyFS].
func ExportZip(ctx context.Context, store Store, key string, w io.Writer) error {
	z := zip.NewWriter(w)
	err := export(ctx, store, key, func(name string, write func(io.Writer) error) error {
		f, err := z.Create(name)
		if err != nil {
			return err
		}
		return write(f)
	})
	if err != nil {
		return err
	}
	return z.Close()
}

// page is how many rows an export holds in memory.
const page = 500

func export(ctx context.Context, store Store, key string, file func(string, func(io.Writer) error) error) error {
	head, err := store.AuditHead(ctx)
	if err != nil {
		return fmt.Errorf("export audit log: %w", err)
	}
	size := head.Checkpoint.Size
	files := []struct {
		name  string
		write func(*bufio.Writer) error
	}{
		{keyFile, func(w *bufio.Writer) error { _, err := w.WriteString(key + "\n"); return err }},
		{eventsFile, func(w *bufio.Writer) error { return exportEvents(ctx, store, size, w) }},
		{leavesFile, func(w *bufio.Writer) error { return exportLeaves(ctx, store, size, w) }},
		{checkpointsFile, func(w *bufio.Writer) error { return exportCheckpoints(ctx, store, size, w) }},
	}
	for _, f := range files {
		err := file(f.name, func(w io.Writer) error {
			b := bufio.NewWriter(w)
			if err := f.write(b); err != nil {
				return err
			}
			return b.Flush()
		})
		if err != nil {
			return fmt.Errorf("export audit log: %s: %w", f.name, err)
		}
	}
	return nil
}

func exportEvents(ctx context.Context, store Store, size uint64, w io.Writer) error {
	out := json.NewEncoder(w)
	for after := uint64(0); after < size; {
		rows, err := store.AuditRows(ctx, after, page)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("the log ends after event %d, but %d are signed", after, size)
		}
		for _, r := range rows {
			if after = r.Seq; after > size {
				return nil
			}
			x, err := exportRow(r)
			if err != nil {
				return fmt.Errorf("event %d: %w", r.Seq, err)
			}
			if err := out.Encode(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func exportLeaves(ctx context.Context, store Store, size uint64, w io.Writer) error {
	for n := uint64(0); n < size; {
		var index []int64
		for ; n < size && len(index) < page; n++ {
			index = append(index, tlog.StoredHashIndex(0, int64(n)))
		}
		hashes, err := store.AuditHashes(ctx, index)
		if err != nil {
			return err
		}
		for _, h := range hashes {
			if _, err := fmt.Fprintln(w, h); err != nil {
				return err
			}
		}
	}
	return nil
}

func exportCheckpoints(ctx context.Context, store Store, size uint64, w io.Writer) error {
	out := json.NewEncoder(w)
	for after := uint64(0); after < size; {
		list, err := store.AuditCheckpoints(ctx, after, page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("no checkpoint after size %d, but %d events are signed", after, size)
		}
		for _, c := range list {
			if after = c.Size; after > size {
				return nil
			}
			if err := out.Encode(exportedCheckpoint{Size: c.Size, At: c.At.UTC(), Note: string(c.Note)}); err != nil {
				return err
			}
		}
	}
	return nil
}
