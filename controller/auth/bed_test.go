package auth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// memory is a small working store.
type memory struct {
	mu       sync.Mutex // guards the fields below
	accounts map[elevation.UserID]Account
	tokens   map[string]Token
	sessions map[string]WebSession
	links    map[string]SignInLink
	notes    []Note
	touched  int
	shut     map[elevation.EndpointID]bool // vouch for nobody
	factors
}

func newMemory() *memory {
	return &memory{factors: factors{totp: map[elevation.UserID]TOTP{}}, accounts: map[elevation.UserID]Account{}, tokens: map[string]Token{}, sessions: map[string]WebSession{}, links: map[string]SignInLink{}}
}

func (m *memory) Account(_ context.Context, id elevation.UserID) (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.accounts[id]
	if !ok {
		return a, elevation.ErrNotFound
	}
	return m.seen(a), nil
}

func (m *memory) AccountByLogin(_ context.Context, login string) (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.accounts {
		if strings.EqualFold(a.Login, login) {
			return m.seen(a), nil
		}
	}
	return Account{}, elevation.ErrNotFound
}

func (m *memory) InsertFirst(_ context.Context, a Account, t Token) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.accounts) > 0 {
		return false, nil
	}
	m.accounts[a.ID], m.tokens[string(t.Hash)] = a, t
	return true, nil
}

func (m *memory) TokenByHash(_ context.Context, hash []byte) (Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tokens[string(hash)]
	if !ok {
		return t, elevation.ErrNotFound
	}
	return t, nil
}

func (m *memory) TokenUsed(_ context.Context, id elevation.TokenID, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, t := range m.tokens {
		if t.ID == id {
			t.LastUsedAt = at
			m.tokens[k] = t
		}
	}
	m.touched++
	return nil
}

func (m *memory) Session(_ context.Context, hash []byte) (WebSession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[string(hash)]
	if !ok {
		return s, elevation.ErrNotFound
	}
	return s, nil
}

func (m *memory) InsertSession(_ context.Context, s WebSession, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[string(s.Hash)] = s
	m.notes = append(m.notes, n)
	return nil
}

func (m *memory) SessionSeen(_ context.Context, s WebSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[string(s.Hash)] = s
	return nil
}

func (m *memory) DeleteSession(_ context.Context, hash []byte, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, string(hash))
	m.notes = append(m.notes, n)
	return nil
}

func (m *memory) PutPassword(_ context.Context, id elevation.UserID, hash string, n Note) error {
	a, ok := m.accounts[id]
	if !ok {
		return elevation.ErrNotFound
	}
	a.PasswordHash, a.HeldBy = hash, elevation.Actor{}
	m.accounts[id] = a
	m.notes = append(m.notes, n)
	return nil
}

func (m *memory) InsertLink(_ context.Context, l SignInLink, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	open := 0
	for _, other := range m.links {
		if l.Seat != (Seat{}) && other.Seat == l.Seat && now.Before(other.ExpiresAt) {
			open++
		}
	}
	if open >= MaxSeatLinks {
		return elevation.ErrLimit
	}
	m.links[string(l.Hash)] = l
	return nil
}

func (m *memory) UseLink(_ context.Context, hash []byte, now time.Time) (SignInLink, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.links[string(hash)]
	if !ok || !now.Before(l.ExpiresAt) {
		return SignInLink{}, elevation.ErrNotFound
	}
	delete(m.links, string(hash))
	return l, nil
}

func (m *memory) Vouches(_ context.Context, ep elevation.EndpointID) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.shut[ep], nil
}

func (m *memory) Record(_ context.Context, n Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, n)
	return nil
}

// bed is accounts over a memory with a clock.
func bed(t *testing.T) (*Accounts, *memory, *time.Time) {
	t.Helper()
	m, now := newMemory(), noon
	a, err := NewAccounts(m, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return a, m, &now
}
