package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// world is a store with random requests and a plain account of them.
type world struct {
	t    *testing.T
	s    *Store
	rnd  *rand.Rand
	eps  []Endpoint
	list []*elevation.Request                    // in the order of their rows
	is   map[elevation.RequestID]elevation.State // as they were written
	now  time.Time
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, s: fresh(t), rnd: rand.New(rand.NewPCG(seed, 7)), now: day, is: map[elevation.RequestID]elevation.State{}}
	for i := range 6 {
		e := endpoint
		e.ID, e.Name, e.SPKI = elevation.EndpointID(fmt.Sprintf("ep_%d", i)), fmt.Sprintf("host-%d", i/2), fmt.Append(nil, "spki", i)
		e.Labels = map[string]string{"role": []string{"web", "db"}[i%2]}
		e.AcceptLabels, e.Facts.Reported = []string{"site"}, map[string]string{"site": []string{"a", "b", "c"}[i%3], "role": "forged"}
		insertEndpoint(t, w.s, e)
		w.eps = append(w.eps, e)
	}
	return w
}

func pick[T any](w *world, list ...T) T { return list[w.rnd.IntN(len(list))] }

// step does one random thing to the store.
func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.rnd.IntN(90)) * time.Second)
	switch n := w.rnd.IntN(10); {
	case n < 5 || len(w.list) == 0:
		r := pending(fmt.Sprintf("019aa8d2-6f3e-7c41-9d10-%012x", w.rnd.Uint64()>>16), w.now, pick(w, elevation.Low, elevation.Normal, elevation.High, elevation.Urgent))
		r.Endpoint = pick(w, w.eps...).ID
		r.Attempt.AccessType = pick(w, elevation.Run, elevation.Run, elevation.Admin)
		r.Attempt.User = elevation.User{Name: pick(w, "ann", "Ann", "bob", `CORP\ann`, "bob@corp"), UID: pick(w, "1000", "1001", "ann"), Groups: []string{}}
		r.Attempt.Subject.Path = pick(w, "/usr/bin/apt-get", "/usr/bin/id", "/opt/é/Ünit_1")
		r.Attempt.Subject.Publisher.Name = pick(w, "", "Deb")
		r.Attempt.Subject.Args = []string{pick(w, "install", "remove"), pick(w, "nginx", "NGINX-extras", "100%")}
		r.Need.Stages[0].Team = pick[elevation.TeamID](w, "team_a", "team_b")
		if w.rnd.IntN(4) == 0 { // a draft
			r.SubmittedAt, r.ExpiresAt, r.Justification = time.Time{}, time.Time{}, ""
		}
		insert(w.t, w.s, r)
		r.Version = 1
		w.list = append(w.list, &r)
		w.written(&r)
	case n < 9:
		w.change(w.list[w.rnd.IntN(len(w.list))])
	default:
		if _, err := w.s.TakeIn(context.Background(), 1+w.rnd.IntN(40)); err != nil {
			w.t.Fatal(err)
		}
		if w.rnd.IntN(2) == 0 {
			takeWords(w.t, w.s)
		}
		if _, err := w.s.addUpSome(context.Background(), w.rnd.IntN(40)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// takeWords takes the words of everything in the lists into their index, of
// which there would have to be more otherwise.
func takeWords(t *testing.T, s *Store) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		var head, words int64
		if err := tx.row([]any{&head, &words}, "SELECT pos, words FROM lists_head"); err != nil {
			return err
		}
		return tx.takeWords(words, head)
	})
}

func (w *world) written(r *elevation.Request) {
	w.is[r.ID] = r.State(w.now)
	if neverSeen(r) {
		w.is[r.ID] = elevation.StateDraft
	}
}

func (w *world) change(r *elevation.Request) {
	switch n := w.rnd.IntN(7); {
	case r.SubmittedAt.IsZero():
		r.SubmittedAt, r.ExpiresAt, r.Justification = w.now, w.now.Add(time.Hour), "the café is "+pick(w, "open", "closed")
	case n == 0:
		r.CancelledAt = w.now
	case n == 1:
		r.Decision = &elevation.Decision{Verdict: elevation.Denied, By: elevation.Actor{Kind: elevation.ByUser, ID: "usr_1"}, At: w.now}
	case n == 2:
		r.ExpiredAt = w.now
	case n == 3:
		r.RemovedAt = w.now
	case n == 4:
		r.RemovedByTeamAt = w.now
	case n == 5:
		r.Escalations = append(r.Escalations, elevation.Escalation{At: w.now, Team: "team_b"})
	default:
		r.Priority, r.Ticket = pick(w, elevation.Low, elevation.Urgent), pick(w, "OPS-1", "ops-22")
	}
	update(w.t, w.s, func(tx *Tx) error {
		if _, err := tx.Request(r.ID); err != nil {
			return err
		}
		if err := tx.PutRequest(r, w.now); err != nil {
			return err
		}
		return tx.Append(event(audit.RequestCancelled, r.ID))
	})
	w.written(r)
}

