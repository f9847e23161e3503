package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// openStanding opens the rights that were taken. breakGlass is the group that is
// never touched, as the policy in force has it.
func openStanding(ctx context.Context, set *settings, breakGlass func() string, lent func(user, group string) bool, log *slog.Logger) (*standing.Standing, error) {
	return standing.Open(ctx, standing.Config{Data: set.data, Lent: lent, BreakGlass: breakGlass, FailPoint: func(step string) { failPoint("rights " + step) }, Log: log,
		Admins: localAdmins(), People: localPeople(),
		Lookup: func(name string) (uint32, error) {
			a, err := intercept.LookupName(name)
			return a.UID, err
		}})
}

func giveBackCommand(set *settings) *cobra.Command {
	var list bool
	c := &cobra.Command{
		Use:   "give-back [RIGHT]...",
		Short: "Put standing rights back that were taken over, all or those named; needs neither controller nor agent",
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := set.load(); err != nil {
				return err
			}
			if err := mayGiveBack(); err != nil {
				return err
			}
			if _, err := os.Stat(set.data); err != nil {
				return hinted{fmt.Errorf("look at the data folder: %w", err), "give --data where the agent was given it"}
			}
			s, err := openStanding(c.Context(), set, func() string { return policyBreakGlass(set) }, nil, slog.New(slog.NewTextHandler(os.Stderr, nil)))
			if err != nil {
				return err
			}
			if list {
				return listTaken(s, c.OutOrStdout())
			}
			return giveBackRights(c.Context(), s, args, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&list, "list", false, "only list what was taken over")
	return c
}

func policyBreakGlass(set *settings) string {
	p, err := agent.ReadPolicy(set.data)
	if err != nil {
		return "" // there is none, or it can not be read: giving back does not depend on it
	}
	return p.BreakGlass
}

func rightLine(r elevation.Right) string {
	who := r.User
	if who == "" {
		who = "%" + r.Group
	} else if r.Group != "" {
		who += " in " + r.Group
	}
	return inert.Text(fmt.Sprintf("%s  %s  %s  %s", r.ID, who, r.Source, r.Text))
}

func listTaken(s *standing.Standing, out io.Writer) error {
	found := s.Scan()
	for _, r := range found.Taken {
		if _, err := fmt.Fprintln(out, rightLine(r)); err != nil {
			return err
		}
	}
	if len(found.Taken) == 0 {
		_, err := fmt.Fprintln(out, "nothing is taken over")
		return err
	}
	return nil
}

// giveBackRights puts rights back and says what became of each.
func giveBackRights(ctx context.Context, s *standing.Standing, ids []string, out io.Writer) error {
	for _, id := range ids {
		if len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" {
			return hinted{fmt.Errorf("%w: %s is not the id of a right", errUsage, inert.Text(id)), "assent-agent give-back --list"}
		}
	}
	back, err := s.GiveBack(ctx, ids)
	failed := 0
	for _, r := range back {
		switch {
		case r.Err != nil:
			failed++
			fmt.Fprintf(out, "still taken: %s: %s\n", rightLine(r.Right), inert.Text(r.Err.Error()))
		case r.Said != "":
			fmt.Fprintf(out, "given back: %s: %s\n", rightLine(r.Right), inert.Text(r.Said))
		default:
			fmt.Fprintf(out, "given back: %s\n", rightLine(r.Right))
		}
	}
	if len(back) == 0 && err == nil {
		fmt.Fprintln(out, "nothing is taken over")
	}
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d rights are still taken", failed, len(back)))
	}
	return err
}

// giveAllBack puts everything back that was taken over; for removal.
func giveAllBack(ctx context.Context, set *settings, log *slog.Logger) error {
	s, err := openStanding(ctx, set, func() string { return "" }, nil, log)
	if err != nil {
		return err
	}
	if len(s.Scan().Taken) == 0 {
		return nil
	}
	if err := giveBackRights(ctx, s, nil, os.Stdout); err != nil {
		return hinted{err, "assent-agent give-back, once the reason is gone"}
	}
	return nil
}
