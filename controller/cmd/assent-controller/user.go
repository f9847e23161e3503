package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/auth"
)

// userFlags are those of add and reset.
type userFlags struct {
	data     string
	roles    []string
	password bool
	token    bool
}

func (a *app) user() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Make an account, or give one back to its owner; also while the controller runs",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(
		a.userVerb("add", "Make an account", func(c *cobra.Command, l *controller.Local, login string, f userFlags, password string) error {
			return l.AddUser(c.Context(), login, rolesOf(f.roles), password)
		}),
		a.userVerb("reset", "Set or remove a password, remove passkeys and authenticator, end sessions, renew admin.token",
			func(c *cobra.Command, l *controller.Local, login string, f userFlags, password string) error {
				if err := l.ResetUser(c.Context(), login, rolesOf(f.roles), password); err != nil {
					return err
				}
				renewed, err := l.RenewAdminToken(c.Context(), login)
				if renewed && !f.token {
					fmt.Fprintln(a.out, "admin.token was renewed: whoever uses the old one reads it anew")
				}
				return err
			}))
	return c
}

func (a *app) userVerb(name, short string, do func(*cobra.Command, *controller.Local, string, userFlags, string) error) *cobra.Command {
	var f userFlags
	c := &cobra.Command{Use: name + " LOGIN", Short: short, Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&f.data, "data", defaultData, "folder of the controller")
	database := databaseFlag(c, asServed)
	c.Flags().StringSliceVar(&f.roles, "role", nil, "administrator, security_admin, rule_author, approver, auditor or requester; may be repeated")
	c.Flags().BoolVar(&f.password, "password-stdin", false, "read a password from standard input")
	c.Flags().BoolVar(&f.token, "token", false, "print only a new API token")
	c.RunE = does(func(c *cobra.Command, args []string) error {
		if err := a.fill(c, "data", "db"); err != nil {
			return usageError{err}
		}
		file, err := database()
		if err != nil {
			return err
		}
		for _, r := range f.roles {
			if !auth.Role(r).Valid() {
				return usageError{fmt.Errorf("there is no role %q", r)}
			}
		}
		password := ""
		if f.password {
			if password, err = readPassword(a.in); err != nil {
				return err
			}
		}
		l, err := controller.OpenLocal(c.Context(), f.data, file, a.logger())
		if err != nil {
			return err
		}
		err = do(c, l, args[0], f, password)
		if err == nil {
			err = a.welcome(c, l, args[0], f)
		}
		return errors.Join(err, l.Close())
	})
	return c
}

// welcome prints how the person gets in.
func (a *app) welcome(c *cobra.Command, l *controller.Local, login string, f userFlags) error {
	if f.token {
		token, err := l.NewToken(c.Context(), login)
		if err == nil {
			_, err = fmt.Fprintln(a.out, token)
		}
		return err
	}
	link, err := l.SignInURL(c.Context(), login)
	if err == nil {
		_, err = fmt.Fprintf(a.out, "sign in %s\n", link)
	}
	return err
}

func rolesOf(names []string) []auth.Role {
	var roles []auth.Role
	for _, n := range names {
		roles = append(roles, auth.Role(n))
	}
	return roles
}

// readPassword takes the first line.
func readPassword(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	return password, auth.CheckPassword(password)
}
