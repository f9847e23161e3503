package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// schemaSignedIn keeps when an account last signed in, longer than its sessions.
const schemaSignedIn = `
ALTER TABLE users ADD COLUMN signed_in_at INTEGER NOT NULL DEFAULT 0;
UPDATE users SET signed_in_at = coalesce((SELECT max(w.created_at) FROM web_sessions w WHERE w.user = users.id), 0);
`

// schemaSeats keeps sessions and links of people for whom an endpoint vouches.
const schemaSeats = `
ALTER TABLE web_sessions ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE web_sessions ADD COLUMN uid      TEXT NOT NULL DEFAULT '';
ALTER TABLE web_sessions ADD COLUMN name     TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_in_links ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_in_links ADD COLUMN uid      TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_in_links ADD COLUMN name     TEXT NOT NULL DEFAULT '';
CREATE INDEX web_sessions_seat ON web_sessions(endpoint, uid) WHERE endpoint <> '';
CREATE INDEX sign_in_links_seat ON sign_in_links(endpoint, uid) WHERE endpoint <> '';
`

type webSessionRow struct {
	Hash       []byte `gorm:"primaryKey"`
	User       string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	LastSeenAt int64
	ExpiresAt  int64
	How        string
	SeenAt     int64
	SeenHow    string
	Endpoint   string // of a seat
	UID        string
	Name       string
}

func (webSessionRow) TableName() string { return "web_sessions" }

func (r webSessionRow) session() (WebSession, error) {
	return WebSession{Hash: r.Hash, User: elevation.UserID(r.User), CreatedAt: at(r.CreatedAt), LastSeenAt: at(r.LastSeenAt),
		ExpiresAt: at(r.ExpiresAt), How: r.How, SeenAt: at(r.SeenAt), SeenHow: r.SeenHow,
		Seat: auth.Seat{Endpoint: elevation.EndpointID(r.Endpoint), UID: r.UID, Name: r.Name}}, nil
}

// InsertWebSession stores a browser's session. Sessions are bookkeeping: signing
// in has its own audit event. The session of a seat ends the other ones of that
// user of the endpoint.
func (tx *Tx) InsertWebSession(s WebSession) error {
	if at := s.Seat; at.Endpoint != "" {
		if _, err := tx.drop(&webSessionRow{}, "endpoint = ? AND uid = ?", string(at.Endpoint), at.UID); err != nil {
			return fmt.Errorf("end the sessions of a seat: %w", err)
		}
	}
	if _, err := tx.exec("UPDATE users SET signed_in_at = max(signed_in_at, ?) WHERE id = ?", ms(s.CreatedAt), string(s.User)); err != nil {
		return fmt.Errorf("note a sign-in of %s: %w", s.User, err)
	}
	return tx.create(&webSessionRow{Hash: s.Hash, User: string(s.User), CreatedAt: ms(s.CreatedAt), LastSeenAt: ms(s.LastSeenAt), ExpiresAt: ms(s.ExpiresAt),
		How: s.How, SeenAt: ms(s.SeenAt), SeenHow: s.SeenHow, Endpoint: string(s.Seat.Endpoint), UID: s.Seat.UID, Name: s.Seat.Name})
}

// WebSession finds a session by the hash of its cookie.
func (tx *Tx) WebSession(hash []byte) (WebSession, error) {
	return one(tx, "session", webSessionRow.session, "hash = ?", hash)
}

// SeenWebSession writes LastSeenAt and ExpiresAt.
func (tx *Tx) SeenWebSession(s WebSession) error {
	_, err := tx.exec("UPDATE web_sessions SET last_seen_at = ?, expires_at = ? WHERE hash = ?", ms(s.LastSeenAt), ms(s.ExpiresAt), s.Hash)
	return err
}

// DeleteWebSession ends a session; one that is not there is no error.
func (tx *Tx) DeleteWebSession(hash []byte) error {
	_, err := tx.drop(&webSessionRow{}, "hash = ?", hash)
	return err
}

// DeleteWebSessionsOf ends all sessions of an account.
func (tx *Tx) DeleteWebSessionsOf(user elevation.UserID) error {
	_, err := tx.drop(&webSessionRow{}, "user = ?", string(user))
	return err
}

type signInLinkRow struct {
	Hash      []byte `gorm:"primaryKey"`
	User      string
	ExpiresAt int64
	UsedAt    int64
	Endpoint  string // of a seat
	UID       string
	Name      string
}

func (signInLinkRow) TableName() string { return "sign_in_links" }

// InsertSignInLink stores a one-time link. So many of one seat, or of one endpoint,
// may be open at the same time, else it is [elevation.ErrLimit].
func (tx *Tx) InsertSignInLink(l SignInLink, now time.Time) error {
	if s := l.Seat; s.Endpoint != "" {
		var ofSeat, ofEndpoint int
		err := tx.row([]any{&ofSeat, &ofEndpoint}, "SELECT coalesce(sum(uid = ?), 0), count(*) FROM sign_in_links WHERE endpoint = ? AND endpoint <> '' AND used_at = 0 AND expires_at > ?",
			s.UID, string(s.Endpoint), now.UnixMilli())
		if err != nil {
			return fmt.Errorf("count open links: %w", err)
		}
		if ofSeat >= auth.MaxSeatLinks || ofEndpoint >= auth.MaxEndpointLinks {
			return fmt.Errorf("%w: enough links are open; use one of them, or wait two minutes", elevation.ErrLimit)
		}
	}
	return tx.create(&signInLinkRow{Hash: l.Hash, User: string(l.User), ExpiresAt: ms(l.ExpiresAt), Endpoint: string(l.Seat.Endpoint), UID: l.Seat.UID, Name: l.Seat.Name})
}

// UseSignInLink uses a link up and returns it. Unknown, used and expired links are
// all [elevation.ErrNotFound].
func (tx *Tx) UseSignInLink(hash []byte, now time.Time) (SignInLink, error) {
	if err := tx.writable(); err != nil {
		return SignInLink{}, err
	}
	var user, ep, uid, name string
	err := tx.row([]any{&user, &ep, &uid, &name}, "UPDATE sign_in_links SET used_at = ?1 WHERE hash = ?2 AND used_at = 0 AND expires_at > ?1 RETURNING user, endpoint, uid, name",
		now.UnixMilli(), hash)
	if err != nil {
		return SignInLink{}, fmt.Errorf("sign-in link: %w", err)
	}
	return SignInLink{User: elevation.UserID(user), Seat: auth.Seat{Endpoint: elevation.EndpointID(ep), UID: uid, Name: name}}, nil
}

// endSeats ends the sessions and links for which an endpoint vouches.
func (tx *Tx) endSeats(id elevation.EndpointID) error {
	for _, table := range []string{"web_sessions", "sign_in_links"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE endpoint = ? AND endpoint <> ''", string(id)); err != nil {
			return fmt.Errorf("end the sessions of %s: %w", id, err)
		}
	}
	return nil
}
