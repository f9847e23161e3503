package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/e2e/machine"
)

// Where the programs of an endpoint are put on a machine.
const binOnMachine = "/usr/local/bin"

// CopyPrograms puts the endpoint's programs, the sudo plugin and what asks PAM onto a
// machine.
func CopyPrograms(m *machine.Machine, bin string) error {
	for _, name := range []string{"assent", "assent-agent", "assent_sudo.so", "assent_pam"} {
		raw, err := os.ReadFile(filepath.Join(bin, name))
		if err != nil {
			return fmt.Errorf("copy programs to %s, run make build first: %w", m.Name, err)
		}
		if err := m.Write(filepath.Join(binOnMachine, name), raw, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// InstallAgent enrols a machine, installs the agent as a service of its systemd
// and returns when it is connected.
func InstallAgent(ctx context.Context, m *machine.Machine, c *Controller) error {
	if err := CopyPrograms(m, c.cfg.Bin); err != nil {
		return err
	}
	token, err := c.EnrollToken(ctx)
	if err != nil {
		return err
	}
	agent := filepath.Join(binOnMachine, "assent-agent")
	for _, args := range [][]string{
		{agent, "enroll", "--controller", c.AgentURL, "--token", token},
		{agent, "install"},
	} {
		result, err := m.Exec(ctx, args...)
		if err != nil {
			return err
		}
		if result.Code != 0 {
			return fmt.Errorf("%s on %s: %s\n%s", args[1], m.Name, result, m.Journal(ctx, "assent-agent"))
		}
	}
	return AwaitConnected(ctx, m)
}

// AwaitConnected waits until the agent of a machine says that it is connected, and
// whether it holds sudo.
func AwaitConnected(ctx context.Context, m *machine.Machine) error {
	err := until(ctx, nil, func(ctx context.Context) error {
		result, err := m.SSH(ctx, machine.Alice, "assent status --format json", machine.Options{})
		if err != nil {
			return err
		}
		if result.Code != 0 || strings.Contains(result.Stdout, `"sudo": "starting"`) || strings.Contains(result.Stdout, `"sudo":"starting"`) {
			return fmt.Errorf("assent status: %s", result)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wait for the agent of %s: %w\n%s", m.Name, err, m.Journal(context.WithoutCancel(ctx), "assent-agent"))
	}
	return nil
}
