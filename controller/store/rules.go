package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaRules: packs of a set of rules, changes of rules that wait for a second
// person, policies of endpoints.
const schemaRules = `
ALTER TABLE rulesets ADD COLUMN packs TEXT NOT NULL DEFAULT '';
CREATE TABLE rule_proposals (
  id   TEXT PRIMARY KEY,
  open INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE policies (
  version INTEGER PRIMARY KEY,
  body    BLOB NOT NULL,
  made_by BLOB NOT NULL,
  made_at INTEGER NOT NULL
);
CREATE TABLE endpoint_policies (
  endpoint TEXT PRIMARY KEY,
  version  INTEGER NOT NULL,
  digest   BLOB NOT NULL
);
`

// schemaComments: versions of the rules say why they were made.
const schemaComments = `
ALTER TABLE rulesets ADD COLUMN comment TEXT NOT NULL DEFAULT '';
`

// Proposal is a change of the rules that waits for a second person, or what
// became of it.
type Proposal struct {
	ID    string            `cbor:"id"`
	Base  int64             `cbor:"base"` // the version that it changes
	YAML  string            `cbor:"yaml"` // the whole text that it proposes
	Packs map[string]string `cbor:"packs"`
	What  string            `cbor:"what"` // the act, in words
	Why   string            `cbor:"why"`  // a second person is needed
	By    elevation.Actor   `cbor:"by"`
	Maker elevation.Actor   `cbor:"maker"` // who made the token that it was proposed with, zero for nobody else
	At    time.Time         `cbor:"at"`

	Comment      string          `cbor:"comment,omitempty"` // why, in the author's words
	Acknowledged bool            `cbor:"acknowledged"`      // that it approves what a person denied
	DecidedBy    elevation.Actor `cbor:"decided_by"`
	DecidedAt    time.Time       `cbor:"decided_at"` // zero = open
	Confirmed    bool            `cbor:"confirmed"`
}

// PutProposal writes a proposal.
func (tx *Tx) PutProposal(p Proposal) error {
	tx.audited("rule proposal " + p.ID)
	if err := tx.writable(); err != nil {
		return err
	}
	var body []byte
	if err := pack([]packing{{&body, p}}); err != nil {
		return err
	}
	if _, err := tx.exec("INSERT INTO rule_proposals(id, open, body) VALUES (?,?,?) ON CONFLICT(id) DO UPDATE SET open = excluded.open, body = excluded.body",
		p.ID, p.DecidedAt.IsZero(), body); err != nil {
		return fmt.Errorf("write a proposal: %w", err)
	}
	return nil
}

// Proposal reads one; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Proposal(id string) (Proposal, error) {
	list, err := tx.proposals("WHERE id = ?", id)
	if err == nil && len(list) == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("proposal %s: %w", id, err)
	}
	return list[0], nil
}

// Proposals are the newest ones, at most limit; open ones only if asked for.
func (tx *Tx) Proposals(open bool, limit int) ([]Proposal, error) {
	if open {
		return tx.proposals("WHERE open = 1 ORDER BY id DESC LIMIT ?", limit)
	}
	return tx.proposals("ORDER BY id DESC LIMIT ?", limit)
}

func (tx *Tx) proposals(tail string, args ...any) ([]Proposal, error) {
	var out []Proposal
	err := tx.rows(func(scan func(...any) error) error {
		var body []byte
		if err := scan(&body); err != nil {
			return err
		}
		var p Proposal
		if err := unpack([]packing{{&body, &p}}); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	}, "SELECT body FROM rule_proposals "+tail, args...)
	return out, err
}

// PolicyEntry is one entry of the ordered list of policies. The first one whose
// labels an endpoint has is its policy.
type PolicyEntry struct {
	Name       string            `cbor:"name"`
	Labels     map[string]string `cbor:"labels"` // none = every endpoint
	Mode       elevation.Mode    `cbor:"mode"`
	Mechanisms map[string]string `cbor:"mechanisms"`
	Mask       []string          `cbor:"mask"`
	Presets    []string          `cbor:"presets"`
	ReasonMin  int               `cbor:"reason_min"`
	BreakGlass string            `cbor:"break_glass"`
	Confirm    string            `cbor:"confirm"`
	Offline    elevation.Offline `cbor:"offline,omitzero"`
	Budget     elevation.Budget  `cbor:"budget,omitzero"`
	Words      elevation.Words   `cbor:"words,omitzero"`

	Rights map[string]elevation.RightLevel `cbor:"authorization_rights,omitempty"`
}

// Policies is one version of the whole list.
type Policies struct {
	Version int64
	Items   []PolicyEntry
	By      elevation.Actor
	At      time.Time
}

// PutPolicies stores the list as the next version, which it returns.
func (tx *Tx) PutPolicies(p Policies) (int64, error) {
	tx.audited("policies")
	if err := tx.writable(); err != nil {
		return 0, err
	}
	var body, by []byte
	if err := pack([]packing{{&body, p.Items}, {&by, p.By}}); err != nil {
		return 0, err
	}
	var v int64
	err := tx.row([]any{&v}, `INSERT INTO policies(version, body, made_by, made_at)
VALUES ((SELECT coalesce(max(version), 0) + 1 FROM policies), ?, ?, ?) RETURNING version`, body, by, ms(p.At))
	if err != nil {
		return 0, fmt.Errorf("insert policies: %w", err)
	}
	return v, nil
}

// Policies is the newest list; the zero one when there is none.
func (tx *Tx) Policies() (Policies, error) {
	var p Policies
	var body, by []byte
	var when int64
	err := tx.row([]any{&p.Version, &body, &by, &when}, "SELECT version, body, made_by, made_at FROM policies ORDER BY version DESC LIMIT 1")
	if errors.Is(err, elevation.ErrNotFound) {
		return Policies{}, nil
	}
	if err == nil {
		p.At = at(when)
		err = unpack([]packing{{&body, &p.Items}, {&by, &p.By}})
	}
	if err != nil {
		return Policies{}, fmt.Errorf("policies: %w", err)
	}
	return p, nil
}

// SentPolicy is the policy that was last sent to an endpoint: its version there
// and a digest of what it says. Version 0 means that none was.
func (tx *Tx) SentPolicy(ep elevation.EndpointID) (version uint64, digest []byte, err error) {
	var v int64
	err = tx.row([]any{&v, &digest}, "SELECT version, digest FROM endpoint_policies WHERE endpoint = ?", string(ep))
	if errors.Is(err, elevation.ErrNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("policy of %s: %w", ep, err)
	}
	return uint64(v), digest, nil
}

// PutSentPolicy notes what was sent. It is bookkeeping and needs no audit event.
func (tx *Tx) PutSentPolicy(ep elevation.EndpointID, version uint64, digest []byte) error {
	if _, err := tx.exec("INSERT INTO endpoint_policies(endpoint, version, digest) VALUES (?,?,?) ON CONFLICT(endpoint) DO UPDATE SET version = excluded.version, digest = excluded.digest",
		string(ep), int64(version), digest); err != nil {
		return fmt.Errorf("policy of %s: %w", ep, err)
	}
	return nil
}

// packsText is how the packs of a ruleset stand in its row.
func packsText(packs map[string]string) (string, error) {
	if packs == nil {
		return "", nil
	}
	raw, err := json.Marshal(packs)
	if err != nil {
		return "", fmt.Errorf("encode packs: %w", err)
	}
	return string(raw), nil
}

func packsOf(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var out map[string]string
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("decode packs: %w", err)
	}
	return out, nil
}
