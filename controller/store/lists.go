package store

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/assent-epm/assent/shared/elevation"
)

// A request is found in lists by indexes, by the words in it, and by counters.
// To keep all that out of the commit that an endpoint waits for, a new row is in
// none of them: the rows behind lists_head are the tail, which every query looks
// through by itself, and which the writer takes into the lists some dozens at a
// time when nobody has written for a while. Requests in the queue are few and have indexes
// of their own, which are always complete. What is read is therefore exact at
// every moment; only its cost depends on the length of the tail.
const schemaLists = `
DROP INDEX requests_person;
ALTER TABLE requests ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX requests_l_user      ON requests(user COLLATE NOCASE) WHERE listed = 1;
CREATE INDEX requests_l_uid       ON requests(uid) WHERE listed = 1;
CREATE INDEX requests_l_endpoint  ON requests(endpoint) WHERE listed = 1;
CREATE INDEX requests_l_program   ON requests(program) WHERE listed = 1;
CREATE INDEX requests_l_type      ON requests(access_type) WHERE listed = 1;
CREATE INDEX requests_l_team      ON requests(team) WHERE listed = 1;
CREATE INDEX requests_l_priority  ON requests(priority) WHERE listed = 1;
CREATE INDEX requests_l_expires   ON requests(expires_ms) WHERE listed = 1;
CREATE INDEX requests_l_submitted ON requests(submitted_ms) WHERE listed = 1;
CREATE INDEX requests_q_id        ON requests(id) WHERE waiting = 2;
CREATE INDEX requests_q_user      ON requests(user COLLATE NOCASE) WHERE waiting = 2;
CREATE INDEX requests_q_endpoint  ON requests(endpoint) WHERE waiting = 2;
CREATE INDEX requests_q_program   ON requests(program) WHERE waiting = 2;
CREATE INDEX requests_q_type      ON requests(access_type) WHERE waiting = 2;
CREATE INDEX requests_q_priority  ON requests(priority) WHERE waiting = 2;
CREATE INDEX requests_q_expires   ON requests(expires_ms) WHERE waiting = 2;
CREATE INDEX requests_q_submitted ON requests(submitted_ms) WHERE waiting = 2;
CREATE INDEX requests_escalated   ON requests(escalated) WHERE escalated = 1;
CREATE VIRTUAL TABLE request_words USING fts5(words, content='', contentless_delete=1, detail=none, tokenize='ascii');
CREATE TABLE request_counts (
  endpoint TEXT NOT NULL,
  uid      TEXT NOT NULL,
  user     TEXT NOT NULL,
  team     TEXT NOT NULL,
  state    TEXT NOT NULL,
  removed  INTEGER NOT NULL,
  n        INTEGER NOT NULL,
  PRIMARY KEY (endpoint, uid, user, team, state, removed)
) WITHOUT ROWID;
-- Rows up to pos are in the lists. Rows up to redo were stored by a program that
-- wrote other columns.
-- Labels are to be written anew while relabel is 1.
CREATE TABLE lists_head (id INTEGER PRIMARY KEY CHECK (id = 1), pos INTEGER NOT NULL, redo INTEGER NOT NULL, relabel INTEGER NOT NULL);
INSERT INTO lists_head(id, pos, redo, relabel) SELECT 1, 0, coalesce(max(pos), 0), 1 FROM requests;
`

// schemaWords lets the words come behind the lists: rows up to words are in their
// index.
const schemaWords = `
ALTER TABLE lists_head ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
UPDATE lists_head SET words = pos;
`

// schemaTail has what lists look at of the rows of the tail, one behind the other:
// the rows themselves are some kilobytes each.
const schemaTail = `
CREATE INDEX requests_tail ON requests(pos, listed, endpoint, uid, user, access_type, program, team, state, waiting, priority, submitted_ms, expires_ms,
  removed, removed_team, search) WHERE listed = 0;
`

// inTail is the table of requests for queries about the tail, whose rows they
// choose by ofTail.
const (
	inTail = "requests INDEXED BY requests_tail"
	ofTail = "listed = 0"
)

const (
	listFrom   = 64     // rows in the tail from which on it is taken into the lists
	listBatch  = 16     // at a time, so that nobody waits long
	listAtLast = 32_768 // rows in the tail from which on it does not matter who waits
	listMany   = 1024   // at a time then
	fillBatch  = 2000   // at a time while the database is opened
	wordsFrom  = 256    // rows in the lists whose words are not, from which on they are taken in

	quietFor  = 5 * time.Millisecond // without anybody writing, before rows are taken in
	listAgain = time.Second          // after rows could not be taken in
)

// headOfLists is the last row that is in the lists.
const headOfLists = "(SELECT pos FROM lists_head WHERE id = 1)"

// headOfWords is the last row that is in the index of words, at most headOfLists.
const headOfWords = "(SELECT words FROM lists_head WHERE id = 1)"

// place is where lists and counters have a request.
type place struct {
	cell
	pos   int64
	words uint64 // of what it is found by
}

