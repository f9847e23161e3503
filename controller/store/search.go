package store

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/elevation"
)

const (
	maxSearchWords = 16     // of one search; more are left out
	maxSearchWord  = 64     // letters of one word
	wholeUpTo      = 2      // letters: so short a word is found as a whole only
	minEnding      = 6      // digits of an id's ending
	sampled        = 500    // requests in which is seen how common the words are
	samples        = 20     // places from which as many come, where not the newest are taken
	common         = 10     // of these: then the words are found on the way
	maxFound       = 20_000 // rows of the index that are put in order
	searchCap      = 200    // totals of searches are counted up to here
)

// search is what is looked for: every word must be found. What a person types
// becomes words of letters and digits before anything else, so nothing in it is
// syntax.
type search []searchWord

// searchWord is found at the beginning of a word; the ending of an id also at
// its end.
type searchWord struct {
	text   string
	whole  bool
	ending bool
}

func searchFor(text string) search {
	var out search
	for _, field := range strings.Fields(strings.ToLower(text)) {
		if id, ok := partOfID(field); ok {
			out = append(out, searchWord{text: id, ending: true})
			continue
		}
		for w := range strings.FieldsFuncSeq(field, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
			n := utf8.RuneCountInString(w)
			if n > maxSearchWord {
				w = string([]rune(w)[:maxSearchWord])
			}
			out = append(out, searchWord{text: w, whole: n <= wholeUpTo})
		}
	}
	return out[:min(len(out), maxSearchWords)]
}

// partOfID reports whether a field may be an id or the ending of one, and gives
// its digits.
func partOfID(field string) (string, bool) {
	rest, full := strings.CutPrefix(field, elevation.RequestPrefix)
	digits := strings.ReplaceAll(rest, "-", "")
	if len(digits) > 32 || !full && len(digits) < minEnding || digits == "" || strings.HasPrefix(rest, "-") {
		return "", false
	}
	for _, r := range digits {
		if !strings.ContainsRune("0123456789abcdef", r) {
			return "", false
		}
	}
	return digits, true
}

// row is the condition on the words of one row.
func (s search) row() where {
	var q where
	for _, w := range s {
		text := " " + w.text
		if w.whole {
			text += " "
		}
		if w.ending {
			q.and("(instr(search, ?) > 0 OR instr(search, ?) > 0)", text, " "+backwards+reverse(w.text))
			continue
		}
		q.and("instr(search, ?) > 0", text)
	}
	return q
}

