package store

// migrations are the steps of the schema, in order; a step that was released is
// never edited. The number of steps done is SQLite's user_version.
//
// 2026-11-21: the first step.
// 2026-11-22: schemaHistory, what was asked before; schemaFile, lasting answers and capabilities.
// 2026-11-22: schemaDesk, what requests are grouped by.
// 2026-11-22: schemaReviews, what waits for a review after use.
// 2026-11-22: schemaTeams, who may answer.
// 2026-11-22: schemaRules, packs, proposals and policies.
// 2026-11-22: schemaLists, how requests are found, counted and searched.
// 2026-11-22: schemaRetention, how far clear text is forgotten.
// 2026-11-22: schemaCodes, short codes that lead to a request.
// 2026-11-22: schemaDirectory, identity providers, SCIM and devices.
// 2026-11-22: schemaNotify, alerts, channels and deliveries.
// 2026-11-22: schemaFactors, passkeys and authenticators.
// 2026-11-22: schemaStreams, log servers that follow the log, and hooks.
// 2026-11-22: schemaWords, words come behind the lists.
// 2026-11-22: schemaSeen, what endpoints only saw, and pauses.
// 2026-11-22: schemaOffline, bundles of rules, keys for codes and codes that were told.
// 2026-11-22: schemaRights, who can become root without Assent.
// 2026-11-22: schemaSaid, what ran inside of sessions and what administrators for a while left changed.
// 2026-11-22: schemaEscalated, lists of teams have what was escalated to them.
// 2026-11-22: schemaStorm, deliveries that stand for others.
// 2026-11-22: schemaSignedIn, when accounts last signed in.
// 2026-11-22: schemaComments, versions of the rules say why.
// 2026-11-22: schemaSeats, sessions and links for which an endpoint vouches.
// 2026-11-22: schemaCounted, counts are added up behind the lists.
// 2026-11-23: schemaTail, what is not in the lists yet is looked through fast.
// 2026-11-23: schemaReason, lists are sorted by the justification.
func migrations() []string {
	return []string{schema1, schemaHistory, schemaFile, schemaDesk, schemaReviews, schemaTeams, schemaRules, schemaLists, schemaRetention, schemaCodes, schemaDirectory, schemaNotify, schemaFactors, schemaStreams, schemaWords, schemaLock, schemaSeen, schemaOffline, schemaRights, schemaSaid, schemaEscalated, schemaStorm, schemaSignedIn, schemaComments, schemaReviewed, schemaSeats, schemaCounted, schemaTail, schemaReason}
}

