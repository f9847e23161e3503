package store

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/assent-epm/assent/shared/elevation"
)

// key is a row of a page.
type key struct {
	cursor
	body []byte            // nil until it is read
	r    elevation.Request // of the body
	err  error
}

// read reads up to limit rows behind the cursor. Where rows are found in the
// list's own order, their facts are read with them, and nothing is sorted but the
// tail; else they are read of those only that are on the page.
func (l *listing) read(from *cursor, limit int) ([]*key, error) {
	if l.narrow || l.equal || len(l.either) > 1 {
		queries, args := l.parts(from, l.modes(), limit)
		return l.sorted(queries, args, limit)
	}
	var all []*key
	for _, m := range l.modes() {
		read := l.straight
		if m.tail {
			read = l.fromTail
		}
		some, err := read(from, m, limit)
		if err != nil {
			return nil, err
		}
		all = l.merge(all, some)
	}
	return all[:min(len(all), limit)], nil
}

// sorted reads the rows of all queries in their order.
func (l *listing) sorted(queries []string, args []any, limit int) ([]*key, error) {
	return l.keys("SELECT s.k, s.x, s.p, r.id, r.body FROM ("+l.union(queries)+") s CROSS JOIN requests r ON r.pos = s.p ORDER BY "+l.outer()+limited(limit),
		true, args...)
}

// straight reads the rows of one mode, which come in their order.
func (l *listing) straight(from *cursor, m mode, limit int) (out []*key, err error) {
	for _, w := range l.wheres(from, l.either[0], m) {
		sql, args := l.query(l.orderKey()+", "+l.rowOf()+", pos, requests.id, body", w, m, limit-len(out))
		some, err := l.keys(sql, true, args...)
		if out = append(out, some...); err != nil || len(out) == limit {
			return out, err
		}
	}
	return out, nil
}

// fromTail reads rows of the tail.
func (l *listing) fromTail(from *cursor, m mode, limit int) ([]*key, error) {
	queries, args := l.parts(from, []mode{m}, limit)
	return l.sorted(queries, args, limit)
}

// merge puts two lists together that are in order.
func (l *listing) merge(a, b []*key) []*key {
	if len(a) == 0 || len(b) == 0 {
		return append(a, b...)
	}
	out := make([]*key, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if l.compare(a[0], b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// compare compares two rows as [listing.outer] does.
func (l *listing) compare(a, b *key) int {
	tie := cmp.Compare(a.Pos, b.Pos)
	if l.tie() == "id" {
		tie = cmp.Compare(a.ID, b.ID)
	}
	at, bt := a.Text, b.Text
	if strings.HasSuffix(l.order.column, noCase) {
		at, bt = lowerASCII(at), lowerASCII(bt)
	}
	n := cmp.Or(cmp.Compare(a.Int, b.Int), cmp.Compare(at, bt), cmp.Compare(a.Row, b.Row), tie)
	if l.order.desc {
		return -n
	}
	return n
}

// lowerASCII is text as SQLite compares it with NOCASE.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// readKeys is read without the facts, which are large.
func (l *listing) readKeys(from *cursor, limit int) ([]*key, error) {
	queries, args := l.parts(from, l.modes(), limit)
	return l.keys("SELECT s.k, s.x, s.p, '' FROM ("+l.union(queries)+") s ORDER BY "+l.outer()+limited(limit), false, args...)
}

// skip is the place behind the first n rows, with how long the list is; nil when
// it has no more.
func (l *listing) skip(n int) (*cursor, error) {
	behind := " OFFSET " + strconv.Itoa(n-1)
	queries, args := l.parts(nil, l.modes(), n)
	query := "SELECT s.k, s.x, s.p, s.t FROM (" + l.union(queries) + ") s ORDER BY " + l.outer() + limited(1) + behind
	if len(queries) == 1 { // nothing is sorted then
		query, args = l.query(l.orderKey()+", "+l.rowOf()+", pos, requests.id", l.wheres(nil, l.either[0], l.modes()[0])[0], l.modes()[0], 1)
		query += behind
	}
	keys, err := l.keys(query, false, args...)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	at := keys[0].cursor
	at.Total, at.Bound, err = l.total(nil)
	return &at, err
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
	queries, args := whole.parts(nil, whole.modes(), countCap+1)
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
