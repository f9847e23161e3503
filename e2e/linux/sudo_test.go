package linux

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
)

// TestE12ChildrenHeld: what rules say of child programs counts on the endpoint,
// with sudo and with assent run.
func TestE12ChildrenHeld(t *testing.T) {
	s := machineFor(t, "sudo")
	s.rules(strings.ReplaceAll(`rules:
- name: contained
  match: {path: /usr/bin/dash, args: [-c, "id -u; touch /root/proof; id -g"]}
  then: approve
  children: contain
- name: denied
  match: {path: /usr/bin/dash, args: [-c, "echo begun; id -u"]}
  then: approve
  children: deny
- name: many
  match: {path: /usr/bin/dash, args: [-c, "MANY"]}
  then: approve
  children: contain
- name: free
  match: {path: /usr/bin/dash, args: [-c, ":; MANY"]}
  then: approve
- name: inner
  match: {path: /usr/bin/id, args: [{regex: "-[ug]"}]}
  then: approve
`, "MANY", strings.Repeat("id -u; ", 10)+"id -g"))
	s.asRoot("/bin/rm", "-f", "/root/proof")
	got := s.typed(machine.Alice, `sudo dash -c "id -u; touch /root/proof; id -g"`)
	if got.Code != 0 || got.Stdout != "0\n0\n" || !strings.Contains(got.Stderr, "touch was not started: no rule approves it") {
		t.Errorf("contained: %s", got)
	}
	if r := s.asRoot("/usr/bin/find", "/root/proof"); r.Code == 0 {
		t.Error("what no rule approves was started")
	}
	outer := s.newest("/usr/bin/dash")
	s.until(10*time.Second, func() error {
		r, err := s.api.Request(t.Context(), outer.ID)
		if err != nil {
			return err
		}
		var paths []string
		for _, l := range r.Listed {
			if l.Refused != nil {
				paths = append(paths, "no "+l.Path)
				continue
			}
			paths = append(paths, l.Path)
		}
		if slices.Sort(paths); len(paths) < 3 || !slices.Contains(paths, "/usr/bin/id") || !slices.Contains(paths, "no /usr/bin/touch") || slices.Contains(paths, "/usr/bin/touch") {
			return fmt.Errorf("listed: %v", paths)
		}
		return nil
	})
	for name, before := range map[string]string{"contained": "", "free": ":; "} {
		began := time.Now()
		if got := s.typed(machine.Alice, `sudo dash -c "`+before+strings.Repeat("id -u; ", 10)+`id -g"`); got.Code != 0 || got.Stdout != strings.Repeat("0\n", 11) {
			t.Errorf("%s: %s", name, got)
		}
		t.Logf("11 programs inside, %s: %v", name, time.Since(began))
	}
	for _, how := range []string{"sudo", "assent run --"} {
		got := s.typed(machine.Alice, how+` dash -c "echo begun; id -u"`)
		if got.Code == 0 || !strings.HasPrefix(got.Stdout, "begun\n") || strings.Contains(got.Stdout, "0\n") {
			t.Errorf("denied with %s: %s", how, got)
		}
	}
	if got := s.typed(machine.Alice, `assent run -- dash -c "id -u; touch /root/proof; id -g"`); got.Code == 0 || got.Stdout != "" || !strings.Contains(got.Stderr, "with sudo") {
		t.Errorf("contained with assent run: %s", got)
	}
}

// newest is the youngest request for a program that is over or in use.
func (s *scene) newest(path string) client.Request {
	s.t.Helper()
	var found client.Request
	s.until(15*time.Second, func() error {
		all, err := s.list("all")
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.Subject.Path == path && (found.ID == "" || r.ID > found.ID) {
				found = r
			}
		}
		if found.ID == "" {
			return fmt.Errorf("there is no request for %s", path)
		}
		return nil
	})
	return found
}

