package windows

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/e2e/wine"
)

// office is a controller on the host and a Windows machine under Wine, on which
// nothing is installed yet.
type office struct {
	*testing.T
	controller *lab.Controller
	windows    *wine.Lab
	ctx        context.Context
}

func open(t *testing.T) office {
	t.Helper()
	wine.Need(t)
	t.Parallel() // each has a machine of its own, and waits for it most of the time
	ctx, stop := context.WithTimeout(t.Context(), 6*time.Minute)
	t.Cleanup(stop)
	bin, err := lab.Bin()
	if err != nil {
		t.Fatal(err)
	}
	controller, err := lab.StartController(ctx, lab.Config{Bin: bin, Data: filepath.Join(t.TempDir(), "controller")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := controller.Kill(); err != nil {
			t.Error(err)
		}
	})
	return office{t, controller, wine.Open(t), ctx}
}

// msi makes the package as `make package` does.
func (o office) msi(version string) {
	o.Helper()
	root, err := lab.Root()
	if err != nil {
		o.Fatal(err)
	}
	testgroup.Need(o, "packages")
	out := o.TempDir()
	cmd := exec.CommandContext(o.ctx, "go", "run", "./installer", "-only", "assent-agent", "-arch", "amd64", "-format", "msi", "-version", version, "-commit", "test", "-date", "1767225600", "-out", out)
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		o.Fatalf("make the MSI: %v\n%s", err, said)
	}
	raw, err := os.ReadFile(filepath.Join(out, "assent-agent_"+version+"_amd64.msi"))
	if err == nil {
		err = o.windows.Write(`C:\`+version+`.msi`, raw)
	}
	if err != nil {
		o.Fatal(err)
	}
}

func (o office) msiexec(args ...string) {
	o.Helper()
	if r := o.windows.Run(append([]string{"msiexec", "/qn"}, args...)...); r.Code != 0 {
		o.Fatalf("msiexec %v: %d\n%s\n%s", args, r.Code, r.Stderr, o.diary())
	}
}

// diary is what a test that failed wants to know of the machine.
func (o office) diary() string {
	service, status := o.windows.Run("sc", "query", "assent-agent"), o.windows.Run(`C:\Program Files\Assent\assent.exe`, "status")
	again := o.windows.Run(`C:\Program Files\Assent\assent-agent.exe`, "status")
	return service.Stdout + status.Stdout + status.Stderr + again.Stdout + again.Stderr
}

func (o office) ctl(args ...string) string {
	o.Helper()
	r, err := o.controller.Ctl(o.ctx, args...)
	if err != nil || r.Code != 0 {
		o.Fatalf("assentctl %v: %v %s", args, err, r)
	}
	return r.Stdout
}

// until asks again until it is so: another process tells nobody when.
func (o office) until(what string, is func() bool) {
	o.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-o.ctx.Done():
			o.Fatalf("%s: not in time\n%s\n%s", what, o.diary(), o.controller.Log())
		}
	}
}

// installed is a machine that the MSI has enrolled, with the token that it used.
func (o office) installed() string {
	o.Helper()
	o.msi("1.2.3")
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(o.ctl("enroll-token", "add", "--mode", "ask", "--ttl", "1h", "--accept-label", "ring", "--format", "json")), &made); err != nil {
		o.Fatal(err)
	}
	o.msiexec("/i", `C:\1.2.3.msi`, "CONTROLLER_URL="+o.controller.AgentURL, "ENROLL_TOKEN="+made.Token, "LABELS=ring=first,site=berlin")
	o.until("the machine is enrolled", func() bool {
		return strings.Contains(o.windows.Run(`C:\Program Files\Assent\assent.exe`, "status").Stdout, "connected since")
	})
	if list := o.ctl("endpoint", "list"); !strings.Contains(list, "true") || !strings.Contains(list, "Windows") || !strings.Contains(list, "ring=first") || strings.Contains(list, "berlin") {
		o.Errorf("the controller does not know the machine: %s", list)
	}
	return made.Token
}

// approved starts a program by way of assent run, and answers once it was approved.
func (o office) approved(program ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	o.Helper()
	args := append([]string{`C:\Program Files\Assent\assent.exe`, "run", "--reason", "the printer needs its driver", "--"}, program...)
	cmd = o.windows.Command(o.ctx, args...)
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		o.Fatal(err)
	}
	var pending []string
	o.until("the request waits", func() bool {
		var err error
		pending, err = o.controller.Pending(o.ctx)
		return err == nil && len(pending) == 1
	})
	o.ctl("approval", "approve", pending[0], "--comment", "by telephone")
	return cmd, stdout, stderr
}

// TestD1FromMSIToEnd: the MSI enrols the machine with its properties, the token is
// gone afterwards, somebody asks by the named pipe, is approved, the program runs
// and ends, and removing leaves neither service nor files.
func TestD1FromMSIToEnd(t *testing.T) {
	o := open(t)
	token := o.installed()
	o.until("the token is gone", func() bool {
		return !strings.Contains(o.windows.Run("reg", "query", `HKLM\SOFTWARE\Assent\Enroll`, "/reg:64").Stdout, token)
	})

	cmd, stdout, stderr := o.approved(`C:\windows\system32\cmd.exe`, "/c", "echo done & exit 7")
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 || !strings.Contains(stdout.String(), "done") {
		t.Fatalf("exit code %d, %q\n%s\n%s", code, stdout.String(), stderr.String(), o.diary())
	}

	o.msiexec("/x", `C:\1.2.3.msi`)
	if r := o.windows.Run("sc", "query", "assent-agent"); r.Code == 0 {
		t.Errorf("the service is still there: %s", r.Stdout)
	}
	if _, err := os.Stat(o.windows.Path(`C:\Program Files\Assent\assent-agent.exe`)); err == nil {
		t.Error("the agent is still there")
	}
	o.until("the controller knows", func() bool { return strings.Contains(o.ctl("endpoint", "list"), "false") })
}

// TestA13RemovalRevokesFirst: what runs when Assent is removed is ended before its
// files go.
func TestA13RemovalRevokesFirst(t *testing.T) {
	o := open(t)
	o.installed()
	running := o.stayer()
	cmd, _, stderr := o.approved(`C:\windows\stayer.exe`)
	o.until("it runs", func() bool { _, err := o.windows.Read(`C:\stays.txt`); return err == nil && running() })
	o.msiexec("/x", `C:\1.2.3.msi`)
	_ = cmd.Wait()
	if running() {
		t.Errorf("it still runs: %s", stderr)
	}
}
