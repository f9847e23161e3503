package insight

import (
	"context"
	"fmt"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// ProvenEvent is one event with what proves that it was logged.
type ProvenEvent struct {
	Event audit.Event
	Leaf  []byte
	Texts map[string]audit.ShownText
	Path  []string // hashes from the leaf to the root
}

// Evidence is everything that proves what happened to one request, for
// [audit.VerifyEvidence].
type Evidence struct {
	Events     []ProvenEvent
	Unsigned   int // events that are not in a signed log yet
	Checkpoint audit.Checkpoint
	Key        string
	Grant      []byte // as it was signed, nil if there is none
	KeySet     []byte
	RootID     string
	RootPublic []byte
}

// Evidence collects the evidence of a request. [elevation.ErrNotFound] also when
// it is outside of the actor's scope. Refused acts are in it for those who may
// read the audit log.
func (s *Insight) Evidence(ctx context.Context, act auth.Actor, id elevation.RequestID) (Evidence, error) {
	if err := act.Can(auth.RequestsRead); err != nil {
		return Evidence{}, err
	}
	var rows []audit.Row
	out := Evidence{Key: s.cfg.Key(), KeySet: s.cfg.KeySet()}
	out.RootID, out.RootPublic = s.rootKey()
	err := s.cfg.Store.View(ctx, func(tx *store.Tx) error {
		r, err := tx.Request(id)
		if err != nil {
			return err
		}
		ep, err := tx.Endpoint(r.Endpoint)
		if err != nil {
			return err
		}
		if !act.Covers(ep.EffectiveLabels()) || r.SubmittedAt.IsZero() && r.Decision == nil {
			return fmt.Errorf("request %s: %w", id, elevation.ErrNotFound)
		}
		if err := mayRead(tx, act, &r); err != nil {
			return err
		}
		if r.Grant.ID != "" {
			g, err := tx.GrantOf(id)
			if err != nil {
				return err
			}
			out.Grant = g.Raw
		}
		rows, err = tx.RowsOf(id)
		return err
	})
	if err != nil {
		return Evidence{}, err
	}
	shown := rows[:0]
	for _, r := range rows {
		if r.Kind != audit.AuthRefused || act.Can(auth.AuditRead) == nil && len(act.Scope) == 0 {
			shown = append(shown, r)
		}
	}
	out.Events, out.Checkpoint, out.Unsigned, err = s.prove(ctx, shown)
	return out, err
}

// mayRead refuses the requester where approvers are hidden from them: what is
// signed names people and can not be veiled.
func mayRead(tx *store.Tx, act auth.Actor, r *elevation.Request) error {
	if tx.Settings().ShowApprovers {
		return nil
	}
	staff, err := tx.Staff()
	if err != nil {
		return err
	}
	own := delegation.Plan{Links: staff.LinksOf(act.User)}
	if own.IsRequester(delegation.Person{ID: act.User, Login: act.Login}, r) {
		return fmt.Errorf("%w: the proofs of your own request name approvers, who are not shown; ask an auditor", elevation.ErrNotAllowed)
	}
	return nil
}

// prove makes the proofs of rows, which are in the order of the log.
func (s *Insight) prove(ctx context.Context, rows []audit.Row) (events []ProvenEvent, c audit.Checkpoint, unsigned int, err error) {
	proofs, unsigned, err := audit.ProveRows(ctx, s.cfg.Store, rows)
	if err != nil {
		return nil, c, 0, err
	}
	c = s.cfg.Checkpoint()
	for i, p := range proofs {
		e, err := rows[i].Open()
		if err != nil {
			return nil, c, 0, err
		}
		texts, err := rows[i].Texts()
		if err != nil {
			return nil, c, 0, err
		}
		c = p.Checkpoint
		events = append(events, ProvenEvent{Event: e, Leaf: p.Leaf, Texts: texts, Path: p.Hashes()})
	}
	return events, c, unsigned, nil
}

// EventProof proves one event of the log, by its id or its number. It is for
// those who may read the whole log. An event that is not signed yet is not found;
// it is signed within a second.
func (s *Insight) EventProof(ctx context.Context, act auth.Actor, name string) (ProvenEvent, audit.Checkpoint, string, error) {
	if err := act.Can(auth.AuditRead); err != nil {
		return ProvenEvent{}, audit.Checkpoint{}, "", err
	}
	if len(act.Scope) > 0 {
		return ProvenEvent{}, audit.Checkpoint{}, "", fmt.Errorf("%w: the audit log is for accounts without a scope", elevation.ErrNotAllowed)
	}
	var row audit.Row
	err := s.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { row, err = tx.EventRow(name); return err })
	if err != nil {
		return ProvenEvent{}, audit.Checkpoint{}, "", err
	}
	events, c, _, err := s.prove(ctx, []audit.Row{row})
	if err == nil && len(events) == 0 {
		err = fmt.Errorf("event %s: it is not in a signed log yet: %w", audit.Clip(name, 64), elevation.ErrNotFound)
	}
	if err != nil {
		return ProvenEvent{}, audit.Checkpoint{}, "", err
	}
	return events[0], c, s.cfg.Key(), nil
}

func (s *Insight) rootKey() (id string, public []byte) {
	id, key := s.cfg.Root()
	return id, key
}
