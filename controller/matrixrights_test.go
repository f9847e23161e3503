package controller

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// withRights makes an endpoint that has told a standing right with the id of the
// examples, and one of the same id that was taken over.
func (b *bed) withRights(t *testing.T, name string) elevation.EndpointID {
	t.Helper()
	id := b.endpoint(name, nil)
	err := b.Store().Update(t.Context(), func(tx *store.Tx) error {
		ep, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		ep.Capabilities = []string{"rights"}
		r := []elevation.Right{{ID: "5f2a77019aa8d222", Kind: elevation.RightGroup, User: "eve", Group: "sudo", All: true}}
		return errors.Join(tx.SeenEndpoint(ep), tx.PutStandingRights(store.StandingRights{Endpoint: id, At: time.Now(), Rights: r, Taken: r}, time.Now()))
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// orderBody is a body without anything in it, except where something must be.
func orderBody(path string) string {
	if strings.HasSuffix(path, "take-over") || strings.HasSuffix(path, "give-back") {
		return `{"comment":"because"}`
	}
	if strings.HasSuffix(path, "/pause") {
		return `{"comment":"because","duration_seconds":60}`
	}
	if strings.HasSuffix(path, "offline-code") {
		return `{"code":"7K2QM9XD"}`
	}
	return "{}"
}
