package privilege

import (
	"fmt"
	slash "path"

	"github.com/assent-epm/assent/shared/elevation"
)

// macPlaces is what macOS says of files.
type macPlaces interface {
	// real follows every link, and is a path as its disk writes it.
	real(path string) (string, error)
	// owned reports whether root owns what has the path, and nobody else writes it.
	owned(path string) (bool, error)
}

// resolveMac is [Resolve]: only judges the folders that the resolved path leads
// through, up to the topmost.
func resolveMac(of macPlaces, path string) (real string, only bool, err error) {
	if !slash.IsAbs(path) {
		return "", false, fmt.Errorf("%w: not an absolute path", elevation.ErrInvalid)
	}
	if real, err = of.real(path); err != nil {
		return "", false, err
	}
	only = real == slash.Clean(path) // a link on the way can be somebody's
	for dir := slash.Dir(real); only; dir = slash.Dir(dir) {
		if only, err = of.owned(dir); err != nil {
			return "", false, err
		}
		if dir == "/" {
			break
		}
	}
	return real, only, nil
}

// RootsOwn reports whether a file of macOS, by its owner and mode, is root's and nobody
// else writes it.
func RootsOwn(uid, mode uint32) bool { return uid == 0 && mode&0o022 == 0 }
