package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	driver "modernc.org/sqlite"

	"github.com/assent-epm/assent/shared/durable"
)

// Copy writes the database as it is at one moment into a new file, readable by
// its owner only, while others go on to read and write it.
func Copy(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(from))
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	defer c.Close()
	return copyTo(c, to)
}

// copyTo copies page by page, in one read of the database: rows keep their
// numbers. A file that is there is not touched.
func copyTo(c *sql.Conn, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	err = c.Raw(func(conn any) error {
		source, ok := conn.(interface {
			NewBackup(string) (*driver.Backup, error)
		})
		if !ok {
			return errors.ErrUnsupported
		}
		b, err := source.NewBackup(to)
		if err != nil {
			return err
		}
		more, err := b.Step(-1)
		if err == nil && more {
			err = errors.New("it did not come to an end")
		}
		return errors.Join(err, b.Finish())
	})
	if err != nil {
		return errors.Join(fmt.Errorf("copy the database: %w", err), os.Remove(to))
	}
	return durable.SyncDir(filepath.Dir(to))
}

// Check reads a whole database that nobody uses and says which schema it has. A
// damaged one, and one of a newer program, is an error.
func Check(ctx context.Context, path string) (schema int, err error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return 0, fmt.Errorf("check the database: %w", err)
	}
	defer db.Close()
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return 0, fmt.Errorf("check the database: %w", err)
	}
	if found != "ok" {
		return 0, fmt.Errorf("check the database: it is damaged: %s", found)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&schema); err != nil {
		return 0, fmt.Errorf("check the database: %w", err)
	}
	if schema == 0 {
		return 0, errors.New("check the database: it is no controller's")
	}
	return schema, known(schema)
}

// known refuses a database of a newer program.
func known(schema int) error {
	if have := len(migrations()); schema > have {
		return fmt.Errorf("the database has schema %d, this program knows %d: use a newer one", schema, have)
	}
	return nil
}

// keepOld puts a copy of a database beside it before its schema changes:
// PATH.schema-N. The one of the change before goes.
func keepOld(c *sql.Conn, path string, schema int) error {
	copied := path + ".schema-" + strconv.Itoa(schema)
	old, err := filepath.Glob(path + ".schema-*")
	if err != nil {
		return err
	}
	fresh := copied + durable.Unfinished
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := copyTo(c, fresh); err != nil {
		return err
	}
	if err := durable.Rename(fresh, copied); err != nil {
		return err
	}
	var errs []error
	for _, name := range old {
		if name != copied && name != fresh {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}
