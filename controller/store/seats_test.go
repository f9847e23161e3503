package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// An endpoint that asks for links in everybody's name gets so many and no more;
// those of another one are not counted.
func TestSeatLinksOfAnEndpointAreBounded(t *testing.T) {
	s := fresh(t)
	link := func(ep elevation.EndpointID, n int) error {
		return s.Update(t.Context(), func(tx *Tx) error {
			return tx.InsertSignInLink(SignInLink{Hash: fmt.Append(nil, ep, n), ExpiresAt: day.Add(auth.SeatLinkLife),
				Seat: auth.Seat{Endpoint: ep, UID: fmt.Sprint(n), Name: "dina"}}, day)
		})
	}
	for n := range auth.MaxEndpointLinks {
		if err := link("ep_1", n); err != nil {
			t.Fatalf("link %d: %v", n, err)
		}
	}
	if err := link("ep_1", 1000); !errors.Is(err, elevation.ErrLimit) {
		t.Errorf("one more: %v", err)
	}
	if err := link("ep_2", 1); err != nil {
		t.Errorf("of another endpoint: %v", err)
	}
	var used SignInLink
	err := s.Update(t.Context(), func(tx *Tx) (err error) {
		used, err = tx.UseSignInLink(fmt.Append(nil, "ep_1", 0), day.Add(time.Second))
		return err
	})
	if err != nil || used.Seat != (auth.Seat{Endpoint: "ep_1", UID: "0", Name: "dina"}) || used.User != "" {
		t.Errorf("used: %+v, %v", used, err)
	}
	if err := link("ep_1", 1000); err != nil {
		t.Errorf("after one was used: %v", err)
	}
}

// When an endpoint is locked, put into quarantine or deleted, by whatever way, the
// sessions and links of its users end with it, and those of others stay.
func TestSeatsEndWithTheirEndpoint(t *testing.T) {
	for what, change := range map[string]func(*Endpoint){
		"locked":     func(e *Endpoint) { e.Locked = true },
		"quarantine": func(e *Endpoint) { e.Quarantined = true },
		"deleted":    func(e *Endpoint) { e.DeletedAt = day },
	} {
		t.Run(what, func(t *testing.T) {
			s := fresh(t)
			insertEndpoint(t, s, endpoint)
			put := func(ep elevation.EndpointID) {
				err := s.Update(t.Context(), func(tx *Tx) error {
					seat := auth.Seat{Endpoint: ep, UID: "1", Name: "dina"}
					return errors.Join(tx.InsertWebSession(WebSession{Hash: []byte("s" + ep), Seat: seat, ExpiresAt: day.Add(time.Hour)}),
						tx.InsertSignInLink(SignInLink{Hash: []byte("l" + ep), Seat: seat, ExpiresAt: day.Add(time.Hour)}, day))
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			put("ep_1")
			put("ep_2")
			err := s.Update(t.Context(), func(tx *Tx) error {
				e, err := tx.Endpoint("ep_1")
				if err != nil {
					return err
				}
				change(&e)
				return errors.Join(tx.PutEndpoint(e), tx.Append(event(audit.EndpointChanged, "")))
			})
			if err != nil {
				t.Fatal(err)
			}
			for ep, stays := range map[elevation.EndpointID]bool{"ep_1": false, "ep_2": true} {
				var session, link error
				if err := s.Update(t.Context(), func(tx *Tx) error {
					_, session = tx.WebSession([]byte("s" + ep))
					_, link = tx.UseSignInLink([]byte("l"+ep), day)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if (session == nil) != stays || (link == nil) != stays {
					t.Errorf("%s: session %v, link %v", ep, session, link)
				}
			}
		})
	}
}
