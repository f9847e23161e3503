package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

const maxText = 4096 // bytes of a reason or a ticket

// runFlags are the flags of `assent run` as they are typed.
type runFlags struct {
	reason, ticket, forTime, priority, wait, as string
	statusFD                                    int
	emergency, qr                               bool
}

func runCommand(std local.Streams, client func() local.Client, code *int) *cobra.Command {
	f, say := runFlags{}, textsOf(runtime.GOOS)
	c := &cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG...]",
		Short: "Run a command elevated",
		Long: say.runLong + "\n\n" +
			"Exit: the command's own code; 77 denied, 75 kept without waiting, 124 nobody answered\n" +
			"in time, 130 taken back, 69 agent or controller not reached, 2 wrong usage.",
		Example: "  assent run -- id\n  assent run --reason \"rotate logs\" -- logrotate -f /etc/logrotate.conf",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "" {
				return errors.New("there is no command to run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := f.options(args, os.Getenv("ASSENT_REASON"))
			if err != nil {
				return &failure{exitUsage, err.Error(), []string{"assent run --help shows the flags"}}
			}
			opt.QR = f.qr || os.Getenv("ASSENT_QR") == "1"
			out := client().Run(cmd.Context(), opt, std)
			*code = finish(std, opt, out, f.statusFD)
			return nil
		},
	}
	fl := c.Flags()
	fl.SetInterspersed(false)
	fl.StringVar(&f.reason, "reason", "", "why it is needed (ASSENT_REASON)")
	fl.StringVar(&f.ticket, "ticket", "", "ticket that it belongs to")
	fl.StringVar(&f.forTime, "for", "", "longest time it may run, like 90s, 15m or 8h")
	fl.StringVar(&f.priority, "priority", "", "low, normal, high or urgent")
	fl.BoolVar(&f.emergency, "emergency", false, "say how to take it as emergency access, at the console")
	fl.BoolVar(&f.qr, "qr", false, "draw a QR code for somebody beside you who can answer (ASSENT_QR=1)")
	fl.StringVar(&f.wait, "wait", "", "give up waiting after this, like 5m; 0 asks and does not wait")
	fl.StringVar(&f.as, "as", "", say.as)
	fl.IntVar(&f.statusFD, "status-fd", -1, "descriptor to write our own outcome to, as a line of JSON")
	return c
}

func (f runFlags) options(args []string, envReason string) (local.RunOptions, error) {
	opt := local.RunOptions{Command: args[0], Args: args[1:], As: f.as, Reason: strings.TrimSpace(f.reason), Ticket: f.ticket, Emergency: f.emergency}
	if opt.Reason == "" {
		opt.Reason = strings.TrimSpace(envReason)
	}
	if len(opt.Reason) > maxText || len(opt.Ticket) > maxText {
		return opt, fmt.Errorf("the reason and the ticket have at most %d bytes each", maxText)
	}
	var err error
	if opt.For, err = duration(f.forTime); err != nil {
		return opt, err
	}
	if f.wait == "0" {
		opt.NoWait = true
	} else if opt.Wait, err = duration(f.wait); err != nil {
		return opt, err
	}
	opt.Priority = elevation.Priority(f.priority)
	if f.priority != "" && opt.Priority.Rank() < 0 {
		return opt, fmt.Errorf("there is no priority %q: low, normal, high, urgent", f.priority)
	}
	if f.statusFD >= 0 && f.statusFD <= 2 {
		return opt, errors.New("--status-fd needs a descriptor of its own, 3 or higher")
	}
	return opt, nil
}

func duration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := elevation.ParseDuration(text)
	if err == nil && d == 0 {
		err = fmt.Errorf("the duration %s is no time at all", text)
	}
	return d, err
}

// finish says what a person or a script has to know and gives the exit code.
func finish(std local.Streams, opt local.RunOptions, out local.Outcome, statusFD int) int {
	switch {
	case out.Kind == local.Ran:
	case out.Kind == local.Kept && opt.NoWait && out.Request != "":
		fmt.Fprintln(std.Out, out.Request)
	case out.Kind == local.Denied, out.Kind == local.Kept, out.Kind == local.Withdrawn: // an answer, or a choice: no errors
		fmt.Fprintln(std.Err, local.Fitted(std.Err, out.Text))
		hints(std, out.Hints)
	default:
		complain(std.Err, out.Text, out.Hints)
	}
	if statusFD > 2 {
		if err := tellStatus(statusFD, out); err != nil {
			complain(std.Err, err.Error(), nil)
		}
	}
	return out.Exit
}

func hints(std local.Streams, list []string) {
	for _, h := range list {
		fmt.Fprintln(std.Err, local.Fitted(std.Err, "hint: "+h))
	}
}

func tellStatus(fd int, out local.Outcome) error {
	line, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	f := os.NewFile(uintptr(fd), "status")
	if f == nil {
		return fmt.Errorf("write the outcome: %d is no descriptor", fd)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	return nil
}
