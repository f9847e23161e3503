package setuid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// group is one fanotify descriptor with marks on single files and on nothing else.
type group struct {
	fd   int
	file *os.File
	mask uint64

	mu    sync.Mutex // guards the fields below
	marks map[string]inode
	shut  bool
}

type inode struct{ dev, ino uint64 }

// event is the start of a marked program.
type event struct {
	fd  int32 // of the program; whoever takes the event closes it
	pid int
}

// newGroup opens a group. One that holds is asked by the kernel before each start.
func newGroup(holds bool) (*group, error) {
	flags, mask := uint(unix.FAN_CLASS_NOTIF), uint64(unix.FAN_OPEN_EXEC)
	if holds {
		flags, mask = unix.FAN_CLASS_CONTENT, unix.FAN_OPEN_EXEC_PERM
	}
	fd, err := unix.FanotifyInit(flags|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_LARGEFILE|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch programs: %w", err)
	}
	return &group{fd: fd, file: os.NewFile(uintptr(fd), "fanotify"), mask: mask, marks: map[string]inode{}}, nil
}

// mark makes the marks those of want. A file that was replaced is marked anew. The
// errors say which file could not be marked.
func (g *group) mark(want []Found) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return nil
	}
	var errs []error
	wanted := map[string]bool{}
	for _, f := range want {
		wanted[f.Path] = true
		is, err := inodeOf(f.Path)
		if err == nil && g.marks[f.Path] == is {
			continue
		}
		if err == nil {
			err = unix.FanotifyMark(g.fd, unix.FAN_MARK_ADD|unix.FAN_MARK_DONT_FOLLOW, g.mask, unix.AT_FDCWD, f.Path)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("mark %s: %w", f.Path, err))
			continue
		}
		g.marks[f.Path] = is // when it was replaced in between, the next look sees another one
	}
	for path, was := range g.marks {
		if wanted[path] {
			continue
		}
		if is, err := inodeOf(path); err == nil && is == was {
			_ = unix.FanotifyMark(g.fd, unix.FAN_MARK_REMOVE|unix.FAN_MARK_DONT_FOLLOW, g.mask, unix.AT_FDCWD, path) // it gives no more rights: a mark does no harm
		}
		delete(g.marks, path)
	}
	return errors.Join(errs...)
}

func inodeOf(path string) (inode, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return inode{st.Dev, st.Ino}, err
}

// read waits for events until the group is closed.
func (g *group) read(take func(event)) error {
	buf := make([]byte, 4096)
	for {
		n, err := g.file.Read(buf)
		if err != nil {
			return err
		}
		for rest := buf[:n]; len(rest) >= int(unix.FAN_EVENT_METADATA_LEN); {
			size := binary.NativeEndian.Uint32(rest)
			if size < unix.FAN_EVENT_METADATA_LEN || int(size) > len(rest) {
				break
			}
			fd := int32(binary.NativeEndian.Uint32(rest[16:]))
			pid := int32(binary.NativeEndian.Uint32(rest[20:]))
			if fd >= 0 { // else an overflow
				take(event{fd: fd, pid: int(pid)})
			}
			rest = rest[size:]
		}
	}
}

// answer lets a held start go on, or refuses it. It closes the event.
func (g *group) answer(e event, allow bool) error {
	word := uint32(unix.FAN_DENY)
	if allow {
		word = unix.FAN_ALLOW
	}
	var b [8]byte
	binary.NativeEndian.PutUint32(b[:], uint32(e.fd))
	binary.NativeEndian.PutUint32(b[4:], word)
	g.mu.Lock()
	var err error
	if !g.shut {
		_, err = unix.Write(g.fd, b[:])
	}
	g.mu.Unlock()
	e.close()
	if errors.Is(err, unix.ENOENT) {
		return nil // whoever started it is gone
	}
	return err
}

func (e event) close() { _ = unix.Close(int(e.fd)) }

// path is the program that is started.
func (e event) path() (string, error) {
	return os.Readlink("/proc/self/fd/" + strconv.Itoa(int(e.fd)))
}

// close ends the group: its marks vanish, and what is held goes on.
func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.shut = true
		_ = g.file.Close()
	}
}
