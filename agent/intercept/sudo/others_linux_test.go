package sudo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// stopper stands for Ctrl-Z at the right moment: sudo stops itself after it has
// read sudo.conf and before it reads sudoers.
const stopper = `#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sudo_plugin.h>
static int audit_open(unsigned v, sudo_conv_t c, sudo_printf_t p, char * const s[], char * const u[], int at,
                      char * const a[], char * const e[], char * const o[], const char **w) {
    (void)v; (void)c; (void)p; (void)s; (void)u; (void)at; (void)a; (void)e; (void)o; (void)w;
    raise(SIGSTOP);
    return 1;
}
struct audit_plugin stopper = {.type = SUDO_AUDIT_PLUGIN, .version = SUDO_API_VERSION, .open = audit_open};
`

// TestSudoOlderThanThePlugin: alice has started a sudo and stopped it before the
// plugin was there, which is whenever the agent does not run. When another sudo
// of hers is approved she lets the old one go on: it would find the rule, whose
// arguments sudoers compares joined, and run with them cut differently, by
// nobody's check.
func TestSudoOlderThanThePlugin(t *testing.T) {
	if !inside(t) {
		return
	}
	write(t, "/run/stop.c", 0o644, stopper)
	if out, err := exec.Command("/usr/bin/cc", "-shared", "-fPIC", "-o", "/run/stop.so", "/run/stop.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	conf, err := os.ReadFile(sudoConf)
	must(t, err)
	write(t, sudoConf, 0o644, "Plugin stopper /run/stop.so\nPlugin sudoers_policy sudoers.so\n")
	old := as(alice, "/usr/bin/sudo", "-n", "touch", "/run/a", "/run/b")
	must(t, old.Start())
	defer old.Wait()
	defer old.Process.Kill()
	waitFor(t, "the old sudo to stop", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", old.Process.Pid))
		return bytes.Contains(stat, []byte(") T "))
	})
	must(t, os.WriteFile(sudoConf, conf, 0o644))
	installShim(t)
	m := serve(t, approveAll)
	m.effects.atArm(func(dropin string, pid int) {
		syscall.Kill(pid, syscall.SIGSTOP)
		go func() {
			for range 1000 {
				if _, err := os.Stat(dropin); err == nil {
					break
				}
				<-time.After(time.Millisecond)
			}
			old.Process.Signal(syscall.SIGCONT)
			old.Wait()
			syscall.Kill(pid, syscall.SIGCONT)
		}()
	})
	r := sudo(t, alice, "touch", "/run/a /run/b")
	if _, err := os.Stat("/run/b"); err == nil {
		t.Errorf("the old sudo ran by the rule of the new one: %v", r)
	}
	r.expect(t, 1, "another sudo of yours", "hint:")
	must(t, old.Process.Kill())
	old.Wait()
	m.effects.atArm(nil)
	sudo(t, alice, "id", "-u").expect(t, 0, "0\n")
}