// filter is a random filter that somebody could have.
func (w *world) filter() RequestFilter {
	f := RequestFilter{List: pick(w, ListTeam, ListTeam, ListRequester, "")}
	if w.rnd.IntN(2) == 0 {
		all := listedStates()
		f.States = pick(w, []elevation.State{elevation.StatePending, elevation.StateHeld}, []elevation.State{elevation.StatePending},
			[]elevation.State{elevation.StateDenied}, []elevation.State{elevation.StateExpired, elevation.StateDenied}, all[:9])
	}
	some := func() bool { return w.rnd.IntN(6) == 0 }
	often := func() bool { return w.rnd.IntN(3) == 0 }
	if some() {
		f.AccessTypes = []elevation.AccessType{elevation.Run}
	}
	if some() {
		f.Endpoint = pick(w, "ep_1", "host-0", "nowhere")
	}
	if some() {
		f.User = pick(w, "ann", "1000", "bob", "nobody")
	}
	if some() {
		f.Team = "team_b"
	}
	if some() {
		f.Since = day.Add(time.Duration(w.rnd.IntN(200)) * time.Minute)
	}
	if some() {
		f.Program = pick(w, "apt-get", "id", "none")
	}
	if some() {
		f.Priorities = pick(w, []elevation.Priority{elevation.Urgent}, []elevation.Priority{elevation.Low, elevation.Normal})
	}
	if some() {
		f.Escalated = true
	}
	if some() {
		f.Group = pick(w, Group{By: ByUser, Key: "bob"}, Group{By: ByProgram, Key: "id"}, Group{By: ByPublisher, Key: "Deb"}, Group{By: ByEndpoint, Key: "ep_2"})
	}
	if often() {
		f.Text = pick(w, "apt", "NGINX extra", "caf", "café", "ops-2", "usr bin", "host-1", "zzz", "id", "ünit", "100%", `"*:^(NOT`,
			string(w.list[w.rnd.IntN(len(w.list))].ID), string(w.list[w.rnd.IntN(len(w.list))].ID)[34:])
	}
	if often() {
		f.Scope = pick(w, map[string]string{"role": "web"}, map[string]string{"role": "db", "site": "b"}, map[string]string{"role": "forged"})
	}
	if often() {
		f.Own = w.rnd.IntN(2) == 0
		links := []delegation.Link{{User: "usr_1", Name: "ANN"}, {User: "usr_1", Endpoint: "ep_1", UID: "1000"}, {User: "usr_1", Directory: "corp", Name: "ann"},
			{User: "usr_1", Endpoint: "ep_2", UID: "1001", Name: "bob"}, {User: "usr_1", Directory: "CORP", UID: "1001"}, {User: "usr_1"}}
		w.rnd.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
		f.Links = links[:w.rnd.IntN(4)]
	}
	return f
}

func (w *world) endpoint(id elevation.EndpointID) Endpoint {
	return w.eps[slices.IndexFunc(w.eps, func(e Endpoint) bool { return e.ID == id })]
}

