package privilege

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/mactool/fakemac"
)

func TestConsoleContract(t *testing.T) {
	loginWindow := map[string]any{"kCGSSessionUserIDKey": int64(0), "kCGSSessionOnConsoleKey": true, "kCGSSessionUserNameKey": ""}
	for name, sessions := range map[string][]map[string]any{
		"nobody": {loginWindow}, "one": {fakemac.Sits(501, "alice", false, true), loginWindow}, "two": {fakemac.Sits(501, "alice", false, true), fakemac.Sits(502, "bob", false, false)},
	} {
		t.Run(name, func(t *testing.T) {
			consoleContract(t, fakemac.New(t, fakemac.Machine{Sessions: sessions}).Runner())
		})
	}
}

func TestConsole(t *testing.T) {
	loginWindow := map[string]any{"kCGSSessionUserIDKey": int64(0), "kCGSSessionOnConsoleKey": true, "kCGSSessionUserNameKey": ""}
	h := fakemac.New(t, fakemac.Machine{Sessions: []map[string]any{fakemac.Sits(501, "alice", false, true), fakemac.Sits(502, "bob", false, false), loginWindow}})
	look := func() map[string]login {
		t.Helper()
		is, err := consoleLogins(t.Context(), h.Runner())
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	was := look()
	if want := map[string]login{"501": {who: "alice", since: 100501}, "502": {who: "bob", since: 100502, locked: true}}; !maps.Equal(was, want) {
		t.Errorf("%+v", was)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Sessions = []map[string]any{fakemac.Sits(501, "alice", true, true)} })
	events := loginEvents(was, look())
	if len(events) != 2 || !slices.Contains(events, LoginEvent{Session: "501", Locked: true}) || !slices.Contains(events, LoginEvent{Session: "502"}) {
		t.Errorf("%+v", events)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Sessions = nil })
	if is := look(); len(is) != 0 {
		t.Errorf("nobody: %+v", is)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Fail = map[string]string{"ioreg": "no registry"} })
	if is, err := consoleLogins(t.Context(), h.Runner()); err == nil {
		t.Errorf("nothing is known, and nobody has logged out: %+v", is)
	}
}

// What can not be looked at ends the watch: the caller says so and begins again; no
// event is made up of it.
func TestPollLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := []map[string]login{{"501": {who: "alice"}}, {"501": {who: "alice", locked: true}}, {"501": {who: "alice", locked: true}}, {}}
		var heard []LoginEvent
		lost := errors.New("the registry does not answer")
		begun := time.Now()
		err := pollLogins(t.Context(), consoleLook, func(context.Context) (map[string]login, error) {
			if len(looks) == 0 {
				return nil, lost
			}
			is := looks[0]
			looks = looks[1:]
			return is, nil
		}, func(e LoginEvent) { heard = append(heard, e) })
		if !errors.Is(err, lost) || !slices.Equal(heard, []LoginEvent{{Session: "501", Locked: true}, {Session: "501"}}) || time.Since(begun) != 4*consoleLook {
			t.Errorf("%v after %v: %+v", err, time.Since(begun), heard)
		}
	})
}
