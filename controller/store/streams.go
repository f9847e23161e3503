package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaStreams keeps how far log servers have followed the audit log, and the
// ways in for other systems.
const schemaStreams = `
CREATE TABLE streams (
  channel TEXT PRIMARY KEY,
  pos     INTEGER NOT NULL,
  sent    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE hooks (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE COLLATE NOCASE,
  kind    TEXT NOT NULL,
  secret  BLOB NOT NULL,
  made_by BLOB NOT NULL,
  made_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL
);
CREATE TABLE hook_calls (
  hook TEXT NOT NULL,
  id   TEXT NOT NULL,
  at   INTEGER NOT NULL,
  PRIMARY KEY (hook, id)
) WITHOUT ROWID;
CREATE INDEX hook_calls_at ON hook_calls(at);
`

// Stream is how far a log server has followed the audit log.
type Stream struct {
	Channel string
	Pos     uint64 // the other side has every event up to there
	Sent    uint64 // and may have those up to there
}

// Stream reads how far a channel has followed the log. A new one begins with the
// event that made its channel.
func (tx *Tx) Stream(ch Channel) (Stream, error) {
	st := Stream{Channel: ch.ID}
	err := tx.row([]any{&st.Pos, &st.Sent}, "SELECT pos, sent FROM streams WHERE channel = ?", ch.ID)
	if errors.Is(err, elevation.ErrNotFound) {
		err = tx.row([]any{&st.Pos}, "SELECT coalesce((SELECT pos FROM events WHERE at < ? ORDER BY pos DESC LIMIT 1), 0)", ms(ch.MadeAt))
		st.Sent = st.Pos
	}
	if err != nil {
		return st, fmt.Errorf("read how far %s has followed the log: %w", ch.Name, err)
	}
	return st, nil
}

// PutStream saves how far a channel has followed the log, if it is still there.
func (tx *Tx) PutStream(st Stream) error {
	_, err := tx.exec(`INSERT INTO streams(channel, pos, sent) SELECT id, ?, ? FROM channels WHERE id = ?
ON CONFLICT(channel) DO UPDATE SET pos = max(pos, excluded.pos), sent = max(sent, excluded.sent)`, int64(st.Pos), int64(st.Sent), st.Channel)
	if err != nil {
		return fmt.Errorf("save how far the log was followed: %w", err)
	}
	return nil
}

// HookPrefix begins the id of a hook.
const HookPrefix = "hook_"

// Hook is a way in for another system. Secret is wrapped by whoever writes it.
type Hook struct {
	ID     string
	Name   string
	Kind   string
	Secret []byte
	By     elevation.Actor
	MadeAt time.Time
	UsedAt time.Time
}

type hookRow struct {
	ID     string `gorm:"primaryKey"`
	Name   string
	Kind   string
	Secret []byte
	MadeBy []byte
	MadeAt int64
	UsedAt int64
}

func (hookRow) TableName() string { return "hooks" }

func (r hookRow) hook() (Hook, error) {
	h := Hook{ID: r.ID, Name: r.Name, Kind: r.Kind, Secret: r.Secret, MadeAt: at(r.MadeAt), UsedAt: at(r.UsedAt)}
	err := unpack([]packing{{&r.MadeBy, &h.By}})
	return h, err
}

// AddHook writes a new hook; [ErrExists] when another one has its name, in
// whatever case.
func (tx *Tx) AddHook(h Hook) error {
	tx.audited("hook " + h.ID)
	r := hookRow{ID: h.ID, Name: h.Name, Kind: h.Kind, Secret: h.Secret, MadeAt: ms(h.MadeAt), UsedAt: ms(h.UsedAt)}
	if err := pack([]packing{{&r.MadeBy, h.By}}); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write hook %s: %w", h.Name, err)
	}
	return nil
}

// DeleteHook deletes a hook.
func (tx *Tx) DeleteHook(id string) error {
	tx.audited("hook " + id)
	if _, err := tx.exec("DELETE FROM hook_calls WHERE hook = ?", id); err != nil {
		return err
	}
	return tx.dropOne(&hookRow{}, "hook", id)
}

// Hook is one hook by its id; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Hook(id string) (Hook, error) { return one(tx, "hook", hookRow.hook, "id = ?", id) }

// Hooks lists all hooks by name.
func (tx *Tx) Hooks() ([]Hook, error) { return list(tx, "name", hookRow.hook) }

// TakeHookCall remembers the id of a call until its time is over. [ErrExists] when
// it came before.
func (tx *Tx) TakeHookCall(hook, id string, now, old time.Time) error {
	if _, err := tx.exec("DELETE FROM hook_calls WHERE at < ?", ms(old)); err != nil {
		return err
	}
	n, err := tx.exec("INSERT OR IGNORE INTO hook_calls(hook, id, at) VALUES (?,?,?)", hook, id, ms(now))
	if err != nil {
		return fmt.Errorf("remember a call of hook %s: %w", hook, err)
	}
	if n == 0 {
		return fmt.Errorf("call %s of hook %s: %w", id, hook, ErrExists)
	}
	_, err = tx.exec("UPDATE hooks SET used_at = ? WHERE id = ?", ms(now), hook)
	return err
}
