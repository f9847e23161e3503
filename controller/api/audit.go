package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

type auditInput struct {
	After   uint64 `query:"after" doc:"Events with a greater seq." example:"17"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Kind    string `query:"kind" maxLength:"1000" doc:"One or several kinds, comma-separated."`
	Request string `query:"request" maxLength:"64" doc:"Events of one request."`
	Sort    string `query:"sort" enum:"newest" doc:"The newest first; what is below goes with it."`
	Before  uint64 `query:"before" doc:"Events with a smaller seq." example:"17"`
	Until   string `query:"until" maxLength:"64" doc:"Events before this time (RFC 3339)." example:"2026-12-01T00:00:00Z"`
	Actor   string `query:"actor" maxLength:"200" doc:"Part of the name of who did it, or the id, or user, rule, endpoint or system."`
	Q       string `query:"q" maxLength:"200" doc:"Text anywhere in the event."`
}

func (s *server) addAudit() {
	handle(s, route{method: http.MethodGet, path: "/audit", id: "audit-list", tag: "audit",
		summary: "Read the audit log, ascending or the newest first"}, s.auditList)
	handle(s, route{method: http.MethodGet, path: "/audit/checkpoint", id: "audit-checkpoint", tag: "audit",
		summary: "The newest signed statement about the whole log"}, s.auditCheckpoint)
	word := func(name, doc string, choices ...any) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: "string", Enum: choices}}
	}
	s.stream(route{method: http.MethodGet, path: "/audit/export", id: "audit-export", tag: "audit",
		summary: "A zip for assentctl audit verify --offline, or with as one event a line"}, "application/zip", s.auditExport,
		word("as", "In this form, one event a line, as text.", "json", string(audit.FormatCEF), string(audit.FormatOCSF), string(audit.FormatSyslog)),
		word("kind", "With as: one or several kinds, comma-separated."))
}

func (s *server) auditList(ctx context.Context, act auth.Actor, in *auditInput) (client.AuditPage, error) {
	page := client.AuditPage{Items: []client.AuditEvent{}, NextAfter: in.After}
	if err := mayReadAudit(act); err != nil {
		return page, err
	}
	kinds, err := kindsOf(in.Kind)
	if err != nil {
		return page, err
	}
	filter := store.EventFilter{Request: elevation.RequestID(in.Request), Kinds: kinds}
	switch {
	case in.Sort == "newest":
		return s.auditNewest(ctx, in, filter)
	case in.Before != 0 || in.Until != "" || in.Actor != "" || in.Q != "":
		return page, fmt.Errorf("%w: before, until, actor and q go with sort=newest", elevation.ErrInvalid)
	case in.After > 1<<62:
		return page, nil
	}
	s.settle(ctx, false, settleList)
	err = s.cfg.Store.Browse(ctx, func(tx *store.Tx) error {
		events, err := tx.Events(in.After, in.Limit, filter)
		for _, e := range events {
			page.Items = append(page.Items, auditEvent(e))
			page.NextAfter = e.Seq
		}
		return err
	})
	return page, err
}

func kindsOf(text string) (out []audit.Kind, err error) {
	for _, name := range words(text) {
		k, err := audit.ParseKind(name)
		if err != nil {
			return nil, fmt.Errorf("%w: no audit kind is called %q", elevation.ErrInvalid, name)
		}
		out = append(out, k)
	}
	return out, nil
}

// auditNewest reads backwards, from the newest event, from a place, or from a
// time. A search of texts looks at so many events in one call: a page without
// items that has a next one says that it goes on.
func (s *server) auditNewest(ctx context.Context, in *auditInput, f store.EventFilter) (client.AuditPage, error) {
	page := client.AuditPage{Items: []client.AuditEvent{}}
	if in.After != 0 || in.Before != 0 && in.Until != "" {
		return page, fmt.Errorf("%w: newest first begins before a seq or before a time, and not after one", elevation.ErrInvalid)
	}
	var until time.Time
	if in.Until != "" {
		var err error
		if until, err = time.Parse(time.RFC3339, in.Until); err != nil {
			return page, fmt.Errorf("%w: until is not an RFC 3339 time", elevation.ErrInvalid)
		}
	}
	if in.Before == 0 {
		s.settle(ctx, false, settleList)
	}
	match := matching(in.Actor, in.Q)
	if match != nil {
		done, err := s.searching(ctx)
		if err != nil {
			return page, err
		}
		defer done()
	}
	err := s.cfg.Store.Browse(ctx, func(tx *store.Tx) error {
		before := in.Before
		page.Items = page.Items[:0]
		if !until.IsZero() {
			var err error
			if before, err = tx.SeqAt(until); err != nil || before <= 1 {
				return err
			}
		}
		events, next, err := tx.EventsBefore(before, in.Limit, f, match)
		page.NextBefore = next
		for _, e := range events {
			page.Items = append(page.Items, auditEvent(e))
			page.NextAfter = max(page.NextAfter, e.Seq)
		}
		return err
	})
	return page, err
}

const (
	searches     = 2  // of the log at a time: each reads very many events, and others want the store too
	mostSearches = 10 // with those that wait for their turn
)

// searching waits for a turn to search the log. Where many wait already, the
// caller is told to come again.
func (s *server) searching(ctx context.Context) (done func(), err error) {
	if s.searchers.Add(1) > mostSearches {
		s.searchers.Add(-1)
		return nil, &auth.RateError{Wait: 2 * time.Second}
	}
	select {
	case s.searches <- struct{}{}:
		return func() { <-s.searches; s.searchers.Add(-1) }, nil
	case <-ctx.Done():
		s.searchers.Add(-1)
		return nil, fmt.Errorf("wait for other searches: %w", ctx.Err())
	}
}

// matching finds events by who did it and by any text in them; nil when neither
// is asked for.
func matching(actor, text string) func(audit.Event) bool {
	actor, text = strings.ToLower(strings.TrimSpace(actor)), strings.ToLower(strings.TrimSpace(text))
	if actor == "" && text == "" {
		return nil
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return func(e audit.Event) bool {
		a := e.Actor
		if actor != "" && actor != string(a.Kind) && actor != strings.ToLower(a.ID) && !strings.Contains(strings.ToLower(a.Name), actor) {
			return false
		}
		if text == "" || has(e.Kind.String()) || has(a.Name) || has(string(e.ID)) || has(string(e.Request)) || has(string(e.Grant)) || has(string(e.Endpoint)) {
			return true
		}
		for k, v := range e.All() {
			if has(k) || has(v) {
				return true
			}
		}
		return false
	}
}

// How long a reader waits for what has just happened to get its place in the
// log, and its signature: a caller finds what they did a moment ago.
const (
	settleList   = 500 * time.Millisecond
	settleExport = 3 * time.Second
	settleLook   = 20 * time.Millisecond
)

// exportTime is how long reading the whole log may take.
const exportTime = 15 * time.Minute

// settle returns when every committed event has its place, and with signed is
// covered by a checkpoint, or when the time is over: then the log is behind, and
// the caller gets what there is.
func (s *server) settle(ctx context.Context, signed bool, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		placed := s.cfg.Sequencer.Placed()
		waiting, err := s.cfg.Store.AuditWaiting(ctx, 1)
		if err != nil {
			return
		}
		head, err := s.cfg.Store.AuditHead(ctx)
		if err != nil || len(waiting) == 0 && (!signed || head.Checkpoint.Size == head.Size) {
			return
		}
		look := time.NewTimer(settleLook)
		select {
		case <-placed:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// mayReadAudit wants the permission without a scope: events outside of it would
// be seen otherwise.
func mayReadAudit(act auth.Actor) error {
	if err := act.Can(auth.AuditRead); err != nil {
		return err
	}
	if len(act.Scope) > 0 {
		return fmt.Errorf("%w: the audit log is for accounts without a scope", elevation.ErrNotAllowed)
	}
	return nil
}

func auditEvent(e audit.Event) client.AuditEvent {
	return client.AuditEvent{Seq: e.Seq, ID: string(e.ID), At: e.At.UTC(), Kind: e.Kind.String(),
		Actor:   client.AuditActor{Kind: string(e.Actor.Kind), ID: e.Actor.ID, Name: e.Actor.Name},
		Request: string(e.Request), Grant: string(e.Grant), Endpoint: string(e.Endpoint), Data: e.All()}
}

func (s *server) auditCheckpoint(_ context.Context, act auth.Actor, _ *struct{}) (client.Checkpoint, error) {
	if err := mayReadAudit(act); err != nil {
		return client.Checkpoint{}, err
	}
	c := s.cfg.Sequencer.Checkpoint()
	return client.Checkpoint{Size: c.Size, Note: string(c.Note), Key: s.cfg.Sequencer.Key(), At: moment(c.At)}, nil
}

func (s *server) auditExport(w http.ResponseWriter, r *http.Request, act auth.Actor) error {
	if err := mayReadAudit(act); err != nil {
		return err
	}
	query := r.URL.Query()
	for name := range query {
		if name != "as" && (name != "kind" || query.Get("as") == "") {
			return fmt.Errorf("%w: this operation has the query parameters as and, with it, kind", elevation.ErrInvalid)
		}
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exportTime)); err != nil {
		return fmt.Errorf("extend the time of an export: %w", err)
	}
	if query.Has("as") {
		return s.exportAs(w, r, query.Get("as"), query.Get("kind"))
	}
	s.settle(r.Context(), true, settleExport)
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="assent-audit.zip"`)
	if err := audit.ExportZip(r.Context(), s.cfg.Store, s.cfg.Sequencer.Key(), w); err != nil {
		// The head is gone already: a broken zip is what tells the caller.
		s.cfg.Log.Error("export the audit log", "error", err)
	}
	return nil
}

