package privilege

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// program is what the gate executes: the file of that path, or the one in
// memory.
type program struct {
	path   string
	memory *os.File
}

func (p program) close() {
	if p.memory != nil {
		_ = p.memory.Close()
	}
}

// maxCopy bounds programs that have to be copied, in bytes.
const maxCopy = 512 << 20

// prepare makes sure that exactly the approved bytes will run. A file that only
// root can change is executed where it is. Anything else is copied while it is
// hashed, and the copy, which nobody can change, is executed: what happens to
// the file afterwards does not matter.
func prepare(s Spec) (program, error) {
	real, err := filepath.EvalSymlinks(s.Path)
	if err != nil {
		return program{}, fmt.Errorf("find the program: %w", err)
	}
	if real != s.Path {
		return program{}, fmt.Errorf("%w: %s leads to %s now", ErrChanged, s.Path, real)
	}
	f, safe, err := openWalked(s.Path)
	if err != nil {
		return program{}, err
	}
	defer f.Close()
	if !safe {
		return copyProgram(s, f)
	}
	if err := noWriter(f); err != nil {
		return program{}, err
	}
	sum := sha256.New()
	head := &headWriter{}
	if _, err := io.Copy(io.MultiWriter(sum, head), f); err != nil {
		return program{}, fmt.Errorf("read the program: %w", err)
	}
	if err := compare(sum, s.SHA256); err != nil {
		return program{}, err
	}
	if bytes.HasPrefix(head.buf, []byte("#!")) {
		if err := checkInterpreter(head.buf); err != nil {
			return program{}, err
		}
	}
	return program{path: s.Path}, nil
}

func compare(sum hash.Hash, want string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: it is %s, approved was %s", ErrChanged, got, want)
	}
	return nil
}

// noWriter refuses a file that somebody holds open for writing: they may have
// opened it before only root could. Only root can open it from now on. Where a
// file system knows no leases the kernel's own check at execution remains.
func noWriter(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("%w: it is open for writing", ErrChanged)
	}
	if err != nil {
		return nil
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		return fmt.Errorf("look for writers of the program: %w", err)
	}
	return nil
}

// headWriter keeps the first bytes: what the kernel reads of an interpreter
// line.
type headWriter struct{ buf []byte }

func (h *headWriter) Write(p []byte) (int, error) {
	h.buf = append(h.buf, p[:min(len(p), 256-len(h.buf))]...)
	return len(p), nil
}

// openWalked opens the regular file at path component by component, without
// following links, and reports whether root alone can change it or any folder
// on the way.
func openWalked(path string) (f *os.File, safe bool, err error) {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, fmt.Errorf("open /: %w", err)
	}
	safe = true
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range append(parts, "") {
		mine, err := rootOwns(fd)
		if err != nil {
			_ = unix.Close(fd)
			return nil, false, fmt.Errorf("look at %s: %w", path, err)
		}
		safe = safe && mine
		if i == len(parts) {
			break
		}
		flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		if i == len(parts)-1 {
			flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
		}
		next, err := unix.Openat(fd, part, flags, 0)
		_ = unix.Close(fd)
		if err != nil {
			return nil, false, fmt.Errorf("open %s: %w", path, err)
		}
		fd = next
	}
	f = os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = f.Close()
		return nil, false, fmt.Errorf("open %s: %w", path, errors.Join(err, errors.New("not a regular file")))
	}
	if st.Mode&0o111 == 0 {
		_ = f.Close()
		return nil, false, fmt.Errorf("open %s: %w: not executable", path, fs.ErrPermission)
	}
	return f, safe, nil
}

func rootOwns(fd int) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type == fuseMagic {
		return false, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	return RootsAlone(&st), nil
}

// copyProgram copies what users can change: an ELF file into sealed memory, a
// script into a folder that only root can write.
func copyProgram(s Spec, f *os.File) (program, error) {
	r := bufio.NewReaderSize(io.LimitReader(f, maxCopy+1), 64<<10)
	head, err := r.Peek(256)
	if err != nil && !errors.Is(err, io.EOF) {
		return program{}, fmt.Errorf("read the program: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return copyELF(s, r)
	case bytes.HasPrefix(head, []byte("#!")):
		if err := checkInterpreter(head); err != nil {
			return program{}, err
		}
		return copyScript(s, r)
	}
	return program{}, fmt.Errorf("%w: %s can be changed by users and is neither an ELF program nor a script", ErrUnsafe, s.Path)
}

func copyELF(s Spec, r io.Reader) (program, error) {
	m, err := memoryFile(filepath.Base(s.Path))
	if err != nil {
		return program{}, err
	}
	if err := fill(m, r, s.SHA256); err != nil {
		_ = m.Close()
		return program{}, err
	}
	seals := unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(m.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		_ = m.Close()
		return program{}, fmt.Errorf("seal the copy: %w", err)
	}
	if err := checkELF(m); err != nil {
		_ = m.Close()
		return program{}, err
	}
	return program{path: fmt.Sprintf("/proc/self/fd/%d", gateMemory), memory: m}, nil
}

func memoryFile(name string) (*os.File, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("make room for a copy: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := unix.Fchmod(fd, 0o555); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("make room for a copy: %w", err)
	}
	return f, nil
}

func fill(to io.Writer, from io.Reader, want string) error {
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, sum), from)
	if err != nil {
		return fmt.Errorf("copy the program: %w", err)
	}
	if n > maxCopy {
		return fmt.Errorf("%w: it is larger than %d bytes", ErrUnsafe, maxCopy)
	}
	return compare(sum, want)
}

func copyScript(s Spec, r io.Reader) (program, error) {
	if s.StageDir == "" {
		return program{}, fmt.Errorf("%w: %s is a script that users can change", ErrUnsafe, s.Path)
	}
	if err := os.MkdirAll(s.StageDir, 0o711); err != nil {
		return program{}, fmt.Errorf("make a folder for the copy: %w", err)
	}
	if ok, err := RootOnly(s.StageDir); err != nil || !ok {
		return program{}, errors.Join(fmt.Errorf("%w: the folder for copies, %s, can be changed by users as well", ErrUnsafe, s.StageDir), err)
	}
	dir := StagePath(s.StageDir, s.Grant)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return program{}, fmt.Errorf("make a folder for the copy: %w", err)
	}
	path := filepath.Join(dir, filepath.Base(s.Path))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o500)
	if err != nil {
		return program{}, fmt.Errorf("make the copy: %w", err)
	}
	err = fill(f, r, s.SHA256)
	if err == nil {
		err = f.Chmod(0o555)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return program{}, err
	}
	return program{path: path}, nil
}
