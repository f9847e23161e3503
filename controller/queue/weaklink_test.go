package queue

import (
	"context"
	"testing"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// An account whose name is only equal to the local user's takes back and speaks
// for nobody.
func TestWeakLinkSpeaksForNobody(t *testing.T) {
	b := newBed(t, "").people()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertUser(store.User{ID: "usr_eve", Login: "eve", Roles: []auth.Role{auth.Approver}, CreatedAt: day}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.UserCreated, Actor: system()})
	}))
	ctx, id, eve := context.Background(), b.submit("x"), who("eve")
	_, err := b.Ask(ctx, who("bo"), id, "which server?", "")
	b.must(err)
	for what, act := range map[string]func() error{
		"answer": func() error { _, err := b.Reply(ctx, eve, id, "web-3"); return err },
		"nudge":  func() error { _, err := b.Nudge(ctx, eve, id); return err },
	} {
		wantErr(t, what, act(), elevation.ErrNotAllowed)
	}
	for what, act := range map[string]func() error{
		"approve":    func() error { _, err := b.Review(ctx, eve, id, ReviewIn{Verdict: elevation.Approved}); return err },
		"deny":       func() error { _, err := b.Review(ctx, eve, id, ReviewIn{Verdict: elevation.Denied}); return err },
		"ask":        func() error { _, err := b.Ask(ctx, eve, id, "why?", ""); return err },
		"claim":      func() error { _, err := b.Claim(ctx, eve, id, ""); return err },
		"prioritize": func() error { _, err := b.Prioritize(ctx, eve, id, elevation.Urgent, ""); return err },
		"escalate":   func() error { _, err := b.Escalate(ctx, eve, id, "", "", ""); return err },
		"remove":     func() error { _, err := b.Remove(ctx, eve, id); return err },
	} {
		wantErr(t, what, act(), elevation.ErrSelfApproval)
	}
	if _, err := b.Cancel(ctx, eve, id); err != nil {
		t.Errorf("taking it back: %v", err)
	}
}