// match is the query for the index of words.
func (s search) match() string {
	var parts []string
	for _, w := range s {
		part := `"` + w.text + `"`
		switch {
		case w.ending:
			part = "(" + part + ` * OR "` + backwards + reverse(w.text) + `" *)`
		case !w.whole:
			part += " *"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " AND ")
}

// textPage is a page of a search. Words that many requests have are found on the
// way along the list's own order; rare words, and all in lists that are short
// anyway, come from the index of words.
func (l *listing) textPage(from *cursor) (page Page, last *cursor, err error) {
	if l.order.states {
		l.order = sortOrder{column: "state", text: true, desc: l.order.desc, listed: true}
		l.base.both(l.f.inStates())
	}
	keys, most, err := l.find(from)
	if err != nil {
		return page, nil, err
	}
	found := len(keys)
	if from == nil {
		keys = keys[min(l.f.Skip, found):]
	}
	if last, err = l.fill(&page, keys); err != nil {
		return page, nil, err
	}
	if from != nil {
		page.Total, page.TotalIsLowerBound = from.Total, from.Bound
		return page, last, nil
	}
	page.Total, page.TotalIsLowerBound = min(found, most-1), found == most
	return page, last, nil
}

// find finds the rows of a page and some more, for the total: at most most.
func (l *listing) find(from *cursor) (keys []*key, most int, err error) {
	most = max(searchCap, l.f.Skip+l.f.Limit) + 1
	if l.narrow {
		keys, err = l.readKeys(from, most)
		return keys, most, err
	}
	rare, often, err := l.sample()
	if err != nil {
		return nil, 0, err
	}
	if l.f.waiting() && !often { // the index of words is for it only if it has all
		if often, err = l.tooMany(rare); err != nil {
			return nil, 0, err
		}
		if often {
			keys, err = l.readKeys(from, most)
			return keys, most, err
		}
	}
	if often {
		most = l.f.Skip + l.f.Limit + 1
		keys, err = l.readKeys(from, most)
		return keys, most, err
	}
	keys, err = l.readWords(rare, from, most)
	return keys, most, err
}

// sample looks at some requests for how common the words are. rare are those by
// which the index finds few rows, at least one; often says that rows with all
// words are met on the way. The newest say so at once; what they do not have, as
// after a rush of one kind, is judged by requests from all over the index.
func (l *listing) sample() (rare search, often bool, err error) {
	newest := "SELECT search FROM requests WHERE submitted_ms > 0 ORDER BY pos DESC" + limited(sampled)
	counts, err := l.count(newest)
	if err != nil || counts[0] >= common {
		return nil, true, err
	}
	places, bounds, err := l.fromAllOver()
	if err != nil {
		return nil, false, err
	}
	if counts, err = l.count(places, bounds...); err != nil {
		return nil, false, err
	}
	rarest := 0
	for i, w := range l.words {
		if counts[i+1] < common {
			rare = append(rare, w)
		}
		if counts[i+1] < counts[rarest+1] {
			rarest = i
		}
	}
	if len(rare) == 0 {
		rare = l.words[rarest : rarest+1]
	}
	return rare, counts[0] >= common, nil
}

// count counts rows of a query with all words, and with each of them.
func (l *listing) count(rows string, more ...any) ([]int, error) {
	all := l.words.row()
	columns, args := []string{"coalesce(sum(" + all.sql() + "), 0)"}, slices.Clone(all.args)
	counts := make([]int, len(l.words)+1)
	into := []any{&counts[0]}
	for i := range l.words {
		one := l.words[i : i+1].row()
		columns, args = append(columns, "coalesce(sum("+one.sql()+"), 0)"), append(args, one.args...)
		into = append(into, &counts[i+1])
	}
	err := l.tx.row(into, "SELECT "+strings.Join(columns, ", ")+" FROM ("+rows+")", append(args, more...)...)
	return counts, err
}

// fromAllOver is the query of as many rows from each of some places of the index
// of words, as far from each other as they can be.
func (l *listing) fromAllOver() (query string, args []any, err error) {
	var first, last int64
	if err := l.tx.row([]any{&first, &last}, "SELECT (SELECT coalesce(min(pos), 0) FROM requests), "+headOfWords); err != nil {
		return "", nil, err
	}
	apart := max(1, (last-first)/samples+1)
	place := "SELECT * FROM (SELECT search FROM requests WHERE submitted_ms > 0 AND pos >= ? AND pos < ? ORDER BY pos" + limited(sampled/samples) + ")"
	for n := range int64(samples) {
		from := first + n*apart
		args = append(args, from, min(from+apart, last+1))
	}
	return strings.Join(slices.Repeat([]string{place}, samples), " UNION ALL "), args, nil
}

// tooMany reports whether the index finds more rows for the words than are
// looked at.
func (l *listing) tooMany(rare search) (bool, error) {
	var n int
	err := l.tx.row([]any{&n}, "SELECT count(*) FROM (SELECT rowid FROM request_words WHERE request_words MATCH ?"+limited(maxFound)+")", rare.match())
	return n == maxFound, err
}

// readWords finds rows by the index of words, as far as they are rare; what is
// behind its head is looked through, in the lists and in the tail. In other orders
// than the newest first, the newest of very many are put in order.
func (l *listing) readWords(rare search, from *cursor, limit int) ([]*key, error) {
	w := l.whole()
	if len(rare) < len(l.words) {
		w.both(l.words.row())
	}
	var behind []string
	for _, after := range l.after(from) {
		behind = append(behind, "("+after.sql()+")")
		w.args = append(w.args, after.args...)
	}
	w.conds = append(w.conds, "("+strings.Join(behind, " OR ")+")")
	var queries []string
	var more []any
	for _, m := range []mode{{cond: "pos > " + headOfWords + " AND pos <= " + headOfLists, mark: "+", few: true}, tail} {
		rest := where{append([]string{m.cond}, w.conds...), slices.Clone(w.args)}
		rest.both(l.words.row())
		query, args := l.part(rest, m, limit)
		queries, more = append(queries, query), append(more, args...)
	}
	var first string
	var args []any
	if l.order.column == "pos" {
		words := "request_words MATCH ?"
		args = []any{rare.match()}
		if from != nil {
			words += " AND request_words.rowid < ?"
			args = append(args, from.Pos)
		}
		first = "SELECT pos AS p, pos AS k, 0 AS x, pos AS t FROM request_words CROSS JOIN requests ON requests.pos = request_words.rowid WHERE " + words +
			" AND " + strings.ReplaceAll(w.sql(), "@", "+") + " ORDER BY request_words.rowid DESC" + limited(limit)
		args = append(args, w.args...)
	} else {
		found := "SELECT rowid FROM request_words WHERE request_words MATCH ? ORDER BY rowid DESC" + limited(maxFound)
		if l.f.waiting() { // these are found without reading other rows
			found = "SELECT w.rowid FROM (" + found + ") w WHERE w.rowid IN (SELECT q.pos FROM requests q INDEXED BY requests_q_type WHERE q.waiting = 2)"
		}
		w.and("pos IN ("+found+")", rare.match())
		first, args = l.part(w, mode{mark: "+", few: true}, limit)
	}
	args = append(args, more...)
	keys, err := l.keys("SELECT s.k, s.x, s.p, '' FROM ("+l.union(append([]string{first}, queries...))+") s ORDER BY "+l.outer()+limited(limit), false, args...)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return keys, nil
}
