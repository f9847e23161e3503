package admin

import (
	"testing"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
)

// TestTokensOnlyGetNarrower: whatever is asked for, a token never gains a scope.
func TestTokensOnlyGetNarrower(t *testing.T) {
	some := []string{auth.ScopeRules, auth.ScopeUsers}
	for name, row := range map[string]struct {
		has  store.APIToken
		want []string
		ok   bool
	}{
		"one of two":               {store.APIToken{Scopes: some}, some[:1], true},
		"the same":                 {store.APIToken{Scopes: some}, some, true},
		"another one":              {store.APIToken{Scopes: some}, []string{auth.ScopeRules, auth.ScopeMetrics}, false},
		"none, which would be all": {store.APIToken{Scopes: some}, []string{}, false},
		"the first of all":         {store.APIToken{}, some, true},
		"the directory's door":     {store.APIToken{}, []string{auth.ScopeSCIM}, false},
		"of the first token":       {store.APIToken{Full: true}, some, false},
	} {
		if got := narrower(row.has, row.want); got != row.ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}
