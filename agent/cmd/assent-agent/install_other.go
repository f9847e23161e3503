//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/privilege"
)

func install(ctx context.Context, set *settings) error   { return installOn(here(ctx, set)) }
func uninstall(ctx context.Context, set *settings) error { return uninstallFrom(here(ctx, set)) }

func installPackage(ctx context.Context, set *settings) error {
	return installPackageOn(ctx, here(ctx, set))
}

func uninstallPackage(ctx context.Context, set *settings) error {
	return uninstallPackageFrom(here(ctx, set))
}

// withoutIdentity is what an installer leaves where nobody is enrolled: the service
// looks again and again.
const withoutIdentity = "installed, and waiting"

// machine is this one, as [site].
type machine struct {
	ctx context.Context
	set *settings
	log *slog.Logger
}

func here(ctx context.Context, set *settings) machine {
	return machine{ctx, set, slog.New(slog.NewTextHandler(os.Stderr, nil))}
}

func (machine) mayServe() error { return mayServe() }

func (machine) program() (path string, only bool, err error) {
	if path, err = os.Executable(); err != nil {
		return "", false, err
	}
	only, err = privilege.RootOnly(path)
	return path, only, err
}

func (m machine) control(verb string) error  { return control(m.ctx, m.set, verb) }
func (m machine) claim() error               { return keep.Folder(m.set.data) }
func (m machine) scheduleReaper() error      { return installReaper(m.ctx, m.set, m.log) }
func (m machine) unscheduleReaper() error    { return removeReaper(m.ctx) }
func (m machine) markRemoval() (done func()) { return markRemoval(m.set) }
func (m machine) giveBack() error            { return giveAllBack(m.ctx, m.set, m.log) }
func (m machine) undoHere() error            { return undoHere(m.ctx, m.set, m.log) }
func (m machine) endAll() error              { return endAll(m.ctx, m.set, m.log) }

func (m machine) identity() error {
	_, err := link.Load(m.set.data)
	return err
}

func (m machine) enrolLeft(ctx context.Context) error {
	f, err := m.set.load()
	if err != nil {
		return err
	}
	return newNewcomer(m.set, f, m.log).enrolLeft(ctx)
}

func (m machine) served() bool {
	_, err := os.Stat(ledgerDir(m.set))
	return !errors.Is(err, fs.ErrNotExist)
}
