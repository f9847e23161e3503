// Command assent-agent is the service on an endpoint: it holds attempts to
// elevate until they are answered, applies what was granted and takes it back.
//
// This folder has flags, configuration and the service's life cycle; the flow
// is in package agent. `run` stays in the foreground under any service manager,
// `reap` ends what is due without the service, `install` writes the units.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/harden"
	"github.com/assent-epm/assent/agent/intercept/polkit"
	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/complete"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// hinted is an error with what to do next.
type hinted struct {
	err  error
	hint string
}

func (h hinted) Error() string { return h.err.Error() }
func (h hinted) Unwrap() error { return h.err }

// errUsage marks wrong flags and arguments: exit 2.
var errUsage = errors.New("usage")

func main() {
	if err := harden.Process(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	if privilege.IsGate(os.Args) { // this process is to become a program that was approved
		os.Exit(privilege.Gate())
	}
	if sudo.IsErrand(os.Args) { // sudo has started it by a rule of a moment, to become what was approved
		os.Exit(sudo.RunErrand(os.Args, os.Stderr))
	}
	if polkit.IsHelper(os.Args) { // polkit asks, and it waits for nothing else meanwhile
		os.Exit(polkit.Help(os.Args, os.Stdout))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := command(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNotEnrolled): // what to do was said
		return exitNotEnrolled
	case errors.Is(err, errAsItWas):
		return exitAsItWas
	}
	if strings.HasPrefix(err.Error(), "unknown command") || strings.Contains(err.Error(), "arg(s)") || errors.Is(err, complete.ErrShell) { // cobra's own
		err = hinted{fmt.Errorf("%w: %w", errUsage, err), "see assent-agent --help"}
	}
	fmt.Fprintln(stderr, "error:", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintln(stderr, "hint:", h.hint)
	}
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func command(stdout, stderr io.Writer) *cobra.Command {
	var set settings
	root := &cobra.Command{
		Use:           "assent-agent",
		Short:         "The Assent service on an endpoint",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return hinted{fmt.Errorf("%w: %w", errUsage, err), "see assent-agent --help"}
	})
	set.flags(root.PersistentFlags())
	root.AddCommand(enrollCommand(&set), runCommand(&set), reapCommand(&set), giveBackCommand(&set), proxyLoginCommand(&set), doctorCommand(&set), versionCommand(), complete.Command("assent-agent"))
	root.AddCommand(serviceCommands(&set)...)
	return root
}

func versionCommand() *cobra.Command {
	var format string
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		info := version.Get(wire.Version)
		switch format {
		case "text":
			fmt.Fprintln(c.OutOrStdout(), info)
			return nil
		case "json":
			return json.NewEncoder(c.OutOrStdout()).Encode(info)
		}
		return hinted{fmt.Errorf("%w: unknown format %q", errUsage, format), "use text or json"}
	}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}
