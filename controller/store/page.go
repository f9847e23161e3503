package store

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// Sizes of pages.
const (
	defaultLimit = 50
	MaxLimit     = 500
	countCap     = 1000 // totals of narrowed lists are counted up to here
)

// The lists from which a request can be removed.
const (
	ListTeam      = "team"      // approvers' lists
	ListRequester = "requester" // the requester's own
)

// RequestFilter narrows lists and counts. Zero fields do not narrow.
type RequestFilter struct {
	States      []elevation.State
	AccessTypes []elevation.AccessType
	Endpoint    string            // id or name
	User        string            // name or uid on the endpoint
	Links       []delegation.Link // strong links of one account; see Own
	Own         bool              // only what Links say is the account's own; without it they add to Scope
	Team        elevation.TeamID
	Since       time.Time
	Scope       map[string]string // labels that the endpoint must have
	Text        string            // anywhere in the words of a request, ignoring case
	Program     string
	Escalated   bool     // only what went up the ladder
	ReviewOpen  bool     // only what is over and waits for its review
	ReviewTeams []string // with ReviewOpen, only that of teams with one of these ids or names; "" is a request without one
	Group       Group    // By and Key: only this group
	List        string   // ListTeam or ListRequester: without what was removed from it; "" = everything

	Sort   string // "queue", "newest", or one of [sortColumns]; a leading "-" turns a column around
	Cursor string
	Limit  int // 0 = defaultLimit, at most MaxLimit
}

// Page is one page of requests.
type Page struct {
	Items             []elevation.Request
	Next              string // cursor of the next page, "" on the last
	Total             int
	TotalIsLowerBound bool
}

// sortOrder is one way to order requests: by a column, then by id.
type sortOrder struct {
	column string
	desc   bool
	text   bool
	where  string // goes with it
}

// sortColumns are the names that a list can be sorted by besides queue and
// newest.
func sortColumns() []string {
	return []string{"id", "status", "type", "user", "endpoint", "application", "priority", "expires", "created", "waited"}
}

func sortBy(name string) (sortOrder, error) {
	switch name {
	case "", "newest":
		return sortOrder{column: "pos", desc: true, where: "submitted_ms > 0"}, nil
	case "queue":
		return sortOrder{column: "sort_key"}, nil
	}
	column, desc := strings.CutPrefix(name, "-")
	o := sortOrder{desc: desc}
	switch column {
	case "id":
		o.column, o.text = "id", true
	case "status":
		o.column, o.text = "state", true
	case "type":
		o.column, o.text = "access_type", true
	case "user":
		o.column, o.text = "user", true
	case "endpoint":
		o.column, o.text = "coalesce((SELECT e.name FROM endpoints e WHERE e.id = requests.endpoint), '')", true
	case "application":
		o.column, o.text = "program", true
	case "priority":
		o.column, o.desc = "priority", !desc // the most urgent first
	case "expires":
		o.column = "expires_ms"
	case "created":
		o.column = "submitted_ms"
	case "waited":
		o.column = "submitted_ms" // the longest first
	default:
		return o, fmt.Errorf("%w: the list can not be sorted by %q; use queue, newest or one of %s",
			elevation.ErrInvalid, name, strings.Join(sortColumns(), ", "))
	}
	return o, nil
}

// cursor is where the next page begins. Query binds it to its list.
type cursor struct {
	Query []byte `cbor:"q"`
	Int   int64  `cbor:"i"`
	Text  string `cbor:"t"`
	ID    string `cbor:"d"`
}

