package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/windows/svc/mgr"
)

// settle is [settleWith] for this machine.
func settle(ctx context.Context, set *settings, log *slog.Logger) error {
	if _, err := set.load(); err != nil {
		return err
	}
	return settleWith(ctx, restartOnFailure, func(ctx context.Context) error { return installReaper(ctx, set, log) })
}

// restartOnFailure has the service started again after each of these times, also when
// it ends by itself with a failure.
func restartOnFailure(after []time.Duration, forget time.Duration) error {
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
	for _, wait := range after {
		actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: wait})
	}
	if err := errors.Join(s.SetRecoveryActions(actions, uint32(forget/time.Second)), s.SetRecoveryActionsOnNonCrashFailures(true)); err != nil {
		return fmt.Errorf("say what to do when the service fails: %w", err)
	}
	return nil
}
