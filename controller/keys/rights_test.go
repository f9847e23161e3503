package keys

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// TestSignRights: only orders of this cluster for an endpoint are signed, and never
// under an epoch that is still to come.
func TestSignRights(t *testing.T) {
	k, err := Open(filepath.Join(t.TempDir(), "keys"), "", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	good := elevation.RightsOrder{Cluster: k.Cluster(), Endpoint: elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now)),
		ID: elevation.NewID("ro_", now), Act: elevation.TakeOver, Rights: []string{"5f2a77019aa8d222"}, At: now, KeyEpoch: k.Epoch()}
	for name, change := range map[string]func(*elevation.RightsOrder){
		"cluster":  func(o *elevation.RightsOrder) { o.Cluster = "other" },
		"endpoint": func(o *elevation.RightsOrder) { o.Endpoint = "ep_1" },
		"id":       func(o *elevation.RightsOrder) { o.ID = "ro_1" },
		"no epoch": func(o *elevation.RightsOrder) { o.KeyEpoch = 0 },
		"later":    func(o *elevation.RightsOrder) { o.KeyEpoch++ },
	} {
		bad := good
		change(&bad)
		if raw, err := k.SignRights(bad); err == nil || raw != nil {
			t.Errorf("%s: signed", name)
		}
	}
	raw, err := k.SignRights(good)
	if err != nil || len(raw) == 0 || len(raw) > sign.MaxSize {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}
