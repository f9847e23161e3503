package grants

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"
)

// Two clocks of the system run alike, forward, and not by the wall's. That they
// count while the machine sleeps is documented; Wine never sleeps.
func TestSinceBoot(t *testing.T) {
	precise, coarse := sinceBoot(), sinceBootCoarse()
	if precise <= 0 || (precise-coarse).Abs() > 2*time.Second {
		t.Errorf("%v by the one, %v by the other", precise, coarse)
	}
	<-time.After(30 * time.Millisecond)
	if now := sinceBoot(); now-precise < 20*time.Millisecond || now-precise > 10*time.Second {
		t.Errorf("after 30 ms: %v", now-precise)
	}
}

func TestVolatileKey(t *testing.T) {
	const key = volatileKey(`SOFTWARE\AssentBootContract`)
	t.Cleanup(func() { _ = registry.DeleteKey(registry.LOCAL_MACHINE, string(key)) })
	markContract(t, key)
}

// Many look at once after a start of the machine, and have the same one.
func TestBootIDOfMany(t *testing.T) {
	const key = volatileKey(`SOFTWARE\AssentBootTest`)
	for range 20 {
		t.Cleanup(func() { _ = registry.DeleteKey(registry.LOCAL_MACHINE, string(key)) })
		ids := make([]string, 8)
		var all sync.WaitGroup
		for n := range ids {
			all.Go(func() {
				id, err := markedBoot(key, time.Sleep)
				if err != nil {
					t.Error(err)
				}
				ids[n] = id
			})
		}
		all.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Fatalf("%q", ids)
			}
		}
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, string(key)); err != nil {
			t.Fatal(err)
		}
	}
}
