package grants

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Timers asks systemd to run the reaper at the end of each grant, so that it
// comes with the agent dead or stopped.
type Timers struct {
	Realm   string   // as in privilege.Config
	Command []string // the reaper with its arguments, absolute
	Clock   Clock
}

// Schedule makes a timer for the forced end of an armed entry, by the wall
// clock and by the time since boot. The timer is only an alarm: the reaper
// reads the deadlines again.
func (t Timers) Schedule(ctx context.Context, e Entry) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := sd.NewSystemdConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("schedule the end of grant %s: %w", e.ID, err)
	}
	defer conn.Close()
	name := "assent-end-" + t.Realm + "-" + string(e.ID)
	if n := len(e.Amendments); n > 0 { // the timers of before stay: they find nothing due
		name += "-" + strconv.Itoa(n)
	}
	done := make(chan string, 1)
	if _, err := conn.StartTransientUnitAux(ctx, name+".timer", "replace", t.timer(e), []sd.PropertyCollection{
		{Name: name + ".service", Properties: t.service(e)},
	}, done); err != nil {
		return fmt.Errorf("schedule the end of grant %s: %w", e.ID, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("schedule the end of grant %s: systemd says %q", e.ID, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("schedule the end of grant %s: %w", e.ID, errors.Join(ctx.Err()))
	}
}

type monotonic struct {
	Base string
	USec uint64
}

type calendar struct{ Base, Spec string }

type command struct {
	Path   string
	Args   []string
	Ignore bool
}

func (t Timers) timer(e Entry) []sd.Property {
	now := t.Clock()
	left := max(e.EndBy.Boot-now.Boot, 0) + 10*time.Millisecond
	wall := e.EndBy.Wall.Add(time.Second - 1).Unix() // whole seconds only: the next one
	return []sd.Property{
		prop("Description", "Assent: end of grant "+string(e.ID)),
		prop("TimersMonotonic", []monotonic{{"OnActiveSec", uint64(left / time.Microsecond)}}),
		prop("TimersCalendar", []calendar{{"OnCalendar", "@" + strconv.FormatInt(wall, 10)}}),
		prop("AccuracyUSec", uint64(10_000)),
		prop("RemainAfterElapse", false),
		prop("CollectMode", "inactive-or-failed"),
	}
}

func (t Timers) service(e Entry) []sd.Property {
	return []sd.Property{
		prop("Description", "Assent: end grant "+string(e.ID)),
		prop("Type", "oneshot"),
		prop("ExecStart", []command{{Path: t.Command[0], Args: t.Command}}),
		prop("CollectMode", "inactive-or-failed"),
	}
}

func prop(name string, value any) sd.Property {
	return sd.Property{Name: name, Value: dbus.MakeVariant(value)}
}