// exportStep is how many events are read at a time for an export.
const exportStep = 500

// exportAs writes every event in a form that other systems take, one a line.
func (s *server) exportAs(w http.ResponseWriter, r *http.Request, as, kind string) error {
	form, ending := audit.Format(as), ".log"
	switch form {
	case "json", audit.FormatOCSF:
		ending = ".jsonl"
	case audit.FormatCEF, audit.FormatSyslog:
	default:
		return fmt.Errorf("%w: as is json, cef, ocsf or syslog", elevation.ErrInvalid)
	}
	kinds, err := kindsOf(kind)
	if err != nil {
		return err
	}
	s.settle(r.Context(), false, settleExport)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="assent-audit-`+as+ending+`"`)
	if err := s.writeAs(r.Context(), w, form, store.EventFilter{Kinds: kinds}); err != nil {
		s.cfg.Log.Error("export the audit log", "as", as, "error", err)
		// The head is gone already: an answer that is cut off is what tells the caller.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(-time.Second))
	}
	return nil
}

func (s *server) writeAs(ctx context.Context, w io.Writer, form audit.Format, f store.EventFilter) error {
	for after := uint64(0); ; {
		var events []audit.Event
		err := s.cfg.Store.Browse(ctx, func(tx *store.Tx) (err error) {
			events, err = tx.Events(after, exportStep, f)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range events {
			line, err := lineOf(e, form)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(w, line+"\n"); err != nil {
				return fmt.Errorf("write an event: %w", err)
			}
			after = e.Seq
		}
		if len(events) < exportStep {
			return nil
		}
	}
}

func lineOf(e audit.Event, form audit.Format) (string, error) {
	if form != "json" {
		// Facts and texts stand together, as GET /audit shows them.
		e.Data, e.Text = e.All(), nil
		return e.Line(form)
	}
	raw, err := json.Marshal(auditEvent(e))
	return string(raw), err
}
