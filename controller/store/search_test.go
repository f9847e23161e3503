package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

func TestHostileSearches(t *testing.T) {
	s := fresh(t)
	insert(t, s, pending("1", day, elevation.Low))
	for _, text := range []string{`"`, `""`, `*`, `a*`, `NEAR(a b)`, `a AND`, `NOT`, `words:a`, `{words}:a`, `-a`, `^a`, `a + b`, `(`, `')--`, "\x00", "%", "_",
		strings.Repeat("a ", 5000), strings.Repeat("x", 100_000), "\xff\xfe", "𝕬"} {
		for _, states := range [][]elevation.State{nil, {elevation.StatePending}} {
			view(t, s, func(tx *Tx) error {
				_, err := tx.RequestPage(RequestFilter{Text: text, States: states})
				if err != nil {
					t.Errorf("%.20q: %v", text, err)
				}
				l, err := tx.listing(RequestFilter{Text: text, Limit: 5}, sortOrder{column: "pos", desc: true})
				if err == nil && !l.none {
					_, err = l.readWords(l.words, nil, 5)
				}
				if err != nil {
					t.Errorf("%.20q by the index: %v", text, err)
				}
				return nil
			})
		}
	}
}

// After a rush of one kind, a word that all the others have is still found on the
// way and not by merging what the index has of it; one that few have is not.
func TestWordsAreCommonInAllRequests(t *testing.T) {
	s := fresh(t)
	var list []elevation.Request
	for i := range 1200 {
		r := pending(fmt.Sprint(i), day.Add(time.Duration(i)*time.Second), elevation.Low)
		r.Justification = "nothing of it"
		if i < 600 {
			r.Justification = fmt.Sprintf("for OPS-%d", i)
		}
		list = append(list, r)
	}
	insert(t, s, list...)
	if _, err := s.TakeIn(t.Context(), len(list)); err != nil {
		t.Fatal(err)
	}
	takeWords(t, s)
	for text, want := range map[string]struct {
		rare  []string
		often bool
	}{
		"nothing":      {nil, true}, // as the newest have it
		"ops":          {nil, true},
		"ops-590":      {[]string{"590"}, false},
		"nothing 1234": {[]string{"1234"}, false},
	} {
		view(t, s, func(tx *Tx) error {
			l, err := tx.listing(RequestFilter{Text: text, Limit: 5}, sortOrder{column: "pos", desc: true})
			if err != nil {
				return err
			}
			rare, often, err := l.sample()
			var got []string
			for _, w := range rare {
				got = append(got, w.text)
			}
			if often != want.often || !often && !slices.Equal(got, want.rare) {
				t.Errorf("%s: rare %q, often %v", text, got, often)
			}
			return err
		})
	}
}
