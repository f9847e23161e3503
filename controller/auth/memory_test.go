package auth

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// factors are the second factors that the memory keeps.
type factors struct {
	passkeys []Passkey
	totp     map[elevation.UserID]TOTP
	must     []Role
}

// seen fills in what an account is read with.
func (m *memory) seen(a Account) Account {
	a.HasPasskey = slices.ContainsFunc(m.passkeys, func(k Passkey) bool { return k.User == a.ID })
	_, a.HasTOTP = m.totp[a.ID]
	return a
}

func (m *memory) SecondFactorRoles() []Role { return m.must }

func (m *memory) RotateSession(_ context.Context, old []byte, s WebSession, alone bool, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.sessions[string(old)]; !ok {
		return elevation.ErrNotFound
	}
	delete(m.sessions, string(old))
	for k, other := range m.sessions {
		if alone && other.User == s.User {
			delete(m.sessions, k)
		}
	}
	m.sessions[string(s.Hash)] = s
	m.notes = append(m.notes, n)
	return nil
}

func (m *memory) Passkeys(_ context.Context, user elevation.UserID) (out []Passkey, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.passkeys {
		if k.User == user {
			out = append(out, k)
		}
	}
	return out, nil
}

func (m *memory) PasskeyByCredential(_ context.Context, credential []byte) (Passkey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.passkeys {
		if bytes.Equal(k.Credential, credential) {
			return k, nil
		}
	}
	return Passkey{}, elevation.ErrNotFound
}

func (m *memory) InsertPasskey(ctx context.Context, p Passkey, most int, n Note) error {
	_, err := m.PasskeyByCredential(ctx, p.Credential)
	mine, _ := m.Passkeys(ctx, p.User)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		return elevation.ErrConflict
	case len(mine) >= most:
		return elevation.ErrLimit
	}
	m.passkeys, m.notes = append(m.passkeys, p), append(m.notes, n)
	return nil
}

func (m *memory) UsePasskey(_ context.Context, p Passkey, next uint32, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range m.passkeys {
		if k.ID == p.ID && k.SignCount == p.SignCount && k.BlockedAt.IsZero() {
			m.passkeys[i].SignCount, m.passkeys[i].LastUsedAt = next, at
			return nil
		}
	}
	return elevation.ErrNotFound
}

func (m *memory) BlockPasskey(_ context.Context, id string, at time.Time, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range m.passkeys {
		if k.ID == id {
			m.passkeys[i].BlockedAt = at
		}
	}
	m.notes = append(m.notes, n)
	return nil
}

func (m *memory) DeletePasskey(_ context.Context, user elevation.UserID, id string, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passkeys = slices.DeleteFunc(m.passkeys, func(k Passkey) bool { return k.User == user && k.ID == id })
	m.notes = append(m.notes, n)
	return nil
}

func (m *memory) TOTP(_ context.Context, user elevation.UserID) (TOTP, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.totp[user]
	if !ok {
		return t, elevation.ErrNotFound
	}
	return t, nil
}

func (m *memory) InsertTOTP(_ context.Context, t TOTP, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.totp[t.User]; ok {
		return elevation.ErrConflict
	}
	m.totp[t.User], m.notes = t, append(m.notes, n)
	return nil
}

func (m *memory) UseTOTP(_ context.Context, user elevation.UserID, step int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.totp[user]
	if !ok || step <= t.LastStep {
		return elevation.ErrNotFound
	}
	t.LastStep = step
	m.totp[user] = t
	return nil
}

func (m *memory) DeleteTOTP(_ context.Context, user elevation.UserID, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.totp, user)
	m.notes = append(m.notes, n)
	return nil
}

// box is a wrapper that shows whether anything is kept in clear.
type box struct{}

var errBox = errors.New("wrapped for something else")

func (box) Wrap(purpose string, plain []byte) ([]byte, error) {
	out := []byte(purpose + "\x00")
	for _, b := range plain {
		out = append(out, ^b)
	}
	return out, nil
}

func (box) Unwrap(purpose string, wrapped []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(wrapped, []byte(purpose+"\x00"))
	if !ok {
		return nil, errBox
	}
	var out []byte
	for _, b := range rest {
		out = append(out, ^b)
	}
	return out, nil
}
