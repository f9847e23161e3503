package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// Link is a strong link as it is stored.
type Link struct {
	delegation.Link
	ID     elevation.LinkID
	By     elevation.Actor
	MadeAt time.Time
}

type linkRow struct {
	ID        string `gorm:"primaryKey"`
	User      string
	Endpoint  string
	Directory string
	UID       string `gorm:"column:uid"`
	Name      string
	MadeBy    []byte
	MadeAt    int64
}

func (linkRow) TableName() string { return "links" }

func (r linkRow) link() (Link, error) {
	l := Link{ID: elevation.LinkID(r.ID), MadeAt: at(r.MadeAt), Link: delegation.Link{User: elevation.UserID(r.User),
		Endpoint: elevation.EndpointID(r.Endpoint), Directory: r.Directory, UID: r.UID, Name: r.Name}}
	err := unpack([]packing{{&r.MadeBy, &l.By}})
	return l, err
}

// PutLink writes all of a link, new or not.
func (tx *Tx) PutLink(l Link) error {
	tx.staffed("link " + string(l.ID))
	r := linkRow{ID: string(l.ID), User: string(l.User), Endpoint: string(l.Endpoint), Directory: l.Directory, UID: l.UID, Name: l.Name, MadeAt: ms(l.MadeAt)}
	if err := pack([]packing{{&r.MadeBy, l.By}}); err != nil {
		return err
	}
	if _, err := tx.drop(&linkRow{}, "id = ?", r.ID); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write link %s: %w", l.ID, err)
	}
	return nil
}

// DeleteLink deletes a link; [elevation.ErrNotFound] when there is none.
func (tx *Tx) DeleteLink(id elevation.LinkID) error {
	tx.staffed("link " + string(id))
	return tx.dropOne(&linkRow{}, "link", string(id))
}

// Links lists all strong links, the newest first.
func (tx *Tx) Links() ([]Link, error) { return list(tx, "id DESC", linkRow.link) }

// SeenUser is a user of an endpoint as its last request named them, by name or
// by uid; [elevation.ErrNotFound] when none came from there.
func (tx *Tx) SeenUser(ep elevation.EndpointID, name, uid string) (elevation.User, error) {
	var u elevation.User
	const these = " AND (? = '' OR user = ?) AND (? = '' OR uid = ?) ORDER BY pos DESC LIMIT 1"
	args := []any{string(ep), name, name, uid, uid}
	err := tx.row([]any{&u.Name, &u.UID}, "SELECT user, uid FROM "+inTail+" WHERE "+ofTail+" AND +endpoint = ?"+these, args...)
	if errors.Is(err, elevation.ErrNotFound) {
		err = tx.row([]any{&u.Name, &u.UID}, "SELECT user, uid FROM requests WHERE listed = 1 AND endpoint = ?"+these, args...)
	}
	return u, err
}

// Orphans are requests that wait, or are drafted, on endpoints that were deleted.
func (tx *Tx) Orphans(limit int) ([]elevation.Request, error) {
	return tx.requests("WHERE waiting > 0 AND endpoint IN (SELECT id FROM endpoints WHERE deleted_at > 0) LIMIT ?", limit)
}

// Staff is everything that says who may answer and who is who. Its readers
// change nothing in it.
type Staff struct {
	Users []User
	Teams []Team
	Links []Link
	Away  []Away

	mu   sync.Mutex // guards the field below
	memo map[string]any
}

// maxMemo bounds what is kept beside one staff.
const maxMemo = 10_000

// Memo keeps what make derives from the staff under a key, as long as nothing of
// the staff changes.
func (s *Staff) Memo(key string, make func() any) any {
	s.mu.Lock()
	v, ok := s.memo[key]
	s.mu.Unlock()
	if ok {
		return v
	}
	v = make()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memo == nil || len(s.memo) >= maxMemo {
		s.memo = map[string]any{}
	}
	s.memo[key] = v
	return v
}

// LinksOf are the strong links of one account.
func (s *Staff) LinksOf(id elevation.UserID) []delegation.Link {
	var out []delegation.Link
	for _, l := range s.Links {
		if l.User == id && id != "" {
			out = append(out, l.Link)
		}
	}
	return out
}

// AllTeams are the teams with "Approvers" first, also when nobody has changed it.
func (s *Staff) AllTeams() []Team {
	out := []Team{{ID: delegation.ApproversID, Name: delegation.ApproversName, Automatic: true}}
	for _, t := range s.Teams {
		if t.ID == delegation.ApproversID {
			out[0] = t
			continue
		}
		out = append(out, t)
	}
	return out
}

// Team finds a stored team.
func (s *Staff) Team(id elevation.TeamID) (Team, bool) {
	i := slices.IndexFunc(s.Teams, func(t Team) bool { return t.ID == id })
	if i < 0 {
		return Team{}, false
	}
	return s.Teams[i], true
}

// User finds an account.
func (s *Staff) User(id elevation.UserID) (User, bool) {
	i := slices.IndexFunc(s.Users, func(u User) bool { return u.ID == id })
	if i < 0 {
		return User{}, false
	}
	return s.Users[i], true
}

// staffCache keeps the staff, which every decision reads. A commit that changes
// any of it makes it forget.
type staffCache struct {
	mu      sync.Mutex // guards the fields below
	changes uint64     // commits that wrote any of it
	staff   *Staff
}

func (c *staffCache) get() (*Staff, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.staff, c.changes
}

// put keeps what was read in a transaction that began after so many changes.
func (c *staffCache) put(s *Staff, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		c.staff = s
	}
}

func (c *staffCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.staff = nil
}

// staffed notes a change of the staff.
func (tx *Tx) staffed(what string) {
	tx.audited(what)
	tx.people = true
}

// StaffIs reports whether the staff is still the one that was read.
func (tx *Tx) StaffIs(s *Staff) bool {
	now, _ := tx.s.staff.get()
	return s != nil && now == s && !tx.peopleBefore
}

// Staff is the staff as it is now; for readers from memory where it can be.
func (tx *Tx) Staff() (*Staff, error) {
	if !tx.write {
		if s, _ := tx.s.staff.get(); s != nil {
			return s, nil
		}
	}
	s := &Staff{}
	var err error
	if s.Users, err = tx.Users(); err != nil {
		return nil, err
	}
	if s.Teams, err = tx.Teams(); err != nil {
		return nil, err
	}
	if s.Links, err = tx.Links(); err != nil {
		return nil, err
	}
	if s.Away, err = tx.AllAway(); err != nil {
		return nil, err
	}
	if !tx.write {
		tx.s.staff.put(s, tx.staffAt)
	}
	return s, nil
}
