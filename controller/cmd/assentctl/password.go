package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assent-epm/assent/controller/client"
)

// ownPassword is for the owner of an account: it signs in with the present
// password, because no token may set one. Until then an account that somebody
// else made decides none of their requests.
func (a *app) ownPassword() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{Use: "password LOGIN", Short: "Choose the password of your own account", Args: cobra.ExactArgs(1)}
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the present and the new password from standard input, one in a line")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		present, next, err := a.passwords(stdin)
		if err != nil {
			return err
		}
		old, err := a.loadLogin()
		if err != nil {
			return err
		}
		c, err := client.New(first(a.url, a.env("ASSENT_URL"), old.URL, "http://localhost:8080"), "")
		if err != nil {
			return usage(err.Error())
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			return fmt.Errorf("keep the session: %w", err)
		}
		c.HTTP = &http.Client{Jar: jar}
		if err := c.Call(ctx, http.MethodPost, "/sessions", nil, client.NewSession{Login: args[0], Password: present}, nil); err != nil {
			return err
		}
		if err := c.Call(ctx, http.MethodPut, "/me/password", nil, client.NewPassword{Current: present, Password: next}, nil); err != nil {
			return err
		}
		a.say("the password is changed; sign in again where you were signed in")
		return nil
	})
	return cmd
}

// passwords asks for the present and the new password, or reads two lines.
func (a *app) passwords(stdin bool) (present, next string, err error) {
	if stdin {
		lines := bufio.NewScanner(io.LimitReader(a.in, 4096))
		var got []string
		for lines.Scan() {
			got = append(got, strings.TrimRight(lines.Text(), "\r"))
		}
		if err := lines.Err(); err != nil {
			return "", "", fmt.Errorf("read the passwords: %w", err)
		}
		if len(got) != 2 {
			return "", "", usage("standard input has the present password in one line and the new one in the next")
		}
		return got[0], got[1], nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", "", usage("passwords are typed at a terminal", "or use --password-stdin")
	}
	ask := func(what string) string {
		if err != nil {
			return ""
		}
		fmt.Fprint(a.err, what)
		var raw []byte
		raw, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.err)
		return string(raw)
	}
	present, next = ask("Present password: "), ask("New password: ")
	again := ask("New password again: ")
	switch {
	case err != nil:
		return "", "", fmt.Errorf("read the password: %w", err)
	case again != next:
		return "", "", usage("the two new passwords differ")
	}
	return present, next, nil
}
