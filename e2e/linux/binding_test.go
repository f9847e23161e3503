package linux

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/machine"
)

// waits opens a command on a terminal, gives the reason and returns the
// session and the id of the request that waits.
func (w *scene) waits(user, command, path string) (*machine.Session, string) {
	w.t.Helper()
	s := w.terminal(user, command+`; echo "code $?"`)
	w.sees(s, "Reason:")
	w.types(s, "a test of the binding\r")
	w.sees(s, "waiting for approval")
	return s, w.pending(program(path)).ID
}

// TestBindingOfTheProgram changes what was asked for between the question and
// the answer, in each way that a path allows. Nothing may run.
func TestBindingOfTheProgram(t *testing.T) {
	w := machineFor(t, "binding")
	const (
		sudoDir = "/opt/tools"
		userDir = "/home/alice/tools"
	)
	change := map[string]string{
		"in place":     `printf x >> D/tool`,
		"one byte":     `printf x | dd of=D/tool bs=1 seek=9 conv=notrunc status=none`,
		"rename":       `cp /usr/bin/env D/other && mv D/other D/tool`,
		"symlink":      `mv D/tool D/was && ln -s /usr/bin/env D/tool`,
		"hard link":    `rm D/tool && ln /usr/bin/env D/tool || cp /usr/bin/env D/tool`,
		"parent":       `mv D D.was && mkdir D && cp /usr/bin/env D/tool`,
		"parent link":  `mv D D.was && mkdir D.new && cp /usr/bin/env D.new/tool && ln -s D.new D`,
		"open for use": `exec 3>>D/tool; rm D/tool; cp /usr/bin/env D/tool; printf x >&3`,
		"removed":      `rm D/tool`,
	}
	paths := []struct{ name, dir, owner, command string }{
		{"sudo", sudoDir, "root", "sudo " + sudoDir + "/tool /root/proof"},
		{"assent run", userDir, "alice", "assent run -- " + userDir + "/tool /root/proof"},
		{"assent run, root's file", sudoDir, "root", "assent run -- " + sudoDir + "/tool /root/proof"},
	}
	for _, path := range paths {
		for name, script := range change {
			t.Run(path.name+"/"+name, func(t *testing.T) {
				w := w.in(t)
				prepare := "rm -rf D D.was D.new /root/proof; mkdir -p D && cp /usr/bin/touch D/tool && chown -R " + path.owner + " D"
				w.sh(prepare, path.dir)
				s, id := w.waits("alice", path.command, path.dir+"/tool")
				if path.owner == "root" {
					w.sh(script, path.dir)
				} else if r := w.typed("alice", strings.ReplaceAll(script, "D", path.dir)); r.Code != 0 {
					t.Fatalf("change: %s", r)
				}
				w.act(id, "approve", "")
				r := w.ends(s)
				if strings.Contains(r.Stdout, "code 0") {
					t.Errorf("it ran: %s", r)
				}
				if r := w.asRoot("/usr/bin/find", "/root/proof"); r.Code == 0 {
					t.Error("the effect is there")
				}
				done := w.becomes(id, "ended")
				if *done.EndReason != "failed" {
					t.Errorf("ended as %s", *done.EndReason)
				}
				w.nothingLeft()
			})
		}
	}
}

// sh runs a script as root on a machine, with D standing for a folder.
func (w *scene) sh(script, dir string) {
	w.t.Helper()
	if r := w.asRoot("/bin/bash", "-c", strings.ReplaceAll(script, "D", dir)); r.Code != 0 {
		w.t.Fatalf("%s: %s", script, r)
	}
}

// TestBindingOfTheGrant tries a waiting grant for everything but what it is for.
func TestBindingOfTheGrant(t *testing.T) {
	w := machineFor(t, "binding")
	s, id := w.waits("alice", "sudo id -u -r", "/usr/bin/id")
	w.leaves(s, id)
	w.act(id, "approve", "")
	w.becomes(id, "available")
	rows := []struct {
		name    string
		at      *scene
		user    string
		command string
	}{
		{"an argument more", w, "alice", "sudo -n id -u -r -z"},
		{"an argument less", w, "alice", "sudo -n id -u"},
		{"joined arguments", w, "alice", "sudo -n id '-u -r'"},
		{"another order", w, "alice", "sudo -n id -r -u"},
		{"another folder", w, "alice", "cd /tmp && sudo -n id -u -r"},
		{"another user to be", w, "alice", "sudo -n -u bob id -u -r"},
		{"another group to be", w, "alice", "sudo -n -g daemon id -u -r"},
		{"a variable", w, "alice", "sudo -n LD_PRELOAD=/tmp/x.so id -u -r"},
		{"another program", w, "alice", "sudo -n stat -u -r"},
		{"a shell", w, "alice", "sudo -n -s id -u -r"},
		{"another user", w, "bob", "sudo -n id -u -r"},
		{"another endpoint", w.neighbour(), "alice", "sudo -n id -u -r"},
	}
	for _, row := range rows {
		if r := row.at.typed(row.user, row.command); r.Code == 0 {
			t.Errorf("%s: %s", row.name, r)
		}
	}
	if r := w.typed("alice", "sudo -n id -u -r"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		t.Errorf("the very same command: %s", r)
	}
	if r := w.typed("alice", "sudo -n id -u -r"); r.Code == 0 {
		t.Error("it was used a second time")
	}
	w.becomes(id, "ended")
	w.nothingLeft()
}

// TestNothingAfterTheEnd: a revoked and an expired grant are not used.
func TestNothingAfterTheEnd(t *testing.T) {
	w := machineFor(t, "binding")
	s, id := w.waits("alice", "sudo id -g", "/usr/bin/id")
	w.leaves(s, id)
	w.act(id, "approve", "")
	w.becomes(id, "available")
	w.act(id, "revoke", "changed my mind")
	w.until(waitLong, func() error { return w.confirmed(id) })
	if r := w.typed("alice", "sudo -n id -g"); r.Code == 0 {
		t.Error("a revoked grant was used")
	}
}
