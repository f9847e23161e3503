package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/agent/link"
)

// This file decides in which order the service of Windows or macOS is installed and
// taken away again; install_other.go has the machine. Linux has units and packages of
// its own, see install_linux.go.

// site is the machine that the service is put on.
type site interface {
	mayServe() error
	program() (path string, only bool, err error) // ours, and whether only administrators change it
	control(verb string) error                    // of the service: install, start, stop, uninstall
	claim() error                                 // the data folder
	scheduleReaper() error                        // for the machine's start
	unscheduleReaper() error
	identity() error // [link.ErrNotEnrolled]
	enrolLeft(context.Context) error

	served() bool               // there is something to take back
	markRemoval() (done func()) // see [markRemoval]
	giveBack() error            // standing rights that were taken over
	undoHere() error            // what only this system has
	endAll() error              // everything that is in force
}

// installOn puts the service in place and has it started again when it fails.
func installOn(s site) error {
	if err := s.mayServe(); err != nil {
		return err
	}
	if err := checkProgram(s); err != nil {
		return err
	}
	if err := s.control("install"); err != nil {
		return err
	}
	return errors.Join(s.scheduleReaper(), s.control("start"))
}

// checkProgram refuses to make a service, and a task of the system, of a program
// that others can change, such as one in somebody's downloads.
func checkProgram(s site) error {
	path, only, err := s.program()
	if err != nil {
		return fmt.Errorf("look at this program: %w", err)
	}
	if !only {
		return hinted{fmt.Errorf("%s can be changed by others than administrators", path), "copy the programs to a folder that only administrators change, and install from there"}
	}
	return nil
}

// uninstallFrom takes everything back before the service goes. What can not be taken
// back keeps the service and the reaper, which go on trying.
func uninstallFrom(s site) error {
	if err := s.mayServe(); err != nil {
		return err
	}
	defer s.markRemoval()()
	_ = s.control("stop") // it may not run
	if err := undoOn(s); err != nil {
		return fmt.Errorf("not everything was taken back, so the service stays: %w", err)
	}
	if err := s.control("uninstall"); err != nil {
		return err
	}
	return s.unscheduleReaper() // the last: what fails before is still taken back at the machine's start
}

// undoOn gives back what was taken over and ends everything that is in force: each,
// whatever fails of the others, and first people have their rights.
func undoOn(s site) error {
	if !s.served() {
		return nil
	}
	return errors.Join(s.giveBack(), s.undoHere(), s.endAll())
}

// installPackageOn is what an installer does once its files are there. What it left
// for enrolment is used now; when that fails, the service goes on trying.
func installPackageOn(ctx context.Context, s site) error {
	if err := s.mayServe(); err != nil {
		return err
	}
	if err := s.claim(); err != nil {
		return err
	}
	if err := s.scheduleReaper(); err != nil {
		return err
	}
	err := s.identity()
	switch {
	case err == nil:
		return errAsItWas
	case !errors.Is(err, link.ErrNotEnrolled):
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, enrollTime)
	defer cancel()
	if err := s.enrolLeft(ctx); err != nil {
		return notEnrolled(err, "assent-agent enroll --controller https://HOST:8443 --token T")
	}
	return nil
}

// uninstallPackageFrom is what an installer does before its files go: nothing of ours
// runs and every grant has ended. The installer has stopped the service.
func uninstallPackageFrom(s site) error {
	if err := s.mayServe(); err != nil {
		return err
	}
	if err := undoOn(s); err != nil {
		return err
	}
	return s.unscheduleReaper()
}
