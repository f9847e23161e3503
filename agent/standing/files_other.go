//go:build !linux && !darwin

package standing

import (
	"context"
	"errors"
	"os"
)

type owned struct{ mode, uid, gid uint32 }

// Windows has no files that say who may become root.
func (s *Standing) trusted(string) error { return errors.ErrUnsupported }

func openFile(path string) (*os.File, error) { return os.Open(path) }

func (s *Standing) owned(string) (owned, error) { return owned{}, errors.ErrUnsupported }

func (s *Standing) newPath(path string) string { return path }

func (s *Standing) replace(string, []byte, []byte, owned, func(string) error) error {
	return errors.ErrUnsupported
}

func (s *Standing) visudo(context.Context, string) error { return errors.ErrUnsupported }

// Watch never tells anything.
func (s *Standing) Watch(context.Context) (changes <-chan struct{}, over func()) {
	return make(chan struct{}), func() {}
}
