package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

func (a *app) audit() *cobra.Command {
	var kind, request string
	var after uint64
	var limit int
	ls := &cobra.Command{Use: "list", Short: "List audit events, ascending", Args: cobra.NoArgs}
	ls.Flags().StringVar(&kind, "kind", "", "only these kinds, with commas")
	ls.Flags().StringVar(&request, "request", "", "only events of this request")
	ls.Flags().Uint64Var(&after, "after", 0, "only events with a greater seq")
	ls.Flags().IntVar(&limit, "limit", 0, "at most this many, 0 for all")
	ls.RunE = a.run(func(ctx context.Context, _ []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		q := url.Values{}
		if kind != "" {
			q.Set("kind", kind)
		}
		if request != "" {
			id, err := requestID(ctx, c, request)
			if err != nil {
				return err
			}
			q.Set("request", id)
		}
		rows, err := auditRows(ctx, c, q, after, limit)
		if err != nil {
			return err
		}
		return list(a, rows, func(e client.AuditEvent) string { return e.ID }, auditColumns())
	})
	tail := &cobra.Command{Use: "tail", Short: "Print events as they happen", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error { return a.tail(ctx) })}
	return noun("audit", "The log of everything that was decided, done or refused", ls, tail, a.verify(), a.exportAudit(), a.checkpoint(), a.eventProof())
}

func auditRows(ctx context.Context, c *client.Client, q url.Values, after uint64, limit int) ([]client.AuditEvent, error) {
	if limit < 0 {
		return nil, usage("--limit is not negative")
	}
	rows := []client.AuditEvent{}
	for {
		size := 500
		if limit > 0 {
			size = min(size, limit-len(rows))
		}
		q.Set("after", strconv.FormatUint(after, 10))
		q.Set("limit", strconv.Itoa(size))
		page, err := client.Get[client.AuditPage](ctx, c, "/audit", q)
		if err != nil {
			return nil, err
		}
		rows = append(rows, page.Items...)
		if len(page.Items) < size || limit > 0 && len(rows) >= limit {
			return rows, nil
		}
		after = page.NextAfter
	}
}

func auditColumns() []column[client.AuditEvent] {
	type E = client.AuditEvent
	return []column[E]{
		{name: "seq", text: func(e E) string { return strconv.FormatUint(e.Seq, 10) }},
		{name: "at", text: func(e E) string { return when(&e.At) }},
		{name: "kind", text: func(e E) string { return e.Kind }},
		{name: "actor", text: func(e E) string { return first(e.Actor.Name, e.Actor.Kind) }},
		{name: "request", text: func(e E) string { return e.Request }, short: func(e E) string { return elevation.ShortID(e.Request) }},
		{name: "data", text: func(e E) string { return pairs(e.Data) }},
		{name: "id", text: func(e E) string { return e.ID }, more: true},
		{name: "grant", text: func(e E) string { return e.Grant }, more: true},
		{name: "endpoint", text: func(e E) string { return e.Endpoint }, more: true},
	}
}

func (a *app) tail(ctx context.Context) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	begun := false
	return live{c: c, up: func() {}, down: a.broken, each: func(e client.Event) error {
		if e.Kind == "reset" {
			return nil
		}
		row := e.Live.AuditEvent
		if e.Live.Request != nil {
			row.Request = e.Live.Request.ID
		}
		if a.format != "table" || a.columns != "" {
			bare := *a
			bare.headless = begun
			begun = true
			return list(&bare, []client.AuditEvent{row}, func(e client.AuditEvent) string { return e.ID }, auditColumns())
		}
		_, err := fmt.Fprintf(a.out, "%d  %s  %s  %s  %s  %s\n", row.Seq, when(&row.At), inert.Text(row.Kind),
			inert.Text(first(row.Actor.Name, row.Actor.Kind)), elevation.ShortID(row.Request), inert.Text(pairs(row.Data)))
		return err
	}}.run(ctx)
}

