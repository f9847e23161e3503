package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assent-epm/assent/agent/link"
)

// proxyLoginCommand keeps a name and a password for a proxy where only the agent
// reads them. The password never stands in arguments.
func proxyLoginCommand(set *settings) *cobra.Command {
	var l link.ProxyLogin
	var forget bool
	c := &cobra.Command{
		Use:   "proxy-login --proxy HOST:PORT --name NAME",
		Short: "Keep a name and a password for the proxy; the password is read from standard input",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := set.load(); err != nil {
				return err
			}
			if forget {
				return link.ForgetLogin(set.data)
			}
			if l.Proxy == "" || l.Name == "" {
				return hinted{fmt.Errorf("%w: the proxy and a name are needed", errUsage), "give --proxy HOST:PORT and --name NAME; the password is asked for"}
			}
			var err error
			if l.Password, err = readSecret(c.InOrStdin(), c.ErrOrStderr()); err != nil {
				return fmt.Errorf("read the password: %w", err)
			}
			if err := link.SaveLogin(set.data, l); err != nil {
				hint := "run it as administrator; the data folder must be the agent's"
				if errors.Is(err, link.ErrLogin) {
					hint = "for example --proxy proxy.example:3128 --name bo"
				}
				return hinted{err, hint}
			}
			fmt.Fprintln(c.OutOrStdout(), "kept; assent-agent doctor --network tries it")
			return nil
		},
	}
	c.Flags().StringVar(&l.Proxy, "proxy", "", "the proxy that gets it, and no other: HOST:PORT")
	c.Flags().StringVar(&l.Name, "name", "", "the name to log in with")
	c.Flags().BoolVar(&forget, "forget", false, "remove what is kept")
	return c
}

// readSecret is one line, not shown where it is typed.
func readSecret(in io.Reader, errs io.Writer) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(errs, "Password: ")
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(errs)
		return string(typed), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
