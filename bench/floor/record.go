package main

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// recorder stores all that a decision leaves behind where it can be asked for
// later, with plain statements and nothing else: the request with its grant, the
// message for the endpoint with its number, and two lines of a log.
type recorder struct {
	db   *sql.DB
	body []byte
	next int
}

// The sizes of what is stored, in bytes.
const (
	factsSize   = 1580
	wordsSize   = 130
	grantSize   = 860
	frameSize   = 980
	firstEvent  = 560
	secondEvent = 320
)

func newRecorder(path string, body []byte) (*recorder, error) {
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS requests (pos INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER, endpoint TEXT, uid TEXT, user TEXT, type TEXT,
program TEXT, team TEXT, state TEXT, waiting INTEGER, priority INTEGER, submitted INTEGER, sort INTEGER, expires INTEGER, due INTEGER, same BLOB, search TEXT, body BLOB, seq INTEGER, grant_raw BLOB);
CREATE INDEX IF NOT EXISTS requests_state ON requests(state, due);
CREATE TABLE IF NOT EXISTS frames (pos INTEGER PRIMARY KEY, raw BLOB);
CREATE TABLE IF NOT EXISTS numbers (endpoint TEXT PRIMARY KEY, next INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (pos INTEGER PRIMARY KEY, id TEXT, at INTEGER, kind INTEGER, request TEXT, grant_id TEXT, endpoint TEXT, leaf BLOB)`)
	return &recorder{db: db, body: body}, err
}

// commit stores n decisions, durable when it returns.
func (r *recorder) commit(n int) error {
	tx, err := r.db.Begin()
	if err != nil {
		return err
	}
	if err := r.write(tx, n); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (r *recorder) write(tx *sql.Tx, n int) error {
	var all [4]*sql.Stmt
	for i, query := range []string{"INSERT INTO requests VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		"INSERT INTO numbers VALUES (?,1) ON CONFLICT DO UPDATE SET next = next + 1", "INSERT INTO frames VALUES (?,?)", "INSERT INTO events VALUES (NULL,?,?,?,?,?,?,?)"} {
		var err error
		if all[i], err = tx.Prepare(query); err != nil {
			return err
		}
	}
	request, number, frame, event := all[0], all[1], all[2], all[3]
	for range n {
		r.next++
		now := time.Now().UnixMilli()
		id := fmt.Sprintf("req_01a00000-0000-7000-8000-%012x", r.next)
		host := r.next % 5000
		endpoint := fmt.Sprintf("ep_01a00000-0000-7000-8000-%012x", host)
		_, err := request.Exec(id, 1, endpoint, "1000", "user"+strconv.Itoa(r.next%15000), "run", "apt-get", "", "available", 0, 1, 0, now, now, now+int64(r.next), r.body[:16],
			string(r.body[:wordsSize]), r.body[:factsSize], r.next, r.body[:grantSize])
		if err == nil {
			_, err = number.Exec(endpoint)
		}
		if err == nil {
			_, err = frame.Exec(int64(host)<<32+int64(r.next), r.body[:frameSize])
		}
		if err == nil {
			_, err = event.Exec("ev_"+id, now, 3, id, id, endpoint, r.body[:firstEvent])
		}
		if err == nil {
			_, err = event.Exec("ev_"+id, now, 40, id, id, endpoint, r.body[:secondEvent])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
