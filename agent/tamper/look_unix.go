//go:build linux || darwin

package tamper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// open opens a file or a folder below the root without following a link in its
// last part, and without waiting for a pipe.
func (l *look) open(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path.Join(l.root, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func (l *look) read(name string) (string, error) {
	f, info, err := l.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return content(f, info)
}

func content(f *os.File, info fs.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", errors.New("no regular file")
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxContent))
	return string(raw), err
}

func sum(text string, info fs.FileInfo) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:]) + " " + info.Mode().String() + " " + strconv.FormatInt(info.Size(), 10)
}

const maxDepth = 6

// folder adds a file, or every file of a folder.
func (l *look) folder(what, name string, depth int) {
	info, err := os.Lstat(path.Join(l.root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || depth > maxDepth {
		l.fault(name + " can not be looked at")
		return
	}
	kind := what
	if what == Unit && strings.HasSuffix(name, ".timer") {
		kind = Timer
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path.Join(l.root, name))
		if err == nil {
			l.add(kind, name, "-> "+target, "a link to "+target)
		}
	case info.IsDir():
		entries, err := os.ReadDir(path.Join(l.root, name))
		if err != nil {
			l.fault(name + " can not be looked at")
			return
		}
		for _, e := range entries {
			l.folder(what, path.Join(name, e.Name()), depth+1)
		}
	case info.Mode().IsRegular():
		text, err := l.read(name)
		if err != nil {
			l.fault(name + " can not be read")
			return
		}
		said := ""
		if what == Sudoers || what == Cron || what == Loader {
			said = firstLine(text)
		}
		l.add(kind, name, sum(text, info), said)
	}
}

// macPlaces are the files of macOS by which somebody stays an administrator.
var macPlaces = map[string][]string{
	Sudoers: {"/etc/sudoers", "/etc/sudoers.d", "/etc/sudo.conf"},
	Service: {"/Library/LaunchDaemons", "/Library/LaunchAgents", "/Library/StartupItems", "/Library/PrivilegedHelperTools"},
	Cron:    {"/etc/crontab", "/usr/lib/cron/tabs", "/private/var/at/tabs", "/etc/periodic", "/etc/periodic.conf", "/etc/emond.d"},
	PAM:     {"/etc/pam.d"},
	Keys:    {"/etc/ssh"},
	Loader:  {"/Library/Security/SecurityAgentPlugins", "/Library/DirectoryServices/PlugIns"},
}

// mac looks at all that macOS has. Of accounts only their names count: what is in
// their files changes with each log-in.
func (l *look) mac(from groupTeller) {
	l.admins(from)
	l.names(Account, "/private/var/db/dslocal/nodes/Default/users")
	for what, places := range macPlaces {
		for _, p := range places {
			l.folder(what, p, 0)
		}
	}
}

// names adds who has a file in a folder.
func (l *look) names(what, dir string) {
	entries, err := os.ReadDir(path.Join(l.root, dir))
	if err != nil {
		l.fault(dir + " can not be looked at")
		return
	}
	for _, e := range entries {
		l.add(what, strings.TrimSuffix(e.Name(), ".plist"), "", "")
	}
}
