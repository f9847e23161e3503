package queue

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

func TestResubmitFromTheEndpoint(t *testing.T) {
	ctx, b := context.Background(), newBed(t, "").people()
	id := b.submit("one")
	again := func(of elevation.RequestID, reason string) (elevation.RequestID, error) {
		next := elevation.NewRequestID(b.now())
		return next, b.ResubmitFrom(ctx, ep, wire.Resubmit{Request: of, New: next, Reason: reason})
	}
	_, err := again(id, "")
	wantErr(t, "what waits", err, elevation.ErrNotPending)
	_, err = b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Denied})
	b.must(err)
	wantErr(t, "of another endpoint", b.ResubmitFrom(ctx, elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, day)), wire.Resubmit{Request: id, New: elevation.NewRequestID(day)}), elevation.ErrNotFound)
	wantErr(t, "a bad id", b.ResubmitFrom(ctx, ep, wire.Resubmit{Request: id, New: "x"}), elevation.ErrInvalid)
	_, err = again(id, "")
	if err == nil {
		t.Error("the same reason right after a denial needs no pause")
	}
	next, err := again(id, "the auditor waits")
	b.must(err)
	b.must(b.ResubmitFrom(ctx, ep, wire.Resubmit{Request: id, New: next, Reason: "the auditor waits"})) // sent again
	v, err := b.Get(ctx, who("bo"), next)
	b.must(err)
	if v.State != elevation.StatePending || v.Request.Previous != id || v.Request.Origin != elevation.FromResubmit || v.Request.Justification != "the auditor waits" || len(v.Request.Reviews) != 0 {
		t.Errorf("%+v", v.Request)
	}
	_, err = again(id, "once more")
	wantErr(t, "while one waits", err, elevation.ErrConflict)
	_, err = b.Review(ctx, who("bo"), next, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	if kinds := b.kinds(id); !slices.Contains(kinds, "request.resubmitted") {
		t.Errorf("%v", kinds)
	}
}

func TestRemoveFromTheEndpoint(t *testing.T) {
	ctx, b := context.Background(), newBed(t, "").people()
	id := b.submit("one")
	wantErr(t, "what waits", b.RemoveFrom(ctx, ep, wire.Remove{Request: id}), elevation.ErrNotPending)
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Denied})
	b.must(err)
	wantErr(t, "of another endpoint", b.RemoveFrom(ctx, elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, day)), wire.Remove{Request: id}), elevation.ErrNotFound)
	b.pass(time.Minute)
	for range 2 {
		b.must(b.RemoveFrom(ctx, ep, wire.Remove{Request: id}))
	}
	v, err := b.Get(ctx, who("bo"), id)
	b.must(err)
	removed := 0
	for _, k := range b.kinds(id) {
		if k == "request.removed" {
			removed++
		}
	}
	if v.Request.RemovedAt.IsZero() || !v.Request.RemovedByTeamAt.IsZero() || removed != 1 {
		t.Errorf("removed %v, by the team %v, %d events", v.Request.RemovedAt, v.Request.RemovedByTeamAt, removed)
	}
}
