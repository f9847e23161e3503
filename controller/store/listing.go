package store

import (
	"slices"
	"strconv"
	"strings"
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
	tail   bool    // there are rows behind the lists
	words  search
}

// fewRows is up to how many rows are sorted instead of walking along an index.
const fewRows = 5000

// maxAlternatives bounds the parts of one query; more links are one condition.
const maxAlternatives = 24

func (tx *Tx) listing(f RequestFilter, order sortOrder) (*listing, error) {
	l := &listing{tx: tx, f: f, order: order, either: []where{{}}}
	escalated, err := tx.hasEscalations(f)
	if err != nil {
		return nil, err
	}
	if l.base, err = f.residual(escalated); err != nil {
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
	if escalated {
		l.ofTeam()
	}
	if err := tx.row([]any{&l.tail}, "SELECT EXISTS (SELECT 1 FROM "+inTail+" WHERE "+ofTail+")"); err != nil {
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

// parts are the queries whose results together are the list, as far as it is in
// these places, each in its order and with its arguments.
func (l *listing) parts(from *cursor, modes []mode, limit int) (queries []string, args []any) {
	for _, e := range l.either {
		for _, m := range modes {
			for _, w := range l.wheres(from, e, m) {
				sql, a := l.part(w, m, limit)
				queries = append(queries, sql)
				args = append(args, a...)
			}
		}
	}
	return queries, args
}

// wheres are the conditions of one alternative in one place: one after the other
// they give its rows in order.
func (l *listing) wheres(from *cursor, either where, m mode) (out []where) {
	w := where{slices.Clone(l.base.conds), slices.Clone(l.base.args)}
	w.both(either)
	w.both(l.words.row())
	if m.cond != "" {
		w.and(m.cond)
	}
	for _, after := range l.after(from) {
		part := where{slices.Clone(w.conds), slices.Clone(w.args)}
		part.both(after)
		out = append(out, part)
	}
	return out
}

// mode is one of the places in which rows are.
type mode struct {
	cond string
	mark string // instead of "@"
	few  bool   // rows: each is looked at, and endpoints are found by them
	tail bool
}

// tail are the rows that are not in the lists yet.
var tail = mode{cond: ofTail, mark: "+", few: true, tail: true}

// modes are where the rows of this list are: in the queue, whose indexes are
// complete; in the lists and the tail; or found without any of that.
func (l *listing) modes() []mode {
	if l.f.waiting() && !l.order.states {
		return []mode{{}}
	}
	if l.order.listed || l.narrow || l.equal {
		if !l.tail {
			return []mode{{cond: "listed = 1"}}
		}
		return []mode{{cond: "listed = 1"}, tail}
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

// part is one query for keys.
func (l *listing) part(w where, m mode, limit int) (string, []any) {
	return l.query("pos AS p, "+l.orderKey()+" AS k, "+l.rowOf()+" AS x, requests."+l.tie()+" AS t", w, m, limit)
}

// query is one query for rows in their order. Its limit is text: SQLite prepares
// a statement anew whenever a limit that is a parameter is bound.
func (l *listing) query(columns string, w where, m mode, limit int) (string, []any) {
	from := "requests"
	if m.tail {
		from = inTail
	}
	order := l.order.column + l.dir()
	if l.order.byName {
		from += " CROSS JOIN endpoints e ON e.id = requests.endpoint"
		if !m.few && !l.narrow && !l.equal {
			from = "endpoints e CROSS JOIN requests ON requests.endpoint = e.id"
		}
		order += ", e.rowid" + l.dir()
	}
	sql := "SELECT " + columns + " FROM " + from + " WHERE " + w.sql() + " ORDER BY " + order + ", " + l.tie() + l.dir() + limited(limit)
	return strings.ReplaceAll(sql, "@", m.mark), w.args
}

// noCase ends the order of a column that is compared ignoring case.
const noCase = " COLLATE NOCASE"

// orderKey is the value that rows are ordered by.
func (l *listing) orderKey() string { return strings.TrimSuffix(l.order.column, noCase) }

// rowOf is the row of the endpoint, where that counts.
func (l *listing) rowOf() string {
	if l.order.byName {
		return "e.rowid"
	}
	return "0"
}

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
	if strings.HasSuffix(l.order.column, noCase) {
		collate = noCase
	}
	return "s.k" + collate + l.dir() + ", s.x" + l.dir() + ", s.t" + l.dir()
}
