package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestBackOff(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		var at []time.Duration
		ids := map[string]bool{}
		began := time.Now()
		b.says(func(_ Channel, m Message) (Result, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			at, ids[m.ID] = append(at, time.Since(began).Truncate(time.Second)), true
			return Result{Status: 500}, errors.New("the other side answered 500")
		})
		b.asks("r1")
		pass(25 * time.Hour)
		synctest.Wait()
		want := []time.Duration{0}
		for _, s := range []int{1, 2, 5, 15, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
			want = append(want, want[len(want)-1]+time.Duration(s)*time.Second)
		}
		if len(at) < len(want) || !slices.Equal(at[:len(want)], want) {
			t.Errorf("tried at %v, want %v", at, want)
		}
		if last := at[len(at)-1]; last > 24*time.Hour || last < 23*time.Hour || len(ids) != 1 {
			t.Errorf("last tried after %s, with %d ids", last, len(ids))
		}
		list := b.deliveries()
		if len(list) != 1 || list[0].State != store.DeliveryFailed || list[0].Error != "the other side answered 500" {
			t.Errorf("%+v", list)
		}
		if n := b.events(audit.DeliveryFailed); n != 1 {
			t.Errorf("%d times delivery.failed", n)
		}
	})
}

func (b *bed) events(k audit.Kind) int {
	b.t.Helper()
	n := 0
	err := b.store.View(b.t.Context(), func(tx *store.Tx) error {
		list, err := tx.Happened(0, 1000, []audit.Kind{k})
		n = len(list)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestRetryAfterHoldsTheWholeChannel(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.channel("other", Webhook)
		b.alert("a", submitted("hook", "other"))
		var tries atomic.Int32
		b.says(func(c Channel, _ Message) (Result, error) {
			if c.ID == "other" {
				return Result{}, nil
			}
			if tries.Add(1) == 1 {
				return Result{Status: 429, RetryAfter: time.Hour}, errors.New("the other side answered 429")
			}
			return Result{}, nil
		})
		b.asks("r1")
		b.want(moment, "r1")
		b.asks("r2")
		b.want(50*time.Minute, "r2")
		if n := tries.Load(); n != 1 {
			t.Errorf("%d tries", n)
		}
		b.want(11*time.Minute, "r1 r2")
	})
}

func TestGoneDisablesTheChannel(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		b.says(func(Channel, Message) (Result, error) {
			return Result{Status: 410, Gone: true}, errors.New("the other side answered 410")
		})
		b.asks("r1")
		b.want(moment, "")
		b.asks("r2")
		b.want(time.Hour, "")
		var c store.Channel
		if err := b.store.View(t.Context(), func(tx *store.Tx) (err error) { c, err = tx.Channel("hook"); return err }); err != nil {
			t.Fatal(err)
		}
		if c.DisabledAt.IsZero() || c.DisabledWhy == "" || b.events(audit.DeliveryFailed) != 1 || len(b.deliveries()) != 1 {
			t.Errorf("%+v, %d failed, %d deliveries", c, b.events(audit.DeliveryFailed), len(b.deliveries()))
		}
	})
}

// TestRestart stops at every moment: what happened while nobody looked is told,
// what was told is not told again, what was not taken is tried again with its id.
func TestRestart(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		b.asks("r1")
		b.want(moment, "r1")
		b.stop()
		b.asks("r2")
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.want(moment, "r2")

		var ids []string
		failing := true
		b.says(func(_ Channel, m Message) (Result, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			ids = append(ids, m.ID)
			if failing {
				return Result{}, errors.New("down")
			}
			return Result{}, nil
		})
		b.asks("r3")
		b.want(moment, "")
		b.halt()
		b.mu.Lock()
		failing = false
		b.mu.Unlock()
		b.start()
		b.want(10*time.Second, "r3")
		if len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("ids %v", ids)
		}
		b.halt()
		b.start()
		b.want(time.Minute, "")
	})
}

// TestLostAnswers loses the answers to the commits of rows and of what was sent:
// each thing is told, and again only with its id.
func TestLostAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		b.want(moment, "")
		for i, lose := range []int{1, 2, 3} {
			ids := map[string]bool{}
			b.says(func(_ Channel, m Message) (Result, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				ids[m.ID] = true
				return Result{}, nil
			})
			r := fmt.Sprintf("r%d", i)
			b.asks(r)
			b.mu.Lock()
			b.lose = lose
			b.mu.Unlock()
			got := b.after(time.Minute)
			if got == "" || strings.Trim(got, r+" ") != "" || len(ids) != 1 {
				t.Errorf("%d lost: %q with %d ids", lose, got, len(ids))
			}
		}
		for _, d := range b.deliveries() {
			if d.State != store.DeliverySent {
				t.Errorf("%+v", d)
			}
		}
	})
}

// TestDigestKeepsItsID wants one id for a digest, however often it is tried.
func TestDigestKeepsItsID(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		body := submitted("hook")
		body.Digest = time.Minute
		b.alert("a", body)
		b.asks("r1")
		b.want(moment, "r1")
		var ids []string
		b.says(func(_ Channel, m Message) (Result, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if ids = append(ids, m.ID); len(ids) < 3 {
				return Result{}, errors.New("down")
			}
			return Result{}, nil
		})
		b.asks("r2")
		b.asks("r3")
		b.want(time.Minute, "")
		b.halt()
		b.start()
		b.want(time.Minute, "[r2 r3]")
		if len(ids) != 3 || ids[0] != ids[1] || ids[1] != ids[2] {
			t.Errorf("ids %v", ids)
		}
	})
}

// TestRightsThatChanged wants that nobody is told what they may not see any more.
func TestRightsThatChanged(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		bo := b.user("bo", auth.Approver)
		b.channel("mail", Email)
		body := submitted("mail")
		body.Kinds = append(body.Kinds, audit.RuleChanged)
		body.To.Users = []elevation.UserID{bo}
		b.alert("a", body)
		b.prefer(bo, store.NotifyPreferences{Quiet: "00:00-06:00", Zone: "UTC"})
		b.asks("r1", bo)
		b.happens(audit.RuleChanged, "")
		b.want(time.Minute, "")
		b.hide(bo, true)
		b.update(func(tx *store.Tx) error {
			return tx.PutUser(store.User{ID: bo, Login: "bo", Roles: []auth.Role{auth.Requester}, CreatedAt: time.Now()})
		})
		b.want(7*time.Hour, "")
		if list := b.deliveries(); len(list) != 2 || list[0].State != store.DeliveryDropped || list[1].State != store.DeliveryDropped {
			t.Errorf("%+v", list)
		}
	})
}

func TestOldDeliveriesGo(t *testing.T) {
	bubble(t, func(t *testing.T, b *bed) {
		b.channel("hook", Webhook)
		b.alert("a", submitted("hook"))
		b.asks("r1")
		b.want(moment, "r1")
		for _, tt := range []struct {
			pause time.Duration
			left  int
		}{{keepFor - time.Hour, 1}, {2 * time.Hour, 0}} {
			b.halt()
			pass(tt.pause)
			b.start()
			b.want(moment, "")
			if n := len(b.deliveries()); n != tt.left {
				t.Errorf("%d deliveries are left, want %d", n, tt.left)
			}
		}
	})
}

// pass lets time of a bubble pass.
func pass(d time.Duration) { <-time.After(d) }
