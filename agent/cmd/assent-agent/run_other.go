//go:build !windows

package main

import (
	"context"

	"github.com/kardianos/service"
)

// runService runs under the service manager that there is, or in the foreground.
func runService(_ context.Context, _ *settings, s service.Service) error { return s.Run() }
