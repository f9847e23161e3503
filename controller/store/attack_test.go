package store

import (
	"context"
	"sync"
	"testing"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// What somebody lost a moment ago does not help them in the same commit.
func TestStaffOfTheSameCommitIsSeen(t *testing.T) {
	for range 50 { // the writer may take one of the two before the other is there
		if staffOfTheSameCommit(t) || t.Failed() {
			return
		}
	}
	t.Error("they were never in one commit")
}

// staffOfTheSameCommit reports whether both calls were in one commit.
func staffOfTheSameCommit(t *testing.T) bool {
	s := fresh(t)
	var old *Staff
	view(t, s, func(tx *Tx) (err error) { old, err = tx.Staff(); return err })
	release, first := held(t, s)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.Update(context.Background(), func(tx *Tx) error {
			if err := tx.InsertUser(User{ID: "usr_1", Login: "ada", CreatedAt: day}); err != nil {
				return err
			}
			return tx.Append(audit.Event{At: day, Kind: audit.UserCreated, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "test"}})
		})
		if err != nil {
			t.Error(err)
		}
	})
	waitQueued(s, 1)
	wg.Go(func() {
		err := s.Update(context.Background(), func(tx *Tx) error {
			if tx.StaffIs(old) {
				t.Error("the staff of before the commit is taken for the present one")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	waitQueued(s, 2)
	release()
	wg.Wait()
	if err := <-first; err != nil {
		t.Error(err)
	}
	return s.Stats().Largest == 2
}
