package controller

import (
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// channel stores a channel that leads nowhere.
func (b *bed) channel(t *testing.T, name string) string {
	t.Helper()
	return b.putAlerting(t, func(tx *store.Tx, now time.Time) (string, error) {
		all, err := tx.Channels()
		if err != nil {
			return "", err
		}
		for _, c := range all {
			if c.Name == name {
				return c.ID, nil
			}
		}
		id := elevation.NewID(store.ChannelPrefix, now)
		sealed, err := b.keys.Wrap("channel "+id, []byte(`{"url":"https://127.0.0.1:1/","secret":"whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}`))
		if err != nil {
			return "", err
		}
		return id, tx.PutChannel(store.Channel{ID: id, Name: name, Kind: "webhook", Config: sealed, MadeAt: now})
	})
}

// alert stores an alert that never speaks.
func (b *bed) alert(t *testing.T, name string) string {
	t.Helper()
	channel := b.channel(t, "Of alerts")
	return b.putAlerting(t, func(tx *store.Tx, now time.Time) (string, error) {
		id := elevation.NewID(store.AlertPrefix, now)
		return id, tx.PutAlert(store.Alert{ID: id, Name: name, MadeAt: now, ChangedAt: now,
			Body: store.AlertBody{Kinds: []audit.Kind{audit.EndpointClone}, Channels: []string{channel}}})
	})
}

// delivery stores a delivery that was given up.
func (b *bed) delivery(t *testing.T, n int) string {
	t.Helper()
	channel, alert := b.channel(t, "Of alerts"), b.alert(t, fmt.Sprintf("Alert %d", n))
	return b.putAlerting(t, func(tx *store.Tx, now time.Time) (string, error) {
		head, err := tx.NotifyHead()
		if err != nil {
			return "", err
		}
		id := elevation.NewID(store.DeliveryPrefix, now)
		return id, tx.Tell(head, head, []store.Delivery{{ID: id, Alert: alert, Channel: channel, Kind: "endpoint.clone", State: store.DeliveryFailed, CreatedAt: now}}, nil)
	})
}

func (b *bed) putAlerting(t *testing.T, put func(*store.Tx, time.Time) (string, error)) (id string) {
	t.Helper()
	err := b.Store().Update(t.Context(), func(tx *store.Tx) (err error) {
		if id, err = put(tx, time.Now()); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.AlertChanged, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}
