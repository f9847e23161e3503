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
	MaxSkip      = 1_000_000
	countCap     = 1000 // totals that no counter has are counted up to here
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
	User        string            // name, ignoring case, or uid on the endpoint
	Links       []delegation.Link // strong links of one account; see Own
	Own         bool              // only what Links say is the account's own; without it they add to Scope
	Team        elevation.TeamID  // that it waits for, or that it was escalated to
	OfTeam      bool              // with Team, without what was escalated to it
	Since       time.Time
	Scope       map[string]string // labels that the endpoint must have
	Text        string            // words of a request, by their beginning, or an id by either end
	Program     string
	Priorities  []elevation.Priority
	Escalated   bool     // only what went up the ladder
	ReviewOpen  bool     // only what is over and waits for its review
	ReviewDone  bool     // only what was reviewed after its use
	ReviewTeams []string // with ReviewOpen, only that of teams with one of these ids or names; "" is a request without one
	Group       Group    // By and Key: only this group
	List        string   // ListTeam or ListRequester: without what was removed from it; "" = everything

	Sort   string // "queue", "newest", or one of [sortColumns]; a leading "-" turns a column around
	Cursor string
	Skip   int // rows before the first page, where there is no cursor
	Limit  int // 0 = defaultLimit, at most MaxLimit
}

// Page is one page of requests.
type Page struct {
	Items             []elevation.Request
	Next              string // cursor of the next page, "" on the last
	Total             int
	TotalIsLowerBound bool
}

// RequestPage returns one page. A cursor of another query, or none of ours, is
// [ErrCursor]. States are those at the last change or sweep.
func (tx *Tx) RequestPage(f RequestFilter) (Page, error) {
	order, err := f.order()
	if err != nil {
		return Page{}, err
	}
	if f.Limit, err = pageLimit(f.Limit); err != nil {
		return Page{}, err
	}
	switch {
	case f.Skip < 0 || f.Skip > MaxSkip || f.Text != "" && f.Skip > searchCap:
		return Page{}, fmt.Errorf("%w: so many requests can not be skipped", elevation.ErrInvalid)
	case f.Skip > 0 && (f.Cursor != "" || order.states):
		return Page{}, fmt.Errorf("%w: nothing is skipped behind a cursor or in the order of states", elevation.ErrInvalid)
	}
	hash := f.hash()
	var from *cursor
	if f.Cursor != "" {
		c, err := openCursor(f.Cursor, hash)
		if err != nil {
			return Page{}, err
		}
		from = &c
	}
	l, err := tx.listing(f, order)
	if err != nil {
		return Page{}, err
	}
	if from == nil && f.Skip > 0 && f.Text == "" && !l.none {
		if from, err = l.skip(f.Skip); err != nil || from == nil {
			return Page{}, err
		}
	}
	page, last, err := l.page(from)
	if err != nil || last == nil {
		return page, err
	}
	last.Query, last.Total, last.Bound = hash, page.Total, page.TotalIsLowerBound
	page.Next, err = last.seal()
	return page, err
}

// Counts says how many requests there are in each state, without drafts.
func (tx *Tx) Counts(f RequestFilter) (map[elevation.State]int, error) {
	f.States = nil
	if f.List == "" {
		f.List = ListTeam
	}
	t, ok, err := tx.tally(f)
	if err != nil || ok {
		return t.states(), err
	}
	out := map[elevation.State]int{}
	for _, s := range listedStates() {
		f.States = []elevation.State{s}
		l, err := tx.listing(f, sortOrder{column: "pos", desc: true})
		if err != nil {
			return nil, err
		}
		n, _, err := l.total(nil)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out[s] = n
		}
	}
	return out, nil
}

// sortOrder is one way to order requests: by a column, then by pos.
type sortOrder struct {
	column string
	desc   bool
	text   bool // the column is text
	listed bool // needs an index of the lists
	byName bool // of endpoints
	states bool // state by state, in each by next_due
}

