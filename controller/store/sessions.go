package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

type webSessionRow struct {
	Hash       []byte `gorm:"primaryKey"`
	User       string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	LastSeenAt int64
	ExpiresAt  int64
	How        string
	SeenAt     int64
	SeenHow    string
}

func (webSessionRow) TableName() string { return "web_sessions" }

func (r webSessionRow) session() (WebSession, error) {
	return WebSession{Hash: r.Hash, User: elevation.UserID(r.User), CreatedAt: at(r.CreatedAt), LastSeenAt: at(r.LastSeenAt),
		ExpiresAt: at(r.ExpiresAt), How: r.How, SeenAt: at(r.SeenAt), SeenHow: r.SeenHow}, nil
}

// InsertWebSession stores a browser's session. Sessions are bookkeeping: signing
// in has its own audit event.
func (tx *Tx) InsertWebSession(s WebSession) error {
	return tx.create(&webSessionRow{Hash: s.Hash, User: string(s.User), CreatedAt: ms(s.CreatedAt), LastSeenAt: ms(s.LastSeenAt), ExpiresAt: ms(s.ExpiresAt),
		How: s.How, SeenAt: ms(s.SeenAt), SeenHow: s.SeenHow})
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
}

func (signInLinkRow) TableName() string { return "sign_in_links" }

// InsertSignInLink stores a one-time link.
func (tx *Tx) InsertSignInLink(l SignInLink) error {
	return tx.create(&signInLinkRow{Hash: l.Hash, User: string(l.User), ExpiresAt: ms(l.ExpiresAt)})
}

// UseSignInLink uses a link up and returns its account. Unknown, used and
// expired links are all [elevation.ErrNotFound].
func (tx *Tx) UseSignInLink(hash []byte, now time.Time) (elevation.UserID, error) {
	if err := tx.writable(); err != nil {
		return "", err
	}
	var user string
	err := tx.row([]any{&user}, "UPDATE sign_in_links SET used_at = ?1 WHERE hash = ?2 AND used_at = 0 AND expires_at > ?1 RETURNING user",
		now.UnixMilli(), hash)
	if err != nil {
		return "", fmt.Errorf("sign-in link: %w", err)
	}
	return elevation.UserID(user), nil
}
