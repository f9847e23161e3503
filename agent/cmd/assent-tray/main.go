// Command assent-tray is what a person sees of Assent beside the clock: an icon
// with a menu, messages, and a form that asks for access. A session starts it at
// log-in; one is enough for a person, and a second one hands its wish to the first.
//
// It has no rights of its own and decides nothing: it speaks with the agent of
// this machine over the users' door (package agent/local). It listens nowhere but
// for the form, on an address of this machine, while that is open. The icon needs
// a library of the system and stands in icon_systray.go alone; a build without it
// has everything else. Read package agent/tray for what is shown.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/harden"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/shared/complete"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

func main() {
	if err := harden.Process(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// failure is an error with the exit code that scripts rely on and what to do next.
type failure struct {
	code  int
	text  string
	hints []string
}

func (f *failure) Error() string { return f.text }

const (
	exitFailed = 1
	exitUsage  = 2
)

func execute(args []string, out, errs io.Writer) int {
	root := command(out, errs)
	root.SetArgs(append([]string{}, args...)) // nil would mean the arguments of the process
	root.SetOut(out)
	root.SetErr(errs)
	verb, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return 0
	}
	var f *failure
	if !errors.As(err, &f) { // cobra's own: an unknown verb, a bad flag, wrong arguments
		f = &failure{code: exitUsage, text: err.Error(), hints: []string{verb.CommandPath() + " --help shows what there is"}}
	}
	fmt.Fprintln(errs, "error: "+f.text)
	for _, h := range f.hints {
		fmt.Fprintln(errs, "hint: "+h)
	}
	return f.code
}

func command(out, errs io.Writer) *cobra.Command {
	var runtime string
	root := &cobra.Command{
		Use:   "assent-tray",
		Short: "Ask for access and see your requests, beside the clock",
		Long: "assent-tray shows beside the clock how your requests stand, tells you when somebody has\n" +
			"answered, and opens the form that asks for access. It has no rights of its own.\n\n" +
			"A session starts it by itself; where it runs already, a second one does nothing.",
		Example:      "  assent-tray\n  assent-tray request /usr/bin/gparted\n  assent-tray request /usr/bin/apt install nginx",
		Args:         cobra.NoArgs,
		SilenceUsage: true, SilenceErrors: true, DisableSuggestions: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), runtimeFolder(runtime), nil, errs)
		},
	}
	root.PersistentFlags().StringVar(&runtime, "runtime", "", "folder of the agent's door (ASSENT_RUNTIME, "+usualRuntime+")")
	root.AddCommand(requestCommand(&runtime, errs), versionCommand(out), complete.Command("assent-tray"))
	root.AddCommand(loginCommands(&runtime, errs)...)
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// requestCommand is what the menu of a file manager calls.
func requestCommand(runtime *string, errs io.Writer) *cobra.Command {
	c := &cobra.Command{Use: "request [flags] [PATH [ARG...]]", Short: "Open the form that asks for a program",
		Long: "Open the form that asks for approval to run the program at PATH.\n\n" +
			"Without a path you choose a program in the form. It goes to the assent-tray that runs in\n" +
			"your session; without one this one shows the form, and stays.",
		Example: "  assent-tray request\n  assent-tray request /usr/bin/gparted",
		RunE: func(cmd *cobra.Command, args []string) error {
			w := tray.Wish{Menu: fromMenu}
			if len(args) > 0 {
				path, err := filepath.Abs(args[0])
				if err != nil || args[0] == "" {
					return &failure{exitUsage, "that is no path of a program", []string{"assent-tray request without a path lets you choose"}}
				}
				w.Path, w.Args = path, args[1:]
			}
			return serve(cmd.Context(), runtimeFolder(*runtime), &w, errs)
		}}
	c.Flags().SetInterspersed(false)
	return c
}

func versionCommand(out io.Writer) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		info := version.Get(wire.Version)
		switch format {
		case "json":
			e := json.NewEncoder(out)
			e.SetIndent("", "  ")
			return e.Encode(info)
		case "text":
			_, err := fmt.Fprintln(out, info)
			return err
		}
		return &failure{exitUsage, fmt.Sprintf("there is no format %q", format), []string{"formats: text, json"}}
	}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

// runtimeFolder is the flag's folder, else the environment's, else the usual one.
func runtimeFolder(flag string) string {
	for _, dir := range []string{flag, os.Getenv("ASSENT_RUNTIME")} {
		if dir = strings.TrimSpace(dir); dir != "" {
			return dir
		}
	}
	return usualRuntime
}
