package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/assent-epm/assent/shared/elevation"
)

// listing is one list being read: conditions that any row must meet, and
// alternatives that say whose requests are looked at. What chooses how rows are
// found is decided here and not left to SQLite, which knows nothing of how many
// rows a value has.
type listing struct {
	tx     *Tx
	f      RequestFilter
	order  sortOrder
	base   where
	either []where // at least one
	narrow bool    // the alternatives name users or endpoints: few rows
	equal  bool    // another condition finds the rows
	none   bool    // nothing can be in it
	words  search
}

// fewRows is up to how many rows are sorted instead of walking along an index.
const fewRows = 5000

// maxAlternatives bounds the parts of one query; more links are one condition.
const maxAlternatives = 24

func (tx *Tx) listing(f RequestFilter, order sortOrder) (*listing, error) {
	l := &listing{tx: tx, f: f, order: order, either: []where{{}}}
	var err error
	if l.base, err = f.residual(); err != nil {
		return nil, err
	}
	if !order.states { // else each state is read by itself
		l.base.both(f.inStates())
	}
	if err := l.whose(); err != nil {
		return nil, err
	}
	if f.Endpoint != "" {
		ids, err := tx.named(f.Endpoint)
		if err != nil {
			return nil, err
		}
		l.narrow, l.none = true, l.none || len(ids) == 0
		l.and(where{[]string{"@endpoint IN (" + marks(len(ids)) + ")"}, strs(ids)})
	}
	if f.User != "" {
		l.narrow = true
		l.and(where{[]string{"@user = ? COLLATE NOCASE"}, []any{f.User}},
			where{[]string{"@uid = ? AND user <> ? COLLATE NOCASE"}, []any{f.User, f.User}})
	}
	l.narrow = l.narrow || f.ReviewOpen || f.Group.By == ByUser || f.Group.By == ByEndpoint
	if err := l.choose(); err != nil {
		return nil, err
	}
	if f.Text != "" {
		l.words = searchFor(f.Text)
		l.none = l.none || len(l.words) == 0
	}
	return l, nil
}

// and combines every alternative with each of the given ones.
func (l *listing) and(options ...where) {
	var out []where
	for _, e := range l.either {
		for _, o := range options {
			w := where{slices.Clone(e.conds), slices.Clone(e.args)}
			w.both(o)
			out = append(out, w)
		}
	}
	l.either = out
}

// whose narrows to what an account may see: its scope, and what strong links say
// is its own.
func (l *listing) whose() error {
	f := l.f
	if !f.Own && len(f.Scope) == 0 {
		return nil
	}
	var options []where
	if !f.Own {
		few, err := l.fewInScope()
		if err != nil {
			return err
		}
		w := within("requests.endpoint", f.Scope)
		if few {
			l.narrow = true
			w = having(f.Scope)
			w.conds[0] = "@endpoint IN (" + w.conds[0] + ")"
		}
		options = append(options, w)
	}
	l.narrow = l.narrow || f.Own
	if len(f.Links) > maxAlternatives {
		var any where
		for _, link := range f.Links {
			if w, ok := linked(link); ok {
				any.and("("+strings.ReplaceAll(w.sql(), "@", "+")+")", w.args...)
			}
		}
		options = append(options, where{[]string{"(" + strings.Join(append(any.conds, "0"), " OR ") + ")"}, any.args})
	} else {
		for _, link := range f.Links {
			if w, ok := linked(link); ok {
				options = append(options, w)
			}
		}
	}
	if len(options) == 0 {
		l.none = true
		return nil
	}
	l.and(options...)
	return nil
}

// fewInScope reports whether it costs less to sort what the scope has than to
// walk along an index until a page is full of it.
func (l *listing) fewInScope() (bool, error) {
	ids, err := l.tx.scoped(l.f.Scope)
	if err != nil {
		return false, err
	}
	inside := RequestFilter{List: ListTeam, Scope: l.f.Scope}
	t, _ := l.tx.s.counts.tallyOf(inside, ids, nil)
	all, _ := l.tx.s.counts.tallyOf(RequestFilter{List: ListTeam}, nil, nil)
	have, of := t.of(l.f.States), all.of(l.f.States)
	return have+2*len(ids) <= (l.f.Limit+1)*of/max(have, 1), nil
}

