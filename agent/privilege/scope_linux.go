package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// systemd talks with the service manager over its private socket, which root
// has and which needs no message bus. The connection is kept and made again
// when it was lost (the manager was restarted).
type systemd struct {
	mu   sync.Mutex // guards the field below
	conn *sd.Conn
}

// callTime bounds one call. A manager that does not answer contains nothing.
const callTime = 5 * time.Second

func (s *systemd) usable(cg cgroups) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return errors.New("systemd does not run here")
	}
	if cg.scopeRoot() == "" {
		return errors.New("no hierarchy shows systemd's scopes")
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	_, err := s.connect(ctx)
	return err
}

func (s *systemd) connect(ctx context.Context) (*sd.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.Connected() {
		return s.conn, nil
	}
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn = nil
	// The context ends the connection with it, so the one of this call is not used.
	conn, err := sd.NewSystemdConnectionContext(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	s.conn = conn
	return conn, nil
}

func (s *systemd) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// startScope makes the scope with the process in it. Limits of time on scopes
// need systemd 244; older ones are left to the reaper.
func (s *systemd) startScope(ctx context.Context, ref TreeRef, uid uint32, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	props := []sd.Property{
		property("Description", "Assent: elevated program of "+strconv.FormatUint(uint64(uid), 10)),
		property("PIDs", []uint32{uint32(ref.PID)}),
		property("Slice", fmt.Sprintf("user-%d.slice", uid)),
		property("TimeoutStopUSec", uint64(Grace/time.Microsecond)),
		property("CollectMode", "inactive-or-failed"),
		property("SendSIGHUP", true), // interactive shells ignore SIGTERM
	}
	if version(conn) >= 244 {
		props = append(props, property("RuntimeMaxUSec", uint64(ttl/time.Microsecond)))
	}
	for {
		err := awaitJob(ctx, "start", func(done chan<- string) (int, error) {
			return conn.StartTransientUnitContext(ctx, ref.Name+".scope", "fail", props, done)
		})
		if !leaving(err) {
			return err
		}
		select {
		case <-time.After(sliceWait):
		case <-ctx.Done():
			return err
		}
	}
}

// sliceWait is between two tries while systemd takes the user's slice away.
const sliceWait = 20 * time.Millisecond

// leaving reports whether the scope could not be made only because the last
// thing in the user's slice has just ended and the slice is being stopped.
func leaving(err error) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == "org.freedesktop.systemd1.TransactionIsDestructive"
}

func property(name string, value any) sd.Property {
	return sd.Property{Name: name, Value: dbus.MakeVariant(value)}
}

func version(conn *sd.Conn) int {
	text, err := conn.GetManagerProperty("Version")
	if err != nil {
		return 0
	}
	digits := strings.TrimLeft(text, `"v`)
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	v, err := strconv.Atoi(digits[:n])
	if err != nil {
		return 0
	}
	return v
}

func awaitJob(ctx context.Context, what string, begin func(chan<- string) (int, error)) error {
	done := make(chan string, 1)
	if _, err := begin(done); err != nil {
		return fmt.Errorf("%s the scope: %w", what, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("%s the scope: systemd says %q", what, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s the scope: %w", what, ctx.Err())
	}
}

// stopScope makes sure that systemd holds no such scope, also under a folder
// that the reference does not know. An emptied scope is collected by itself.
func (s *systemd) stopScope(ref TreeRef, cg cgroups) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		if pids, e := cg.members(ref.Dir); ref.PID != 0 && e == nil && len(pids) == 0 {
			return nil // the folder was read back from a member: it is the right one
		}
		return err
	}
	unit := ref.Name + ".scope"
	state, err := conn.GetUnitPropertyContext(ctx, unit, "ActiveState")
	if err != nil || state.Value.Value() == "inactive" || state.Value.Value() == "failed" {
		return nil // not loaded
	}
	if err := conn.KillUnitWithTarget(ctx, unit, sd.All, 9); err != nil && !noSuchUnit(err) {
		return fmt.Errorf("kill the scope: %w", err)
	}
	err = awaitJob(ctx, "stop", func(done chan<- string) (int, error) {
		return conn.StopUnitContext(ctx, unit, "replace", done)
	})
	if noSuchUnit(err) {
		return nil
	}
	return err
}

func noSuchUnit(err error) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == "org.freedesktop.systemd1.NoSuchUnit"
}
