package privilege

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// mountFUSE mounts a file system whose program says that everything in it is
// root's. It knows no more than a folder's attributes.
func mountFUSE(t *testing.T) string {
	t.Helper()
	testgroup.Need(t, "root")
	dir := t.TempDir()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("this kernel or container has no FUSE: ", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=61501,group_id=61501,allow_other", fd)
	if err := unix.Mount("assent-test", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		unix.Close(fd)
		t.Skip("this container may not mount FUSE: ", err)
	}
	served := make(chan struct{})
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		<-served
		unix.Close(fd)
	})
	go func() {
		defer close(served)
		for b := make([]byte, 1<<20); ; {
			n, err := unix.Read(fd, b)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n < 40 {
				return // unmounted
			}
			unix.Write(fd, answerFUSE(b[:n]))
		}
	}()
	return dir
}

func answerFUSE(q []byte) []byte {
	const getattr, statfs, start = 3, 17, 26
	var body []byte
	errno := int32(0)
	switch binary.NativeEndian.Uint32(q[4:]) {
	case start:
		body = make([]byte, 64)
		binary.NativeEndian.PutUint32(body, 7)
		binary.NativeEndian.PutUint32(body[4:], 31)
		binary.NativeEndian.PutUint32(body[20:], 4096)
	case getattr:
		body = make([]byte, 16+88)
		binary.NativeEndian.PutUint64(body[16:], 1)           // inode
		binary.NativeEndian.PutUint32(body[16+60:], 0o040755) // mode
		binary.NativeEndian.PutUint32(body[16+64:], 2)        // links; user and group stay 0
	case statfs:
		body = make([]byte, 80)
	default:
		errno = -int32(unix.ENOSYS)
	}
	a := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	a = binary.NativeEndian.AppendUint32(a, uint32(errno))
	return append(append(a, q[8:16]...), body...)
}

// TestAFileSystemOfAUserIsNotRoots: where root may look at users' own file
// systems (user_allow_other, for rclone or sshfs) they could show a program as
// root's and, after it was hashed, another one.
func TestAFileSystemOfAUserIsNotRoots(t *testing.T) {
	dir := mountFUSE(t)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Fatalf("the file system does not answer: %v, %v", info, err)
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if mine, err := rootOwns(fd); mine || err != nil {
		t.Errorf("got %v, %v: want not root's", mine, err)
	}
	if mine, err := RootOnly(dir); mine || err != nil {
		t.Errorf("RootOnly: got %v, %v", mine, err)
	}
}
