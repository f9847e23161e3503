package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// pod is a container tool with a store of its own.
type pod struct {
	t   *testing.T
	dir string
}

func (p *pod) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	runc, err := exec.LookPath("runc")
	if err != nil {
		return "", err
	}
	own := []string{"--root", filepath.Join(p.dir, "root"), "--runroot", filepath.Join(p.dir, "run"), "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", runc}
	out, err := exec.CommandContext(ctx, "podman", append(own, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("podman %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func (p *pod) must(args ...string) string {
	p.t.Helper()
	out, err := p.run(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// start runs the image as an administrator would, with the data in a folder, and
// waits until the controller answers /readyz.
func (p *pod) start(data string) {
	p.t.Helper()
	p.must("run", "--detach", "--name", "assent", "--network", "host", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges",
		"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--volume", data+":/data", "--env", "ASSENT_LISTEN=127.0.0.1:0",
		"--env", "ASSENT_AGENT_LISTEN=127.0.0.1:0", "assent-controller")
	late := time.After(time.Minute)
	for {
		err := ready(p.t.Context(), data)
		if err == nil {
			return
		}
		select {
		case <-late:
			logs, _ := p.run("logs", "assent")
			p.t.Fatalf("it is not ready: %v\n%s", err, logs)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ready asks the controller of a data folder, which says where it listens.
func ready(ctx context.Context, data string) error {
	raw, err := os.ReadFile(filepath.Join(data, "addresses.json"))
	if err != nil {
		return err
	}
	var where struct{ Listen string }
	if err := json.Unmarshal(raw, &where); err != nil {
		return err
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+where.Listen+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w %s", answer.Status, err, text)
	}
	return nil
}

// image builds the image from what `make package` makes.
func (p *pod) image(j *job) {
	p.t.Helper()
	j.arches = []string{runtime.GOARCH}
	_, err := j.compile(program{name: "assent-controller", folder: "controller/cmd/assent-controller"}, "linux", runtime.GOARCH)
	if err == nil {
		err = j.container()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.must("build", "--format", "docker", "--isolation", "chroot", "--network", "host", "--build-arg", "TARGETARCH="+runtime.GOARCH, "-t", "assent-controller", filepath.Join(j.out, "container"))
	var made []struct {
		Size   int64
		Config struct {
			User, StopSignal string
			Healthcheck      struct{ Test []string }
		}
	}
	if err := json.Unmarshal([]byte(p.must("inspect", "--type", "image", "assent-controller")), &made); err != nil || len(made) != 1 {
		p.t.Fatal(err)
	}
	if c := made[0].Config; c.User != "65532:65532" || c.StopSignal != "SIGTERM" || made[0].Size > 90<<20 {
		p.t.Errorf("the image is %+v", made[0])
	}
}

// TestD5ContainerRuns builds the image with a real container tool and runs it:
// without root, without any capability, on a file system that can not be written.
// The controller is ready and its health check says so, it stops when told, and
// finds its data at the next start.
func TestD5ContainerRuns(t *testing.T) {
	testgroup.Need(t, "container")
	p := &pod{t: t, dir: t.TempDir()}
	p.image(testJob(t, "1.2.3"))
	data := filepath.Join(p.dir, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chown(data, 65532, 65532)); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = p.run("rm", "--force", "--time", "0", "assent") }()
	p.start(data)
	if out := p.must("exec", "assent", "/assent-controller", "health"); out != "ready" {
		t.Errorf("health: %s", out)
	}
	p.must("healthcheck", "run", "assent")
	if out, err := p.run("exec", "assent", "/bin/sh", "-c", "true"); err == nil {
		t.Errorf("there is a shell: %s", out)
	}
	status, err := os.ReadFile(filepath.Join("/proc", p.must("inspect", "--format", "{{.State.Pid}}", "assent"), "status"))
	if err != nil || !strings.Contains(string(status), "Uid:\t65532\t65532\t65532\t65532\n") || !strings.Contains(string(status), "CapBnd:\t0000000000000000\n") {
		t.Errorf("%v, it runs as:\n%s", err, status)
	}
	p.must("stop", "--time", "20", "assent")
	if code := p.must("inspect", "--format", "{{.State.ExitCode}}", "assent"); code != "0" {
		t.Errorf("told to stop it ended with %s:\n%s", code, p.must("logs", "assent"))
	}
	keys, err := filepath.Glob(filepath.Join(data, "keys", "*"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("its keys are not in its folder: %v", err)
	}
	before, err := os.ReadFile(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	p.must("rm", "assent")
	if err := os.Remove(filepath.Join(data, "addresses.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	p.start(data)
	if after, err := os.ReadFile(keys[0]); err != nil || string(after) != string(before) {
		t.Errorf("it has made new keys: %v", err)
	}
}
