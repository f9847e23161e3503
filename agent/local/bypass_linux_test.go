package local

import (
	"bytes"
	"net"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// dialAs connects as another user: what the kernel says of a peer is who it was
// when it connected. The thread is not used again.
func dialAs(t *testing.T, uid int, path string) *net.UnixConn {
	t.Helper()
	type dialled struct {
		c   *net.UnixConn
		err error
	}
	done := make(chan dialled)
	go func() {
		runtime.LockOSThread() // and never unlocked: it ends with this goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			done <- dialled{err: errno}
			return
		}
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		done <- dialled{c, err}
	}()
	d := <-done
	if d.err != nil {
		t.Fatal(d.err)
	}
	t.Cleanup(func() { d.c.Close() })
	return d.c
}

// A connection that is handed to another user stays that of who made it: the
// other one speaks in that name, and gets nothing of their own or of root's by it.
func TestBypassPassedDescriptor(t *testing.T) {
	const maker, other = 41000, 41001
	for name, owner := range map[string]uint32{"what the maker has": maker, "what the other has": other, "what root has": 0} {
		t.Run(name, func(t *testing.T) {
			path := open(t, &desk{}, book{owner: privilege.UserOf(owner), items: []Item{{ID: elevation.RequestID("req_1")}}})
			c := dialAs(t, maker, path)
			file, err := c.File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			cmd := exec.Command("/bin/cat")
			cmd.Stdin = bytes.NewReader(mustPack(t, kAsk, ask{Version: Version, What: "status"}))
			cmd.Stdout = file
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			f, files, err := (&conn{c: unixConn{c}}).read(0, 0)
			closeAll(files)
			if err != nil {
				t.Fatal(err)
			}
			var a answer
			if err := f.into(&a); err != nil || a.Status == nil {
				t.Fatalf("%+v, %v", f, err)
			}
			if want := map[bool]int{true: 1}[owner == maker]; a.Status.Waiting != want {
				t.Errorf("%d requests are seen, want %d", a.Status.Waiting, want)
			}
		})
	}
}
