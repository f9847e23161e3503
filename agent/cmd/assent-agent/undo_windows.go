package main

import (
	"context"
	"log/slog"
)

// undoHere has nothing more to put back on Windows.
func undoHere(context.Context, *settings, *slog.Logger) error { return nil }

// examinationsHere are of Windows alone.
func examinationsHere() []examination { return []examination{lookAtForeignRights} }

// lentSudo is nowhere: there is no sudo.
func lentSudo() (string, error) { return "", nil }