// TestE1SudoeditByApproval: a file is edited by its owner's approval, with an
// editor that has no rights; who asks for an editor as root is offered that.
func TestE1SudoeditByApproval(t *testing.T) {
	s := machineFor(t, "sudo")
	if err := s.machine.Write("/usr/local/bin/adds", []byte("#!/bin/sh\nid -un >>/tmp/editors\necho added >>\"$1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.machine.Write("/etc/motd", []byte("first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.asRoot("/bin/rm", "-f", "/tmp/editors")
	term := s.terminal(machine.Alice, "EDITOR=adds sudoedit /etc/motd")
	s.sees(term, "Reason:")
	s.types(term, "the greeting is wrong\n")
	r := s.pending(program("/usr/bin/sudoedit"))
	if !slices.Equal(r.Subject.Args, []string{"/etc/motd"}) || !slices.ContainsFunc(r.Caution, func(c client.Caution) bool { return strings.HasPrefix(c.Fact, "edit /etc/motd") }) {
		t.Errorf("asked as %+v, %+v", r.Subject, r.Caution)
	}
	s.act(r.ID, "approve", "")
	if got := s.ends(term); got.Code != 0 {
		t.Errorf("sudoedit: %s", got)
	}
	raw, err := s.machine.Read("/etc/motd")
	if err != nil || string(raw) != "first\nadded\n" {
		t.Errorf("the file is %q, %v", raw, err)
	}
	if raw, err := s.machine.Read("/tmp/editors"); err != nil || string(raw) != "alice\n" {
		t.Errorf("the editor ran as %q, %v", raw, err)
	}
	term = s.terminal(machine.Alice, "sudo vi /etc/motd")
	s.sees(term, "sudoedit /etc/motd")
	s.sees(term, "Reason:")
	s.types(term, "the greeting is wrong\n")
	s.act(s.pending(program("/usr/bin/vim.tiny")).ID, "deny", "use sudoedit")
	if got := s.ends(term); got.Code == 0 {
		t.Errorf("denied: %s", got)
	}
	s.rules("rules:\n- name: edit\n  match: {path: /usr/bin/sudoedit, args: [/etc/motd]}\n  then: approve\n- name: rights\n  match: {path: /usr/bin/sudoedit, args: [/etc/sudoers.d/x]}\n  then: approve\n")
	if got := s.typed(machine.Alice, "EDITOR=adds sudo -n -e /etc/motd"); got.Code != 0 {
		t.Errorf("by a rule: %s", got)
	}
	if got := s.typed(machine.Alice, "EDITOR=adds sudo -n -e /etc/sudoers.d/x"); got.Code != 1 || !strings.Contains(got.Stderr, "a person must approve") {
		t.Errorf("rights by a rule: %s", got)
	}
}

// TestE1ShellsAreFullRoot: -i and -s are asked for as what they are.
func TestE1ShellsAreFullRoot(t *testing.T) {
	s := machineFor(t, "sudo")
	for _, option := range []string{"-i", "-s"} {
		term := s.terminal(machine.Alice, "sudo "+option)
		s.sees(term, "Reason:") // no rule can approve a shell
		s.types(term, "looking for the fault\n")
		r := s.pending(program("/usr/bin/bash"))
		if !slices.ContainsFunc(r.Caution, func(c client.Caution) bool { return c.Reason == "shell" }) {
			t.Errorf("%s: asked as %+v", option, r)
		}
		s.act(r.ID, "approve", "")
		s.sees(term, "#")
		s.types(term, "id -u; exit 7\n")
		s.sees(term, "0")
		if got := s.ends(term); got.Code != 7 {
			t.Errorf("%s ended as %s", option, got)
		}
	}
}

// TestE4DoctorOnAMachine: doctor finds nothing on a machine that was installed,
// and says what is wrong on one that somebody broke.
func TestE4DoctorOnAMachine(t *testing.T) {
	s := machineFor(t, "sudo")
	var told struct {
		Checks []struct{ Name, Level, Text, Hint string }
		Failed int
	}
	look := func() int {
		r := s.asRoot("/usr/local/bin/assent-agent", "doctor", "--format", "json")
		told.Checks = nil
		if err := json.Unmarshal([]byte(r.Stdout), &told); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		return r.Code
	}
	level := func(name string) string {
		for _, c := range told.Checks {
			if c.Name == name {
				return c.Level
			}
		}
		return "none"
	}
	if code := look(); code != 0 || told.Failed != 0 {
		t.Errorf("exit %d, %+v", code, told)
	}
	for _, name := range []string{"sudo", "sudo.conf", "plugin", "sudoers", "leftovers", "containment", "reaper", "folders", "controller", "identity"} {
		if level(name) != "ok" {
			t.Errorf("%s is %s: %+v", name, level(name), told.Checks)
		}
	}
	s.asRoot("/bin/chmod", "0666", "/usr/libexec/assent/assent_sudo.so")
	s.asRoot("/bin/chmod", "0644", "/var/lib/assent/salt")
	if code := look(); code != 1 || level("plugin") != "fail" || level("folders") != "fail" {
		t.Errorf("exit %d, %+v", code, told)
	}
	s.asRoot("/bin/chmod", "0644", "/usr/libexec/assent/assent_sudo.so")
	s.asRoot("/bin/chmod", "0600", "/var/lib/assent/salt")
	if code := look(); code != 0 {
		t.Errorf("exit %d, %+v", code, told)
	}
}
