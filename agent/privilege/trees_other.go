//go:build !linux

package privilege

import (
	"context"
	"errors"
	"time"
)

// osTrees is not there yet on this system: nothing can be contained, so
// nothing can be started.
type osTrees struct{}

type treeWatch struct{}

func newOSTrees(Config) (osTrees, error) { return osTrees{}, errors.ErrUnsupported }

func (osTrees) usable(TreeKind) error               { return errors.ErrUnsupported }
func (osTrees) dir(TreeKind, string, uint32) string { return "" }
func (osTrees) members(TreeRef) ([]int, error)      { return nil, errors.ErrUnsupported }
func (osTrees) watch(TreeRef) treeWatch             { return treeWatch{} }
func (osTrees) ask(TreeRef)                         {}
func (osTrees) kill(TreeRef, bool)                  {}
func (osTrees) remove(TreeRef) error                { return errors.ErrUnsupported }
func (osTrees) list(string) ([]TreeRef, error)      { return nil, errors.ErrUnsupported }
func (osTrees) close()                              {}
func (treeWatch) close()                            {}
func (treeWatch) wait(context.Context) error        { return errors.ErrUnsupported }
func (osTrees) put(context.Context, TreeRef, uint32, time.Duration) (TreeRef, error) {
	return TreeRef{}, errors.ErrUnsupported
}
func (osTrees) extend(context.Context, TreeRef, time.Duration) error { return errors.ErrUnsupported }
