package privilege

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups says where the hierarchies of this machine are mounted, "" where
// there is none.
type cgroups struct {
	v2     string // the unified hierarchy, alone or beside v1 ones
	v1     string // freezer, else pids: both can stop a tree from growing
	v1name string
	named  string // systemd's own v1 hierarchy
}

func findCgroups(root string) cgroups {
	if root == "" {
		root = "/sys/fs/cgroup"
	}
	var c cgroups
	if fsType(root) == unix.CGROUP2_SUPER_MAGIC {
		c.v2 = root
		return c
	}
	if fsType(root+"/unified") == unix.CGROUP2_SUPER_MAGIC {
		c.v2 = root + "/unified"
	}
	for _, name := range []string{"pids", "freezer"} {
		if fsType(root+"/"+name) == unix.CGROUP_SUPER_MAGIC {
			c.v1, c.v1name = root+"/"+name, name
		}
	}
	if fsType(root+"/systemd") == unix.CGROUP_SUPER_MAGIC {
		c.named = root + "/systemd"
	}
	return c
}

func fsType(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	return int64(st.Type)
}

// scopeRoot is the hierarchy in which the members of a scope are read.
func (c cgroups) scopeRoot() string {
	if c.v2 != "" {
		return c.v2
	}
	return c.named
}

func (c cgroups) usable(root, base string) error {
	if root == "" {
		return errors.New("the hierarchy is not mounted")
	}
	probe := root + "/" + base
	if err := os.Mkdir(probe, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := isCgroup(probe); err != nil {
		return err
	}
	return c.tidy(probe)
}

// tidy removes the folder of a realm when nothing is in it.
func (c cgroups) tidy(dir string) error {
	err := unix.Rmdir(dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EBUSY) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isCgroup refuses ordinary folders: there, writing a pid into cgroup.procs
// would succeed and contain nothing.
func isCgroup(dir string) error {
	switch fsType(dir) {
	case unix.CGROUP2_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC:
		return nil
	}
	return fmt.Errorf("%s is not a cgroup", dir)
}

func (c cgroups) move(dir string, pid int) error {
	var err error
	for range 10 { // the realm's folder goes whenever its last tree does
		if err = os.MkdirAll(dir, 0o755); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := isCgroup(dir); err != nil {
		return err
	}
	return writeFile(dir+"/cgroup.procs", strconv.Itoa(pid))
}

func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // cgroup files are never created
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// of lists the folders that a process is in, as paths of this machine.
func (c cgroups) of(pid int) ([]string, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for line := range strings.Lines(string(raw)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		root := ""
		switch {
		case part[0] == "0" && part[1] == "":
			root = c.v2
		case part[1] == c.v1name:
			root = c.v1
		case part[1] == "name=systemd":
			root = c.named
		}
		if root != "" {
			dirs = append(dirs, filepath.Clean(root+part[2]))
		}
	}
	return dirs, nil
}

// members reads every process in dir and below. A folder that is not there has
// none: the kernel only removes empty ones.
func (c cgroups) members(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() || d.Name() != "cgroup.procs" {
			return nil
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return nil // removed since it was listed
		}
		for line := range strings.Lines(string(raw)) {
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				return fmt.Errorf("read %s: %w", path, err)
			}
			pids = append(pids, pid) // 0 is a process of another pid namespace: alive, not killable by number
		}
		return err
	})
	return pids, err
}

// killAtOnce kills a whole v2 tree in one step; new children can not escape it.
func (c cgroups) killAtOnce(dir string) error {
	if c.v2 == "" || !strings.HasPrefix(dir, c.v2+"/") {
		return errors.ErrUnsupported
	}
	return writeFile(dir+"/cgroup.kill", "1")
}

// freeze stops a tree from growing while its members are killed one by one and
// returns how to let the killed ones go; nil where it can not.
func (c cgroups) freeze(ref TreeRef) (thaw func()) {
	if ref.Kind == TreeSessions || ref.Kind == TreeScope && c.v2 == "" {
		return nil
	}
	for _, way := range []struct{ file, stop, start string }{
		{"cgroup.freeze", "1", "0"},
		{"freezer.state", "FROZEN", "THAWED"},
		{"pids.max", "0", "max"},
	} {
		path := ref.Dir + "/" + way.file
		if writeFile(path, way.stop) != nil {
			continue
		}
		if way.file == "pids.max" {
			return nil // it can not grow, but may have to be killed in rounds
		}
		return func() { _ = writeFile(path, way.start) } // the tree is read again by the caller
	}
	return nil
}

// remove deletes the emptied folders, deepest first.
func (c cgroups) remove(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		err := unix.Rmdir(dirs[i])
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EBUSY) {
			return err // busy: it has members, which the caller finds and reports
		}
	}
	return c.tidy(filepath.Dir(dir))
}

// scopes finds the scopes of a realm below all user slices.
func (c cgroups) scopes(prefix string) ([]TreeRef, error) {
	if c.scopeRoot() == "" {
		return nil, nil
	}
	dirs, err := filepath.Glob(c.scopeRoot() + "/user.slice/user-*.slice/" + prefix + "*.scope")
	var refs []TreeRef
	for _, d := range dirs {
		refs = append(refs, TreeRef{Kind: TreeScope, Name: strings.TrimSuffix(filepath.Base(d), ".scope"), Dir: d})
	}
	return refs, err
}
