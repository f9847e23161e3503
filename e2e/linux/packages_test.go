package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

const (
	olderAgent = "1.0.0"
	newerAgent = "1.1.0"
)

// packaged are the debs of two versions, made once for all scenes.
var packaged struct {
	once         sync.Once
	err          error
	older, newer string
}

func packages(t *testing.T) (older, newer string) {
	t.Helper()
	packaged.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
		defer cancel()
		dir := filepath.Join(stage.lab.Dir(), "packages")
		var errs [2]error
		packaged.older, errs[0] = lab.BuildPackage(ctx, dir, "assent-agent", olderAgent)
		packaged.newer, errs[1] = lab.BuildPackage(ctx, dir, "assent-agent", newerAgent)
		packaged.err = errors.Join(errs[:]...)
	})
	if packaged.err != nil {
		t.Fatal(packaged.err)
	}
	return packaged.older, packaged.newer
}

// install puts a deb onto the machine; it must work.
func (s *scene) install(deb string, env ...string) machine.Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	r, err := lab.InstallPackage(ctx, s.machine, deb, env...)
	if err != nil || r.Code != 0 {
		s.t.Fatalf("install %s: %v %s", filepath.Base(deb), err, r)
	}
	return r
}

// apt runs apt-get with a verb on the agent's package; it must work.
func (s *scene) apt(verb string) machine.Result {
	s.t.Helper()
	r := s.asRoot("/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "/usr/bin/apt-get", verb, "--yes", "--quiet=2", "assent-agent")
	if r.Code != 0 {
		s.t.Fatalf("apt-get %s: %s", verb, r)
	}
	return r
}

// tree is every file of the machine that packages could have touched, with mode,
// owner, and what it holds; what apt and dpkg keep for themselves is left out.
func (s *scene) tree() string {
	s.t.Helper()
	r := s.asRoot("/usr/bin/find", "/etc", "/usr", "/var/lib", "/opt", "/run/assent", "/run/assent-sudo.lock", "/run/systemd/system", "-xdev",
		"(", "-path", "/var/lib/dpkg", "-o", "-path", "/var/lib/apt", "-o", "-path", "/var/lib/systemd", "-o", "-path", "/var/lib/sudo", "-o", "-path", "/var/lib/private", "-o", "-name", "*.pyc", ")", "-prune",
		"-o", "-type", "f", "-printf", "%m %U:%G %s %p\n", "-o", "-type", "l", "-printf", "%p -> %l\n", "-o", "-type", "d", "-printf", "%m %U:%G %p\n")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// same fails with the lines that differ.
func (s *scene) same(when, before, after string) {
	s.t.Helper()
	if before == after {
		return
	}
	had, has := map[string]bool{}, map[string]bool{}
	for l := range strings.Lines(before) {
		had[strings.TrimSpace(l)] = true
	}
	for l := range strings.Lines(after) {
		has[strings.TrimSpace(l)] = true
	}
	for l := range had {
		if !has[l] {
			s.t.Errorf("%s: gone: %s", when, l)
		}
	}
	for l := range has {
		if !had[l] {
			s.t.Errorf("%s: new: %s", when, l)
		}
	}
}

// rights is what sudo says that people may do.
func (s *scene) rights() string {
	s.t.Helper()
	var b strings.Builder
	for _, user := range []string{machine.Alice, machine.Carol} {
		r := s.typed(user, "sudo -n -l")
		fmt.Fprintf(&b, "%s %d\n%s", user, r.Code, r.Stdout)
	}
	return b.String()
}

// mode is how the agent of the machine says that it is.
func (s *scene) mode() string {
	s.t.Helper()
	var status struct {
		Mode string `json:"mode"`
	}
	r := s.typed(machine.Alice, "assent status --format json")
	if err := json.Unmarshal([]byte(r.Stdout), &status); err != nil {
		s.t.Fatalf("assent status: %v %s", err, r)
	}
	return status.Mode
}

func (s *scene) token(mode string) string {
	s.t.Helper()
	args := []string{"enroll-token", "add", "--ttl", "1h", "--format", "json"}
	if mode != "" {
		args = append(args, "--mode", mode)
	}
	r, err := s.controller.Ctl(s.t.Context(), args...)
	var made struct {
		Token string `json:"token"`
	}
	if err != nil || json.Unmarshal([]byte(r.Stdout), &made) != nil {
		s.t.Fatalf("make a token: %v %s", err, r)
	}
	return made.Token
}

func (s *scene) conf() string {
	raw, _ := s.machine.Read("/etc/sudo.conf")
	return string(raw)
}

// works: whoever has rights has them.
func (s *scene) works(when string) {
	s.t.Helper()
	if r := s.typed(machine.Carol, "sudo -n id -u"); r.Code != 0 || strings.TrimSpace(r.Stdout) != "0" {
		s.t.Errorf("%s: carol's sudo: %s", when, r)
	}
}

// TestD3Package is the life of the package: installed without a token, enrolled later,
// with a token in the environment, removed, and purged without a trace.
func TestD3Package(t *testing.T) {
	s := bareMachineFor(t, "packages")
	older, _ := packages(t)
	s.asRoot("/usr/bin/touch", "/var/lib/dpkg/status") // the image has never been used
	s.works("before")
	tree, conf, rights := s.tree(), s.conf(), s.rights()

	r := s.install(older)
	if text := r.Stdout + r.Stderr; strings.Count(text, "assent-agent: installed, not started: this endpoint is not enrolled") != 1 {
		t.Errorf("without a token it says: %s", text)
	}
	if r := s.asRoot("/usr/bin/systemctl", "is-active", "assent-agent.service"); strings.TrimSpace(r.Stdout) != "inactive" {
		t.Errorf("without a token the agent is %s", r.Stdout)
	}
	s.same("sudo -l, installed", rights, s.rights())
	s.apt("purge")
	s.same("purged without ever running", tree, s.tree())

	// As it says, and as the playbook of installer/howto does.
	s.install(older)
	if r := s.asRoot("/bin/sh", "-c", "printf "+s.token("observe")+" | /usr/bin/assent-agent enroll --controller "+s.controller.AgentURL+" --token - && /usr/bin/assent-agent install"); r.Code != 0 {
		t.Fatalf("enrolled later: %s", r)
	}
	if err := lab.AwaitConnected(t.Context(), s.machine); err != nil {
		t.Fatal(err)
	}
	if got := s.mode(); got != "observe" {
		t.Errorf("enrolled later, in mode %q", got)
	}
	s.works("enrolled later")
	s.apt("purge")
	s.same("purged after it was enrolled later", tree, s.tree())

	r = s.install(older, "ASSENT_CONTROLLER_URL="+s.controller.AgentURL, "ASSENT_ENROLL_TOKEN="+s.token(""))
	if err := lab.AwaitConnected(t.Context(), s.machine); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	if got := s.mode(); got != "observe" {
		t.Errorf("enrolled by the package in mode %q", got)
	}
	s.same("sudo -l, enrolled", rights, s.rights())
	s.works("enrolled")
	s.until(20*time.Second, func() error {
		if !strings.Contains(s.conf(), "Plugin assent_audit /usr/libexec/assent/assent_sudo.so") {
			return errors.New("sudo does not load the plugin:\n" + s.conf())
		}
		return nil
	})
	s.apt("remove")
	if got := s.conf(); got != conf {
		t.Errorf("sudo.conf after removal:\n%s", got)
	}
	s.works("removed")
	// What was removed and comes back runs again as the same endpoint.
	if r := s.asRoot("/bin/sh", "-c", "umask 077 && echo ASSENT_ENROLL_TOKEN=asn1_again >/etc/assent/enroll"); r.Code != 0 {
		t.Fatal(r)
	}
	s.install(older)
	if err := lab.AwaitConnected(t.Context(), s.machine); err != nil {
		t.Fatal(err)
	}
	if raw, err := s.machine.Read("/etc/assent/enroll"); err == nil {
		t.Errorf("a token that nobody needs stays: %s", raw)
	}
	s.apt("purge")
	if got := s.conf(); got != conf {
		t.Errorf("sudo.conf after purging:\n%s", got)
	}
	s.works("purged")
	s.same("sudo -l, purged", rights, s.rights())
	s.same("purged", tree, s.tree())
}

// TestD3UpgradeKeepsWhatIsGranted: a command that was approved survives the
// upgrade and the downgrade of the agent and still ends on time, sudo works at
// every moment of both; removal ends it first.
func TestD3UpgradeKeepsWhatIsGranted(t *testing.T) {
	s := bareMachineFor(t, "packages")
	older, newer := packages(t)
	conf := s.conf()
	file := "ASSENT_CONTROLLER_URL=" + s.controller.AgentURL + "\nASSENT_ENROLL_TOKEN=" + s.token("ask") + "\n"
	if err := s.machine.Write("/etc/assent/enroll", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	s.install(older)
	if err := lab.AwaitConnected(t.Context(), s.machine); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = s.machine.Exec(context.Background(), "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "/usr/bin/apt-get", "purge", "--yes", "--quiet=2", "assent-agent")
	})
	if r := s.asRoot("/usr/bin/find", "/etc/assent/enroll"); r.Code == 0 {
		t.Error("the file with the token is still there")
	}
	if got := s.mode(); got != "ask" {
		t.Errorf("enrolled in mode %q", got)
	}
	s.rules("rules:\n  - {name: sleep, match: {path: /usr/bin/sleep}, then: approve}\n")

	began := time.Now()
	timed := s.terminal(machine.Alice, "assent run --for 40s --reason 'measure the heat' -- sleep 1111")
	s.runs("sleep 1111")
	watch := s.terminal(machine.Carol, "touch watch; n=0; while [ -e watch ]; do sudo -n true || echo REFUSED; n=$((n+1)); done; echo $n calls")
	s.install(newer)
	s.version(newerAgent)
	s.running("sleep 1111", "upgraded")
	s.install(older)
	s.version(olderAgent)
	s.running("sleep 1111", "downgraded")
	s.typed(machine.Carol, "rm watch")
	if r := s.ends(watch); strings.Contains(r.Stdout, "REFUSED") || strings.Contains(r.Stdout, "error") {
		t.Errorf("sudo during upgrade and downgrade: %s", r)
	}
	if err := lab.AwaitConnected(t.Context(), s.machine); err != nil {
		t.Fatal(err)
	}
	if time.Since(began) < 38*time.Second {
		s.running("sleep 1111", "before its end")
	}
	s.until(60*time.Second-time.Since(began), func() error { return s.gone("sleep 1111") })
	_ = timed.Hangup()

	s.terminal(machine.Alice, "assent run --for 10m --reason 'measure the heat' -- sleep 2222")
	s.runs("sleep 2222")
	s.apt("remove")
	if err := s.gone("sleep 2222"); err != nil {
		t.Errorf("after removal: %v", err)
	}
	if got := s.conf(); got != conf {
		t.Errorf("sudo.conf after removal:\n%s", got)
	}
	if r := s.asRoot("/usr/bin/find", "/etc/sudoers.d", "-name", "zz-assent*"); strings.TrimSpace(r.Stdout) != "" {
		t.Errorf("left in sudoers.d: %s", r.Stdout)
	}
	s.works("removed")
}

func (s *scene) gone(command string) error {
	if r := s.asRoot("/usr/bin/pgrep", "-fx", "(/usr/bin/)?"+command); r.Code == 0 {
		return fmt.Errorf("%s still runs: %s", command, r.Stdout)
	}
	return nil
}

// runs waits until a command runs.
func (s *scene) runs(command string) {
	s.t.Helper()
	s.until(20*time.Second, func() error {
		if s.gone(command) == nil {
			return errors.New(command + " does not run")
		}
		return nil
	})
}

func (s *scene) running(command, when string) {
	s.t.Helper()
	if s.gone(command) == nil {
		s.t.Errorf("%s: %s does not run any more", when, command)
	}
}

// version waits until the running agent is the installed one.
func (s *scene) version(want string) {
	s.t.Helper()
	s.until(30*time.Second, func() error {
		if r := s.typed(machine.Alice, "assent status --format json"); !strings.Contains(r.Stdout, `"`+want+`"`) {
			return fmt.Errorf("the agent is not %s: %s", want, r)
		}
		return nil
	})
}

// TestE81LinkedFoldersAreRefused: nothing of root is written where somebody
// else steers it.
func TestE81LinkedFoldersAreRefused(t *testing.T) {
	s := bareMachineFor(t, "packages")
	older, _ := packages(t)
	s.asRoot("/usr/bin/apt-get", "purge", "--yes", "--quiet=2", "assent-agent")
	for _, dir := range []string{"/var/lib/assent", "/var/log/assent", "/usr/libexec/assent"} {
		s.typed(machine.Alice, "mkdir -p trap")
		s.asRoot("/usr/bin/rm", "-rf", dir)
		s.asRoot("/usr/bin/mkdir", "-p", filepath.Dir(dir))
		s.asRoot("/usr/bin/ln", "-s", "/home/alice/trap", dir)
		r, err := lab.InstallPackage(t.Context(), s.machine, older, "ASSENT_CONTROLLER_URL="+s.controller.AgentURL, "ASSENT_ENROLL_TOKEN="+s.token("ask"))
		if err != nil || r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, dir+" is not a folder of root") {
			t.Errorf("%s is a link: %v %s", dir, err, r)
		}
		if r := s.typed(machine.Alice, "find trap -mindepth 1"); r.Stdout != "" {
			t.Errorf("%s is a link: written through it: %s", dir, r.Stdout)
		}
		s.asRoot("/usr/bin/rm", dir)
		s.asRoot("/usr/bin/apt-get", "purge", "--yes", "--quiet=2", "assent-agent")
	}
	s.asRoot("/usr/bin/dpkg", "--unpack", "/root/"+filepath.Base(older))
	s.asRoot("/usr/bin/ln", "-s", "/home/alice/trap", "/var/lib/assent")
	if r := s.asRoot("/usr/bin/dpkg", "--configure", "assent-agent"); r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "is not a folder of root") {
		t.Errorf("linked after unpacking: %s", r)
	}
	if r := s.typed(machine.Alice, "find trap -mindepth 1"); r.Stdout != "" {
		t.Errorf("written through a link: %s", r.Stdout)
	}
	s.asRoot("/usr/bin/apt-get", "purge", "--yes", "--quiet=2", "assent-agent")
	if r := s.typed(machine.Alice, "ls -d trap"); r.Code != 0 {
		t.Error("purging followed the link")
	}
	s.works("after all that")
}
