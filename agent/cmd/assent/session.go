package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// wholeFlags are the flags of sessions and of administrators for a while.
type wholeFlags struct {
	reason, ticket, forTime, priority, wait string
}

func (f *wholeFlags) add(c *cobra.Command, most string) {
	fl := c.Flags()
	fl.SetInterspersed(false)
	fl.StringVar(&f.forTime, "for", "", "how long, like 30m or 2h ("+most+")")
	fl.StringVar(&f.reason, "reason", "", "why it is needed (ASSENT_REASON)")
	fl.StringVar(&f.ticket, "ticket", "", "ticket that it belongs to")
	fl.StringVar(&f.priority, "priority", "", "low, normal, high or urgent")
	fl.StringVar(&f.wait, "wait", "", "give up waiting after this, like 5m; 0 asks and does not wait")
}

func (f wholeFlags) options(whole local.Session) (local.RunOptions, error) {
	opt, err := runFlags{reason: f.reason, ticket: f.ticket, forTime: f.forTime, priority: f.priority, wait: f.wait, statusFD: -1}.
		options([]string{""}, os.Getenv("ASSENT_REASON"))
	opt.Command, opt.Whole = "", &whole
	if err != nil {
		return opt, &failure{exitUsage, err.Error(), []string{"--help shows the flags"}}
	}
	return opt, nil
}

func sessionCommand(std local.Streams, client func() local.Client, code *int) *cobra.Command {
	f, say := wholeFlags{}, textsOf(runtime.GOOS)
	c := &cobra.Command{
		Use:   "session [flags] [-- COMMAND [ARG...]]",
		Short: say.session, Long: say.sessionLong, Example: say.sessionExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := f.options(local.Session{Job: args})
			if err != nil {
				return err
			}
			program := ""
			if len(args) > 0 {
				if program, err = local.FindOwn(args[0]); err != nil {
					*code = local.NotFound.ExitCode()
					complain(std.Err, args[0]+": command not found", []string{"nothing was asked for"})
					return nil
				}
			}
			out := client().Run(cmd.Context(), opt, std)
			if out.Kind != local.SessionOpen {
				*code = finish(std, opt, out, -1)
				return nil
			}
			if program == "" {
				fmt.Fprintln(std.Err, say.opened(tongue(), until(out.Opened.Until), elevation.ShortID(string(out.Request))))
				return nil
			}
			if *code, err = become(program, args); err != nil {
				return &failure{126, err.Error(), nil}
			}
			return nil
		},
	}
	f.add(c, "30m")
	return c
}

// tongue is the language of whoever typed this.
func tongue() words.Tongue { return words.For("", os.Getenv) }

func until(t time.Time) string { return t.Local().Format("15:04:05") }

func adminCommand(std local.Streams, client func() local.Client, code *int) *cobra.Command {
	var f wholeFlags
	c := &cobra.Command{
		Use:     "admin [flags]",
		Short:   "Be administrator of this machine for a while",
		Long:    textsOf(runtime.GOOS).adminLong,
		Example: "  assent admin --for 1h --reason \"replace the disk\"",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("it takes no command: " + strings.Join(args[:1], "") + "; assent session -- COMMAND is for one job")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			opt, err := f.options(local.Session{Admin: true})
			if err != nil {
				return err
			}
			out := client().Run(cmd.Context(), opt, std)
			switch out.Kind {
			case local.SessionOpen:
				fmt.Fprintln(std.Err, tongue().Say("you are administrator until %s; give it back with: assent checkin %s", until(out.Opened.Until), elevation.ShortID(string(out.Request))))
				return nil
			case local.Ran:
				fmt.Fprintln(std.Err, tongue().Say("you are not administrator any more"))
			}
			*code = finish(std, opt, out, -1)
			return nil
		},
	}
	f.add(c, "30m")
	return c
}
