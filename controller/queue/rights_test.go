package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// orders signs by not signing.
type orders struct{ made []elevation.RightsOrder }

func (o *orders) SignRights(r elevation.RightsOrder) ([]byte, error) {
	o.made = append(o.made, r)
	return []byte(r.ID), nil
}

func (o *orders) Epoch() uint64 { return 1 }

func ofRight(id, user string) elevation.Right {
	return elevation.Right{ID: id, Kind: elevation.RightSudoers, User: user, Source: "/etc/sudoers:1", Text: user + " ALL=(ALL) ALL", All: true}
}

// tellsRights lets the endpoint tell its rights, with a number of its own.
func (b *bed) tellsRights(n uint64, rights, taken []elevation.Right) {
	b.t.Helper()
	b.must(b.TakeRights(context.Background(), ep, wire.Rights{Report: n, At: time.Now(), Rights: rights, Taken: taken}))
}

// changes are the events of a kind.
func (b *bed) changes(kind audit.Kind) (out []audit.Event) {
	b.t.Helper()
	rows, err := b.store.AuditWaiting(context.Background(), 1000)
	b.must(err)
	for _, row := range rows {
		e, err := row.Open()
		b.must(err)
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// TestStandingRights: the first list is no event, changes are; a number counts once.
func TestStandingRights(t *testing.T) {
	b := newBed(t, "").people()
	one, two := ofRight("0000000000000001", "alice"), ofRight("0000000000000002", "bob")
	b.tellsRights(1, []elevation.Right{one}, nil)
	if n := len(b.changes(audit.RightsChanged)); n != 0 {
		t.Errorf("%d events of the first list", n)
	}
	b.pass(24 * time.Hour)
	b.tellsRights(2, []elevation.Right{one, two}, nil)
	b.tellsRights(2, nil, nil)
	b.tellsRights(3, []elevation.Right{two}, []elevation.Right{one})
	got := b.changes(audit.RightsChanged)
	if len(got) != 2 || got[0].Data["appeared"] != "1" || got[1].Data["went"] != "1" || got[1].Data["by_take_over"] != "1" || got[1].Data["taken_over"] != "1" {
		t.Errorf("events %v", got)
	}
	list, err := b.StandingRights(context.Background(), boss(), StandingFilter{})
	b.must(err)
	if len(list) != 2 || !list[0].Taken || list[1].Taken || !list[0].Since.Equal(day) || !list[1].Since.Equal(day.Add(24*time.Hour)) {
		t.Errorf("list %+v", list)
	}
	for _, f := range []StandingFilter{{User: "alice"}, {Text: "ALICE all"}, {Taken: new(true)}, {Endpoint: "web-1", User: "bob"}} {
		if list, err := b.StandingRights(context.Background(), boss(), f); err != nil || len(list) != 1 {
			t.Errorf("%+v: %v, %v", f, list, err)
		}
	}
	for login, n := range map[string]int{"ada": 2, "audrey": 2} {
		roles := map[string]auth.Role{"ada": auth.Administrator, "audrey": auth.Auditor}
		if list, err := b.StandingRights(context.Background(), who(login, roles[login]), StandingFilter{}); err != nil || len(list) != n {
			t.Errorf("%s sees %v, %v", login, list, err)
		}
	}
	far := who("ada", auth.Administrator)
	far.Scope = map[string]string{"role": "db"}
	if list, err := b.StandingRights(context.Background(), far, StandingFilter{}); err != nil || len(list) != 0 {
		t.Errorf("beyond the scope: %v, %v", list, err)
	}
	if _, err := b.StandingRights(context.Background(), who("bo"), StandingFilter{}); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("an approver: %v", err)
	}
	if err := b.TakeRights(context.Background(), ep, wire.Rights{Report: 9, Rights: make([]elevation.Right, maxStanding+1)}); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
}

// TestOrderRights: who may, what is needed, what is sent, and what comes of it.
func TestOrderRights(t *testing.T) {
	b := newBed(t, "").people()
	signs := &orders{}
	b.cfg.Orders = signs
	ctx := context.Background()
	fixed := ofRight("0000000000000003", "toor")
	fixed.Fixed = "it is root"
	all := NewOrder{Act: elevation.TakeOver, Comment: " ring 1 "}
	if _, err := b.OrderRights(ctx, boss(), ep, all); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("an old agent: %v", err)
	}
	b.must(b.store.Update(ctx, func(tx *store.Tx) error {
		e, err := tx.Endpoint(ep)
		e.Capabilities = []string{"rights"}
		return errors.Join(err, tx.SeenEndpoint(e))
	}))
	if _, err := b.OrderRights(ctx, boss(), ep, all); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("nothing told: %v", err)
	}
	b.tellsRights(1, []elevation.Right{ofRight("0000000000000001", "alice"), ofRight("0000000000000002", "bob"), fixed}, nil)
	there := session("ada")
	there.Roles = []auth.Role{auth.Administrator}
	far := boss()
	far.Scope = map[string]string{"role": "db"}
	for name, c := range map[string]struct {
		by   auth.Actor
		in   NewOrder
		want error
	}{
		"approver":   {who("bo"), all, elevation.ErrNotAllowed},
		"auditor":    {who("audrey", auth.Auditor), all, elevation.ErrNotAllowed},
		"no comment": {boss(), NewOrder{Act: elevation.TakeOver, Comment: "  "}, elevation.ErrInvalid},
		"too long":   {boss(), NewOrder{Act: elevation.TakeOver, Comment: strings.Repeat("x", elevation.MaxComment+1)}, elevation.ErrInvalid},
		"no act":     {boss(), NewOrder{Comment: "x"}, elevation.ErrInvalid},
		"too many":   {boss(), NewOrder{Act: elevation.TakeOver, Comment: "x", Rights: make([]string, maxOrdered+1)}, elevation.ErrInvalid},
		"absent":     {there, all, elevation.ErrStepUp},
		"scope":      {far, all, elevation.ErrNotFound},
		"unknown":    {boss(), NewOrder{Act: elevation.TakeOver, Comment: "x", Rights: []string{"00000000000000ff"}}, elevation.ErrNotFound},
		"never":      {boss(), NewOrder{Act: elevation.TakeOver, Comment: "x", Rights: []string{fixed.ID}}, elevation.ErrConflict},
		"not taken":  {boss(), NewOrder{Act: elevation.GiveBack, Comment: "x"}, elevation.ErrConflict},
	} {
		if _, err := b.OrderRights(ctx, c.by, ep, c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if len(signs.made) != 0 {
		t.Fatalf("signed %v", signs.made)
	}
	o, err := b.OrderRights(ctx, boss(), ep, all)
	b.must(err)
	if want := []string{"0000000000000001", "0000000000000002"}; !slices.Equal(o.Rights, want) || !slices.Equal(signs.made[0].Rights, want) ||
		signs.made[0].Endpoint != ep || signs.made[0].Cluster != "c1" || signs.made[0].By.Name != "ada" {
		t.Errorf("ordered %+v, signed %+v", o, signs.made[0])
	}
	frames := b.frames()
	if last := frames[len(frames)-1]; last.Type != wire.TOrder || string(body[wire.Signed](t, last).Raw) != o.ID {
		t.Errorf("sent %v", last)
	}
	b.answersOrder(o)
}

// answersOrder lets the endpoint answer, twice and for an order that is not its own.
func (b *bed) answersOrder(o store.RightsOrder) {
	b.t.Helper()
	ctx := context.Background()
	for n, in := range []wire.Ordered{
		{Order: o.ID, Done: o.Rights[:1], Refused: []wire.Refusal{{Right: o.Rights[1], Why: "it is the last administrator"}}},
		{Order: o.ID, Done: o.Rights}, {Order: "ro_else", Done: o.Rights}} {
		in.Report = uint64(n + 2)
		b.must(b.TakeOrdered(ctx, ep, in))
	}
	list, err := b.StandingRights(ctx, boss(), StandingFilter{})
	b.must(err)
	for _, r := range list {
		switch r.ID {
		case o.Rights[0]:
			if !r.Last.Done || r.Last.Why != "" || r.Last.ID != o.ID {
				b.t.Errorf("done: %+v", r.Last)
			}
		case o.Rights[1]:
			if r.Last.Done || r.Last.Why != "it is the last administrator" || r.Last.DoneAt.IsZero() {
				b.t.Errorf("refused: %+v", r.Last)
			}
		}
	}
	got := b.changes(audit.RightsTaken)
	if len(got) != 2 || got[0].Text["comment"] != "ring 1" || got[0].Data["ordered"] != "2" || got[1].Data["done"] != "1" || got[1].Data["refused"] != "1" {
		b.t.Errorf("events %v", got)
	}
	out, err := b.OrderRightsByLabel(ctx, boss(), map[string]string{"role": "web"}, NewOrder{Act: elevation.GiveBack, Comment: "x"})
	if err != nil || len(out) != 1 || out[0].Err != nil {
		b.t.Errorf("nothing to give back is no error: %v, %v", out, err)
	}
	if out, err := b.OrderRightsByLabel(ctx, boss(), map[string]string{"role": "db"}, NewOrder{Act: elevation.TakeOver, Comment: "x"}); err != nil || len(out) != 0 {
		b.t.Errorf("other labels: %v, %v", out, err)
	}
}
