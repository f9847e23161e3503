//go:build !linux

package local

import (
	"context"
	"errors"
)

// Server is not there yet on this system.
type Server struct{}

// Listen is not there yet on this system.
func Listen(Config) (*Server, error) { return nil, errors.ErrUnsupported }

// Serve is not there yet on this system.
func (*Server) Serve(context.Context) error { return errors.ErrUnsupported }

// Close is not there yet on this system.
func (*Server) Close() error { return nil }

func (Client) ask(context.Context, ask) (answer, error) {
	return answer{}, errors.ErrUnsupported
}

// Watch is not there yet on this system.
func (Client) Watch(context.Context, func(), func(Notice) error) error { return errors.ErrUnsupported }

// Run is not there yet on this system.
func (Client) Run(context.Context, RunOptions, Streams) Outcome {
	return result(Failed, "", "assent run is not there yet on this system")
}
