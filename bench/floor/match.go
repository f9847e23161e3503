package main

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// matcher knows ten thousand programs by path and arguments: the least that
// finding a rule costs.
type matcher struct {
	rules map[string][][]string
	asks  [][2]string
	next  int
}

func newMatcher() *matcher {
	m := &matcher{rules: map[string][][]string{}}
	for i := range 10_000 {
		path := fmt.Sprintf("/usr/bin/p%d", i/10)
		m.rules[path] = append(m.rules[path], []string{fmt.Sprintf("x%d", i%10)})
	}
	for i := range 1000 {
		m.asks = append(m.asks, [2]string{fmt.Sprintf("/usr/bin/p%d", (i*7)%1000), fmt.Sprintf("x%d", i%10)})
	}
	return m
}

func (m *matcher) round() error {
	ask := m.asks[m.next%len(m.asks)]
	m.next++
	args := ask[1:]
	if !slices.ContainsFunc(m.rules[ask[0]], func(rule []string) bool { return slices.Equal(rule, args) }) {
		return errors.New("no rule was found")
	}
	return nil
}

// scanner reads the newest rows of a table: the least that looking through them
// costs.
type scanner struct {
	db    *sql.DB
	rows  int
	bytes int
}

// newScanner opens a database that has a table requests(pos INTEGER PRIMARY KEY,
// body BLOB).
func newScanner(path, rows string) (*scanner, error) {
	n, err := strconv.Atoi(rows)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is not a number of rows", rows)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=query_only(1)&_pragma=cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	return &scanner{db: db, rows: n}, nil
}

func (s *scanner) round() error {
	rows, err := s.db.Query("SELECT body FROM requests ORDER BY pos DESC LIMIT ?", s.rows)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return err
		}
		s.bytes += len(body)
		n++
	}
	if n != s.rows {
		return errors.Join(fmt.Errorf("%d rows instead of %d", n, s.rows), rows.Err())
	}
	return rows.Err()
}