// sortColumns are the names that a list can be sorted by besides queue and
// newest.
func sortColumns() []string {
	return []string{"id", "status", "type", "user", "endpoint", "application", "justification", "priority", "expires", "created", "waited"}
}

// order is how the list is sorted. Queue is the order of what waits; in other
// lists it is the oldest first.
func (f RequestFilter) order() (sortOrder, error) {
	column, desc := strings.CutPrefix(f.Sort, "-")
	o := sortOrder{desc: desc, listed: true}
	switch {
	case f.Sort == "" || f.Sort == "newest":
		if f.Since.IsZero() && !f.waiting() {
			return sortOrder{column: "pos", desc: true}, nil
		}
		return sortOrder{column: "submitted_ms", desc: true, listed: true}, nil
	case f.Sort == "queue" && f.waiting():
		return sortOrder{column: "sort_key"}, nil
	case f.Sort == "queue", column == "created", column == "waited": // the longest first
		o.column = "submitted_ms"
	case column == "id":
		o.column, o.text, o.listed = "id", true, false
	case column == "status":
		o.column, o.states, o.listed = "next_due", true, false
	case column == "type":
		o.column, o.text = "access_type", true
	case column == "user":
		o.column, o.text = "user COLLATE NOCASE", true
	case column == "endpoint":
		o.column, o.text, o.byName = "e.name", true, true
	case column == "application":
		o.column, o.text = "program", true
	case column == "justification":
		o.column, o.text = "reason COLLATE NOCASE", true
	case column == "priority":
		o.column, o.desc = "priority", !desc // the most urgent first
	case column == "expires":
		o.column = "expires_ms"
	default:
		return o, fmt.Errorf("%w: the list can not be sorted by %q; use queue, newest or one of %s",
			elevation.ErrInvalid, f.Sort, strings.Join(sortColumns(), ", "))
	}
	return o, nil
}

// waiting reports whether only requests in the queue are asked for: these have
// indexes of their own.
func (f RequestFilter) waiting() bool {
	return len(f.States) > 0 && only(f.States, elevation.StatePending, elevation.StateHeld)
}

// cursor is where the next page begins. Query binds it to its list. The total
// of the first page goes along.
type cursor struct {
	Query []byte `cbor:"q"`
	Int   int64  `cbor:"i"`
	Text  string `cbor:"t"`
	ID    string `cbor:"d"`
	Pos   int64  `cbor:"p"`
	Row   int64  `cbor:"r"` // of the endpoint
	Total int    `cbor:"n"`
	Bound bool   `cbor:"b"`
}

