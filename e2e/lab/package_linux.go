package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/assent-epm/assent/e2e/machine"
)

// BuildPackage makes the deb of a product, "assent-agent" or "assent-controller",
// with a version of its own into a folder, and answers its path.
func BuildPackage(ctx context.Context, dir, product, version string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "run", "./installer", "-only", product, "-arch", runtime.GOARCH, "-format", "deb", "-version", version,
		"-commit", "test", "-date", "1767225600", "-out", dir)
	cmd.Dir = root
	if result, err := finish(ctx, cmd); err != nil || result.Code != 0 {
		return "", errors.Join(err, fmt.Errorf("make the package %s %s: %s", product, version, result))
	}
	return filepath.Join(dir, product+"_"+version+"_"+runtime.GOARCH+".deb"), nil
}

// InstallPackage puts a deb onto a machine with apt, as an administrator does,
// with more environment such as ASSENT_ENROLL_TOKEN=….
func InstallPackage(ctx context.Context, m *machine.Machine, deb string, env ...string) (machine.Result, error) {
	raw, err := os.ReadFile(deb)
	if err != nil {
		return machine.Result{}, err
	}
	at := "/root/" + filepath.Base(deb)
	if err := m.Write(at, raw, 0o644); err != nil {
		return machine.Result{}, err
	}
	argv := append([]string{"/usr/bin/env", "DEBIAN_FRONTEND=noninteractive"}, env...)
	return m.Exec(ctx, append(argv, "/usr/bin/apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", "--allow-downgrades", at)...)
}

// InstallPackagedAgent enrols a machine by its package, in the mode of the
// token, and returns when the agent is connected.
func InstallPackagedAgent(ctx context.Context, m *machine.Machine, c *Controller, deb, token string) error {
	result, err := InstallPackage(ctx, m, deb, "ASSENT_CONTROLLER_URL="+c.AgentURL, "ASSENT_ENROLL_TOKEN="+token)
	if err != nil {
		return err
	}
	if result.Code != 0 {
		return fmt.Errorf("install %s on %s: %s\n%s", filepath.Base(deb), m.Name, result, m.Journal(ctx, "assent-agent"))
	}
	return AwaitConnected(ctx, m)
}
