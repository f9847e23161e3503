package privilege

import "fmt"

// Resolve follows every link of an absolute path. only is false when somebody
// other than root could change a folder or link on the way; the file itself is
// not judged. A path that leads through /proc is an error: it means another
// place to each process.
func Resolve(path string) (real string, only bool, err error) { return resolve(path) }

// RootOnly reports whether only root can change what path names: the file, and
// every folder and link on the way to it, belong to root and are writable by
// nobody else.
func RootOnly(path string) (bool, error) {
	real, only, err := resolve(path)
	if err != nil {
		return false, fmt.Errorf("resolve %q: %w", path, err)
	}
	if !only {
		return false, nil
	}
	ok, err := ownedByRoot(real)
	if err != nil {
		return false, fmt.Errorf("look at %q: %w", path, err)
	}
	return ok, nil
}
