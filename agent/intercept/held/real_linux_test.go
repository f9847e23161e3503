package held_test

import (
	"log/slog"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/intercept/held"
	"github.com/assent-epm/assent/agent/intercept/held/fakeheld"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// listens takes what is told, and lets everything else go.
type listens struct {
	held.Flow
	saw chan elevation.Attempt
}

func (l listens) Holds(elevation.Mechanism) bool { return true }
func (l listens) Lends(int) bool                 { return false }
func (l listens) Stance(elevation.Mechanism, intercept.Account) (elevation.Stance, wire.SeenKind) {
	return elevation.StanceObserve, wire.SeenObserved
}
func (l listens) Saw(_ wire.SeenKind, a elevation.Attempt) { l.saw <- a }

// A start is looked at as every attempt is: a real file, by a real account, whose
// secrets in arguments are not told.
func TestRealFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		info, err := os.Stat("/usr/bin/env")
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		s, l := fakeheld.New(), listens{saw: make(chan elevation.Attempt, 1)}
		w, err := held.New(held.Config{Source: s, Flow: l, Salt: make([]byte, 32), Log: slog.New(slog.DiscardHandler), Masks: func() intercept.Patterns { return intercept.Patterns{} }})
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- w.Run(t.Context()) }()
		const nobody = 65534
		x := held.Start{Who: held.Token{1: nobody, 3: nobody, 5: 99999999}, Becomes: held.Token{1: 0, 3: nobody, 5: 99999999}, Path: "/usr/bin/env", Dev: st.Dev, Ino: st.Ino,
			Args: []string{"--password", "geheim"}, Cwd: "/", Deadline: time.Now().Add(time.Minute)}
		if !s.Start(x) {
			t.Error("it is only observed, and does not run")
		}
		synctest.Wait()
		a := <-l.saw
		if a.Subject.Path != "/usr/bin/env" || a.User.Name != "nobody" || len(a.Subject.SHA256) != 64 || a.Subject.Args[1] != elevation.Masked || a.Valid() != nil {
			t.Errorf("%+v", a)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-over
	})
}
