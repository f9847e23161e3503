package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/e2e/machine"
)

// Root is the folder of the checkout, found upwards from the working folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("this is not inside a checkout")
}

// Bin is the folder that `make build` fills.
func Bin() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "bin")
	if _, err := os.Stat(filepath.Join(bin, "assent-controller")); err != nil {
		return "", fmt.Errorf("find the programs, run make build first: %w", err)
	}
	return bin, nil
}

// BuildFailPoints builds the programs once more into dir, with the fail points
// of crash tests, and takes what is C from Bin.
func BuildFailPoints(ctx context.Context, dir string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-tags", "failpoints", "-o", dir+"/", "./agent/cmd/assent", "./agent/cmd/assent-agent", "./controller/cmd/assentctl", "./controller/cmd/assent-controller")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if result, err := finish(ctx, cmd); err != nil || result.Code != 0 {
		return errors.Join(err, fmt.Errorf("build with fail points: %s", result))
	}
	for _, name := range []string{"assent_sudo.so", "assent_pam"} {
		raw, err := os.ReadFile(filepath.Join(root, "bin", name))
		if err != nil {
			return fmt.Errorf("find %s, run make build first: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func program(bin, name string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(bin, name), args...)
}

// finish runs a program to its end, or kills it when ctx is done.
func finish(ctx context.Context, cmd *exec.Cmd) (machine.Result, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	gone, err := machine.Bind(cmd)
	if err != nil {
		return machine.Result{}, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	select {
	case <-gone:
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-gone
		return machine.Result{}, fmt.Errorf("run %s: %w", cmd.Path, ctx.Err())
	}
	return machine.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}, nil
}

// line is the single line that a successful program printed.
func line(result machine.Result, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if result.Code != 0 {
		return "", errors.New(result.String())
	}
	return strings.TrimSpace(result.Stdout), nil
}