// cell is what a request counts for.
type cell struct {
	endpoint  elevation.EndpointID
	uid, user string
	team      elevation.TeamID
	state     elevation.State
	removed   int // removedOwn, removedTeam
}

// Bits of the column removed in request_counts.
const (
	removedOwn  = 1
	removedTeam = 2
)

// counts reports whether it is on any list: drafts are on nobody's.
func (c cell) counts() bool { return c.state != "" && c.state != elevation.StateDraft }

// placeColumns are scanned by [placeRow.into].
const placeColumns = "pos, endpoint, uid, user, team, state, removed, removed_team, search"

// placeRow takes placeColumns.
type placeRow struct {
	place
	own, all bool
	search   string
}

func (p *placeRow) into() []any {
	return []any{&p.pos, &p.endpoint, &p.uid, &p.user, &p.team, &p.state, &p.own, &p.all, &p.search}
}

func (p *placeRow) found() place {
	p.removed = removedBits(p.own, p.all)
	p.words = hashWords(p.search)
	return p.place
}

func removedBits(own, team bool) int {
	n := 0
	if own {
		n |= removedOwn
	}
	if team {
		n |= removedTeam
	}
	return n
}

func hashWords(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// maxWords bounds what one request is found by.
const maxWords = 400

// words are the texts as they are searched: lower case, letters and digits only,
// each word once, between single blanks.
func words(texts ...string) string {
	var b strings.Builder
	seen := map[string]bool{}
	b.WriteByte(' ')
	for _, t := range texts {
		for w := range strings.FieldsFuncSeq(strings.ToLower(t), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
			if seen[w] || len(seen) == maxWords {
				continue
			}
			seen[w] = true
			b.WriteString(w)
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// An id is two words: its digits, and them backwards, so that it is found by its
// ending too.
const backwards = "zz"

func idWords(id string) string {
	_, digits, ok := strings.Cut(id, "_")
	if !ok {
		digits = id
	}
	digits = strings.ReplaceAll(digits, "-", "")
	return digits + " " + backwards + reverse(digits)
}

func reverse(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// wordsOf is what a request is found by.
func wordsOf(r *elevation.Request, endpointName string) string {
	a := r.Attempt
	return words(append([]string{idWords(string(r.ID)), a.User.Name, a.User.Display, a.Subject.Path, r.Justification, r.Ticket,
		a.Subject.RunAs, endpointName}, a.Subject.Args...)...)
}

// endpointName is the name of an endpoint, "" when it is not known.
func (tx *Tx) endpointName(id elevation.EndpointID) string {
	if e, ok, _ := tx.s.endpoints.get(id); ok {
		return e.Name
	}
	var name string
	if tx.row([]any{&name}, "SELECT name FROM endpoints WHERE id = ?", string(id)) != nil {
		return ""
	}
	return name
}

// relist brings the lists up to a change of a row that they have.
func (tx *Tx) relist(old, now place, search string) error {
	var head, words int64 // as this transaction has them: others that share it may have moved them
	if err := tx.row([]any{&head, &words}, "SELECT pos, words FROM lists_head WHERE id = 1"); err != nil {
		return fmt.Errorf("read the head of the lists: %w", err)
	}
	if old.pos > head {
		return nil
	}
	if old.pos <= words && now.counts() && (!old.counts() || old.words != now.words) {
		if _, err := tx.exec("INSERT OR REPLACE INTO request_words(rowid, words) VALUES (?,?)", old.pos, search); err != nil {
			return fmt.Errorf("note the words of a request: %w", err)
		}
	}
	if old.cell == now.cell {
		return nil
	}
	n := map[cell]int{}
	if old.counts() {
		n[old.cell]--
	}
	if now.counts() {
		n[now.cell]++
	}
	return tx.putCounts(n)
}

func (tx *Tx) putCounts(n map[cell]int) error {
	for c, d := range n {
		if _, err := tx.exec(`INSERT INTO request_counts(endpoint, uid, user, team, state, removed, n) VALUES (?,?,?,?,?,?,?)
ON CONFLICT DO UPDATE SET n = n + excluded.n`, string(c.endpoint), c.uid, c.user, string(c.team), string(c.state), c.removed, d); err != nil {
			return fmt.Errorf("count requests: %w", err)
		}
	}
	return nil
}

// takeIn takes the next rows of the tail into the lists and returns the last of
// them, 0 when there is none. Each table is written by one statement over all
// rows, which fails with what it wrote: nothing is kept to undo only it.
func (tx *Tx) takeIn(limit int) (last int64, rows int, err error) {
	var head, words int64
	err = tx.row([]any{&head, &words, &last, &rows}, "SELECT "+headOfLists+", "+headOfWords+", coalesce(max(pos), 0), count(*) FROM (SELECT pos FROM requests WHERE pos > "+
		headOfLists+" ORDER BY pos LIMIT ?)", limit)
	if err != nil || rows == 0 {
		return 0, 0, err
	}
	if err = tx.count(head, last); err == nil {
		_, err = tx.exec("UPDATE OR FAIL requests SET listed = 1 WHERE pos > ? AND pos <= ?", head, last)
	}
	if err == nil {
		_, err = tx.exec("UPDATE lists_head SET pos = ? WHERE id = 1", last)
	}
	if err == nil && last-words >= wordsFrom {
		err = tx.takeWords(words, last)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("take requests into the lists: %w", err)
	}
	return last, rows, nil
}

// takeWords takes the words of rows into their index. It makes one segment of one
// statement, and merging many small ones costs more than everything else.
func (tx *Tx) takeWords(after, last int64) error {
	_, err := tx.exec("INSERT OR REPLACE INTO request_words(rowid, words) SELECT pos, search FROM requests WHERE pos > ? AND pos <= ? AND "+onLists, after, last)
	if err == nil {
		_, err = tx.exec("UPDATE lists_head SET words = ? WHERE id = 1", last)
	}
	return err
}

// onLists is [cell.counts] as a condition.
const onLists = "+state NOT IN ('', 'draft')"

// TakeIn takes up to limit requests of the tail into the lists and reports
// whether there were more. The writer does so by itself as requests come; what a
// quiet hour leaves is for the sweep. It is bookkeeping and needs no audit event.
func (s *Store) TakeIn(ctx context.Context, limit int) (more bool, err error) {
	if s.tail.Load() == 0 {
		return false, nil
	}
	rows := 0
	err = s.Update(ctx, func(tx *Tx) (err error) { rows, err = tx.takeInCounted(limit); return err })
	return rows == limit, err
}

func (tx *Tx) takeInCounted(limit int) (rows int, err error) {
	_, rows, err = tx.takeIn(limit)
	tx.tailMoved -= int64(rows)
	if rows < limit {
		tx.tailMoved = -tx.s.tail.Load() // it is empty; drafts may have gone from it
	}
	return rows, err
}

// fitHead takes the head of the lists back when the last rows are gone: the next
// ones get their numbers again.
func (tx *Tx) fitHead() error {
	const last = "(SELECT coalesce(max(pos), 0) FROM requests)"
	_, err := tx.exec("UPDATE lists_head SET pos = min(pos, " + last + "), words = min(words, " + last + ") WHERE pos > " + last)
	return err
}

// fill takes everything into the lists while the database is opened: rows of an
// older program get the columns that it did not write.
func (s *Store) fill(ctx context.Context, c *conn) error {
	var head, redo, all int64
	err := c.c.QueryRowContext(ctx, "SELECT pos, redo, (SELECT coalesce(max(pos), 0) FROM requests) FROM lists_head WHERE id = 1").Scan(&head, &redo, &all)
	if err != nil {
		return fmt.Errorf("read the head of the lists: %w", err)
	}
	for from := head; head < all; {
		tx := &Tx{s: s, c: c, ctx: ctx, write: true}
		if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		last, err := head, error(nil)
		if head < redo {
			err = tx.redo(head, fillBatch)
		}
		if err == nil {
			last, _, err = tx.takeIn(fillBatch)
		}
		if err == nil {
			err = c.exec(ctx, "COMMIT")
		}
		if err != nil {
			c.exec(context.WithoutCancel(ctx), "ROLLBACK")
			return fmt.Errorf("fill the lists: %w", err)
		}
		if last == 0 {
			break
		}
		if head = last; (head-from)/fillBatch%10 == 0 && all-from > 10*fillBatch {
			s.cfg.Log.Info("filling the lists of requests", slog.Int64("done", head), slog.Int64("of", all))
		}
	}
	if err := s.fillEscalated(ctx, c); err != nil {
		return err
	}
	if err := s.fillReasons(ctx, c); err != nil {
		return err
	}
	return s.relabel(ctx, c)
}

// relabel writes the labels of all endpoints anew, once: an older program left
// out those that endpoints report.
func (s *Store) relabel(ctx context.Context, c *conn) error {
	tx := &Tx{s: s, c: c, ctx: ctx, write: true}
	due := false
	if err := tx.row([]any{&due}, "SELECT relabel FROM lists_head WHERE id = 1"); err != nil || !due {
		return err
	}
	if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	list, err := tx.endpoints("")
	for _, e := range list {
		if err == nil {
			err = tx.putLabels(e)
		}
	}
	if err == nil {
		_, err = tx.exec("UPDATE lists_head SET relabel = 0 WHERE id = 1")
	}
	if err == nil {
		err = c.exec(ctx, "COMMIT")
	}
	if err != nil {
		c.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return fmt.Errorf("write the labels of endpoints anew: %w", err)
	}
	return nil
}

// redo writes the columns that an older program did not have.
func (tx *Tx) redo(after int64, limit int) error {
	list, err := tx.requests("WHERE pos > ? ORDER BY pos LIMIT ?", after, limit)
	if err != nil {
		return err
	}
	for i := range list {
		r := &list[i]
		if _, err := tx.exec("UPDATE requests SET search = ?, publisher = ?, escalated = ? WHERE id = ?",
			wordsOf(r, tx.endpointName(r.Endpoint)), r.Attempt.Subject.Publisher.Name, len(r.Escalations) > 0, string(r.ID)); err != nil {
			return err
		}
	}
	return nil
}
