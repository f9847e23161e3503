package setuid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of a walk.
const (
	maxEntries = 5_000_000
	maxDepth   = 100
	walkTime   = 20 * time.Minute
	restEvery  = 4000 // entries
	rest       = 10 * time.Millisecond
)

// usual are the folders where programs lie; they are looked at first.
func usual() []string {
	return []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/libexec", "/usr/lib", "/usr/local/bin", "/usr/local/sbin", "/usr/local", "/opt"}
}

// walker finds setuid programs.
type walker struct {
	ctx     context.Context
	entries int
	gently  bool // rest in between
	found   []Found
}

var errEnough = errors.New("there are too many files")

// tree walks a folder and what is below it on the same file system.
func (w *walker) tree(top string) error {
	var st unix.Stat_t
	if err := unix.Lstat(top, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil // not there, or a link to one of the others
	}
	return w.folder(top, st.Dev, maxDepth)
}

func (w *walker) folder(dir string, dev uint64, depth int) error {
	if depth == 0 {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil // gone meanwhile
	}
	defer f.Close()
	var below []string
	for {
		list, err := f.ReadDir(512)
		for _, e := range list {
			if w.entries++; w.entries > maxEntries {
				return errEnough
			}
			if w.gently && w.entries%restEvery == 0 {
				pause(w.ctx, rest)
			}
			switch path := filepath.Join(dir, e.Name()); {
			case e.IsDir():
				below = append(below, path)
			case e.Type().IsRegular():
				w.file(path)
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return nil
			}
			break
		}
	}
	for _, path := range below {
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Dev != dev {
			continue
		}
		if err := w.folder(path, dev, depth-1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) file(path string) {
	if f, ok := look(path); ok {
		w.found = append(w.found, f)
	}
}

// look reports whether a file gives more rights than its caller has.
func look(path string) (Found, bool) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return Found{}, false
	}
	f := Found{Path: path, Setuid: st.Mode&unix.S_ISUID != 0 && st.Uid == 0, Setgid: st.Mode&unix.S_ISGID != 0 && st.Mode&0o010 != 0 && st.Gid == 0}
	var raw [64]byte
	if n, err := unix.Lgetxattr(path, "security.capability", raw[:]); err == nil && n > 0 {
		f.Caps, _ = fileCaps(raw[:n]) // what is not understood gives nothing
	}
	return f, f.Setuid || f.Setgid || f.Caps != 0
}

// quickly finds what lies in the usual folders.
func quickly(ctx context.Context) ([]Found, error) {
	w := &walker{ctx: ctx}
	for _, dir := range usual() {
		if err := w.tree(dir); err != nil {
			return nil, fmt.Errorf("look for setuid programs in %s: %w", dir, err)
		}
	}
	return sorted(w.found), nil
}

// everywhere walks all local file systems on a thread of its own that yields to
// everything else.
func everywhere(ctx context.Context) ([]Found, error) {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	type result struct {
		found []Found
		err   error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its low priority
		yieldToOthers()
		raw, err := os.ReadFile("/proc/self/mountinfo")
		w := &walker{ctx: ctx, gently: true}
		for _, point := range localMounts(string(raw)) {
			err = errors.Join(err, w.tree(point))
		}
		done <- result{sorted(w.found), err}
	}()
	r := <-done // it ends soon after ctx does
	return r.found, r.err
}

// yieldToOthers lowers the priority of this thread; what can not be lowered stays.
func yieldToOthers() {
	tid := unix.Gettid()
	_ = unix.Setpriority(unix.PRIO_PROCESS, tid, 19)
	const who, idle = 1, 3 << 13
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, who, uintptr(tid), idle)
}

func sorted(list []Found) []Found {
	slices.SortFunc(list, func(a, b Found) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(list, func(a, b Found) bool { return a.Path == b.Path })
}

// merged is now with those of before that are still what they were.
func merged(now, before []Found) []Found {
	all := slices.Clone(now)
	for _, f := range before {
		if again, ok := look(f.Path); ok {
			all = append(all, again)
		}
	}
	return sorted(all)
}

// flat finds what lies in folders, and not what is below them.
func flat(dirs map[string]bool) []Found {
	w := &walker{}
	for dir := range dirs {
		list, err := os.ReadDir(dir)
		if err != nil {
			continue // gone meanwhile
		}
		for _, e := range list {
			if e.Type().IsRegular() {
				w.file(filepath.Join(dir, e.Name()))
			}
		}
	}
	return sorted(w.found)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
