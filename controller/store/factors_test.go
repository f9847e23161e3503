package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestPasskeysAreWhatWasWritten(t *testing.T) {
	s := fresh(t)
	k := auth.Passkey{ID: "pk_1", User: "usr_1", Credential: []byte{1, 2}, Name: "phone", PublicKey: []byte{3}, SignCount: 1<<32 - 2,
		Flags: 0xff, Transports: []string{"internal", "hybrid"}, CreatedAt: day}
	other := auth.Passkey{ID: "pk_2", User: "usr_2", Credential: []byte{4}, Name: "key", PublicKey: []byte{5}, CreatedAt: day}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertPasskey(k, 2), tx.InsertPasskey(other, 2), tx.Append(event(audit.AuthFactor, "")))
	})
	refused := func(what string, want error, do func(*Tx) error) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *Tx) error { return errors.Join(do(tx), tx.Append(event(audit.AuthFactor, ""))) })
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	again := k
	again.ID = "pk_3"
	refused("a known credential", ErrExists, func(tx *Tx) error { return tx.InsertPasskey(again, 2) })
	refused("one too many", elevation.ErrLimit, func(tx *Tx) error { return tx.InsertPasskey(again, 1) })
	refused("somebody else's", elevation.ErrNotFound, func(tx *Tx) error { return tx.DeletePasskey("usr_2", "pk_1") })
	read := func(user elevation.UserID) []auth.Passkey {
		t.Helper()
		var out []auth.Passkey
		view(t, s, func(tx *Tx) (err error) { out, err = tx.Passkeys(user); return err })
		return out
	}
	if d := cmp.Diff([]auth.Passkey{k}, read("usr_1")); d != "" {
		t.Fatal(d)
	}
	use := func(k auth.Passkey, next uint32) error {
		return s.Update(t.Context(), func(tx *Tx) error { return tx.UsePasskey(k, next, day.Add(time.Hour)) })
	}
	if err := use(k, 1<<32-1); err != nil {
		t.Fatal(err)
	}
	if err := use(k, 1<<32-1); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("used twice with the same answer: %v", err)
	}
	k.SignCount, k.LastUsedAt = 1<<32-1, day.Add(time.Hour)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.BlockPasskey("pk_1", day), tx.Append(event(audit.AuthFactor, "")))
	})
	if err := use(k, 0); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("a blocked one is used: %v", err)
	}
	k.BlockedAt = day
	var found auth.Passkey
	view(t, s, func(tx *Tx) (err error) { found, err = tx.PasskeyByCredential([]byte{1, 2}); return err })
	if d := cmp.Diff(k, found); d != "" {
		t.Error(d)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.DeletePasskey("usr_1", "pk_1"), tx.Append(event(audit.AuthFactor, "")))
	})
	if len(read("usr_1")) != 0 || len(read("usr_2")) != 1 {
		t.Error("not the one passkey was deleted")
	}
}

func TestAuthenticatorsAndWhatGoesWithAnAccount(t *testing.T) {
	s := fresh(t)
	u := User{ID: "usr_1", Login: "ada", Roles: []auth.Role{auth.Approver}, Scope: map[string]string{}, CreatedAt: day}
	totp := auth.TOTP{User: "usr_1", Seed: []byte{1}, LastStep: 7, CreatedAt: day}
	session := WebSession{Hash: []byte{1}, User: "usr_1", CreatedAt: day, LastSeenAt: day, ExpiresAt: day.Add(time.Hour), How: "password", SeenAt: day, SeenHow: "totp"}
	second := session
	second.Hash = []byte{2}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertUser(u), tx.InsertTOTP(totp), tx.InsertWebSession(session), tx.InsertWebSession(second), tx.Append(event(audit.AuthFactor, "")))
	})
	err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.InsertTOTP(totp), tx.Append(event(audit.AuthFactor, "")))
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("a second one: %v", err)
	}
	for step, want := range map[int64]error{7: elevation.ErrNotFound, 6: elevation.ErrNotFound} {
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.UseTOTP("usr_1", step) }); !errors.Is(err, want) {
			t.Errorf("step %d: %v", step, err)
		}
	}
	update(t, s, func(tx *Tx) error { return tx.UseTOTP("usr_1", 8) })
	next := session
	next.Hash, next.SeenHow = []byte{3}, "passkey"
	update(t, s, func(tx *Tx) error { return tx.RotateWebSession([]byte{1}, next, false) })
	view(t, s, func(tx *Tx) error {
		got, err := tx.WebSession([]byte{3})
		if d := cmp.Diff(next, got); d != "" {
			t.Error(d)
		}
		if _, gone := tx.WebSession([]byte{1}); !errors.Is(gone, elevation.ErrNotFound) {
			t.Errorf("the old session: %v", gone)
		}
		_, other := tx.WebSession([]byte{2})
		f, err2 := tx.Factored(u)
		if !f.HasTOTP || f.HasPasskey {
			t.Errorf("factors %v %v", f.HasTOTP, f.HasPasskey)
		}
		return errors.Join(err, other, err2)
	})
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.RotateWebSession([]byte{1}, session, false) }); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("an ended session is rotated: %v", err)
	}
	last := next
	last.Hash = []byte{4}
	update(t, s, func(tx *Tx) error { return tx.RotateWebSession([]byte{3}, last, true) })
	view(t, s, func(tx *Tx) error {
		if _, gone := tx.WebSession([]byte{2}); !errors.Is(gone, elevation.ErrNotFound) {
			t.Errorf("the other session: %v", gone)
		}
		_, err := tx.WebSession([]byte{4})
		return err
	})
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.DeleteUser("usr_1"), tx.Append(event(audit.UserDeleted, "")))
	})
	view(t, s, func(tx *Tx) error {
		if _, gone := tx.TOTP("usr_1"); !errors.Is(gone, elevation.ErrNotFound) {
			t.Errorf("its authenticator: %v", gone)
		}
		return nil
	})
}