// RequestPage returns one page. A cursor of another query, or none of ours, is
// [ErrCursor]. States are those at the last change or sweep.
func (tx *Tx) RequestPage(f RequestFilter) (Page, error) {
	order, err := sortBy(f.Sort)
	if err != nil {
		return Page{}, err
	}
	if f.Limit, err = pageLimit(f.Limit); err != nil {
		return Page{}, err
	}
	q, err := f.where()
	if err != nil {
		return Page{}, err
	}
	page := Page{}
	if page.Total, page.TotalIsLowerBound, err = tx.total(f, q); err != nil {
		return Page{}, err
	}
	hash := f.hash()
	if f.Cursor != "" {
		if err := q.after(f.Cursor, hash, order); err != nil {
			return Page{}, err
		}
	}
	if order.where != "" {
		q.and(order.where)
	}
	last, err := tx.page(&page, q, order, f.Limit)
	if err != nil {
		return Page{}, err
	}
	if last != nil {
		last.Query = hash
		if page.Next, err = last.seal(); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// page reads limit rows into p; the cursor is nil when there are no more. What has
// to be sorted is sorted without the facts, which are large.
func (tx *Tx) page(p *Page, q where, order sortOrder, limit int) (*cursor, error) {
	dir := " ASC"
	if order.desc {
		dir = " DESC"
	}
	var last *cursor
	more := false
	err := tx.rows(func(scan func(...any) error) error {
		if len(p.Items) == limit {
			more = true
			return nil
		}
		var body []byte
		c := cursor{}
		key := any(&c.Int)
		if order.text {
			key = &c.Text
		}
		if err := scan(&body, key, &c.ID); err != nil {
			return err
		}
		r, err := decodeRequest(body)
		if err != nil {
			return err
		}
		p.Items, last = append(p.Items, r), &c
		return nil
	}, "SELECT r.body, s.key, r.id FROM (SELECT pos AS p, "+order.column+" AS key FROM requests WHERE "+q.sql()+
		" ORDER BY "+order.column+dir+", id"+dir+" LIMIT ?) s JOIN requests r ON r.pos = s.p ORDER BY s.key"+dir+", r.id"+dir,
		append(q.args, limit+1)...)
	if err != nil || !more {
		return nil, err
	}
	return last, nil
}

// total counts a list: from the counters where they have the answer, else up to
// a cap.
func (tx *Tx) total(f RequestFilter, q where) (int, bool, error) {
	if f.plain() {
		n := 0
		for s, have := range tx.s.counts.all() {
			if len(f.States) == 0 && s != elevation.StateDraft || slices.Contains(f.States, s) {
				n += have
			}
		}
		return n, false, nil
	}
	var n int
	err := tx.row([]any{&n}, "SELECT count(*) FROM (SELECT 1 FROM requests WHERE "+q.sql()+" LIMIT ?)", append(q.args, countCap+1)...)
	if n > countCap {
		return countCap, true, err
	}
	return n, false, err
}

// Counts says how many requests there are in each state, without drafts.
func (tx *Tx) Counts(f RequestFilter) (map[elevation.State]int, error) {
	f.States = nil
	var n map[elevation.State]int
	if f.plain() {
		n = tx.s.counts.all()
	} else {
		var err error
		if n, err = tx.countStates(f); err != nil {
			return nil, err
		}
	}
	delete(n, elevation.StateDraft)
	maps.DeleteFunc(n, func(_ elevation.State, have int) bool { return have == 0 })
	return n, nil
}

func (tx *Tx) countStates(f RequestFilter) (map[elevation.State]int, error) {
	if f.List == "" {
		f.List = ListTeam
	}
	q, err := f.where()
	if err != nil {
		return nil, err
	}
	out := map[elevation.State]int{}
	err = tx.rows(func(scan func(...any) error) error {
		var s elevation.State
		var n int
		if err := scan(&s, &n); err != nil {
			return err
		}
		out[s] = n
		return nil
	}, "SELECT state, count(*) FROM requests WHERE "+q.sql()+" GROUP BY state", q.args...)
	return out, err
}

// plain reports whether the counters have the numbers of this list.
func (f RequestFilter) plain() bool {
	return f.List == ListTeam && len(f.AccessTypes) == 0 && f.Endpoint == "" && f.User == "" && !f.Own && !f.Escalated && !f.ReviewOpen && f.Group.By == "" && f.Team == "" &&
		f.Since.IsZero() && len(f.Scope) == 0 && f.Text == "" && f.Program == "" && !slices.Contains(f.States, elevation.StateDraft)
}

// where builds the conditions of a filter.
func (f RequestFilter) where() (where, error) {
	var q where
	if len(f.States) > 0 {
		column := "+state" // "+" keeps SQLite from an index
		switch {
		case only(f.States, elevation.StatePending, elevation.StateHeld):
			q.and("waiting = 2") // has the index of the queue
		case len(f.States) == 1 && f.States[0].Final():
			column = "state"
			q.and("next_due = 0") // in the index of states these are in the order of pos
		case only(f.States, elevation.StateApproved, elevation.StateAvailable, elevation.StateActive):
			column = "state" // few at any time
		}
		q.and(column+" IN ("+marks(len(f.States))+")", strs(f.States)...)
	} else {
		q.and("state <> 'draft'")
	}
	if len(f.AccessTypes) > 0 {
		q.and("access_type IN ("+marks(len(f.AccessTypes))+")", strs(f.AccessTypes)...)
	}
	if f.Endpoint != "" {
		q.and("endpoint IN (SELECT e.id FROM endpoints e WHERE e.id = ? OR e.name = ?)", f.Endpoint, f.Endpoint)
	}
	if f.User != "" {
		q.and("(user = ? OR uid = ?)", f.User, f.User)
	}
	if f.Team != "" {
		q.and("team = ?", string(f.Team))
	}
	if !f.Since.IsZero() {
		q.and("submitted_ms >= ?", f.Since.UnixMilli())
	}
	f.whose(&q)
	if f.Text != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(f.Text)) + "%"
		q.and(`(search LIKE ? ESCAPE '\' OR endpoint IN (SELECT e.id FROM endpoints e WHERE lower(e.name) LIKE ? ESCAPE '\'))`, like, like)
	}
	if f.Program != "" {
		q.and("program = ?", f.Program)
	}
	if f.Escalated {
		q.and("escalated = 1")
	}
	switch {
	case f.ReviewOpen && len(f.ReviewTeams) > 0:
		q.and("id IN (SELECT request FROM open_reviews WHERE team IN ("+marks(len(f.ReviewTeams))+"))", strs(lower(f.ReviewTeams))...)
	case f.ReviewOpen:
		q.and("id IN (SELECT request FROM open_reviews)")
	}
	if f.Group.By != "" {
		column, err := groupColumn(f.Group.By)
		if err != nil {
			return q, err
		}
		q.and(column+" = ?", f.Group.Key)
	}
	switch f.List {
	case "":
	case ListTeam:
		q.and("removed_team = 0")
	case ListRequester:
		q.and("removed = 0")
	default:
		return q, fmt.Errorf("%w: no list is called %q", elevation.ErrInvalid, f.List)
	}
	return q, nil
}

// only reports whether states has no other than the given ones.
func only(states []elevation.State, of ...elevation.State) bool {
	return !slices.ContainsFunc(states, func(s elevation.State) bool { return !slices.Contains(of, s) })
}

// hash names the query without its page.
func (f RequestFilter) hash() []byte {
	f.Cursor, f.Limit = "", 0
	raw, err := sign.Encode(f)
	if err != nil {
		return nil
	}
	h := sha256.Sum256(raw)
	return h[:12]
}

// where collects conditions and their arguments.
type where struct {
	conds []string
	args  []any
}

func (w *where) and(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

func (w where) sql() string {
	if len(w.conds) == 0 {
		return "1"
	}
	return strings.Join(w.conds, " AND ")
}

// after lets only rows behind the cursor through.
func (w *where) after(text string, hash []byte, order sortOrder) error {
	c, err := openCursor(text, hash)
	if err != nil {
		return err
	}
	key := any(c.Int)
	if order.text {
		key = c.Text
	}
	op := ">"
	if order.desc {
		op = "<"
	}
	w.and("("+order.column+", id) "+op+" (?, ?)", key, c.ID)
	return nil
}

// marks is n question marks.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

func strs[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
