package store

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// schemaDesk has what groups and the list of what went up the ladder need.
const schemaDesk = `
ALTER TABLE requests ADD COLUMN publisher TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN escalated INTEGER NOT NULL DEFAULT 0;
`

// Ways to group requests.
const (
	ByProgram   = "program"
	ByPublisher = "publisher"
	ByUser      = "user"
	ByEndpoint  = "endpoint"
)

// Group are requests that have one thing in common. In a filter only By and Key
// count.
type Group struct {
	By     string
	Key    string              // name of the program, publisher or user, or id of the endpoint
	Count  int                 // of the filter's requests
	Oldest time.Time           // when the first of them was submitted
	Sample elevation.RequestID // that first one
}

// groupColumn is the column of a way to group; only these words are known.
func groupColumn(by string) (string, error) {
	switch by {
	case ByProgram, ByPublisher, ByUser, ByEndpoint:
		return by, nil
	}
	return "", fmt.Errorf("%w: requests can not be grouped by %q; use %s, %s, %s or %s", elevation.ErrInvalid, by,
		ByProgram, ByPublisher, ByUser, ByEndpoint)
}

// RequestGroups counts the requests of a filter by what they have in common, the
// largest group first. f.Cursor and f.Limit page through the groups; f.Sort does
// not matter. next is the cursor of the next page, "" on the last.
func (tx *Tx) RequestGroups(f RequestFilter, by string) (groups []Group, next string, err error) {
	column, err := groupColumn(by)
	if err != nil {
		return nil, "", err
	}
	if f.Limit, err = pageLimit(f.Limit); err != nil {
		return nil, "", err
	}
	f.Sort = "group:" + by
	hash := f.hash()
	l, err := tx.listing(f, sortOrder{column: "pos", desc: true})
	if err != nil || l.none {
		return nil, "", err
	}
	q := l.whole()
	q.both(l.words.row())
	having, args := "", slices.Clone(q.args)
	if f.Cursor != "" {
		c, err := openCursor(f.Cursor, hash)
		if err != nil {
			return nil, "", err
		}
		having = " HAVING (-count(*), " + column + ") > (?, ?)"
		args = append(args, -c.Int, c.Text)
	}
	err = tx.rows(func(scan func(...any) error) error {
		g := Group{By: by}
		var pos, oldest int64
		if err := scan(&g.Key, &g.Count, &pos, &oldest, &g.Sample); err != nil {
			return err
		}
		g.Oldest = at(oldest)
		groups = append(groups, g)
		return nil
	}, "SELECT s.key, s.n, s.first, r.submitted_ms, r.id FROM (SELECT "+column+" AS key, count(*) AS n, min(pos) AS first FROM requests WHERE "+
		strings.ReplaceAll(q.sql(), "@", "+")+" GROUP BY "+column+having+" ORDER BY n DESC, key LIMIT ?) s JOIN requests r ON r.pos = s.first ORDER BY s.n DESC, s.key",
		append(args, f.Limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("group requests: %w", err)
	}
	if len(groups) <= f.Limit {
		return groups, "", nil
	}
	groups = groups[:f.Limit]
	last := groups[f.Limit-1]
	next, err = cursor{Query: hash, Int: int64(last.Count), Text: last.Key}.seal()
	return groups, next, err
}

// pageLimit checks the size of a page; 0 takes the default.
func pageLimit(n int) (int, error) {
	if n < 0 || n > MaxLimit {
		return 0, fmt.Errorf("%w: the limit is outside 1 to %d", elevation.ErrInvalid, MaxLimit)
	}
	if n == 0 {
		n = defaultLimit
	}
	return n, nil
}

func (c cursor) seal() (string, error) {
	raw, err := sign.Encode(c)
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// openCursor reads a cursor of the query with this hash.
func openCursor(text string, hash []byte) (c cursor, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) > 4096 {
		return c, ErrCursor
	}
	if err := sign.Decode(raw, &c); err != nil || len(hash) == 0 || string(c.Query) != string(hash) {
		return c, ErrCursor
	}
	return c, nil
}