// matches is the filter said again in plain words.
func (w *world) matches(f RequestFilter, r *elevation.Request) bool {
	state := w.is[r.ID]
	e, a := w.endpoint(r.Endpoint), r.Attempt
	covers := func() bool {
		for k, v := range f.Scope {
			if e.EffectiveLabels()[k] != v {
				return false
			}
		}
		return true
	}
	own := delegation.Plan{Links: f.Links}.Strong("usr_1", r.Endpoint, a.User)
	group := map[string]string{ByUser: a.User.Name, ByProgram: program(a.Subject.Path), ByPublisher: a.Subject.Publisher.Name, ByEndpoint: string(r.Endpoint), "": ""}
	switch {
	case len(f.States) == 0 && state == elevation.StateDraft, len(f.States) > 0 && !slices.Contains(f.States, state),
		len(f.AccessTypes) > 0 && !slices.Contains(f.AccessTypes, a.AccessType),
		f.Endpoint != "" && f.Endpoint != string(e.ID) && f.Endpoint != e.Name,
		f.User != "" && !strings.EqualFold(f.User, a.User.Name) && f.User != a.User.UID,
		f.Team != "" && f.Team != r.Need.Stages[0].Team &&
			!slices.ContainsFunc(r.Escalations, func(e elevation.Escalation) bool { return e.Team == f.Team }),
		!f.Since.IsZero() && r.SubmittedAt.Before(f.Since),
		f.Program != "" && f.Program != program(a.Subject.Path), len(f.Priorities) > 0 && !slices.Contains(f.Priorities, r.Priority),
		f.Escalated && len(r.Escalations) == 0, group[f.Group.By] != f.Group.Key,
		f.List == ListTeam && !r.RemovedByTeamAt.IsZero(), f.List == ListRequester && !r.RemovedAt.IsZero(),
		f.Own && !own, !f.Own && len(f.Scope) > 0 && !covers() && !own:
		return false
	}
	return f.Text == "" || w.says(f.Text, r, e)
}

// says looks for the words of a search in what a request says.
func (w *world) says(text string, r *elevation.Request, e Endpoint) bool {
	a := r.Attempt
	have := strings.Fields(words(append([]string{a.User.Name, a.User.Display, a.Subject.Path, r.Justification, r.Ticket, a.Subject.RunAs, e.Name}, a.Subject.Args...)...))
	id := strings.ReplaceAll(strings.TrimPrefix(string(r.ID), "req_"), "-", "")
	looked := false
	for _, want := range searchFor(text) {
		looked = true
		ok := want.ending && (strings.HasPrefix(id, want.text) || strings.HasSuffix(id, want.text))
		ok = ok || slices.ContainsFunc(append(have, id), func(h string) bool { return h == want.text || !want.whole && strings.HasPrefix(h, want.text) })
		if !ok {
			return false
		}
	}
	return looked
}

// want is the list as it should be.
func (w *world) want(f RequestFilter) []*elevation.Request {
	var out []*elevation.Request
	for _, r := range w.list {
		if w.matches(f, r) {
			out = append(out, r)
		}
	}
	return out
}

// by is what a sort compares, without what decides between equals.
func (w *world) by(f RequestFilter, r *elevation.Request) string {
	num := func(n int64) string { return fmt.Sprintf("%020d", n+1<<50) }
	switch strings.TrimPrefix(f.Sort, "-") {
	case "queue":
		if f.waiting() {
			return num(elevation.DefaultHeadStarts().SortKey(r.SubmittedAt, r.Priority)) + string(r.ID)
		}
		return num(ms(r.SubmittedAt))
	case "newest":
		return ""
	case "id":
		return string(r.ID)
	case "status":
		return string(w.is[r.ID])
	case "type":
		return string(r.Attempt.AccessType)
	case "user":
		return strings.ToLower(r.Attempt.User.Name)
	case "endpoint":
		return w.endpoint(r.Endpoint).Name
	case "application":
		return program(r.Attempt.Subject.Path)
	case "justification":
		return lowerASCII(r.Justification)
	case "priority":
		return num(int64(-r.Priority.Rank()))
	case "expires":
		return num(ms(r.ExpiresAt))
	}
	return num(ms(r.SubmittedAt))
}

// read reads a list page by page.
func (w *world) read(f RequestFilter) (ids []elevation.RequestID, total int, bound bool) {
	for page := 0; ; page++ {
		var p Page
		view(w.t, w.s, func(tx *Tx) (err error) { p, err = tx.RequestPage(f); return err })
		if page == 0 {
			total, bound = p.Total, p.TotalIsLowerBound
		}
		for _, r := range p.Items {
			ids = append(ids, r.ID)
		}
		if f.Cursor, f.Skip = p.Next, 0; f.Cursor == "" || page > 500 {
			return ids, total, bound
		}
	}
}

// Lists, totals, tabs and groups are what a plain account of the same requests
// says, wherever the head of the lists is.
func TestListsAreRight(t *testing.T) {
	seeds, rounds := uint64(3), 12
	if testgroup.Race {
		seeds, rounds = 1, 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range rounds {
				for range 25 {
					w.step()
				}
				for range 20 {
					w.compare(w.filter())
				}
			}
			w.s.Close()
			w.s = open(t, w.s.cfg.Path) // the counters are read again
			for range 20 {
				w.compare(w.filter())
			}
		})
	}
}