func (a *app) verify() *cobra.Command {
	var dir, key, kept, bundle string
	c := &cobra.Command{Use: "verify", Short: "Prove that no event was changed, removed or moved", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			note, known, err := remembered(kept)
			if err != nil {
				return err
			}
			o := audit.Options{Key: first(key, known), Remembered: note}
			switch {
			case dir != "" && bundle != "":
				return usage("--offline and --evidence are two things to verify")
			case bundle != "":
				return a.verifyEvidence(bundle, o.Key)
			case dir != "":
				return a.verifyOffline(dir, o)
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			raw, err := c.Download(ctx, "/audit/export")
			if err != nil {
				return err
			}
			files, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
			if err != nil {
				return fmt.Errorf("read the exported log: %w", err)
			}
			return a.proven(audit.VerifyFS(files, o))
		})}
	c.Flags().StringVar(&dir, "offline", "", "folder or zip that was exported; no controller is asked")
	c.Flags().StringVar(&bundle, "evidence", "", "evidence of one request (approval proof ID); no controller is asked")
	c.Flags().StringVar(&key, "key", "", "the key that must have signed, as an earlier checkpoint showed it")
	c.Flags().StringVar(&kept, "checkpoint", "", "a checkpoint that was kept (audit checkpoint --output FILE): shows a log that was cut off or put back")
	return c
}

// verifyOffline proves an exported folder or zip.
func (a *app) verifyOffline(path string, o audit.Options) error {
	info, err := os.Stat(path)
	if err != nil {
		return usage(err.Error())
	}
	if info.IsDir() {
		return a.proven(audit.Verify(path, o))
	}
	files, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("read the exported log: %w", err)
	}
	defer files.Close()
	return a.proven(audit.VerifyFS(files, o))
}

// proof is what was proved, as --format json prints it.
type proof struct {
	Cluster        string    `json:"cluster"`
	Events         uint64    `json:"events"`
	Checkpoints    int       `json:"checkpoints"`
	ForgottenTexts uint64    `json:"forgotten_texts"`
	Key            string    `json:"key"`
	KeyFromLog     bool      `json:"key_from_log"`
	Root           string    `json:"root"`
	SignedAt       time.Time `json:"signed_at"`
}

// proven prints what was proved, or the first event that is wrong.
func (a *app) proven(r audit.Result, err error) error {
	if err != nil {
		return &exitError{code: exitFailure, err: err, hints: []string{"keep the exported log and the controller's data as they are, and find out who had access"}}
	}
	if a.format == "json" {
		return a.write(func(w io.Writer) error {
			return writeJSON(w, proof{Cluster: r.Cluster, Events: r.Events, Checkpoints: r.Checkpoints,
				ForgottenTexts: r.Forgotten, Key: r.Key, KeyFromLog: r.KeyFromFolder, Root: r.Root, SignedAt: r.SignedAt}, true)
		})
	}
	a.say("%d events of the cluster %s, all in their places; last signed at %s", r.Events, inert.Text(r.Cluster), when(&r.SignedAt))
	if r.KeyFromFolder {
		fmt.Fprintf(a.err, "hint: only the log itself vouches for its key; give --key %s once you know that it is right\n", inert.Text(r.Key))
	}
	return nil
}

func (a *app) exportAudit() *cobra.Command {
	var as, kind string
	var after uint64
	c := &cobra.Command{Use: "export [DIR|FILE]", Short: "Write the whole log for audit verify --offline, or events for other systems (--as)", Args: cobra.MaximumNArgs(1)}
	c.Flags().StringVar(&as, "as", "", "json, cef, ocsf or syslog: one event a line, into FILE or on the screen")
	c.Flags().StringVar(&kind, "kind", "", "with --as: only these kinds, with commas")
	c.Flags().Uint64Var(&after, "after", 0, "with --as: only events with a greater seq")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		switch {
		case as != "" && len(args) > 0 && a.output != "":
			return usage("--output and " + args[0] + " are two places")
		case as != "":
			if len(args) > 0 {
				a.output = args[0]
			}
			q := url.Values{}
			if kind != "" {
				q.Set("kind", kind)
			}
			return a.exportAs(ctx, as, q, after)
		case len(args) == 0:
			return usage("say where the log shall be written", "a folder, a file ending in .zip, or --as json|cef|ocsf|syslog")
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		raw, err := c.Download(ctx, "/audit/export")
		if err != nil {
			return err
		}
		if strings.HasSuffix(args[0], ".zip") {
			err = os.WriteFile(args[0], raw, 0o600)
		} else {
			err = unpack(raw, args[0])
		}
		if err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
		a.say("%s written", inert.Text(args[0]))
		return nil
	})
	return c
}

// unpack writes the files of the log into a new folder. CopyFS refuses names
// that lead out of it and files that exist.
func unpack(raw []byte, dir string) error {
	files, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return err
	}
	return os.CopyFS(dir, files)
}
