package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/assent-epm/assent/shared/elevation"
)

// maxStatements bounds the prepared statements of one connection; queries with
// many filters have many forms.
const maxStatements = 256

// conn is one connection with its prepared statements: plain ones for the paths
// that must be fast, gorm for the rows of administration.
type conn struct {
	c     *sql.Conn
	g     *gorm.DB
	stmts map[string]*sql.Stmt

	changed int64 // rows, about
}

func newConn(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	own := &conn{c: c, stmts: map[string]*sql.Stmt{}}
	own.g, err = gorm.Open(sqlite.Dialector{DriverName: "sqlite", Conn: pool{own}}, &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard,
	})
	if err != nil {
		c.Close()
		return nil, err
	}
	return own, nil
}

// pool gives gorm the connection with its prepared statements. gorm's own cache
// of them keeps a goroutine for ever.
type pool struct{ *conn }

var _ gorm.ConnPool = pool{}

func (p pool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.c.PrepareContext(ctx, query)
}

func (p pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return p.c.QueryRowContext(ctx, query, args...) // says what is wrong
	}
	return s.QueryRowContext(ctx, args...)
}

func (c *conn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.c.Close()
}

func (c *conn) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		for q, s := range c.stmts { // any one
			s.Close()
			delete(c.stmts, q)
			break
		}
	}
	s, err := c.c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) exec(ctx context.Context, query string, args ...any) error {
	_, err := c.execN(ctx, query, args...)
	return err
}

func (c *conn) execN(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := c.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, translate(err)
	}
	n, err := res.RowsAffected()
	c.changed += n
	return n, err
}

// exec and the others below run prepared statements of a transaction.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := tx.writable(); err != nil {
		return 0, err
	}
	if err := tx.catchUp(); err != nil {
		return 0, err
	}
	tx.wrote = true
	return tx.c.execN(tx.ctx, query, args...)
}

func (tx *Tx) writable() error {
	switch {
	case tx.over:
		return errors.New("the transaction is over")
	case !tx.write:
		return errors.New("a View does not write")
	}
	return nil
}

// row reads one row into the pointers; [elevation.ErrNotFound] when there is none.
func (tx *Tx) row(into []any, query string, args ...any) error {
	if tx.over {
		return errors.New("the transaction is over")
	}
	if err := tx.catchUp(); err != nil {
		return err
	}
	tx.wrote = tx.wrote || !strings.HasPrefix(query, "SELECT ")
	s, err := tx.c.stmt(tx.ctx, query)
	if err != nil {
		return err
	}
	return translate(s.QueryRowContext(tx.ctx, args...).Scan(into...))
}

// rows calls each for every row; each scans it.
func (tx *Tx) rows(each func(scan func(...any) error) error, query string, args ...any) error {
	if tx.over {
		return errors.New("the transaction is over")
	}
	if err := tx.catchUp(); err != nil {
		return err
	}
	s, err := tx.c.stmt(tx.ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(tx.ctx, args...)
	if err != nil {
		return translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return translate(rows.Err())
}

// gorm is the session for rows of administration.
func (tx *Tx) gorm() *gorm.DB {
	db := tx.c.g.WithContext(tx.ctx)
	if err := tx.catchUp(); err != nil {
		db.AddError(err)
	}
	return db
}

// create inserts a gorm row.
func (tx *Tx) create(row any) error {
	if err := tx.writable(); err != nil {
		return err
	}
	tx.wrote = true
	return translate(tx.gorm().Create(row).Error)
}

// change writes all columns of a gorm row that must exist.
func (tx *Tx) change(row any) error {
	if err := tx.writable(); err != nil {
		return err
	}
	tx.wrote = true
	res := tx.gorm().Model(row).Select("*").Updates(row)
	if res.Error == nil && res.RowsAffected == 0 {
		return elevation.ErrNotFound
	}
	return translate(res.Error)
}

// drop deletes rows of one table and says how many there were.
func (tx *Tx) drop(table any, where string, args ...any) (int64, error) {
	if err := tx.writable(); err != nil {
		return 0, err
	}
	tx.wrote = true
	res := tx.gorm().Where(where, args...).Delete(table)
	return res.RowsAffected, translate(res.Error)
}

// translate gives the driver's errors the names of this package.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound) {
		return elevation.ErrNotFound
	}
	var e *driver.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
			return ErrExists
		}
	}
	return err
}

// dsn opens a file with write-ahead log and every commit on disk before it is
// answered.
func dsn(path string) string {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)",
		"temp_store(memory)", "cache_size(-16000)", "journal_size_limit(67108864)"}}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// migrate brings an older database to the present schema, one step after the
// other, all in one transaction, after a copy was put beside it. A database of a
// newer program is refused.
func migrate(ctx context.Context, c *conn, path string) error {
	var have int
	if err := c.c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	steps := migrations()
	if err := known(have); err != nil || have == len(steps) {
		return err
	}
	if have > 0 {
		if err := keepOld(c.c, path, have); err != nil {
			return fmt.Errorf("keep a copy of schema %d: %w", have, err)
		}
	}
	if _, err := c.c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for i, step := range steps[have:] {
		if _, err := c.c.ExecContext(ctx, step); err != nil {
			c.c.ExecContext(ctx, "ROLLBACK")
			return fmt.Errorf("migrate to schema %d: %w", have+i+1, err)
		}
	}
	if _, err := c.c.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", len(steps))); err != nil {
		c.c.ExecContext(ctx, "ROLLBACK")
		return err
	}
	_, err := c.c.ExecContext(ctx, "COMMIT")
	return err
}
