package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

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
}

func (s *server) addAudit() {
	handle(s, route{method: http.MethodGet, path: "/audit", id: "audit-list", tag: "audit",
		summary: "Read the audit log, ascending"}, s.auditList)
	handle(s, route{method: http.MethodGet, path: "/audit/checkpoint", id: "audit-checkpoint", tag: "audit",
		summary: "The newest signed statement about the whole log"}, s.auditCheckpoint)
	s.stream(route{method: http.MethodGet, path: "/audit/export", id: "audit-export", tag: "audit",
		summary: "A zip for assentctl audit verify --offline"}, "application/zip", s.auditExport)
}

func (s *server) auditList(ctx context.Context, act auth.Actor, in *auditInput) (client.AuditPage, error) {
	page := client.AuditPage{Items: []client.AuditEvent{}, NextAfter: in.After}
	if err := mayReadAudit(act); err != nil {
		return page, err
	}
	filter := store.EventFilter{Request: elevation.RequestID(in.Request)}
	for _, name := range words(in.Kind) {
		k, err := audit.ParseKind(name)
		if err != nil {
			return page, fmt.Errorf("%w: no audit kind is called %q", elevation.ErrInvalid, name)
		}
		filter.Kinds = append(filter.Kinds, k)
	}
	if in.After > 1<<62 {
		return page, nil
	}
	s.settle(ctx, false, settleList)
	err := s.cfg.Store.View(ctx, func(tx *store.Tx) error {
		events, err := tx.Events(in.After, in.Limit, filter)
		for _, e := range events {
			page.Items = append(page.Items, auditEvent(e))
			page.NextAfter = e.Seq
		}
		return err
	})
	return page, err
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
	return client.Checkpoint{Size: c.Size, Note: string(c.Note), Key: s.cfg.Sequencer.Key()}, nil
}

func (s *server) auditExport(w http.ResponseWriter, r *http.Request, act auth.Actor) error {
	if err := mayReadAudit(act); err != nil {
		return err
	}
	if len(r.URL.Query()) > 0 {
		return fmt.Errorf("%w: this operation has no query parameters", elevation.ErrInvalid)
	}
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exportTime)); err != nil {
		return fmt.Errorf("extend the time of an export: %w", err)
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
