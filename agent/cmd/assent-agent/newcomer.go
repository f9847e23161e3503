package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"time"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/wire"
)

// This file decides how an endpoint of Windows or macOS is enrolled by what an
// installer left; os_*.go reads it.

// leaving is where an installer leaves what an endpoint is enrolled with.
type leaving interface {
	read() (leftover, error) // nothing, where there is none
	forget() error           // the token; that it is gone already is no error
}

// newcomer is an endpoint that may not be enrolled yet.
type newcomer struct {
	set    *settings
	file   file
	left   leaving
	load   func(dir string) (link.Identity, error) // [link.ErrNotEnrolled]
	enroll func(context.Context, link.EnrollConfig) (link.Identity, error)
	again  time.Duration // between two looks whether it is enrolled by now
	log    *slog.Logger
}

// identity is who this endpoint is, once it is enrolled: with what an installer
// left, or by hand. Then nobody needs a token that was left.
func (n newcomer) identity(ctx context.Context) (link.Identity, error) {
	for said := ""; ; {
		id, err := n.load(n.set.data)
		if err == nil {
			if err := n.forget(); err != nil {
				n.log.Warn("what an installer left for the enrolment stays", "error", err)
			}
			return id, nil
		}
		if !errors.Is(err, link.ErrNotEnrolled) {
			return id, err
		}
		if err = n.enrolLeft(ctx); err == nil {
			continue
		}
		if err.Error() != said { // the same is said once
			said = err.Error()
			n.log.Warn("this endpoint is not enrolled; it waits for that: assent-agent enroll --controller URL --token T", "reason", err)
		}
		select {
		case <-time.After(n.again):
		case <-ctx.Done():
			return link.Identity{}, context.Cause(ctx)
		}
	}
}

// errNothingLeft: no installer left a controller and a token.
var errNothingLeft = errors.New("there is no controller and no token")

// enrolLeft enrols with what an installer left, and removes the token. The labels are
// kept before: the controller is told of them at the first connection.
func (n newcomer) enrolLeft(ctx context.Context) error {
	left, err := n.left.read()
	if err != nil {
		return err
	}
	url := cmp.Or(left.url, n.file.Controller)
	if url == "" || left.token == "" {
		return errNothingLeft
	}
	if err := keep.Folder(n.set.data); err != nil {
		return err
	}
	if err := keep.Write(labelsFile(n.set), left.labels()); err != nil {
		return err
	}
	about := factsOf(n.set)()
	about.Reported[wire.ReportedInstall] = wire.InstalledByPackage
	if _, err := n.enroll(ctx, link.EnrollConfig{URL: url, Token: left.token, Dir: n.set.data, Facts: about, Proxies: n.file.proxies(n.set)}); err != nil {
		return fmt.Errorf("%w: %s", err, enrollHint(err))
	}
	return n.left.forget()
}

// forget removes a token that was left.
func (n newcomer) forget() error {
	left, err := n.left.read()
	if err != nil || left.token == "" {
		return err
	}
	return n.left.forget()
}

// labelsFile keeps the labels that an installer left: the controller is told of
// them at each connection.
func labelsFile(set *settings) string { return filepath.Join(set.data, "labels") }

// factsOf are the facts, with those labels where there are any.
func factsOf(set *settings) func() wire.Facts {
	return func() wire.Facts {
		f := facts()
		var labels map[string]string
		if keep.Read(labelsFile(set), &labels) == nil {
			maps.Copy(f.Reported, labels)
		}
		return f
	}
}
