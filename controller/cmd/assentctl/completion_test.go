package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// shellBed is a controller with three requests, and assentctl on the path.
func shellBed(t *testing.T) (ids []string, env []string) {
	t.Helper()
	d := desk.Open(t, time.Now())
	e := d.Endpoint("web-1")
	for i := range 3 {
		ids = append(ids, e.AskWith(e.Attempt("eve", "/usr/bin/id", fmt.Sprint("evil\x1b[2J", i)), "because \x1b[31m I must", ""))
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "assentctl")); err != nil { // the test is assentctl when it is called so
		t.Fatal(err)
	}
	home := t.TempDir()
	return ids, []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + home, "ASSENT_URL=" + d.URL, "ASSENT_TOKEN=" + d.Admin.Client.Token, "TERM=dumb", "XDG_CONFIG_HOME=" + home, "LC_ALL=C.UTF-8"}
}

// shellSays runs lines in a shell and gives what it prints.
func shellSays(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = env, t.TempDir(), time.Second // what it left behind is not waited for
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// TestCompletionInBash completes as bash does: by its own variables, with the
// line broken at = as it breaks it.
func TestCompletionInBash(t *testing.T) {
	ids, env := shellBed(t)
	script := `
source <(assentctl completion bash)
try() {
    COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
    __assentctl_complete
    printf '%s|' "$@"; printf ' ->'; printf ' [%s]' "${COMPREPLY[@]}"; echo
}
try assentctl ap
try assentctl approval de
try assentctl approval approve ''
try assentctl approval approve req_
try assentctl epm approval list --status pen
try assentctl approval list --status = den
try assentctl approval list --status pending,de
try assentctl approval list --format j
try assentctl approval action --remove @d
try assentctl completion f
touch pwned-not; try assentctl approval approve '$(touch pwned)'
ls
`
	out := shellSays(t, env, "bash", "--norc", "--noprofile", "-c", script)
	for _, want := range []string{
		"assentctl|ap| -> [approval]", "approval|de| -> [deny]", "--status|pen| -> [pending", "--status|=|den| -> [denied]",
		"pending,de| -> [pending,denied]", "j| -> [json] [jsonl]", "@d| -> [@denied]", "completion|f| -> [fish]",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, id := range ids {
		if !strings.Contains(out, "["+elevation.ShortID(id)+"  (eve on web-1: /usr/bin/id") || !strings.Contains(out, "["+id) {
			t.Errorf("%s is not completed in\n%s", id, out)
		}
	}
	if strings.Contains(out, "pwned\n") || strings.ContainsRune(out, 0x1b) {
		t.Errorf("what stands on the line is run, or hostile text is raw:\n%q", out)
	}
}

// TestCompletionOnABashPrompt presses Tab at a real prompt.
func TestCompletionOnABashPrompt(t *testing.T) {
	ids, env := shellBed(t)
	cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
	cmd.Env, cmd.Dir = append(env, "PS1=ready> "), t.TempDir()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 160})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { tty.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	watchdog := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	var seen strings.Builder
	buf := make([]byte, 4096)
	until := func(text string) {
		t.Helper()
		for !strings.Contains(seen.String(), text) {
			n, err := tty.Read(buf)
			seen.Write(buf[:n])
			if err != nil {
				t.Fatalf("%q never shows (%v):\n%q", text, err, seen.String())
			}
		}
		seen.Reset()
	}
	say := func(text string) {
		t.Helper()
		if _, err := tty.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	until("ready> ")
	say("source <(assentctl completion bash); echo $((40+2))\r")
	until("42")
	say("assentctl appro\tde\t" + elevation.ShortID(ids[1])[:5] + "\t--dry-run --quiet && echo $((50+5))\r")
	until("55")
}

func TestCompletionInZsh(t *testing.T) {
	testgroup.Need(t, "zsh")
	ids, env := shellBed(t)
	// zsh completes at a prompt only; zpty gives it one.
	script := `
zmodload zsh/zpty
zpty z 'TERM=xterm zsh -f -i'
zpty -w z 'PROMPT="ready> "; autoload -U compinit; compinit -u -d ./dump; source <(assentctl completion zsh); zstyle ":completion:*" list-prompt ""; echo lo""aded'
zpty -r z seen '*loaded*'
zpty -w -n z $'assentctl approval appr\t'
zpty -w -n z $'` + elevation.ShortID(ids[2])[:5] + `\t'
zpty -w z '--dry-run; echo en""ded'
zpty -r z seen '*ended*'
print -r -- "$seen"
zpty -w -n z $'assentctl approval list --status exp\t'
zpty -w z '--format id; echo fin""ished'
zpty -r z seen '*finished*'
print -r -- "$seen"
zpty -d z
`
	out := shellSays(t, env, "zsh", "-f", "-c", script)
	if !strings.Contains(out, elevation.ShortID(ids[2])+"  would approve, now pending") || !strings.Contains(out, "expired") {
		t.Errorf("%s", out)
	}
}

func TestCompletionInFish(t *testing.T) {
	testgroup.Need(t, "fish")
	ids, env := shellBed(t)
	out := shellSays(t, env, "fish", "--no-config", "-c", `
assentctl completion fish | source
complete -C 'assentctl approval appr'
complete -C 'assentctl approval approve '
complete -C 'assentctl pedm approval list --status pen'
complete -C 'assentctl approval list --format '
`)
	for _, want := range []string{"approve\tApprove requests", elevation.ShortID(ids[0]) + "\teve on web-1: /usr/bin/id", "pending", "jsonl"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.ContainsRune(out, 0x1b) {
		t.Errorf("hostile text is raw:\n%q", out)
	}
}

// Without a controller or a token Tab completes to nothing, and says nothing.
func TestCompletionWithoutAController(t *testing.T) {
	for _, env := range []map[string]string{{}, {"ASSENT_URL": "http://127.0.0.1:1", "ASSENT_TOKEN": "x"}, {"ASSENT_URL": "nonsense", "ASSENT_TOKEN": "x"}} {
		var out, errs strings.Builder
		code := run(t.Context(), []string{"__complete", "approval", "approve", ""}, strings.NewReader(""), &out, &errs, func(name string) string { return env[name] })
		if code != 0 || !strings.HasPrefix(out.String(), ":") {
			t.Errorf("%v: %d %q", env, code, out.String())
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var out strings.Builder
		if code := run(t.Context(), []string{"completion", shell}, strings.NewReader(""), &out, &out, func(string) string { return "" }); code != 0 || !strings.Contains(out.String(), "assentctl") {
			t.Errorf("%s: %d", shell, code)
		}
	}
	var out strings.Builder
	if code := run(t.Context(), []string{"completion", "tcsh"}, strings.NewReader(""), &out, &out, func(string) string { return "" }); code != exitUsage {
		t.Errorf("tcsh: %d %s", code, out.String())
	}
}
