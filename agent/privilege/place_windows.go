package privilege

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/shared/elevation"
)

// resolve is [Resolve]: only judges the folders on the way, by their access lists.
func resolve(path string) (real string, only bool, err error) {
	if !filepath.IsAbs(path) || strings.HasPrefix(path, `\\`) {
		return "", false, fmt.Errorf("%w: not an absolute path of this machine", elevation.ErrInvalid)
	}
	h, err := openFor(path, windows.FILE_READ_ATTRIBUTES, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE)
	if err != nil {
		return "", false, err
	}
	defer windows.CloseHandle(h)
	if real, err = finalPath(h); err != nil {
		return "", false, err
	}
	if !ofThisMachine(real) {
		return "", false, fmt.Errorf("%w: a link leads to another machine", elevation.ErrInvalid)
	}
	for dir, around := filepath.Dir(real), true; ; dir, around = filepath.Dir(dir), false {
		if only, err = privilegedAlone(dir, !around); err != nil || !only {
			return real, false, err
		}
		if dir == filepath.Dir(dir) {
			return real, only, nil
		}
	}
}

// ownedByRoot reports whether only the system and administrators can change what
// has the path.
func ownedByRoot(path string) (bool, error) { return privilegedAlone(path, false) }

func privilegedAlone(path string, above bool) (bool, error) {
	list, err := acl.Of(path)
	if err != nil {
		return false, err
	}
	return list.For(acl.Windows{}.Self()).OnlyPrivileged(above), nil
}

// rootOnly is [RootOnly] for a path that is resolved already.
func rootOnly(path string) (bool, error) {
	real, only, err := resolve(path)
	if err != nil || !only || !strings.EqualFold(real, path) {
		return false, err
	}
	return ownedByRoot(path)
}

// openFor opens a file or folder, following links.
func openFor(path string, access, share uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	return windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
}

// finalPath is where an open file really is, as people write it.
func finalPath(h windows.Handle) (string, error) {
	buf := make([]uint16, 1024)
	for {
		n, err := windows.GetFinalPathNameByHandle(h, &buf[0], uint32(len(buf)), 0)
		if err != nil {
			return "", err
		}
		if int(n) < len(buf) {
			return strings.TrimPrefix(windows.UTF16ToString(buf[:n]), `\\?\`), nil
		}
		buf = make([]uint16, n+1)
	}
}
