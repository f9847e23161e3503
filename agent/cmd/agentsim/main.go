// Command agentsim simulates a fleet of endpoints over the real protocol: for
// load, for benches and for trying the controller out.
//
// It enrols the endpoints, raises requests as open-loop arrivals, uses what is
// granted for a moment, and writes down every acknowledged request and every
// decision with its latency. Nothing is ever elevated. The fleet itself is in
// package sim; this folder has its flags.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/sim"
	"github.com/assent-epm/assent/shared/complete"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// errUsage marks wrong flags and arguments: exit 2.
var errUsage = errors.New("usage")

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	root := command(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "error:", err)
	if errors.Is(err, errUsage) || errors.Is(err, complete.ErrShell) || strings.HasPrefix(err.Error(), "unknown command") {
		fmt.Fprintln(stderr, "hint: see agentsim --help")
		return 2
	}
	return 1
}

// flags are the flags as they are typed.
type flags struct {
	controller, token, rate, duration, use   string
	scenario, priority, out, data, ids, line string
	endpoints, users, requests               int
	seed                                     uint64
	json, verbose, extend                    bool
	capabilities, access, answer             string
	terminal                                 string
}

func command(stdout, stderr io.Writer) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "agentsim --controller URL --token T --endpoints N",
		Short: "Simulate a fleet of endpoints over the real protocol",
		Long: "agentsim enrols N endpoints, each with its own key, raises requests as open-loop\n" +
			"Poisson arrivals, and writes every acknowledged request and every decision with\n" +
			"its latency, counted from the instant the request was due. With neither\n" +
			"--duration nor --requests it goes on until it is interrupted.",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: unknown command %q", errUsage, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return simulate(c.Context(), f, stdout, stderr) },
	}
	c.SetOut(stdout)
	c.SetErr(stderr)
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	s := c.Flags()
	s.StringVar(&f.controller, "controller", "", "agents' address of the controller, https://HOST:PORT")
	s.StringVar(&f.token, "token", "", "enrolment token with enough uses (or ASSENT_ENROLL_TOKEN)")
	s.IntVar(&f.endpoints, "endpoints", 1, "number of endpoints, sim-0001 and on")
	s.IntVar(&f.users, "users", 10, "users on each endpoint, user-01 and on")
	s.IntVar(&f.requests, "requests", 0, "stop after this many requests and their answers (0: no limit)")
	s.StringVar(&f.rate, "rate", "1/s", "requests a second of the whole fleet")
	s.StringVar(&f.duration, "duration", "", "stop after this time, such as 90s or 15m")
	s.StringVar(&f.scenario, "scenario", "mix", "mix, queue, storm, idle or demo")
	s.StringVar(&f.line, "command", "", "ask for this command in place of the scenario's, words parted by spaces")
	s.StringVar(&f.priority, "priority", "", "ask for this priority: low, normal, high or urgent")
	s.Uint64Var(&f.seed, "seed", 1, "seed of arrivals, users and programs")
	s.StringVar(&f.use, "use", "1s", "how long a grant is used")
	s.StringVar(&f.data, "data", "", "folder that keeps the identities (else they are thrown away)")
	s.StringVar(&f.out, "out", "", "file for one JSON object a line and the summary")
	s.StringVar(&f.ids, "ids", "", "file for one acknowledged id a line, written before the next request is sent")
	s.StringVar(&f.capabilities, "capabilities", "", "what every endpoint says it can do, such as run,sudo,session,admin (default as on Linux)")
	s.StringVar(&f.access, "access-type", "run", "what is asked for: run, session or admin")
	s.StringVar(&f.answer, "answer", "", "text with which questions of approvers are answered")
	s.StringVar(&f.terminal, "terminal", "", "address on loopback for a page with a simulated terminal of the first endpoint, such as 127.0.0.1:0")
	s.BoolVar(&f.extend, "extend", false, "ask for more time in the middle of every use")
	s.BoolVar(&f.json, "json", false, "print JSON: the summary, and without --out every line")
	s.BoolVar(&f.verbose, "verbose", false, "log connections to stderr")
	c.AddCommand(versionCommand(), complete.Command("agentsim"))
	return c
}