// choose lets conditions of many rows find them only where that costs less than
// the order's own index.
func (l *listing) choose() error {
	for i, c := range l.base.conds {
		column, indexed := strings.CutPrefix(c, "@")
		if !indexed {
			continue
		}
		column, _, _ = strings.Cut(column, " ")
		use := false
		switch {
		case l.narrow: // the alternatives find fewer
		case column == "submitted_ms":
			use = l.order.column == column
		case l.equal: // one is enough
		case column == "program":
			var err error
			if use, err = l.fewOfProgram(); err != nil {
				return err
			}
		case column == "team" && l.order.column == "sort_key":
			use = true
		default:
			use = l.order.column == "pos"
		}
		if !use {
			l.base.conds[i] = "+" + strings.TrimPrefix(c, "@")
		}
		l.equal = l.equal || use
	}
	return nil
}

// fewOfProgram reports whether the rows of the program that is asked for come in
// the list's order, or are few enough to be sorted.
func (l *listing) fewOfProgram() (bool, error) {
	if l.order.column == "pos" {
		return true, nil
	}
	value := l.f.Program
	if value == "" {
		value = l.f.Group.Key
	}
	part := "listed = 1"
	if l.f.waiting() {
		part = "waiting = 2"
	}
	var n int
	err := l.tx.row([]any{&n}, "SELECT count(*) FROM (SELECT 1 FROM requests WHERE "+part+" AND program = ?"+limited(fewRows+1)+")", value)
	return n <= fewRows, err
}

// whole is the list as one condition, for queries that find rows otherwise.
func (l *listing) whole() where {
	w := where{slices.Clone(l.base.conds), slices.Clone(l.base.args)}
	var either []string
	for _, e := range l.either {
		either = append(either, "("+e.sql()+")")
		w.args = append(w.args, e.args...)
	}
	w.conds = append(w.conds, "("+strings.Join(either, " OR ")+")")
	return w
}

// key is a row of a page.
type key struct {
	cursor
	body []byte            // nil until it is read
	r    elevation.Request // of the body
	err  error
}

// parts are the queries whose results together are the list, each in its order
// and with its arguments.
func (l *listing) parts(from *cursor, limit int) (queries []string, args []any) {
	for _, e := range l.either {
		for _, m := range l.modes() {
			w := where{slices.Clone(l.base.conds), slices.Clone(l.base.args)}
			w.both(e)
			w.both(l.words.row())
			if m.cond != "" {
				w.and(m.cond)
			}
			for _, after := range l.after(from) {
				part := where{slices.Clone(w.conds), slices.Clone(w.args)}
				part.both(after)
				sql, a := l.part(part, m, limit)
				queries = append(queries, sql)
				args = append(args, a...)
			}
		}
	}
	return queries, args
}

// mode is one of the places in which rows are.
type mode struct {
	cond string
	mark string // instead of "@"
	tail bool
}

// modes are where the rows of this list are: in the queue, whose indexes are
// complete; in the lists and the tail; or found without any of that.
func (l *listing) modes() []mode {
	if l.f.waiting() && !l.order.states {
		return []mode{{}}
	}
	if l.order.listed || l.narrow || l.equal {
		return []mode{{cond: "listed = 1"}, {cond: "pos > " + headOfLists, mark: "+", tail: true}}
	}
	return []mode{{mark: "+"}}
}

// tie is what orders rows of the same key.
func (l *listing) tie() string {
	if l.order.column == "sort_key" {
		return "id"
	}
	return "pos"
}

func (l *listing) dir() string {
	if l.order.desc {
		return " DESC"
	}
	return " ASC"
}

