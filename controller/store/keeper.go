package store

import (
	"context"
	"errors"
	"os"
	"sync"
)

const (
	keepAfter = 1000  // rows changed, about, until the log is carried over again
	keepMost  = 12288 // pages of the log from which on it must begin anew
)

// keeper carries the write-ahead log over into the database file, on a
// connection of its own, so that no commit waits for it. A log that is written
// all the time is never carried over to its end, and could not begin anew: when
// it is long the writer is held up for the short rest that is left by then.
// SQLite syncs the file only at the end of the log, so before that rest all that
// was carried over is synced without holding up anybody.
type keeper struct {
	s    *Store
	c    *conn
	file *os.File      // the database; closed after SQLite has closed it, whose locks that would end
	due  chan struct{} // 1
	done chan struct{}
	wg   sync.WaitGroup
}

func newKeeper(ctx context.Context, s *Store) (*keeper, error) {
	file, err := os.OpenFile(s.cfg.Path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	k := &keeper{s: s, file: file, due: make(chan struct{}, 1), done: make(chan struct{})}
	if k.c, err = newConn(ctx, s.db); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	k.wg.Go(k.run)
	return k, nil
}

// stop ends it; what is left of the log is carried over by the next one.
func (k *keeper) stop() {
	close(k.done)
	k.wg.Wait()
	k.c.close()
}

// note is told of a commit by whoever writes.
func (k *keeper) note(writer *conn) {
	if writer.changed < keepAfter {
		return
	}
	writer.changed = 0
	select {
	case k.due <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	for {
		select {
		case <-k.done:
			return
		case <-k.due:
		}
		if err := k.carry(); err != nil {
			k.s.cfg.Log.Error("the log of the database was not carried over", "error", err)
		}
	}
}

func (k *keeper) carry() error {
	pages, err := k.pass()
	if err != nil || pages < keepMost {
		return err
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	w := k.s.writer
	w.turn.Lock()
	defer w.turn.Unlock()
	_, err = k.pass()
	return err
}

// pass carries over what nobody reads any more and says how long the log is. It
// waits for nobody.
func (k *keeper) pass() (pages int64, err error) {
	var busy, carried int64
	err = k.c.c.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &carried)
	return pages, err
}
