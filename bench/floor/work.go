package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	rowSize    = 2000 // about what one decided request has, in bytes
	groupMost  = 512  // callers that share a commit
	workRounds = 4000
)

// rower stores rows of thirteen columns with a text key and two more indexes.
type rower struct {
	db   *sql.DB
	body []byte
	next int
}

func newRower(path string) (*rower, error) {
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE IF NOT EXISTS decisions (id TEXT PRIMARY KEY, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f INTEGER, g INTEGER,
h INTEGER, i INTEGER, j INTEGER, k BLOB, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS decisions_a ON decisions(a, f); CREATE INDEX IF NOT EXISTS decisions_b ON decisions(b, g)`); err != nil {
		return nil, err
	}
	return &rower{db: db, body: bytes.Repeat([]byte("x"), rowSize)}, nil
}

// commit stores n rows, durable when it returns.
func (r *rower) commit(n int) error {
	tx, err := r.db.Begin()
	if err != nil {
		return err
	}
	insert, err := tx.Prepare("INSERT INTO decisions VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)")
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	for range n {
		r.next++
		now := time.Now().UnixNano()
		id := strconv.FormatInt(now, 36) + strconv.Itoa(r.next)
		if _, err := insert.Exec(id, "state", "endpoint"+strconv.Itoa(r.next%5000), "user", "type", "program", now, now, 0, 0, 0, r.body[:32], r.body); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// work measures the processor time of each part of a decision by itself and
// prints the nanoseconds of one: the message there and back, reading it, finding a
// rule, signing, and its share of a commit; record is the commit of all rows that
// a decision leaves.
func work(path string, out io.Writer) error {
	r, err := newRower(path)
	if err != nil {
		return err
	}
	defer r.db.Close()
	all, err := newRecorder(path+".record", r.body)
	if err != nil {
		return err
	}
	defer all.db.Close()
	peers, err := newEchoes()
	if err != nil {
		return err
	}
	defer peers.close()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	message, err := cbor.Marshal(map[string]any{"request": "req_01a00000-0000-7000-8000-000000000001", "user": "user17", "uid": "1000", "path": "/usr/bin/apt-get",
		"args": []string{"install", "package", "--yes"}, "sha256": string(r.body[:64]), "cwd": "/home/user", "run_as": "root", "digest": r.body[:32],
		"parent": "/usr/bin/bash", "mechanism": "sudo", "reason": "because of a ticket"})
	if err != nil {
		return err
	}
	rules := map[string]bool{"/usr/bin/apt-get": true}
	parts := map[string]func(int) error{
		"decode": func(n int) error { return decode(message, n) },
		"rule": func(n int) error {
			for range n {
				if !rules["/usr/bin/apt-get"] {
					return errors.New("no rule")
				}
			}
			return nil
		},
		"sign": func(n int) error {
			for range n {
				ed25519.Sign(key, r.body[:600])
			}
			return nil
		},
		"commit": func(n int) error { return batches(n, r.commit) },
		"record": func(n int) error { return batches(n, all.commit) },
		"echo":   peers.run,
	}
	took := map[string]float64{}
	for name, part := range parts {
		rounds := workRounds / groupMost * groupMost
		before := cpu()
		if err := part(rounds); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		took[name] = float64(cpu()-before) / float64(rounds)
	}
	return json.NewEncoder(out).Encode(took)
}

// batches commits n in groups.
func batches(n int, commit func(int) error) error {
	for range n / groupMost {
		if err := commit(groupMost); err != nil {
			return err
		}
	}
	return nil
}

func decode(message []byte, n int) error {
	for range n {
		var m struct {
			Request   string   `cbor:"request"`
			User      string   `cbor:"user"`
			UID       string   `cbor:"uid"`
			Path      string   `cbor:"path"`
			Args      []string `cbor:"args"`
			SHA256    string   `cbor:"sha256"`
			Cwd       string   `cbor:"cwd"`
			RunAs     string   `cbor:"run_as"`
			Digest    []byte   `cbor:"digest"`
			Parent    string   `cbor:"parent"`
			Mechanism string   `cbor:"mechanism"`
			Reason    string   `cbor:"reason"`
		}
		if err := cbor.Unmarshal(message, &m); err != nil {
			return err
		}
	}
	return nil
}

// committer shares commits among callers: one goroutine takes whoever waits.
type committer struct {
	rows *rower
	jobs chan chan error
	done sync.WaitGroup
}

func newCommitter(path string) (*committer, error) {
	r, err := newRower(path)
	if err != nil {
		return nil, err
	}
	c := &committer{rows: r, jobs: make(chan chan error, 4096)}
	c.done.Go(c.run)
	return c, nil
}

func (c *committer) run() {
	for first := range c.jobs {
		batch := []chan error{first}
		for more := true; more && len(batch) < groupMost; {
			select {
			case j, ok := <-c.jobs:
				if more = ok; ok {
					batch = append(batch, j)
				}
			default:
				more = false
			}
		}
		err := c.rows.commit(len(batch))
		for _, j := range batch {
			j <- err
		}
	}
}

func (c *committer) close() error {
	close(c.jobs)
	c.done.Wait()
	return c.rows.db.Close()
}

// open runs rounds that arrive at random, rate a second, whether or not those
// before are done, and answers how long each took from its arrival.
func (c *committer) open(rounds int, rate float64) ([]int64, error) {
	took := make([]int64, rounds)
	errs := make(chan error, rounds)
	arrivals := mathrand.New(mathrand.NewPCG(5, 6))
	due := time.Now()
	for i := range rounds {
		due = due.Add(time.Duration(arrivals.ExpFloat64() / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		began := due
		go func() {
			done := make(chan error, 1)
			c.jobs <- done
			err := <-done
			took[i] = time.Since(began).Nanoseconds()
			errs <- err
		}()
	}
	for range rounds {
		if err := <-errs; err != nil {
			return nil, err
		}
	}
	return took, nil
}
