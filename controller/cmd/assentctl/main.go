// Command assentctl is the controller's command line for approvers,
// administrators and scripts. It speaks the REST interface and nothing else;
// only "audit verify --offline" and "rule check" work without a controller.
//
// One file per noun. What people typed or what a stranger wrote is never put on
// a terminal raw: shared/inert escapes it. Exit codes are in exit.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}

// app is one call of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string

	url     string
	format  string
	output  string
	columns string
	quiet   bool
	plain   bool // no colours

	headless bool   // tables and csv without their first line
	address  string // of the controller of this call, once it is known
	stepUp   string // the request that wants its approver to sign in again
}

// run does one call and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer, env func(string) string) int {
	a := &app{in: in, out: out, err: errOut, env: env}
	root := a.root()
	root.SetArgs(withoutPrefix(root, args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	verb, err := root.ExecuteContextC(ctx)
	return a.report(verb, err)
}

// withoutPrefix leaves out "epm" or "pedm" in the place of a noun, also where a
// shell asks for completion. Flags may stand before it.
func withoutPrefix(root *cobra.Command, args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case i == 0 && (arg == cobra.ShellCompRequestCmd || arg == cobra.ShellCompNoDescRequestCmd || arg == "help"):
		case arg == "epm" || arg == "pedm":
			if i == len(args)-1 && args[0] == cobra.ShellCompRequestCmd {
				return args // the word itself is being typed
			}
			return slices.Delete(slices.Clone(args), i, i+1)
		case !strings.HasPrefix(arg, "--"):
			return args
		case !strings.Contains(arg, "="):
			f := root.PersistentFlags().Lookup(arg[2:])
			if f != nil && f.NoOptDefVal == "" {
				i++ // its value
			}
		}
	}
	return args
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "assentctl",
		Short: "Answer requests for administrator rights, and administer the controller",
		Long: "assentctl answers requests for administrator rights, and administers the controller.\n" +
			"A noun alone lists. Ids may be shortened to any unique ending of 6 or more characters.\n" +
			"The nouns may stand behind epm or pedm, as in: assentctl epm approval list",
		SilenceErrors: true, SilenceUsage: true, DisableSuggestions: true,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		Args: cobra.NoArgs,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.url, "url", "", "address of the controller (ASSENT_URL, else from login)")
	f.StringVar(&a.format, "format", "table", "table, json, jsonl, csv, yaml or id")
	f.StringVar(&a.output, "output", "", "write to this file")
	f.StringVar(&a.columns, "columns", "", "columns of tables and csv, comma-separated")
	f.BoolVar(&a.quiet, "quiet", false, "print nothing but errors and what was asked for")
	f.BoolVar(&a.plain, "no-color", false, "no colours (NO_COLOR)")
	root.AddCommand(a.login(), a.approval(), a.request(), a.access(), a.rule(), a.pack(), a.policy(), a.enrollToken(), a.endpoint(), a.rights(), a.pause(), a.attempt(),
		a.user(), a.team(), a.link(), a.delegation(), a.token(), a.channel(), a.alert(), a.delivery(), a.provider(), a.hook(), a.audit(), a.reports(), a.doctor(), a.completion(), a.version())
	a.complete(root)
	return root
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: a.run(func(_ context.Context, _ []string) error {
			v := version.Get(wire.Version)
			if a.format == "json" {
				return a.write(func(w io.Writer) error { return writeJSON(w, v, true) })
			}
			return a.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, v); return err })
		})}
}

// run makes a command's function: its errors are told apart from usage errors,
// which cobra finds before it is called.
func (a *app) run(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		switch a.format {
		case "table", "json", "jsonl", "csv", "yaml", "id":
		default:
			return fmt.Errorf("--format is table, json, jsonl, csv, yaml or id, not %q", a.format)
		}
		if err := do(c.Context(), args); err != nil {
			var done *exitError
			if errors.As(err, &done) {
				return err
			}
			return &exitError{code: codeOf(err), err: err}
		}
		return nil
	}
}

// noun makes a command that lists when it is called alone.
func noun(use, short string, list *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: list.RunE}
	c.Flags().AddFlagSet(list.Flags())
	c.AddCommand(list)
	c.AddCommand(verbs...)
	return c
}

// connect makes the client for this call.
func (a *app) connect() (*client.Client, error) {
	saved, err := a.loadLogin()
	if err != nil {
		return nil, err
	}
	address := first(a.url, a.env("ASSENT_URL"), saved.URL, "http://localhost:8080")
	a.address = address
	token := a.env("ASSENT_TOKEN")
	// A stored token is for the controller it was given to, and no other.
	if token == "" && strings.TrimSuffix(address, "/") == strings.TrimSuffix(saved.URL, "/") {
		token = saved.Token
	}
	c, err := client.New(address, strings.TrimSpace(token))
	if err != nil {
		return nil, usage(err.Error())
	}
	if c.Token == "" {
		return nil, &exitError{code: exitSignIn, err: fmt.Errorf("not signed in at %s", address),
			hints: []string{"run: assentctl login --url " + address, "or set ASSENT_TOKEN"}}
	}
	c.Agent = "assentctl/" + version.Get(wire.Version).Version
	return c, nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