const schema1 = `
CREATE TABLE requests (
  pos          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  version      INTEGER NOT NULL,
  endpoint     TEXT NOT NULL,
  uid          TEXT NOT NULL,
  user         TEXT NOT NULL,
  access_type  TEXT NOT NULL,
  program      TEXT NOT NULL,
  team         TEXT NOT NULL,
  state        TEXT NOT NULL,
  waiting      INTEGER NOT NULL,
  priority     INTEGER NOT NULL,
  submitted_ms INTEGER NOT NULL,
  sort_key     INTEGER NOT NULL,
  expires_ms   INTEGER NOT NULL,
  next_due     INTEGER NOT NULL,
  denied_ms    INTEGER NOT NULL,
  decided_ms   INTEGER NOT NULL,
  removed      INTEGER NOT NULL,
  removed_team INTEGER NOT NULL,
  same         BLOB NOT NULL,
  search       TEXT NOT NULL,
  body         BLOB NOT NULL,
  grant_frame  INTEGER NOT NULL DEFAULT 0,
  grant_raw    BLOB
);
CREATE INDEX requests_queue   ON requests(sort_key, id) WHERE waiting = 2;
CREATE INDEX requests_state   ON requests(state, next_due);
CREATE INDEX requests_same    ON requests(same) WHERE waiting = 2;
CREATE INDEX requests_open    ON requests(endpoint, uid) WHERE waiting > 0;
CREATE INDEX requests_denied  ON requests(same, denied_ms) WHERE denied_ms > 0;
CREATE INDEX requests_decided ON requests(decided_ms) WHERE decided_ms > 0;

-- pos is the number of the endpoint times 2^32 plus the frame's sequence.
CREATE TABLE frames (pos INTEGER PRIMARY KEY, raw BLOB NOT NULL);

CREATE TABLE endpoints (
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  spki           BLOB NOT NULL UNIQUE,
  labels         BLOB NOT NULL,
  accept_labels  BLOB NOT NULL,
  facts          BLOB NOT NULL,
  mode           TEXT NOT NULL,
  enrolled_at    INTEGER NOT NULL,
  last_seen      INTEGER NOT NULL,
  cert_not_after INTEGER NOT NULL,
  locked         INTEGER NOT NULL,
  quarantined    INTEGER NOT NULL,
  deleted_at     INTEGER NOT NULL,
  ratchet        BLOB,
  prev_ratchet   BLOB
);
CREATE INDEX endpoints_name ON endpoints(name);
CREATE TABLE endpoint_seqs (
  num        INTEGER PRIMARY KEY,
  endpoint   TEXT NOT NULL UNIQUE,
  next_seq   INTEGER NOT NULL,
  acked      INTEGER NOT NULL,
  report_seq INTEGER NOT NULL
);
CREATE TABLE endpoint_labels (
  key      TEXT NOT NULL,
  value    TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  PRIMARY KEY (key, value, endpoint)
) WITHOUT ROWID;

CREATE TABLE enroll_tokens (
  id            TEXT PRIMARY KEY,
  hash          BLOB NOT NULL UNIQUE,
  expires_at    INTEGER NOT NULL,
  max_uses      INTEGER NOT NULL,
  uses          INTEGER NOT NULL,
  labels        BLOB NOT NULL,
  accept_labels BLOB NOT NULL,
  mode          TEXT NOT NULL,
  created_by    BLOB NOT NULL,
  created_at    INTEGER NOT NULL,
  revoked_at    INTEGER NOT NULL
);
CREATE TABLE api_tokens (
  id           TEXT PRIMARY KEY,
  hash         BLOB NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  owner        TEXT NOT NULL,
  scopes       BLOB NOT NULL,
  full_rights  INTEGER NOT NULL,
  made_by      BLOB NOT NULL,
  expires_at   INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
);
CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  login         TEXT NOT NULL UNIQUE COLLATE NOCASE,
  name          TEXT NOT NULL,
  email         TEXT NOT NULL,
  roles         BLOB NOT NULL,
  scope         BLOB NOT NULL,
  password_hash TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  disabled_at   INTEGER NOT NULL
);
CREATE TABLE web_sessions (
  hash         BLOB PRIMARY KEY,
  user         TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL
);
CREATE TABLE sign_in_links (
  hash       BLOB PRIMARY KEY,
  user       TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL
);
CREATE TABLE rulesets (
  version INTEGER PRIMARY KEY,
  yaml    TEXT NOT NULL,
  made_by BLOB NOT NULL,
  made_at INTEGER NOT NULL
);
CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL);
CREATE TABLE idempotency (
  key      TEXT NOT NULL,
  actor    TEXT NOT NULL,
  body     BLOB NOT NULL,
  response BLOB NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (actor, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency(at);

CREATE TABLE events (
  pos      INTEGER PRIMARY KEY,
  id       TEXT NOT NULL,
  at       INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  request  TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  leaf     BLOB NOT NULL,
  text     BLOB
);
-- Filled when events get their place: that keeps it out of the commits that
-- people and endpoints wait for.
CREATE TABLE event_requests (request TEXT NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (request, pos)) WITHOUT ROWID;
CREATE TABLE audit_head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL);
INSERT INTO audit_head(id, size) VALUES (1, 0);
CREATE TABLE audit_hashes (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE audit_checkpoints (size INTEGER PRIMARY KEY, at INTEGER NOT NULL, note BLOB NOT NULL);
`
