package directory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// One network can let a few devices wait, and networks that take all the places
// keep nobody else out: the one with the most gives up its oldest.
func TestDevicesOfManyNetworks(t *testing.T) {
	d := newDirectory(t)
	now := t0
	d.cfg.Now = func() time.Time { return now }
	ask := func(address string) (NewDevice, error) {
		t.Helper()
		now = now.Add(time.Millisecond)
		return d.AskDevice(t.Context(), "laptop", address)
	}
	fill := func(network, n int) {
		t.Helper()
		want(t, d.update(t.Context(), func(tx *store.Tx) error {
			for i := range n {
				now = now.Add(time.Millisecond)
				name := []byte(fmt.Sprint(network, " ", i))
				if err := tx.InsertDevice(store.Device{Hash: name, Code: name, Name: "x", Address: fmt.Sprintf("2001:db8:%x::%x", network, i+1),
					MadeAt: now, ExpiresAt: now.Add(DeviceFor)}); err != nil {
					return err
				}
			}
			return nil
		}), nil)
	}
	count := func() (n int) {
		t.Helper()
		want(t, d.view(t.Context(), func(tx *store.Tx) error {
			list, err := tx.WaitingDevices(now)
			n = len(list)
			return err
		}), nil)
		return n
	}
	fill(1, maxDevicesOf-1)
	_, err := ask("2001:db8:1::ffff")
	want(t, err, nil)
	_, err = ask("2001:db8:1::fffe")
	want(t, err, elevation.ErrLimit)
	for network := 2; network <= maxDevices/maxDevicesOf; network++ {
		fill(network, maxDevicesOf)
	}
	if n := count(); n != maxDevices {
		t.Fatalf("%d devices wait", n)
	}
	got, err := ask("192.0.2.7")
	want(t, err, nil)
	if n := count(); n != maxDevices {
		t.Errorf("%d devices wait after one more", n)
	}
	if err := d.view(t.Context(), func(tx *store.Tx) error { _, err := tx.Device(hashOf(got.DeviceCode)); return err }); err != nil {
		t.Errorf("the new one does not wait: %v", err)
	}
	now = now.Add(DeviceFor + time.Second) // what has ended takes no place
	_, err = ask("2001:db8:1::fffe")
	want(t, err, nil)
}

func want(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}