// residual are the conditions that any row must meet, without those that choose
// whose requests are looked at. "@" stands before columns with an index.
// Escalated says that what was escalated to the team counts too: that is left to
// [listing.ofTeam].
func (f RequestFilter) residual(escalated bool) (where, error) {
	var q where
	if !f.Since.IsZero() {
		q.and("@submitted_ms >= ?", f.Since.UnixMilli())
	}
	if f.Program != "" {
		q.and("@program = ?", f.Program)
	}
	if len(f.Priorities) > 0 {
		ranks := make([]any, len(f.Priorities))
		for i, p := range f.Priorities {
			ranks[i] = p.Rank()
		}
		q.and("@priority IN ("+marks(len(ranks))+")", ranks...)
	}
	if f.Escalated {
		q.and("escalated = 1")
	}
	switch {
	case f.ReviewOpen && len(f.ReviewTeams) > 0:
		q.and("requests.id IN (SELECT request FROM open_reviews WHERE team IN ("+marks(len(f.ReviewTeams))+"))", strs(lower(f.ReviewTeams))...)
	case f.ReviewOpen:
		q.and("requests.id IN (SELECT request FROM open_reviews)")
	case f.ReviewDone:
		q.and("requests.id IN (SELECT request FROM done_reviews)")
	}
	if f.Group.By != "" {
		column, err := groupColumn(f.Group.By)
		if err != nil {
			return q, err
		}
		q.and("@"+column+" = ?", f.Group.Key)
	}
	if f.Team != "" && !escalated {
		q.and("@team = ?", string(f.Team))
	}
	if len(f.AccessTypes) > 0 {
		q.and("@access_type IN ("+marks(len(f.AccessTypes))+")", strs(f.AccessTypes)...)
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

// inStates is the condition on the state.
func (f RequestFilter) inStates() (q where) {
	switch {
	case len(f.States) == 0:
		q.and("+state <> 'draft'")
	case f.waiting():
		q.and("waiting = 2")
		if len(f.States) == 1 {
			q.and("+state = ?", string(f.States[0]))
		}
	case len(f.States) == 1 && f.States[0].Final():
		q.and("state = ? AND next_due = 0", string(f.States[0])) // in the index of states these are in the order of pos
	case only(f.States, elevation.StateApproved, elevation.StateAvailable, elevation.StateActive):
		q.and("state IN ("+marks(len(f.States))+")", strs(f.States)...) // few at any time
	default:
		q.and("+state IN ("+marks(len(f.States))+")", strs(f.States)...)
	}
	return q
}

// only reports whether states has no other than the given ones.
func only(states []elevation.State, of ...elevation.State) bool {
	return !slices.ContainsFunc(states, func(s elevation.State) bool { return !slices.Contains(of, s) })
}

// hash names the query without its page.
func (f RequestFilter) hash() []byte {
	f.Cursor, f.Skip, f.Limit = "", 0, 0
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

func (w *where) both(o where) {
	w.conds = append(w.conds, o.conds...)
	w.args = append(w.args, o.args...)
}

func (w where) sql() string {
	if len(w.conds) == 0 {
		return "1"
	}
	return strings.Join(w.conds, " AND ")
}

// within are the conditions that an endpoint has all labels, for a column that
// holds its id.
func within(column string, labels map[string]string) where {
	var q where
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		q.and("EXISTS (SELECT 1 FROM endpoint_labels l WHERE l.key = ? AND l.value = ? AND l.endpoint = "+column+")", k, labels[k])
	}
	return q
}

// having is a query for the endpoints that have all labels, of which there is at
// least one.
func having(labels map[string]string) where {
	first := slices.Sorted(maps.Keys(labels))[0]
	rest := maps.Clone(labels)
	delete(rest, first)
	q := within("i.endpoint", rest)
	return where{[]string{"SELECT i.endpoint FROM endpoint_labels i WHERE i.key = ? AND i.value = ? AND " + q.sql()},
		append([]any{first, labels[first]}, q.args...)}
}

// linked are the conditions under which a request is that of a strong link; see
// delegation.
func linked(l delegation.Link) (q where, ok bool) {
	if l.UID == "" && l.Name == "" {
		return q, false
	}
	if l.Endpoint != "" {
		q.and("@endpoint = ?", string(l.Endpoint))
	}
	if l.UID != "" {
		q.and("@uid = ?", l.UID)
	}
	switch {
	case l.Directory == "" && l.Name != "":
		q.and("@user = ? COLLATE NOCASE", l.Name)
	case l.Directory == "":
	case l.Name != "":
		bare := l.Name[strings.LastIndexByte(l.Name, '\\')+1:]
		if i := strings.IndexByte(bare, '@'); i > 0 {
			bare = bare[:i]
		}
		q.and(`@user COLLATE NOCASE IN (?,?,?)`, bare, l.Directory+`\`+bare, bare+"@"+l.Directory)
	default:
		q.and(`(instr(user, '\') = 0 AND instr(user, char(64)) = 0 OR lower(user) LIKE ? ESCAPE '~' OR lower(user) LIKE ? ESCAPE '~')`,
			literal(strings.ToLower(l.Directory))+`\%`, "%@"+literal(strings.ToLower(l.Directory)))
	}
	return q, true
}

// literal is text as it stands in a LIKE pattern with the escape "~".
func literal(s string) string { return strings.NewReplacer("~", "~~", "%", "~%", "_", "~_").Replace(s) }

// marks is n question marks.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

func strs[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
