package privilege

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A program that runs alone starts no other: not itself, not through the loader,
// not with another kind of system calls, and not as a user without rights.
func TestAlone(t *testing.T) {
	trees := newTrees(t)
	dir, err := os.MkdirTemp("/usr/local", "alone-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "starter.c")
	// Tries the two calls, those of 32-bit programs (by int 0x80) and of x32.
	const text = `#define _GNU_SOURCE
#include <unistd.h>
#include <stdio.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <string.h>
#include <sys/syscall.h>
int main(void) {
	char *argv[] = {"/bin/touch", FILE_NAME, 0}, *env[] = {0};
	execve("/bin/touch", argv, env); printf("execve %d\n", errno);
	syscall(SYS_execveat, -100, "/bin/touch", argv, env, 0); printf("execveat %d\n", errno);
	syscall(SYS_execve, "/bin/touch", argv, env, 1, 2, 3); printf("guessed %d\n", errno);
#ifdef __x86_64__
	syscall(0x40000000 | 520, "/bin/touch", argv, env); printf("x32 %d\n", errno);
	char *low = mmap(0, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT, -1, 0);
	strcpy(low, "/bin/touch");
	int r = 0;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(11), "b"((uint32_t)(uintptr_t)low), "c"(0), "d"(0) : "memory");
	printf("int80 %d\n", -r);
#endif
	return 0;
}
`
	made := filepath.Join(dir, "ran")
	if err := os.WriteFile(source, []byte(strings.ReplaceAll(text, "FILE_NAME", `"`+made+`"`)), 0o644); err != nil {
		t.Fatal(err)
	}
	starter := filepath.Join(dir, "starter")
	if out, err := exec.Command("/usr/bin/cc", "-static", "-o", starter, source).CombinedOutput(); err != nil {
		t.Skipf("no static program of C can be made here: %v\n%s", err, out)
	}
	nothing := func(t *testing.T) {
		t.Helper()
		if _, err := os.Stat(made); err == nil {
			t.Error("another program was started")
			os.Remove(made)
		}
	}
	for name, change := range map[string]func(*Spec){"as root": func(*Spec) {}, "as somebody": func(s *Spec) { s.RunAs = asker() }} {
		t.Run(name, func(t *testing.T) {
			s, out := spec(t, starter)
			s.Alone = true
			change(&s)
			got, code := run(t, trees, s, out)
			if code != 0 || strings.Count(got, " 13\n") < 3 || strings.Count(got, "\n") != strings.Count(got, " 13\n") {
				t.Errorf("exit %d, %q: every way shall be refused with %d", code, got, unix.EACCES)
			}
			nothing(t)
		})
	}
	t.Run("a shell", func(t *testing.T) {
		s, out := spec(t, "/bin/sh", "-c", "echo begun; (echo below); /bin/touch "+made+"; echo $?; exec /bin/true")
		s.Alone = true
		got, code := run(t, trees, s, out)
		if code != 126 || !strings.HasPrefix(got, "begun\nbelow\n") || !strings.Contains(got, "126\n") {
			t.Errorf("exit %d, %q", code, got)
		}
		nothing(t)
	})
	t.Run("an editor", func(t *testing.T) {
		if _, err := os.Stat("/usr/bin/vim"); err != nil {
			t.Skip("needs the program vim")
		}
		s, out := spec(t, "/usr/bin/vim", "-es", "-u", "NONE", "-c", ":!/bin/touch "+made, "-c", ":q!")
		s.Alone = true
		run(t, trees, s, out)
		nothing(t)
	})
	t.Run("without it", func(t *testing.T) {
		s, out := spec(t, "/bin/sh", "-c", "/bin/echo it runs")
		if got, code := run(t, trees, s, out); code != 0 || got != "it runs\n" {
			t.Errorf("exit %d, %q", code, got)
		}
	})
}