// part is one query for keys. Its limit is text: SQLite prepares a statement anew
// whenever a limit that is a parameter is bound.
func (l *listing) part(w where, m mode, limit int) (string, []any) {
	from, row := "requests", "0"
	order := l.order.column + l.dir()
	if l.order.byName {
		from, row = "requests CROSS JOIN endpoints e ON e.id = requests.endpoint", "e.rowid"
		if !m.tail && !l.narrow && !l.equal {
			from = "endpoints e CROSS JOIN requests ON requests.endpoint = e.id"
		}
		order += ", e.rowid" + l.dir()
	}
	sql := "SELECT pos AS p, " + strings.TrimSuffix(l.order.column, " COLLATE NOCASE") + " AS k, " + row + " AS x, " + l.id() + " AS t FROM " + from +
		" WHERE " + w.sql() + " ORDER BY " + order + ", " + l.tie() + l.dir() + limited(limit)
	return strings.ReplaceAll(sql, "@", m.mark), w.args
}

func (l *listing) id() string { return "requests." + l.tie() }

// after are the rows behind the cursor: those of the same key, and those behind
// it. As one comparison of pairs SQLite would walk over all rows of the key.
func (l *listing) after(c *cursor) []where {
	if c == nil {
		return []where{{}}
	}
	var q where
	op := ">"
	if l.order.desc {
		op = "<"
	}
	var k any = c.Int
	if l.order.text {
		k = c.Text
	}
	switch {
	case l.order.byName:
		end := "0"
		if l.order.desc {
			end = "9223372036854775807"
		}
		q.and("(e.name, e.rowid) "+op+"= (?, ?)", c.Text, c.Row)
		q.and("requests.pos "+op+" CASE WHEN e.rowid = ? THEN ? ELSE "+end+" END", c.Row, c.Pos)
	case l.tie() == "id":
		q.and("(sort_key, id) "+op+" (?, ?)", c.Int, c.ID)
	case l.order.column == "pos":
		q.and("pos "+op+" ?", c.Pos)
	default:
		q.and(l.order.column+" = ? AND pos "+op+" ?", k, c.Pos)
		return []where{q, {[]string{l.order.column + " " + op + " ?"}, []any{k}}}
	}
	return []where{q}
}

func limited(n int) string { return " LIMIT " + strconv.Itoa(n) }

// union puts the parts together: each row once. Only alternatives can have the
// same row.
func (l *listing) union(queries []string) string {
	for i, q := range queries {
		queries[i] = "SELECT * FROM (" + q + ")"
	}
	if len(l.either) > 1 {
		return strings.Join(queries, " UNION ")
	}
	return strings.Join(queries, " UNION ALL ")
}

// outer is the order of the rows that were found.
func (l *listing) outer() string {
	collate := ""
	if strings.HasSuffix(l.order.column, " COLLATE NOCASE") {
		collate = " COLLATE NOCASE"
	}
	return "s.k" + collate + l.dir() + ", s.x" + l.dir() + ", s.t" + l.dir()
}

// read reads up to limit rows behind the cursor.
func (l *listing) read(from *cursor, limit int) ([]*key, error) {
	queries, args := l.parts(from, limit)
	return l.keys("SELECT s.k, s.x, s.p, r.id, r.body FROM ("+l.union(queries)+") s CROSS JOIN requests r ON r.pos = s.p ORDER BY "+l.outer()+limited(limit),
		true, args...)
}

// readKeys is read without the facts, which are large.
func (l *listing) readKeys(from *cursor, limit int) ([]*key, error) {
	queries, args := l.parts(from, limit)
	return l.keys("SELECT s.k, s.x, s.p, '' FROM ("+l.union(queries)+") s ORDER BY "+l.outer()+limited(limit), false, args...)
}

// keys runs a query for keys. Facts are decoded while further rows are read: each
// costs about half of a page's time.
func (l *listing) keys(query string, body bool, args ...any) ([]*key, error) {
	var out []*key
	var decoder sync.WaitGroup
	bodies := make(chan *key, MaxLimit+1) // as many as there can be
	if body {
		decoder.Go(func() {
			for k := range bodies {
				k.r, k.err = decodeRequest(k.body)
			}
		})
	}
	err := l.tx.rows(func(scan func(...any) error) error {
		k := &key{}
		by := any(&k.Int)
		if l.order.text {
			by = &k.Text
		}
		into := []any{by, &k.Row, &k.Pos, &k.ID}
		if body {
			into = append(into, &k.body)
		}
		if err := scan(into...); err != nil {
			return err
		}
		out = append(out, k)
		if body {
			bodies <- k
		}
		return nil
	}, query, args...)
	close(bodies)
	decoder.Wait()
	if err != nil {
		return nil, fmt.Errorf("read a list of requests: %w", err)
	}
	return out, nil
}

