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
		for _, u := range []store.User{{ID: "usr_eve", Login: "eve"}, {ID: "usr_ghost", Login: "ghost", HeldBy: elevation.Actor{Kind: elevation.ByUser, ID: "usr_eve", Name: "eve"}}} {
			u.Roles, u.CreatedAt = []auth.Role{auth.Approver}, day
			if err := tx.InsertUser(u); err != nil {
				return err
			}
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
	// Nor does an account to which the requester holds the key.
	_, err = b.Ask(ctx, who("ghost"), id, "why?", "")
	wantErr(t, "asking by an account of the requester's making", err, elevation.ErrSelfApproval)
	_, err = b.Review(ctx, who("ghost"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "approving by an account of the requester's making", err, elevation.ErrSelfApproval)
	if _, err := b.Cancel(ctx, eve, id); err != nil {
		t.Errorf("taking it back: %v", err)
	}
}

// What its person has not completed is nobody's to see or to answer.
func TestDraftsAreNotFound(t *testing.T) {
	b := newBed(t, "").people()
	in := attempt("x")
	_, err := b.Draft(context.Background(), ep, in)
	b.must(err)
	ada := who("ada", auth.Administrator)
	_, err = b.Get(context.Background(), ada, in.Request)
	wantErr(t, "reading a draft", err, elevation.ErrNotFound)
	_, err = b.Review(context.Background(), ada, in.Request, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "approving a draft", err, elevation.ErrNotFound)
}
