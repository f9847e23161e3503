package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// pageSize is how many rows one page has.
const pageSize = 50

// looker reads rows by their primary key: the least that showing any page of
// them costs.
type looker struct {
	db    *sql.DB
	page  *sql.Stmt
	rows  int64
	rnd   *rand.Rand
	bytes int
}

// newLooker opens a database that has a table requests(pos INTEGER PRIMARY KEY,
// body BLOB).
func newLooker(path string) (*looker, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=query_only(1)&_pragma=cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	l := &looker{db: db, rnd: rand.New(rand.NewPCG(3, 4))}
	if err := db.QueryRow("SELECT max(pos) FROM requests").Scan(&l.rows); err != nil {
		return nil, fmt.Errorf("look at the database: %w", err)
	}
	l.page, err = db.Prepare("SELECT body FROM requests WHERE pos IN (?" + strings.Repeat(",?", pageSize-1) + ")")
	return l, err
}

// round reads fifty rows from anywhere, as pages in most orders have them.
func (l *looker) round() error {
	args := make([]any, pageSize)
	for i := range args {
		args[i] = 1 + (l.rnd.Int64N(l.rows/pageSize)+int64(i)*(l.rows/pageSize))%l.rows
	}
	rows, err := l.page.Query(args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		l.bytes += len(body)
		n++
	}
	if n != pageSize {
		return errors.Join(fmt.Errorf("%d rows instead of %d", n, pageSize), rows.Err())
	}
	return rows.Err()
}

func (l *looker) close() error { return l.db.Close() }
