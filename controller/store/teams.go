package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// schemaTeams keeps who may answer: teams, links between accounts and users of
// endpoints, and who stands in for whom. held_by is who made an account or set
// its password last.
const schemaTeams = `
CREATE TABLE teams (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL UNIQUE COLLATE NOCASE,
  members      BLOB NOT NULL,
  automatic    INTEGER NOT NULL,
  labels       BLOB NOT NULL,
  access_types BLOB NOT NULL,
  hours        TEXT NOT NULL,
  zone         TEXT NOT NULL,
  ladder       BLOB NOT NULL,
  made_at      INTEGER NOT NULL
);
CREATE TABLE links (
  id        TEXT PRIMARY KEY,
  user      TEXT NOT NULL,
  endpoint  TEXT NOT NULL,
  directory TEXT NOT NULL,
  uid       TEXT NOT NULL,
  name      TEXT NOT NULL,
  made_by   BLOB NOT NULL,
  made_at   INTEGER NOT NULL
);
CREATE INDEX links_user ON links(user);
CREATE TABLE away (
  id       TEXT PRIMARY KEY,
  user     TEXT NOT NULL,
  delegate TEXT NOT NULL,
  from_ms  INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  made_by  BLOB NOT NULL,
  made_at  INTEGER NOT NULL
);
ALTER TABLE users ADD COLUMN held_by BLOB;
CREATE INDEX requests_team_queue   ON requests(team, sort_key, id) WHERE waiting = 2;
CREATE INDEX requests_team_decided ON requests(team, decided_ms) WHERE decided_ms > 0;
`

// Team is a team as it is stored.
type Team struct {
	ID          elevation.TeamID
	Name        string
	Members     []elevation.UserID
	Automatic   bool // of "Approvers": every administrator and approver is in it
	Labels      map[string]string
	AccessTypes []elevation.AccessType
	Hours       string // "" = always
	Zone        string // IANA name, "" = UTC
	Escalate    []delegation.Step
	MadeAt      time.Time
}

// Called reports whether the name is the team's id or name.
func (t Team) Called(name string) bool {
	return string(t.ID) == name || strings.EqualFold(t.Name, name)
}

type teamRow struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	Members     []byte
	Automatic   bool
	Labels      []byte
	AccessTypes []byte
	Hours       string
	Zone        string
	Ladder      []byte
	MadeAt      int64
}

func (teamRow) TableName() string { return "teams" }

func newTeamRow(t Team) (teamRow, error) {
	r := teamRow{ID: string(t.ID), Name: t.Name, Automatic: t.Automatic, Hours: t.Hours, Zone: t.Zone, MadeAt: ms(t.MadeAt)}
	err := pack([]packing{{&r.Members, t.Members}, {&r.Labels, t.Labels}, {&r.AccessTypes, t.AccessTypes}, {&r.Ladder, t.Escalate}})
	return r, err
}

func (r teamRow) team() (Team, error) {
	t := Team{ID: elevation.TeamID(r.ID), Name: r.Name, Automatic: r.Automatic, Hours: r.Hours, Zone: r.Zone, MadeAt: at(r.MadeAt)}
	err := unpack([]packing{{&r.Members, &t.Members}, {&r.Labels, &t.Labels}, {&r.AccessTypes, &t.AccessTypes}, {&r.Ladder, &t.Escalate}})
	return t, err
}

// PutTeam writes all of a team, new or not. [ErrExists] when another one has its
// name, in whatever case.
func (tx *Tx) PutTeam(t Team) error {
	tx.staffed("team " + string(t.ID))
	r, err := newTeamRow(t)
	if err != nil {
		return err
	}
	if _, err := tx.drop(&teamRow{}, "id = ?", r.ID); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write team %s: %w", t.Name, err)
	}
	return nil
}

// DeleteTeam deletes a team; [elevation.ErrNotFound] when there is none.
func (tx *Tx) DeleteTeam(id elevation.TeamID) error {
	tx.staffed("team " + string(id))
	return tx.dropOne(&teamRow{}, "team", string(id))
}

// Teams lists all stored teams by name. "Approvers" is among them only once it
// was changed.
func (tx *Tx) Teams() ([]Team, error) { return list(tx, "name", teamRow.team) }

// Away is a time in which somebody stands in for an account.
type Away struct {
	ID       elevation.DelegationID
	User     elevation.UserID
	Delegate elevation.UserID
	From     time.Time
	Until    time.Time
	By       elevation.Actor // who appointed them
	MadeAt   time.Time
}

type awayRow struct {
	ID       string `gorm:"primaryKey"`
	User     string
	Delegate string
	FromMS   int64
	UntilMS  int64
	MadeBy   []byte
	MadeAt   int64
}

func (awayRow) TableName() string { return "away" }

func (r awayRow) away() (Away, error) {
	a := Away{ID: elevation.DelegationID(r.ID), User: elevation.UserID(r.User), Delegate: elevation.UserID(r.Delegate),
		From: at(r.FromMS), Until: at(r.UntilMS), MadeAt: at(r.MadeAt)}
	err := unpack([]packing{{&r.MadeBy, &a.By}})
	return a, err
}

// PutAway writes all of a delegation, new or not.
func (tx *Tx) PutAway(a Away) error {
	tx.staffed("delegation " + string(a.ID))
	r := awayRow{ID: string(a.ID), User: string(a.User), Delegate: string(a.Delegate), FromMS: ms(a.From), UntilMS: ms(a.Until), MadeAt: ms(a.MadeAt)}
	if err := pack([]packing{{&r.MadeBy, a.By}}); err != nil {
		return err
	}
	if _, err := tx.drop(&awayRow{}, "id = ?", r.ID); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write delegation %s: %w", a.ID, err)
	}
	return nil
}

// DeleteAway deletes a delegation; [elevation.ErrNotFound] when there is none.
func (tx *Tx) DeleteAway(id elevation.DelegationID) error {
	tx.staffed("delegation " + string(id))
	return tx.dropOne(&awayRow{}, "delegation", string(id))
}

// AllAway lists all delegations, the newest first.
func (tx *Tx) AllAway() ([]Away, error) { return list(tx, "id DESC", awayRow.away) }
