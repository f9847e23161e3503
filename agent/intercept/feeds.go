package intercept

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Feed is a file that an interpreter is told to run: `sudo bash ./install.sh`
// is approved for what install.sh was when it was asked for.
type Feed struct {
	Path   string // absolute, as the program will open it
	Real   string // resolved
	SHA256 string
}

const maxFeeds = 16

// feeds finds the arguments of an interpreter that name files which others than
// root can change. The content of these is bound by the digest of the arguments
// and looked at again before the start. What the interpreter reads later on, and
// a change in the instant between that look and its own, is not covered: such
// programs carry the marks unbounded and user_writable for a reason.
func feeds(real Real) ([]Feed, error) {
	if !interprets(real.Called) && !interprets(real.Path) {
		return nil, nil
	}
	named := real.Args
	sure := installs(real.Called) || installs(real.Path) // each is a file that is read
	if sure {
		var err error
		if named, err = readByInstaller(real.Args); err != nil {
			return nil, err
		}
	}
	var list []Feed
	for _, arg := range named {
		path := inFolder(real.Cwd, arg)
		if away(path, separators) {
			if namesFile(arg, separators) {
				return nil, fmt.Errorf("%w: %s is a file of another machine: copy it to this one", elevation.ErrInvalid, inert.Text(arg))
			}
			continue // a program with rights does not begin in that folder
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			if sure { // it may come until the program reads it
				return nil, fmt.Errorf("%w: there is no file %s to install", elevation.ErrInvalid, inert.Text(path))
			}
			continue
		}
		if only, err := privilege.RootOnly(path); err == nil && only {
			continue
		}
		f, err := feedAt(path)
		if err != nil {
			return nil, err
		}
		if list = append(list, f); len(list) > maxFeeds {
			return nil, fmt.Errorf("%w: too many files to run", elevation.ErrInvalid)
		}
	}
	return list, nil
}

// namesFile reports whether an argument begins as the path of a file of another machine
// does: with two separators or the system's own mark, a name, and something below.
func namesFile(arg, separators string) bool {
	rest := strings.TrimLeft(arg, separators)
	at := strings.IndexAny(rest, separators)
	return len(arg)-len(rest) >= 2 && at > 0 && at+1 < len(rest) || strings.HasPrefix(arg, `\??\`)
}

func feedAt(path string) (Feed, error) {
	resolved, _, err := privilege.Resolve(path)
	if err != nil {
		return Feed{}, fmt.Errorf("resolve %s: %w", inert.Text(path), err)
	}
	id, err := Identify(resolved)
	if err != nil {
		return Feed{}, err
	}
	return Feed{Path: path, Real: resolved, SHA256: id.SHA256}, nil
}

// FeedsUnchanged looks again at the files an interpreter is told to run.
func (r Real) FeedsUnchanged() error {
	for _, f := range r.Feeds {
		if now, err := feedAt(f.Path); err != nil || now != f {
			return errors.Join(fmt.Errorf("%s has changed", inert.Text(f.Path)), err)
		}
	}
	return nil
}

// HoldFeeds is FeedsUnchanged for as long as the program runs: where the system can
// hold a file (Windows), nobody writes to one, removes it or gives its name to
// another until release. Elsewhere it is the look alone.
func (r Real) HoldFeeds() (release func(), err error) {
	var held []*os.File
	release = func() {
		for _, f := range held {
			_ = f.Close() // it was only held
		}
	}
	for _, feed := range r.Feeds {
		f, err := holdFeed(feed.Path)
		if f != nil {
			held = append(held, f)
			err = straight(feed.Path)
		}
		if err != nil {
			release()
			return nil, fmt.Errorf("hold %s: %w", inert.Text(feed.Path), err)
		}
	}
	if err := r.FeedsUnchanged(); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// straight refuses a path that leads through a link: it could lead elsewhere once it
// was looked at. Names are not compared for that, as systems differ in which letters
// are the same. While a file is held on Windows, no folder above it can be moved or
// become a link.
func straight(path string) error {
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return fmt.Errorf("the link %s leads to it: name the file itself", inert.Text(at))
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// bound is what the digest of the arguments covers. No argument holds a NUL, so
// variables and files can not be taken for arguments; files are absolute paths,
// so neither can be taken for the other.
func (r Real) bound() []string {
	list := r.Args[:len(r.Args):len(r.Args)]
	for _, set := range r.Sets {
		list = append(list, "\x00="+set)
	}
	for _, f := range r.Feeds {
		list = append(list, "\x00"+f.Path, f.SHA256)
	}
	return list
}
