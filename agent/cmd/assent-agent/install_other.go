//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/privilege"
)

// install puts the service in place and has it started again when it fails.
func install(ctx context.Context, set *settings) error {
	if err := mayServe(); err != nil {
		return err
	}
	if err := fitToInstall(); err != nil {
		return err
	}
	if err := control(ctx, set, "install"); err != nil {
		return err
	}
	return errors.Join(installReaper(ctx, set), control(ctx, set, "start"))
}

// fitToInstall refuses to make a service, and a task of the system, of a program
// that others can change, such as one in somebody's downloads.
func fitToInstall() error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	only, err := privilege.RootOnly(exe)
	if err != nil {
		return fmt.Errorf("look at this program: %w", err)
	}
	if !only {
		return hinted{fmt.Errorf("%s can be changed by others than administrators", exe), "copy the programs to a folder that only administrators change, and install from there"}
	}
	return nil
}

// uninstall takes everything back before the service goes.
func uninstall(ctx context.Context, set *settings) error {
	if err := mayServe(); err != nil {
		return err
	}
	defer markRemoval(set)()
	_ = control(ctx, set, "stop") // it may not run
	if err := undoAll(ctx, set); err != nil {
		return fmt.Errorf("not everything was taken back, so the service stays: %w", err)
	}
	return errors.Join(removeReaper(ctx), control(ctx, set, "uninstall"))
}

// withoutIdentity is what an installer leaves where nobody is enrolled: the service
// looks again and again.
const withoutIdentity = "installed, and waiting"

// installPackage is what an installer does once its files are there. What it left
// for enrolment is used now; when that fails, the service goes on trying.
func installPackage(ctx context.Context, set *settings) error {
	if err := mayServe(); err != nil {
		return err
	}
	f, err := set.load()
	if err != nil {
		return err
	}
	if err := keep.Folder(set.data); err != nil {
		return err
	}
	if err := installReaper(ctx, set); err != nil {
		return err
	}
	_, err = link.Load(set.data)
	switch {
	case err == nil:
		return errAsItWas
	case !errors.Is(err, link.ErrNotEnrolled):
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, enrollTime)
	defer cancel()
	if err := newNewcomer(set, f, slog.Default()).enrolLeft(ctx); err != nil {
		return notEnrolled(err, "assent-agent enroll --controller https://HOST:8443 --token T")
	}
	return nil
}

// uninstallPackage is what an installer does before its files go: nothing of ours
// runs and every grant has ended. The installer has stopped the service.
func uninstallPackage(ctx context.Context, set *settings) error {
	if err := mayServe(); err != nil {
		return err
	}
	if err := undoAll(ctx, set); err != nil {
		return err
	}
	return removeReaper(ctx)
}
