package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// evidence is "approval proof": the bundle of one request.
func (a *app) evidence() *cobra.Command {
	return &cobra.Command{Use: "proof ID", Short: "Print everything that proves what happened to a request, for audit verify --evidence", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := requestID(ctx, c, args[0])
			if err != nil {
				return err
			}
			e, err := client.Get[client.Evidence](ctx, c, "/requests/"+id+"/proof", nil)
			if err != nil {
				return err
			}
			if e.Unsigned > 0 {
				fmt.Fprintf(a.err, "note: %d events are too new to be proven; ask again in a second\n", e.Unsigned)
			}
			if err := a.write(func(w io.Writer) error { return writeJSON(w, e, a.format != "jsonl") }); err != nil || a.output == "" {
				return err
			}
			a.say("%s written: %d events", inert.Text(a.output), len(e.Events))
			return nil
		})}
}

// verifyEvidence proves a bundle without a controller.
func (a *app) verifyEvidence(path, key string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return usage(err.Error())
	}
	r, err := audit.VerifyEvidence(raw, audit.Options{Key: key})
	if err != nil {
		return &exitError{code: exitFailure, err: err, hints: []string{"this bundle proves nothing: ask for a new one and compare"}}
	}
	if a.format == "json" {
		return a.write(func(w io.Writer) error {
			return writeJSON(w, map[string]any{"request": r.Request, "cluster": r.Cluster, "events": r.Events, "unsigned": r.Unsigned,
				"forgotten_texts": r.Forgotten, "key": r.Key, "key_from_bundle": r.KeyFromBundle, "signed_at": r.SignedAt, "grant": r.Grant}, true)
		})
	}
	a.say("%s: %d events were logged as they stand here; the log was signed at %s", inert.Text(string(r.Request)), r.Events, when(&r.SignedAt))
	if r.Grant != "" {
		a.say("%s was signed by a key of the key set", inert.Text(string(r.Grant)))
	}
	if r.GrantUnproved != "" {
		fmt.Fprintf(a.err, "note: the grant is not proven: %s\n", inert.Text(r.GrantUnproved))
	}
	if r.KeyFromBundle {
		fmt.Fprintf(a.err, "hint: only the bundle itself vouches for its key; give --key %s once you know that it is right\n", inert.Text(r.Key))
	}
	return nil
}

// remembered reads a checkpoint that was kept: as "audit checkpoint" prints it,
// with its key in json, or the signed note alone.
func remembered(path string) (note []byte, key string, err error) {
	if path == "" {
		return nil, "", nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, "", usage(err.Error())
	}
	var c client.Checkpoint
	if json.Unmarshal(raw, &c) == nil && c.Note != "" {
		return []byte(c.Note), c.Key, nil
	}
	return raw, "", nil
}

// checkpoint is "audit checkpoint".
func (a *app) checkpoint() *cobra.Command {
	return &cobra.Command{Use: "checkpoint", Short: "Print the newest signed checkpoint; kept elsewhere, it shows a log that was put back", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			p, err := client.Get[client.Checkpoint](ctx, c, "/audit/checkpoint", nil)
			if err != nil {
				return err
			}
			return a.write(func(w io.Writer) error {
				if a.format == "json" || a.format == "jsonl" || a.output != "" {
					return writeJSON(w, p, a.format != "jsonl")
				}
				return writeLines(w, p.Note)
			})
		})}
}

// eventProof is "audit proof": one event, proved here with the log's key.
func (a *app) eventProof() *cobra.Command {
	var key string
	c := &cobra.Command{Use: "proof EVENT", Short: "Prove that one event, by its seq or id, is in the signed log", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&key, "key", "", "the key that must have signed, as an earlier checkpoint showed it")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		cl, err := a.connect()
		if err != nil {
			return err
		}
		p, err := client.Get[client.EventProof](ctx, cl, "/audit/proof/"+url.PathEscape(args[0]), nil)
		if err != nil {
			return err
		}
		if err := checkEvent(p, first(key, p.Checkpoint.Key)); err != nil {
			return &exitError{code: exitFailure, err: fmt.Errorf("event %d is not proven: %w", p.Event.Seq, err)}
		}
		if a.format == "json" || a.format == "jsonl" {
			return a.write(func(w io.Writer) error { return writeJSON(w, p, a.format == "json") })
		}
		a.say("event %d (%s, %s) is in the signed log of %d events", p.Event.Seq, inert.Text(p.Event.ID), inert.Text(p.Event.Kind), p.Checkpoint.Size)
		return nil
	})
	return c
}

func checkEvent(p client.EventProof, key string) error {
	var path tlog.RecordProof
	for _, text := range p.Event.Path {
		h, err := tlog.ParseHash(text)
		if err != nil {
			return fmt.Errorf("read its path: %w", err)
		}
		path = append(path, h)
	}
	return audit.Proof{Seq: p.Event.Seq, Leaf: p.Event.Leaf, Path: path,
		Checkpoint: audit.Checkpoint{Size: p.Checkpoint.Size, Note: []byte(p.Checkpoint.Note)}}.Check(key)
}

// exportAs writes events one by one for other systems.
func (a *app) exportAs(ctx context.Context, as string, q url.Values, after uint64) error {
	switch as {
	case "json", string(audit.FormatCEF), string(audit.FormatOCSF), string(audit.FormatSyslog):
	default:
		return usage(fmt.Sprintf("--as is json, cef, ocsf or syslog, not %q", as))
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	rows, err := auditRows(ctx, c, q, after, 0)
	if err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		for _, e := range rows {
			if as == "json" {
				if err := writeJSON(w, e, false); err != nil {
					return err
				}
				continue
			}
			line, err := eventOf(e).Line(audit.Format(as))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}

// eventOf is an event as the log knows it. A kind that is newer than this program
// has no number, and is written as none.
func eventOf(e client.AuditEvent) audit.Event {
	data := e.Data
	kind, err := audit.ParseKind(e.Kind)
	if err != nil {
		data = maps.Clone(e.Data)
		data["kind"] = e.Kind
	}
	return audit.Event{Seq: e.Seq, ID: elevation.EventID(e.ID), At: e.At, Kind: kind,
		Actor:   elevation.Actor{Kind: elevation.ActorKind(e.Actor.Kind), ID: e.Actor.ID, Name: e.Actor.Name},
		Request: elevation.RequestID(e.Request), Grant: elevation.GrantID(e.Grant), Endpoint: elevation.EndpointID(e.Endpoint), Data: data}
}

// ruleFaults prints what is wrong with a text of rules, when that is what err says.
func (a *app) ruleFaults(err error, file string) error {
	var p *client.Problem
	if !errors.As(err, &p) || len(p.Errors) == 0 || p.Code != "invalid" {
		return err
	}
	for _, e := range p.Errors {
		at := e.Location
		if line, ok := strings.CutPrefix(at, "yaml:"); ok {
			at = file + ":" + line
		}
		fmt.Fprintf(a.err, "%s: %s\n", inert.Text(at), inert.Text(e.Message))
	}
	return &exitError{code: exitFailure, err: errors.New(p.Detail), hints: []string{"run: assentctl rule check " + file}}
}
