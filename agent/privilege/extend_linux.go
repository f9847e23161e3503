package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"

	"github.com/assent-epm/assent/shared/durable"
)

// runtimeUnits is where settings of units stand that end with the boot.
const runtimeUnits = "/run/systemd/system"

func (o osTrees) extend(ctx context.Context, ref TreeRef, ttl time.Duration) error {
	if ref.Kind != TreeScope {
		return nil // nothing but the ledger ends it
	}
	return o.systemd.extendScope(ctx, ref, ttl)
}

// extendScope lets a scope live for ttl from its start. Managers before systemd
// 254 do not take that property of a scope that runs; they read it from a file
// when they read all their files again, which disturbs nothing that runs.
func (s *systemd) extendScope(ctx context.Context, ref TreeRef, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTime)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if version(conn) < 244 {
		return nil // it was never bound there
	}
	unit := ref.Name + ".scope"
	max := sd.Property(property("RuntimeMaxUSec", uint64(ttl/time.Microsecond)))
	if err := conn.SetUnitPropertiesContext(ctx, unit, true, max); err == nil || noSuchUnit(err) {
		return err
	}
	dir := scopeSettings(ref)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("extend the scope: %w", err)
	}
	text := fmt.Sprintf("[Scope]\nRuntimeMaxSec=%dus\n", ttl.Microseconds())
	if err := durable.Replace(filepath.Join(dir, "50-assent.conf"), []byte(text)); err != nil {
		return fmt.Errorf("extend the scope: %w", err)
	}
	if err := conn.ReloadContext(ctx); err != nil {
		return fmt.Errorf("extend the scope: %w", err)
	}
	got, err := conn.GetUnitTypePropertyContext(ctx, unit, "Scope", "RuntimeMaxUSec")
	if err != nil {
		return fmt.Errorf("extend the scope: %w", err)
	}
	if got.Value.Value() != uint64(ttl/time.Microsecond) {
		return errors.New("extend the scope: systemd keeps the old end")
	}
	return nil
}

func scopeSettings(ref TreeRef) string { return filepath.Join(runtimeUnits, ref.Name+".scope.d") }

// dropSettings removes what extendScope has written.
func dropSettings(ref TreeRef) error {
	if filepath.Base(ref.Name) != ref.Name {
		return fmt.Errorf("%w: the tree %q", ErrNotContained, ref.Name)
	}
	return os.RemoveAll(scopeSettings(ref))
}
