package notify

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// storm lets one event happen n times, in few commits.
func (b *bed) storm(n int) {
	b.t.Helper()
	const each = 50
	for range n / each {
		err := b.store.Update(b.t.Context(), func(tx *store.Tx) error {
			for range each {
				e := audit.Event{At: time.Now(), Kind: audit.RequestSubmitted, Request: "r1", Actor: elevation.Actor{Kind: elevation.ByUser, Name: "bo"}}
				if err := tx.Append(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.t.Fatal(err)
		}
		pass(moment)
	}
	synctest.Wait()
}

// counted is how many things were told.
func (b *bed) counted() (told int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.sent {
		told++
		if m.Kind == store.KindMore {
			n, err := strconv.Atoi(strings.ReplaceAll(strings.Fields(m.Title)[1], ",", ""))
			if err != nil {
				b.t.Fatalf("the title %q: %v", m.Title, err)
			}
			told += n - 1
		}
	}
	return told
}

// A storm of events leaves a bounded number of rows, and each event is told by
// itself or counted.
func TestStormIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		down := true
		b.says(func(Channel, Message) (Result, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if down {
				return Result{Status: 500, RetryAfter: time.Minute}, errors.New("the other side answered 500")
			}
			return Result{}, nil
		})
		b.asks("r1")
		pass(moment)
		b.storm(5000)
		rows, more := 0, 0
		if err := b.store.View(t.Context(), func(tx *store.Tx) error {
			list, err := tx.Due("hook", 10_000)
			rows = len(list)
			for _, d := range list {
				more += d.More
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if rows != store.MaxWaiting+1 || more != 5001-store.MaxWaiting {
			t.Errorf("%d rows wait, and %d are counted", rows, more)
		}
		b.mu.Lock()
		down = false
		b.mu.Unlock()
		pass(2 * time.Hour)
		synctest.Wait()
		if got := b.counted(); got != 5001 {
			t.Errorf("%d of 5001 were told or counted", got)
		}
	})
}

// What is counted while the delivery that counts is being sent is not lost: it
// waits for the next one.
func TestStormWhileItIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		begun, held := make(chan struct{}, 100), make(chan struct{})
		down := true
		b.says(func(_ Channel, m Message) (Result, error) {
			b.mu.Lock()
			refused := down
			b.mu.Unlock()
			if refused {
				return Result{Status: 500, RetryAfter: time.Minute}, errors.New("the other side answered 500")
			}
			if m.Kind == store.KindMore {
				begun <- struct{}{}
				<-held
			}
			return Result{}, nil
		})
		b.asks("r1")
		pass(moment)
		b.storm(300)
		b.mu.Lock()
		down = false
		b.mu.Unlock()
		<-begun      // the one that counts is on its way
		b.storm(500) // two hundred wait, the others are counted
		close(held)
		pass(2 * time.Hour)
		synctest.Wait()
		if got := b.counted(); got != 801 {
			t.Errorf("%d of 801 were told or counted", got)
		}
	})
}
