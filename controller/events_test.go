package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

var errEnough = errors.New("enough")

// follow reads events after an id until want of them have come.
func follow(t *testing.T, c *client.Client, after string, want int, ready func()) []client.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []client.Event
	done := make(chan error, 1)
	go func() {
		done <- c.Follow(ctx, after, func(e client.Event) error {
			got = append(got, e)
			if len(got) == want {
				return errEnough
			}
			return nil
		})
	}()
	if ready != nil {
		ready()
	}
	if err := <-done; !errors.Is(err, errEnough) {
		t.Fatalf("followed %d of %d events: %v", len(got), want, err)
	}
	return got
}

func TestEvents(t *testing.T) {
	b := start(t)
	bo := b.person("bo", nil, "approver")
	dee := b.person("dee", map[string]string{"role": "db"}, "approver")
	web, db := b.endpoint("web-1", map[string]string{"role": "web"}), b.endpoint("db-1", map[string]string{"role": "db"})
	first := b.ask(web, "eve", "a")
	second := b.ask(db, "eve", "b")
	must[client.Request](t)(bo.Act(t.Context(), first, "approve", client.Answer{}))

	// An approver sees the requests in their scope and nothing else.
	events := follow(t, bo, "0", 5, nil)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		if e.Live.Request == nil || e.ID == "" || e.Live.Actor.Kind == "" {
			t.Errorf("event %+v", e)
		}
	}
	if got := strings.Join(kinds, " "); got != "request.submitted request.submitted request.reviewed request.approved grant.issued" {
		t.Errorf("events: %s", got)
	}
	if e := events[0]; e.Live.Request.ID != first || e.Live.Request.State != "available" {
		t.Errorf("the request as it now is: %+v", e.Live.Request)
	}
	if got := follow(t, dee, "0", 1, nil); got[0].Live.Request.ID != second {
		t.Errorf("inside a scope: %+v", got[0].Live.Request)
	}
	// Going on after an event leaves nothing out and repeats nothing.
	rest := follow(t, bo, events[2].ID, 2, nil)
	if rest[0].ID != events[3].ID || rest[1].ID != events[4].ID {
		t.Errorf("resumed at %s, %s", rest[0].ID, rest[1].ID)
	}
	for _, unknown := range []string{"999999", "nonsense", "-1"} {
		if got := follow(t, bo, unknown, 1, nil); got[0].Kind != "reset" {
			t.Errorf("after %q: %+v", unknown, got[0])
		}
	}
	// The auditor's stream has everything; an administrator reads the log.
	if all := follow(t, b.admin, "0", 1, nil); all[0].Kind != "user.created" {
		t.Errorf("an administrator's first event: %s", all[0].Kind)
	}
}

func TestEventStreamEndsWithTheToken(t *testing.T) {
	b := start(t)
	tok := must[client.Token](t)(client.Post[client.Token](t.Context(), b.admin, "/tokens", client.NewToken{Name: "x"}))
	ended := make(chan error, 1)
	go func() {
		ended <- b.client(tok.Token).Follow(t.Context(), "", func(client.Event) error { return nil })
	}()
	if err := b.admin.Call(t.Context(), http.MethodDelete, "/tokens/"+tok.ID, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		t.Error("the stream goes on after its token was withdrawn")
	}
}

// TestStopWithOpenStreams is about SIGTERM: open streams do not hold it up.
func TestStopWithOpenStreams(t *testing.T) {
	b := start(t)
	opened := make(chan struct{})
	go func() {
		_ = b.admin.Follow(context.Background(), "0", func(client.Event) error {
			select {
			case <-opened:
			default:
				close(opened)
			}
			return nil
		})
	}()
	<-opened
	began := time.Now()
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// TestEventsFarBehind: more events than are kept for all streams together reach
// one that follows and one that comes from far behind, each once and in order.
func TestEventsFarBehind(t *testing.T) {
	b := start(t)
	const many = 3000
	appended := func() {
		err := b.Store().Update(t.Context(), func(tx *store.Tx) error {
			for n := range many {
				e := audit.Event{At: time.Now(), Kind: audit.ControllerStarted, Actor: elevation.Actor{Kind: elevation.BySystem}, Data: map[string]string{"n": fmt.Sprint(n)}}
				if err := tx.Append(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	var got []client.Event
	err := b.admin.Listen(t.Context(), "", appended, func(e client.Event) error {
		if got = append(got, e); len(got) == many {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	first := int(got[0].Live.Seq)
	for n, e := range got {
		if int(e.Live.Seq) != first+n {
			t.Fatalf("event %d comes as number %d from %d", e.Live.Seq, n, first)
		}
	}
	for n, e := range follow(t, b.admin, "0", first-1+many, nil) {
		if int(e.Live.Seq) != n+1 {
			t.Fatalf("from far behind: event %d comes as number %d", e.Live.Seq, n+1)
		}
	}
}

// TestManyStreamsCostOneQuery: news are read once for all who follow, however many
// they are: the log, and the request that they are about.
func TestManyStreamsCostOneQuery(t *testing.T) {
	b := start(t)
	web := b.endpoint("web-1", nil)
	heard := make(chan string, 1000)
	follow := func(c *client.Client) {
		go func() {
			_ = c.Follow(t.Context(), "0", func(e client.Event) error {
				if e.Live.Request != nil && e.Kind == "request.submitted" {
					heard <- e.Live.Request.ID
				}
				return nil
			})
		}()
	}
	asked := 0
	cost := func(streams int) (least uint64) {
		for try := range 6 {
			before := b.Store().Reads()
			asked++
			id := b.ask(web, "eve", string(rune('A'+asked)))
			for n := 0; n < streams; {
				select {
				case got := <-heard:
					if got == id {
						n++
					}
				case <-time.After(30 * time.Second):
					t.Fatalf("%d of %d streams heard of %s", n, streams, id)
				}
			}
			if now := b.Store().Reads() - before; try == 0 || now < least {
				least = now // streams look every few seconds whether they still may: the others did not
			}
		}
		return least
	}
	none := cost(0)
	follow(b.person("p0", nil, "approver"))
	one := cost(1)
	for i := range 49 {
		follow(b.person(fmt.Sprint("p", i+1), nil, "approver"))
	}
	fifty := cost(50)
	t.Logf("a request reads %d times alone, %d times with one stream, %d times with fifty", none, one, fifty)
	// Two commits, which are two wake-ups, and the request itself; a slow machine
	// makes a wake-up more of them, and fifty streams that read would make fifty.
	if fifty > one+4 || fifty > none+7 {
		t.Errorf("with fifty streams a request reads %d times, with one %d times, with none %d times", fifty, one, none)
	}
}
