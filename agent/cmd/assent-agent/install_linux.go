package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/kardianos/service"

	"github.com/assent-epm/assent/agent/privilege"
)

// units are the ones that packages install too.
//
//go:embed units
var units embed.FS

const unitDir = "/etc/systemd/system"

// started and stopped with the machine, in this order.
var enabledUnits = []string{"assent-reap.service", "assent-reap-due.timer", "assent-agent.service"}

// startedUnits are started by hand and by packages: the reaper of the machine's
// start would end what is in force.
var startedUnits = []string{"assent-reap-due.timer", "assent-agent.service"}

// Where packages put the program and its units.
const (
	packagedProgram = "/usr/bin/assent-agent"
	packagedUnit    = "/usr/lib/systemd/system/assent-agent.service"
)

// packaged reports whether a package brought this program and its units.
func packaged(exe string) bool {
	_, err := os.Lstat(packagedUnit)
	return err == nil && exe == packagedProgram
}

func onSystemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// install writes our own units where systemd runs, because the generated ones
// know neither readiness nor a watchdog nor the reaper; elsewhere the service
// library writes what the init system wants.
func install(ctx context.Context, set *settings) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := fitToInstall(exe); err != nil {
		return err
	}
	if !packaged(exe) {
		if err := installAutostart(autostartDir, exe); err != nil {
			return err
		}
	}
	if !onSystemd() {
		return control(ctx, set, "install")
	}
	if packaged(exe) {
		return enable(ctx, startedUnits)
	}
	names, err := fs.Glob(units, "units/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		raw, err := units.ReadFile(name)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(raw), "{{program}}", exe)
		if err := os.WriteFile(filepath.Join(unitDir, filepath.Base(name)), []byte(text), 0o644); err != nil {
			return hinted{fmt.Errorf("write the unit: %w", err), "run it as root"}
		}
	}
	return enable(ctx, enabledUnits)
}

// enable has all units start with the machine, and starts some now.
func enable(ctx context.Context, now []string) error {
	return withSystemd(ctx, func(conn *sd.Conn) error {
		if err := conn.ReloadContext(ctx); err != nil {
			return fmt.Errorf("reload systemd: %w", err)
		}
		if _, _, err := conn.EnableUnitFilesContext(ctx, enabledUnits, false, true); err != nil {
			return fmt.Errorf("enable the units: %w", err)
		}
		return each(now, func(unit string) error { return job(ctx, unit, conn.StartUnitContext) })
	})
}

// fitToInstall refuses a program that others than root can change, such as one
// in somebody's checkout: root would run it at every start, and sudo would load
// the plugin beside it.
func fitToInstall(exe string) error {
	only, err := privilege.RootOnly(exe)
	if err != nil {
		return fmt.Errorf("look at this program: %w", err)
	}
	if !only {
		return hinted{fmt.Errorf("%s can be changed by others than root", exe), "copy the programs to /usr/local/bin as root and install from there"}
	}
	return nil
}

// uninstall leaves nothing behind: grants end first, then sudo is as it was,
// then the units go. The data folder stays, it holds the identity.
func uninstall(ctx context.Context, set *settings) error {
	defer markRemoval(set)()
	var errs []error
	if onSystemd() {
		errs = append(errs, withSystemd(ctx, func(conn *sd.Conn) error {
			return each(enabledUnits, func(unit string) error { return job(ctx, unit, conn.StopUnitContext) })
		}))
	} else if s, err := newService(ctx, set); err == nil {
		_ = service.Control(s, "stop")
	}
	errs = append(errs, undoAll(ctx, set))
	if exe, err := os.Executable(); err == nil && !packaged(exe) {
		errs = append(errs, removeAutostart(autostartDir))
	}
	if !onSystemd() {
		return errors.Join(append(errs, removeService(ctx, set))...)
	}
	errs = append(errs, withSystemd(ctx, func(conn *sd.Conn) error {
		if err := each(enabledUnits, func(unit string) error { return disable(ctx, conn, unit) }); err != nil {
			return fmt.Errorf("disable the units: %w", err)
		}
		names, err := fs.Glob(units, "units/*")
		if err != nil {
			return err
		}
		err = each(names, func(name string) error {
			err := os.Remove(filepath.Join(unitDir, filepath.Base(name)))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		return errors.Join(err, conn.ReloadContext(ctx))
	}))
	return errors.Join(errs...)
}

// disable keeps a unit from starting with the machine. One that was never
// installed does not.
func disable(ctx context.Context, conn *sd.Conn, unit string) error {
	_, err := conn.DisableUnitFilesContext(ctx, []string{unit}, false)
	var refused dbus.Error
	if errors.As(err, &refused) && refused.Name == "org.freedesktop.systemd1.NoSuchUnit" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeService takes the service out where there is no systemd. What a run from
// a checkout left is healed without there being any service.
func removeService(ctx context.Context, set *settings) error {
	s, err := newService(ctx, set)
	if err == nil {
		err = s.Uninstall()
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, service.ErrNotInstalled) {
		return nil
	}
	return hinted{fmt.Errorf("uninstall the service: %w", err), "run it as root"}
}

func withSystemd(ctx context.Context, act func(*sd.Conn) error) error {
	conn, err := sd.NewSystemdConnectionContext(ctx)
	if err != nil {
		return hinted{fmt.Errorf("speak with systemd: %w", err), "run it as root"}
	}
	defer conn.Close()
	return act(conn)
}

// job runs one start or stop job to its end.
func job(ctx context.Context, unit string, do func(context.Context, string, string, chan<- string) (int, error)) error {
	done := make(chan string, 1)
	if _, err := do(ctx, unit, "replace", done); err != nil {
		if strings.Contains(err.Error(), "not loaded") {
			return nil
		}
		return fmt.Errorf("%s: %w", unit, err)
	}
	select {
	case result := <-done:
		if result != "done" && result != "skipped" {
			return fmt.Errorf("%s: the job ended as %s", unit, result)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func each(names []string, act func(string) error) error {
	var errs []error
	for _, n := range names {
		errs = append(errs, act(n))
	}
	return errors.Join(errs...)
}