// page reads the page behind a cursor, nil for the first one. last is the cursor
// of the next page, nil when there is none.
func (l *listing) page(from *cursor) (page Page, last *cursor, err error) {
	if l.none {
		return page, nil, nil
	}
	var keys []*key
	switch {
	case l.f.Text != "":
		return l.textPage(from)
	case l.order.states:
		keys, err = l.byState(from, l.f.Limit+1)
	default:
		keys, err = l.read(from, l.f.Limit+1)
	}
	if err != nil {
		return page, nil, err
	}
	if last, err = l.fill(&page, keys); err != nil {
		return page, nil, err
	}
	if from == nil && last == nil {
		page.Total = len(page.Items) // all of it is on this page
		return page, nil, nil
	}
	page.Total, page.TotalIsLowerBound, err = l.total(from)
	return page, last, err
}

// fill puts the rows of one page into p.
func (l *listing) fill(p *Page, keys []*key) (last *cursor, err error) {
	more := len(keys) > l.f.Limit
	if more {
		keys = keys[:l.f.Limit]
	}
	p.Items = make([]elevation.Request, len(keys))
	for i, k := range keys {
		if k.body == nil {
			if err := l.tx.row([]any{&k.ID, &k.body}, "SELECT id, body FROM requests WHERE pos = ?", k.Pos); err != nil {
				return nil, err
			}
			k.r, k.err = decodeRequest(k.body)
		}
		if k.err != nil {
			return nil, k.err
		}
		p.Items[i] = k.r
	}
	if !more {
		return nil, nil
	}
	return &keys[len(keys)-1].cursor, nil
}

// total is how long the list is: from the counters where they have it, else
// counted up to a cap. The pages after the first have it from their cursor.
func (l *listing) total(from *cursor) (n int, bound bool, err error) {
	if from != nil {
		return from.Total, from.Bound, nil
	}
	if l.none {
		return 0, false, nil
	}
	t, ok, err := l.tx.tally(l.f)
	if err != nil || ok {
		return t.of(l.f.States), false, err
	}
	whole := *l
	whole.order = sortOrder{column: "pos", desc: true, listed: l.order.listed}
	if l.order.states {
		whole.base.both(l.f.inStates())
	}
	queries, args := whole.parts(nil, countCap+1)
	err = l.tx.row([]any{&n}, "SELECT count(*) FROM (SELECT p FROM ("+l.union(queries)+")"+limited(countCap+1)+")", args...)
	if n > countCap {
		return countCap, true, err
	}
	return n, false, err
}

// byState reads state after state, in the order of their names.
func (l *listing) byState(from *cursor, limit int) ([]*key, error) {
	all := listedStates()
	states := slices.Clone(all[:])
	states = slices.DeleteFunc(states, func(s elevation.State) bool { return len(l.f.States) > 0 && !slices.Contains(l.f.States, s) })
	slices.Sort(states)
	if l.order.desc {
		slices.Reverse(states)
	}
	var out []*key
	for _, s := range states {
		if from != nil && s != elevation.State(from.Text) && (s < elevation.State(from.Text)) != l.order.desc {
			continue
		}
		one := *l
		one.f.States = []elevation.State{s}
		one.base = where{append([]string{"state = ?"}, l.base.conds...), append([]any{string(s)}, l.base.args...)}
		var at *cursor
		if from != nil && s == elevation.State(from.Text) {
			at = from
		}
		keys, err := one.read(at, limit-len(out))
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			k.Text = string(s)
			out = append(out, k)
		}
		if len(out) == limit {
			break
		}
	}
	return out, nil
}
