package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/windows/svc/mgr"
)

// settle makes sure of what an MSI can not say in its tables, each time the
// service starts: that Windows starts it again when it fails, and the task that
// takes back without it.
func settle(ctx context.Context, set *settings) error {
	if _, err := set.load(); err != nil {
		return err
	}
	return errors.Join(restartOnFailure(), installReaper(ctx, set))
}

// forgetFailures is after how many seconds without one failures are counted anew.
const forgetFailures = 24 * 60 * 60

func restartOnFailure() error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("reach the service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(serviceName)
	if err != nil {
		return fmt.Errorf("find the service: %w", err)
	}
	defer s.Close()
	var actions []mgr.RecoveryAction
	for _, wait := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute} {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: wait})
	}
	if err := errors.Join(s.SetRecoveryActions(actions, forgetFailures), s.SetRecoveryActionsOnNonCrashFailures(true)); err != nil {
		return fmt.Errorf("say what to do when the service fails: %w", err)
	}
	return nil
}