func (w *world) compare(f RequestFilter) {
	w.t.Helper()
	f.Sort, f.Limit = pick(w, append(sortColumns(), "queue", "newest", "-user", "-endpoint", "-status", "-priority", "-id", "-created")...), 1+w.rnd.IntN(7)
	want := w.want(f)
	got, total, bound := w.read(f)
	if !strings.HasSuffix(f.Sort, "status") {
		f.Skip = w.rnd.IntN(len(want) + 3)
		if some, _, _ := w.read(f); !slices.Equal(some, got[min(f.Skip, len(got)):]) {
			w.t.Errorf("%+v: behind so many there are %v of %v", f, some, got)
		}
		f.Skip = 0
	}
	if total != len(want) && !(bound && total <= len(want)) {
		w.t.Errorf("%+v: total %d (lower bound %v), want %d", f, total, bound, len(want))
	}
	by := map[elevation.RequestID]string{}
	var ids, wantIDs []elevation.RequestID
	for _, r := range want {
		by[r.ID], wantIDs = w.by(f, r), append(wantIDs, r.ID)
	}
	ids = slices.Clone(got)
	slices.Sort(ids)
	slices.Sort(wantIDs)
	if !slices.Equal(ids, wantIDs) {
		w.t.Fatalf("%+v:\n got %v\nwant %v", f, ids, wantIDs)
	}
	down := strings.HasPrefix(f.Sort, "-")
	if !slices.IsSortedFunc(got, func(a, b elevation.RequestID) int {
		if down {
			a, b = b, a
		}
		return cmp.Compare(by[a], by[b])
	}) {
		w.t.Fatalf("%+v is not in order: %v", f, got)
	}
	w.compareCounts(f)
}

func (w *world) compareCounts(f RequestFilter) {
	w.t.Helper()
	f.States, f.Limit = nil, MaxLimit
	if f.List == "" {
		f.List = ListTeam
	}
	want := map[elevation.State]int{}
	for _, r := range w.want(f) {
		want[w.is[r.ID]]++
	}
	view(w.t, w.s, func(tx *Tx) error {
		got, err := tx.Counts(f)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			w.t.Errorf("counts of %+v: got %v, want %v", f, got, want)
		}
		groups, _, err2 := tx.RequestGroups(f, ByUser)
		sum, all := 0, 0
		for _, g := range groups {
			sum += g.Count
		}
		for _, n := range want {
			all += n
		}
		if sum != all {
			w.t.Errorf("groups of %+v: %d in all, want %d", f, sum, all)
		}
		if err == nil {
			err = err2
		}
		return err
	})
}

// The index of words and the look along the list find the same.
func TestWordsAreFoundEitherWay(t *testing.T) {
	w := newWorld(t, 99)
	for range 250 {
		w.step()
	}
	if _, err := w.s.TakeIn(context.Background(), 150); err != nil {
		t.Fatal(err)
	}
	takeWords(t, w.s)
	for _, text := range []string{"apt", "inst ngin", "café", "ca", "1000", "usr", "ops", "019aa8d2", "req_019aa8d2-6f3e", "Host-2", "no such"} {
		f := RequestFilter{Text: text, List: ListTeam}
		var want []elevation.RequestID
		for _, r := range slices.Backward(w.want(f)) {
			want = append(want, r.ID)
		}
		for _, sort := range []string{"newest", "user"} {
			f.Sort, f.Limit = sort, MaxLimit
			view(t, w.s, func(tx *Tx) error {
				order, err := f.order()
				if err != nil {
					return err
				}
				l, err := tx.listing(f, order)
				if err != nil || l.none {
					return err
				}
				keys, err := l.readWords(l.words, nil, MaxLimit)
				if err != nil {
					return err
				}
				var got []elevation.RequestID
				for _, k := range keys {
					var id elevation.RequestID
					if err := tx.row([]any{&id}, "SELECT id FROM requests WHERE pos = ?", k.Pos); err != nil {
						return err
					}
					got = append(got, id)
				}
				if sort == "user" {
					slices.Sort(got)
					slices.Sort(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q by %s:\n got %v\nwant %v", text, sort, got, want)
				}
				return nil
			})
		}
	}
}
