package queue

import (
	"context"
	"testing"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// What rules say of child programs is signed into the grant, for endpoints that
// can keep it; others have a person asked.
func TestChildrenAreSigned(t *testing.T) {
	for _, can := range []bool{false, true} {
		b := newBed(t, approveID+"    children: deny\n").people()
		if can {
			e, err := b.store.Endpoint(context.Background(), ep)
			b.must(err)
			e.Capabilities = append(e.Capabilities, rules.CanChildren)
			b.must(b.store.Update(context.Background(), func(tx *store.Tx) error { return tx.SeenEndpoint(e) }))
		}
		in := attempt("x")
		a, err := b.Draft(context.Background(), ep, in)
		b.must(err)
		if a.Decided != can || (a.Need == nil) != can {
			t.Fatalf("can %v: %+v", can, a)
		}
		if !can {
			continue
		}
		var g elevation.Grant
		b.must(b.keys.Open(sign.Grant, body[wire.Decision](t, b.frames()[0]).Grant, day, &g))
		if g.Children != elevation.ChildrenDeny {
			t.Errorf("the grant says %q", g.Children)
		}
	}
}