func simulate(ctx context.Context, f flags, stdout, stderr io.Writer) (err error) {
	cfg, err := f.config()
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	level := slog.LevelError
	if f.verbose {
		level = slog.LevelDebug
	}
	cfg.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if cfg.Dir == "" {
		if cfg.Dir, err = os.MkdirTemp("", "agentsim-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.Dir)) }()
	}
	for _, out := range []struct {
		path string
		to   *io.Writer
	}{{f.out, &cfg.Lines}, {f.ids, &cfg.IDs}} {
		if out.path == "" {
			continue
		}
		file, err := os.OpenFile(out.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		defer file.Close()
		*out.to = file
	}
	if f.terminal != "" {
		if cfg.Terminal, err = listenOnLoopback(f.terminal); err != nil {
			return err
		}
		defer cfg.Terminal.Close()
		fmt.Fprintf(stderr, "terminal http://%s\n", cfg.Terminal.Addr())
	}
	if f.json && cfg.Lines == nil {
		cfg.Lines = stdout
	}
	sum, err := sim.Run(ctx, cfg)
	if errors.Is(err, sim.ErrConfig) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil {
		return err
	}
	if err := show(f, sum, stdout); err != nil {
		return err
	}
	if !sum.Sound() {
		return errors.New("something that must hold did not: see the lines failed, unverified and duplicate")
	}
	return nil
}

// listenOnLoopback refuses any other address: who reaches the terminal raises
// requests.
func listenOnLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%w: --terminal %q: want an address on loopback, such as 127.0.0.1:0", errUsage, address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the terminal: %w", err)
	}
	return l, nil
}

func show(f flags, sum sim.Summary, stdout io.Writer) error {
	switch {
	case !f.json:
		_, err := fmt.Fprint(stdout, sum)
		return err
	case f.out != "":
		return json.NewEncoder(stdout).Encode(sum)
	}
	return nil // the last line was the summary
}

func (f flags) config() (sim.Config, error) {
	cfg := sim.Config{URL: f.controller, Token: f.token, Endpoints: f.endpoints, Users: f.users, Requests: f.requests,
		Scenario: sim.Scenario(f.scenario), Priority: elevation.Priority(f.priority), Seed: f.seed, Dir: f.data, Command: strings.Fields(f.line)}
	if f.controller == "" {
		return cfg, errors.New("--controller is missing")
	}
	if cfg.Token == "" {
		cfg.Token = os.Getenv("ASSENT_ENROLL_TOKEN")
	}
	if cfg.Token == "" && f.data == "" {
		return cfg, errors.New("--token is missing")
	}
	var err error
	if cfg.Rate, err = strconv.ParseFloat(strings.TrimSuffix(f.rate, "/s"), 64); err != nil || !(cfg.Rate > 0) {
		return cfg, fmt.Errorf("--rate %q: want a number of requests a second, such as 20/s", f.rate)
	}
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"duration", f.duration, &cfg.Duration}, {"use", f.use, &cfg.Use}} {
		if d.text == "" {
			continue
		}
		if *d.to, err = elevation.ParseDuration(d.text); err != nil {
			return cfg, fmt.Errorf("--%s: %w", d.name, err)
		}
	}
	cfg.AccessType, cfg.Answer, cfg.Extend = elevation.AccessType(f.access), f.answer, f.extend
	if f.capabilities != "" {
		cfg.Capabilities = strings.Split(f.capabilities, ",")
	}
	if cfg.Priority != "" && cfg.Priority.Rank() < 0 {
		return cfg, fmt.Errorf("--priority %q: want low, normal, high or urgent", f.priority)
	}
	return cfg, nil
}

func versionCommand() *cobra.Command {
	var format string
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		info := version.Get(wire.Version)
		switch format {
		case "text":
			_, err := fmt.Fprintln(c.OutOrStdout(), info)
			return err
		case "json":
			return json.NewEncoder(c.OutOrStdout()).Encode(info)
		}
		return fmt.Errorf("%w: unknown format %q", errUsage, format)
	}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}
