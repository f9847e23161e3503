package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// unit is its name there. A person has one, however many sessions they have.
const unit = "assent-tray"

// ofSession are the variables by which programs find the desktop, the language and
// the agent; a manager that began before the session does not know them.
func ofSession(name string) bool {
	return slices.Contains([]string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION", "LANG", "LANGUAGE", "PATH", "ASSENT_RUNTIME"}, name) ||
		strings.HasPrefix(name, "XDG_") || strings.HasPrefix(name, "LC_")
}

// keptAlive are the arguments that have a program run until it ends well; when it
// fails or is killed it is started again, 20 times in ten minutes at most.
func keptAlive(self string, env []string) []string {
	args := []string{"--user", "--quiet", "--collect", "--unit=" + unit, "--description=Assent beside the clock",
		"--property=Restart=on-failure", "--property=RestartSec=5", "--property=StartLimitIntervalSec=600", "--property=StartLimitBurst=20"}
	for _, pair := range env {
		if name, _, ok := strings.Cut(pair, "="); ok && ofSession(name) && !strings.Contains(pair, "\n") {
			args = append(args, "--setenv="+pair)
		}
	}
	return append(args, "--", self)
}

// loginCommands are what a session runs at log-in. Where the person has no manager
// of their own, or it runs the tray already, the tray runs as it is.
func loginCommands(runtime *string, errs io.Writer) []*cobra.Command {
	return []*cobra.Command{{Use: "login", Hidden: true, Args: cobra.NoArgs, Short: "Run under the manager of your session",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if *runtime == "" && handOver(cmd.Context()) == nil {
				return nil
			}
			return serve(cmd.Context(), runtimeFolder(*runtime), nil, errs)
		}}}
}

func handOver(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := exec.CommandContext(ctx, managerPath, keptAlive(self, os.Environ())...).Run(); err != nil {
		return fmt.Errorf("have systemd run the tray: %w", err)
	}
	return nil
}
