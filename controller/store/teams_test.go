package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

func staffOf(t testing.TB, s *Store) *Staff {
	t.Helper()
	var staff *Staff
	if err := s.View(t.Context(), func(tx *Tx) (err error) { staff, err = tx.Staff(); return err }); err != nil {
		t.Fatal(err)
	}
	return staff
}

func TestStaffIsWhatWasWritten(t *testing.T) {
	s := fresh(t)
	team := Team{ID: "team_1", Name: "Web", Members: []elevation.UserID{"usr_1"}, Labels: map[string]string{"role": "web"},
		AccessTypes: []elevation.AccessType{"run"}, Hours: "08:00-18:00", Zone: "Europe/Berlin", Escalate: []delegation.Step{{After: time.Hour, Team: "team_2"}}, MadeAt: day}
	link := Link{ID: "link_1", Link: delegation.Link{User: "usr_1", Endpoint: "ep_1", UID: "1000", Name: "ada"}, By: elevation.Actor{Kind: elevation.ByUser, ID: "usr_2", Name: "bo"}, MadeAt: day}
	away := Away{ID: "dlg_1", User: "usr_1", Delegate: "usr_2", From: day, Until: day.Add(time.Hour), By: link.By, MadeAt: day}
	user := User{ID: "usr_1", Login: "ada", Roles: []auth.Role{auth.Approver}, Scope: map[string]string{}, CreatedAt: day, HeldBy: link.By}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertUser(user), tx.PutTeam(team), tx.PutLink(link), tx.PutAway(away), tx.Append(event(audit.TeamChanged, "")))
	})
	want := &Staff{Users: []User{user}, Teams: []Team{team}, Links: []Link{link}, Away: []Away{away}}
	if d := cmp.Diff(want, staffOf(t, s), cmpopts.IgnoreUnexported(Staff{})); d != "" {
		t.Fatal(d)
	}
	if once, twice := staffOf(t, s), staffOf(t, s); once != twice {
		t.Error("it is read twice although nothing has changed")
	}
	team.Name, link.UID, away.Delegate, user.HeldBy = "Web and more", "1001", "usr_3", elevation.Actor{}
	old := staffOf(t, s)
	update(t, s, func(tx *Tx) error {
		if !tx.StaffIs(old) {
			t.Error("it has changed before it was changed")
		}
		return errors.Join(tx.PutUser(user), tx.PutTeam(team), tx.PutLink(link), tx.PutAway(away), tx.Append(event(audit.TeamChanged, "")))
	})
	update(t, s, func(tx *Tx) error {
		if tx.StaffIs(old) || tx.StaffIs(nil) {
			t.Error("it has not changed")
		}
		return tx.Append(event(audit.TeamChanged, ""))
	})
	want = &Staff{Users: []User{user}, Teams: []Team{team}, Links: []Link{link}, Away: []Away{away}}
	if d := cmp.Diff(want, staffOf(t, s), cmpopts.IgnoreUnexported(Staff{})); d != "" {
		t.Error(d)
	}
	err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.PutTeam(Team{ID: "team_9", Name: "WEB AND MORE"}), tx.Append(event(audit.TeamChanged, "")))
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("a name that differs by case only: %v", err)
	}
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.PutTeam(Team{ID: "team_9", Name: "Quiet"}) }); !errors.Is(err, ErrNoEvent) {
		t.Errorf("a team without an event: %v", err)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.DeleteUser("usr_1"), tx.Append(event(audit.UserDeleted, "")))
	})
	if got := staffOf(t, s); len(got.Users)+len(got.Links)+len(got.Away) != 0 {
		t.Errorf("after the account is gone: %+v", got)
	}
}

// TestStaffIsNeverOld: whoever has changed the staff reads it changed, whatever
// others read at the same time.
func TestStaffIsNeverOld(t *testing.T) {
	s := fresh(t)
	var readers, writers sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					staffOf(t, s)
				}
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			for i := range 50 {
				id := elevation.TeamID(fmt.Sprintf("team_%d", w))
				zone := fmt.Sprint(i)
				update(t, s, func(tx *Tx) error {
					return errors.Join(tx.PutTeam(Team{ID: id, Name: string(id), Zone: zone}), tx.Append(event(audit.TeamChanged, "")))
				})
				if got, ok := staffOf(t, s).Team(id); !ok || got.Zone != zone {
					t.Errorf("wrote %s, read %s", zone, got.Zone)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestMemoIsBounded(t *testing.T) {
	var s Staff
	made := 0
	for i := range maxMemo + 10 {
		for range 2 {
			if got := s.Memo(fmt.Sprint(i), func() any { made++; return i }); got != i {
				t.Fatalf("got %v, want %d", got, i)
			}
		}
	}
	if made != maxMemo+10 || len(s.memo) > maxMemo {
		t.Errorf("made %d times, %d kept", made, len(s.memo))
	}
}
