package auth

import (
	"errors"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

var dina = Seat{Endpoint: "ep_1", UID: "1001", Name: "dina"}

// seat opens a link for dina.
func seat(t *testing.T, a *Accounts) (cookie string, act Actor) {
	t.Helper()
	link, _, err := a.NewSeatLink(t.Context(), dina)
	if err != nil {
		t.Fatal(err)
	}
	if cookie, act, err = a.SignInByLink(t.Context(), link, "::1"); err != nil {
		t.Fatal(err)
	}
	return cookie, act
}

// Whoever an endpoint vouches for may do one thing, whatever else stands in the
// actor, and never proves presence.
func TestSeatMayOnlyItsOwn(t *testing.T) {
	a, m, now := bed(t)
	cookie, act := seat(t, a)
	act.Roles, act.Full, act.SeenAt, act.SeenHow = []Role{Administrator}, true, *now, ByPasskey
	for _, p := range Permissions() {
		if err := act.Can(p); (err == nil) != (p == RequestsOwn) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if err := act.Present(*now); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("presence: %v", err)
	}
	if by := act.Elevation(); by.Kind != elevation.ByEndpoint || by.ID != "ep_1" || by.Name != "dina" {
		t.Errorf("in the audit log: %+v", by)
	}
	if err := a.AdmitSeat(t.Context(), act, "POST /tokens"); !errors.Is(err, elevation.ErrNotAllowed) || m.notes[len(m.notes)-1].Seat != dina {
		t.Errorf("at the door: %v", err)
	}
	if _, _, err := a.StepUp(t.Context(), act, cookie, Proof{Password: "x"}, "::1"); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Error("it proves presence")
	}
	if err := (Actor{User: "usr_1", Seat: Seat{Endpoint: "ep_1"}}).Can(RequestsOwn); err == nil {
		t.Error("a seat without a user may something")
	}
}

// A session of a seat ends after half an hour of use, at once while its endpoint
// can not vouch, and its link is refused then.
func TestSeatEnds(t *testing.T) {
	a, m, now := bed(t)
	cookie, _ := seat(t, a)
	open, _, err := a.NewSeatLink(t.Context(), dina)
	if err != nil {
		t.Fatal(err)
	}
	m.shut = map[elevation.EndpointID]bool{"ep_1": true}
	if _, err := a.Resume(t.Context(), cookie); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a locked endpoint: %v", err)
	}
	if _, _, err := a.SignInByLink(t.Context(), open, "::1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a link of a locked endpoint: %v", err)
	}
	if _, _, err := a.NewSeatLink(t.Context(), dina); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("a new link of a locked endpoint: %v", err)
	}
	m.shut = nil
	for range 5 {
		*now = now.Add(5 * time.Minute)
		if act, err := a.Resume(t.Context(), cookie); err != nil || act.Seat != dina {
			t.Fatalf("in use: %+v, %v", act, err)
		}
	}
	*now = now.Add(5 * time.Minute)
	if _, err := a.Resume(t.Context(), cookie); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after half an hour: %v", err)
	}
}
