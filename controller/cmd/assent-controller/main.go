// Command assent-controller runs the controller, and does on its machine what
// needs no sign-in: making an account and giving one back to its owner.
//
// It turns flags, environment and file into a Config and nothing more. Logs go
// to stderr; stdout has the addresses and the sign-in link.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/shared/complete"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}

// app is one call of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
}

// failed is an error of a command that was understood; every other one is of
// usage.
type failed struct{ error }

// Unwrap gives the cause.
func (f failed) Unwrap() error { return f.error }

// run does one call and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer, env func(string) (string, bool)) int {
	a := &app{in: in, out: out, err: errOut, env: env}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var f failed
	switch {
	case err == nil:
		return 0
	case errors.As(err, &f):
		fmt.Fprintf(errOut, "error: %v\n", err)
		if errors.Is(err, controller.ErrNoData) {
			fmt.Fprintln(errOut, "hint: --data names the folder of the controller; use the user that it runs as, or root")
		}
		return 1
	}
	fmt.Fprintf(errOut, "error: %v\nhint: see assent-controller --help\n", err)
	return 2
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{Use: "assent-controller", Short: "Run the controller: queue of requests, rules, console and the agents' door",
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	root.AddCommand(a.serve(), a.user(), a.backup(), a.restore(), a.keys(), a.health(), a.version(), complete.Command("assent-controller"))
	return root
}

// does marks the errors of a command.
func does(do func(c *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := do(c, args)
		var bad usageError
		if err == nil || errors.As(err, &bad) {
			return err
		}
		return failed{err}
	}
}

// usageError is found after the flags were read.
type usageError struct{ error }

const defaultData = "./assent-data"

// Where the database is when nothing is said.
const (
	inFolder = "assent.db in the folder of --data"
	asServed = "the one that the controller of --data used last"
)

func (a *app) serve() *cobra.Command {
	var cfg controller.Config
	var file string
	c := &cobra.Command{Use: "serve", Short: "Run the controller until SIGTERM", Args: cobra.NoArgs,
		Long: "Run the controller until SIGTERM.\n\nEvery flag is also an environment variable (ASSENT_AGENT_LISTEN) and a key of the\n" +
			"TOML file (agent_listen); a flag wins over the environment, that over the file."}
	f := c.Flags()
	f.StringVar(&cfg.Data, "data", defaultData, "folder of the database and the keys")
	database := databaseFlag(c, inFolder)
	f.StringVar(&cfg.Listen, "listen", controller.DefaultListen, "address of console and REST; plain HTTP on loopback only")
	f.StringVar(&cfg.AgentListen, "agent-listen", controller.DefaultAgentListen, "address of the agents' door; the word same serves them at the console's, which then needs TLS")
	f.StringVar(&cfg.PublicURL, "public-url", "", "address of the console as people reach it")
	f.StringVar(&cfg.TLSCert, "tls-cert", "", "certificate of the console (PEM)")
	f.StringVar(&cfg.TLSKey, "tls-key", "", "key of that certificate (PEM)")
	f.StringVar(&cfg.ACME, "acme", "", "name for which the console gets its certificate by itself (ACME); it listens on "+controller.ACMEListen+" then, and using this accepts the authority's terms")
	f.StringVar(&cfg.ACMEDirectory, "acme-directory", "", "address of another certificate authority (default: the public one)")
	f.StringVar(&cfg.KeyFile, "key-file", "", "file with the key that secrets in the database are encrypted with, 64 hexadecimal digits (default: keys/wrap.key in the folder of --data); backups do not have it then")
	f.StringSliceVar(&cfg.NotifyAllow, "notify-allow", nil, "network that may be called although it is not public, for example 10.0.0.0/8; may be repeated")
	f.StringSliceVar(&cfg.TrustedProxy, "trusted-proxy", nil, "network of a proxy in front of the console whose X-Forwarded-For is believed; may be repeated")
	f.BoolVar(&cfg.Demo, "demo", false, "a demonstration: an invented office with its past, in a temporary folder unless --data names a new one; on loopback only")
	f.StringVar(&file, "config", "", "TOML file with these settings")
	c.RunE = does(func(c *cobra.Command, _ []string) error {
		if err := a.fill(c); err != nil {
			return usageError{err}
		}
		var err error
		if cfg.Database, err = database(); err != nil {
			return err
		}
		if cfg.ACME != "" && cfg.Listen == controller.DefaultListen {
			cfg.Listen = controller.ACMEListen
		}
		cfg.Out, cfg.Log = a.out, a.logger()
		if cfg.Demo {
			cfg.Log = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn})) // its printed lines are what one looks at
		}
		if cfg.Demo && cfg.Data == defaultData {
			dir, err := os.MkdirTemp("", "assent-demo-")
			if err != nil {
				return fmt.Errorf("make a folder for the demonstration: %w", err)
			}
			defer os.RemoveAll(dir)
			cfg.Data = filepath.Join(dir, "data")
		}
		if _, set := a.env("GOMAXPROCS"); !set {
			runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + controller.DiskWaiters)
		}
		ctl, err := controller.New(c.Context(), cfg)
		if err != nil {
			return err
		}
		return ctl.Run(c.Context())
	})
	return c
}

func (a *app) logger() *slog.Logger { return slog.New(slog.NewTextHandler(a.err, nil)) }

func (a *app) version() *cobra.Command {
	var format string
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.RunE = does(func(*cobra.Command, []string) error {
		v := version.Get(wire.Version)
		switch format {
		case "json":
			return json.NewEncoder(a.out).Encode(v)
		case "text":
			_, err := fmt.Fprintln(a.out, v)
			return err
		}
		return usageError{fmt.Errorf("--format is text or json, not %q", format)}
	})
	return c
}
