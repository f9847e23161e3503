//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// osVersion is not looked up on this system yet.
func osVersion() string { return "" }

var errSystem = fmt.Errorf("the agent on %s: %w", runtime.GOOS, errors.ErrUnsupported)

func serve(context.Context, *settings) error             { return errSystem }
func undoAll(context.Context, *settings) error           { return errSystem }
func reap(context.Context, *settings, bool, bool) error  { return errSystem }
func install(ctx context.Context, set *settings) error   { return control(ctx, set, "install") }
func uninstall(ctx context.Context, set *settings) error { return control(ctx, set, "uninstall") }
