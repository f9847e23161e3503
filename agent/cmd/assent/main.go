// Command assent is what the people of a machine use: it runs one program
// elevated after somebody or a rule said yes, and shows their requests.
//
// It has no rights of its own and decides nothing: it speaks with the agent of
// this machine over the users' socket (package agent/local). Prompts and
// messages go to stderr; stdin is not touched before an approval.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/harden"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/complete"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

func main() {
	if err := harden.Process(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(execute(os.Args[1:], local.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// failure is an error with the exit code that scripts rely on and what to do next.
type failure struct {
	code  int
	text  string
	hints []string
}

func (f *failure) Error() string { return f.text }

const (
	exitUsage   = 2
	exitFailed  = 1
	exitMissing = 5
	exitState   = 6
	exitNoAgent = 69
)

func execute(args []string, std local.Streams) int {
	code := 0
	root := command(std, &code)
	root.SetArgs(append([]string{}, args...)) // nil would mean the arguments of the process
	root.SetOut(std.Out)
	root.SetErr(std.Err)
	verb, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return code
	}
	var f *failure
	if !errors.As(err, &f) { // cobra's own: an unknown verb, a bad flag, wrong arguments
		f = &failure{code: exitUsage, text: err.Error(), hints: []string{verb.CommandPath() + " --help shows what there is"}}
		if strings.Contains(f.text, " arg(s), ") && strings.HasSuffix(f.text, "received 0") && strings.Contains(verb.Use, " ID") {
			f.text, f.hints = "say which request", []string{"assent list shows yours with their ids; the last 6 characters are enough", "usage: " + verb.UseLine()}
		} else if strings.Contains(f.text, " arg(s), ") {
			f.text, f.hints = "that is not the number of arguments it takes", append([]string{"usage: " + verb.UseLine()}, f.hints...)
		}
	}
	complain(std.Err, f.text, f.hints)
	return f.code
}

func complain(w io.Writer, text string, hints []string) {
	fmt.Fprintln(w, local.Fitted(w, "error: "+text))
	for _, h := range hints {
		fmt.Fprintln(w, local.Fitted(w, "hint: "+h))
	}
}

// command builds the tree of verbs. code takes the exit code of verbs that end
// without an error of their own, such as the code of a program that was run.
func command(std local.Streams, code *int) *cobra.Command {
	var runtime string
	root := &cobra.Command{
		Use:   "assent",
		Short: "Run one program elevated, once somebody or a rule says yes",
		Long: "assent asks for the right to run one program elevated, waits for the answer,\n" +
			"and runs it. Every request is seen and kept by your organisation.",
		Example:       "  assent run -- systemctl restart nginx\n  assent run --reason \"new certificate\" --for 15m -- nginx -s reload\n  assent list",
		SilenceErrors: true, SilenceUsage: true, DisableSuggestions: true,
	}
	root.PersistentFlags().StringVar(&runtime, "runtime", "", "folder of the agent's socket (ASSENT_RUNTIME, /run/assent)")
	client := func() local.Client { return local.Client{Path: socket(runtime)} }
	root.AddCommand(runCommand(std, client, code), sessionCommand(std, client, code), adminCommand(std, client, code), listCommand(std, client), viewCommand(std, client),
		actCommand(std, client, "cancel", "Take back a request that waits or was not used", local.Client.Cancel),
		actCommand(std, client, "checkin", "Give back an approval that is in use", local.Client.CheckIn),
		answerCommand(std, client), extendCommand(std, client), resubmitCommand(std, client),
		actCommand(std, client, "remove", "Take a request that is over off your list", local.Client.Remove),
		offlineCommand(std, client), desktopCommand(std, client), portalCommand(std, client), statusCommand(std, client, code), doctorCommand(std, client, code), versionCommand(std), complete.Command("assent"))
	return root
}

// socket is the users' socket in the flag's folder, else in the environment's,
// else in the usual one.
func socket(flag string) string {
	dir := flag
	if dir == "" {
		dir = os.Getenv("ASSENT_RUNTIME")
	}
	if dir == "" {
		dir = local.UsualRuntime()
	}
	return local.Address(dir)
}

// explained turns errors of the client into failures.
func explained(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, local.ErrNoAgent):
		return &failure{exitNoAgent, err.Error(), []string{"is assent-agent running? ASSENT_RUNTIME names its folder"}}
	case errors.Is(err, local.ErrNotFound):
		return &failure{exitMissing, err.Error(), []string{"assent list shows them; an id may be shortened to its last 6 characters"}}
	case errors.Is(err, local.ErrAmbiguous):
		return &failure{exitUsage, err.Error(), []string{"write more of the id"}}
	case errors.Is(err, local.ErrInvalid):
		return &failure{exitUsage, err.Error(), nil}
	case errors.Is(err, local.ErrVersion):
		return &failure{exitUsage, err.Error(), []string{"one was upgraded: restart the agent's service, and use the assent that came with it"}}
	case errors.Is(err, local.ErrBusy):
		return &failure{exitFailed, err.Error(), []string{"end an assent command that waits, or a program that asks all the time, and try again"}}
	case errors.Is(err, local.ErrOffline):
		return &failure{exitNoAgent, err.Error(), []string{"try again later; assent status shows the connection"}}
	case errors.Is(err, local.ErrConflict):
		return &failure{exitState, err.Error(), []string{"assent view shows its state"}}
	}
	return &failure{exitFailed, err.Error(), nil}
}

func versionCommand(std local.Streams) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		info := version.Get(wire.Version)
		switch format {
		case "json":
			return printJSON(std.Out, info)
		case "text":
			_, err := fmt.Fprintln(std.Out, info)
			return err
		}
		return badFormat(format, "text", "json")
	}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func badFormat(got string, want ...string) error {
	return &failure{exitUsage, fmt.Sprintf("there is no format %q", got), []string{"formats: " + strings.Join(want, ", ")}}
}
