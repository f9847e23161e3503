package windows

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

// agentHere builds the programs, enrols the machine by hand and runs the agent in
// the foreground, as somebody does who looks what it says.
func (o office) agentHere() {
	o.Helper()
	dir := o.TempDir()
	build := exec.CommandContext(o.ctx, "go", "build", "-o", dir+"/", "github.com/assent-epm/assent/agent/cmd/assent", "github.com/assent-epm/assent/agent/cmd/assent-agent")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		o.Fatalf("build for Windows: %v\n%s", err, said)
	}
	for _, name := range []string{"assent.exe", "assent-agent.exe"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = o.windows.Write(`C:\`+name, raw)
		}
		if err != nil {
			o.Fatal(err)
		}
	}
	token, err := o.controller.EnrollToken(o.ctx)
	if err != nil {
		o.Fatal(err)
	}
	if r := o.windows.Run(`C:\assent-agent.exe`, "enroll", "--controller", o.controller.AgentURL, "--token", token); r.Code != 0 {
		o.Fatal(r)
	}
	cmd := o.windows.Command(o.ctx, `C:\assent-agent.exe`, "run")
	said := new(diary)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		o.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	o.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if o.Failed() {
			o.Log(said)
		}
	})
	o.until("the agent is connected", func() bool { return o.windows.Run(`C:\assent.exe`, "status").Code == 0 })
}

// diary is what a program says while it runs.
type diary struct {
	mu   sync.Mutex // guards the field below
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// asked runs `assent run` and calls answer once its request waits.
func (o office) asked(answer func(id string), args ...string) (code int, stdout, stderr string) {
	o.Helper()
	return o.answered(answer, append([]string{`C:\assent.exe`, "run", "--reason", "the printer needs its driver"}, args...)...)
}

// answered is asked for any program that asks once.
func (o office) answered(answer func(id string), args ...string) (code int, stdout, stderr string) {
	o.Helper()
	cmd := o.windows.Command(o.ctx, args...)
	var out, errs diary
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		o.Fatal(err)
	}
	o.until("the request waits", func() bool {
		pending, err := o.controller.Pending(o.ctx)
		if err != nil || len(pending) != 1 {
			return false
		}
		answer(pending[0])
		return true
	})
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// startsOthers: what an approved program starts stands on its request.
func (o office) startsOthers(approve func(id string)) {
	o.Helper()
	var request string
	code, stdout, stderr := o.asked(func(id string) { request = id; approve(id) }, "--", `C:\windows\system32\cmd.exe`, "/c", "hostname & hostname & ipconfig")
	if code != 0 {
		o.Errorf("it starts others: %d %q %q", code, stdout, stderr)
	}
	o.until("it is over", func() bool {
		return strings.Contains(o.ctl("approval", "list", "--status", "ended"), request[len(request)-6:])
	})
	var got client.Request
	if err := json.Unmarshal([]byte(o.ctl("approval", "view", request, "--format", "json")), &got); err != nil {
		o.Fatal(err)
	}
	times := map[string]int{}
	for _, l := range got.Listed {
		times[strings.ToLower(l.Path)]++
	}
	if times[`c:\windows\system32\hostname.exe`] != 1 || times[`c:\windows\system32\ipconfig.exe`] != 1 || times[`c:\windows\system32\cmd.exe`] != 0 {
		o.Errorf("it started %v", times)
	}
}

// TestD1TheAgentOnWindows: through the named pipe a program is approved and runs
// with its streams and its exit code, a denial is one, what is revoked ends, and
// what this system can not do is said in one line.
func TestD1TheAgentOnWindows(t *testing.T) {
	o := open(t)
	o.agentHere()
	approve := func(id string) { o.ctl("approval", "approve", id) }
	code, stdout, stderr := o.asked(approve, "--", `C:\windows\system32\cmd.exe`, "/c", "echo done & exit 7")
	if code != 7 || !strings.Contains(stdout, "done") {
		t.Errorf("approved: %d %q %q", code, stdout, stderr)
	}
	o.startsOthers(approve)
	if err := o.windows.Write(`C:\b.bat`, []byte("@echo from a batch file\r\n")); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr = o.asked(approve, "--", `C:\b.bat`); code != 0 || !strings.Contains(stdout, "from a batch file") {
		t.Errorf("a batch file: %d %q %q", code, stdout, stderr)
	}
	code, _, stderr = o.asked(func(id string) { o.ctl("approval", "deny", id, "--comment", "not today") }, "--", `C:\windows\system32\cmd.exe`, "/c", "exit 8")
	if code != 77 || !strings.Contains(stderr, "not today") {
		t.Errorf("denied: %d %q", code, stderr)
	}
	code, _, stderr = o.asked(func(id string) {
		approve(id)
		o.until("it runs", func() bool { return strings.Contains(o.ctl("approval", "list", "--status", "active"), id[len(id)-6:]) })
		o.ctl("approval", "revoke", id)
	}, "--", `C:\windows\system32\cmd.exe`, "/c", "ping -n 300 127.0.0.1")
	if code == 0 || code == 77 {
		t.Errorf("revoked: %d %q", code, stderr)
	}
	for _, row := range []struct {
		code int
		says string
		args []string
	}{
		{2, "runs as who asks", []string{"run", "--as", "bob", "--", "cmd"}},
		{127, "command not found", []string{"run", "--", `C:\letter.docx`}},
		{0, "administrator", []string{"list"}},
	} {
		r := o.windows.Run(append([]string{`C:\assent.exe`}, row.args...)...)
		if r.Code != row.code || !strings.Contains(r.Stdout+r.Stderr, row.says) {
			t.Errorf("%v: %v", row.args, r)
		}
	}
}
