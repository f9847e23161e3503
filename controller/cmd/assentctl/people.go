package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

func users() thing[client.User] {
	type U = client.User
	return thing[U]{many: "accounts", path: "/users", prefix: elevation.UserPrefix, id: func(u U) string { return u.ID },
		names: func(u U) []string { return []string{u.Login} },
		cols: []column[U]{
			{name: "id", text: func(u U) string { return u.ID }, short: func(u U) string { return elevation.ShortID(u.ID) }},
			{name: "login", text: func(u U) string { return u.Login }},
			{name: "name", text: func(u U) string { return u.Name }},
			{name: "roles", text: func(u U) string { return strings.Join(u.Roles, " ") }},
			{name: "scope", text: func(u U) string { return pairs(u.Scope) }},
			{name: "email", text: func(u U) string { return u.Email }},
			{name: "disabled", text: func(u U) string { return when(u.DisabledAt) }},
		}}
}

func (a *app) user() *cobra.Command {
	t := users()
	var scope []string
	var stdin bool
	add := addOf(a, "add LOGIN", "Make an account", t.path, cobra.ExactArgs(1),
		func(c *cobra.Command, in *client.NewUser) {
			c.Flags().StringVar(&in.Name, "name", "", "name of the person")
			c.Flags().StringVar(&in.Email, "email", "", "e-mail address")
			c.Flags().StringSliceVar(&in.Roles, "role", nil, "role; may be repeated (requester)")
			c.Flags().StringArrayVar(&scope, "scope", nil, "k=v label of the endpoints that the account may see; may be repeated")
			c.Flags().BoolVar(&stdin, "password-stdin", false, "read a password from standard input")
		},
		func(in *client.NewUser, args []string) (err error) {
			in.Login = args[0]
			if in.Scope, err = labelsOf(scope); err == nil && stdin {
				in.Password, err = a.password()
			}
			return err
		},
		func(u client.User) error { return a.made(u.ID, u.Login) })
	return noun("user", "Accounts", listOf(a, t), viewOf(a, t), add, a.editUser(), a.ownPassword(), deleteOf(a, t))
}

func (a *app) editUser() *cobra.Command {
	var scope []string
	var stdin, disable, enable bool
	cmd := &cobra.Command{Use: "edit LOGIN", Short: "Change an account", Args: cobra.ExactArgs(1)}
	f := cmd.Flags()
	f.StringArrayVar(&scope, "scope", nil, "k=v label; the scope anew; may be repeated")
	f.BoolVar(&stdin, "password-stdin", false, "read a new password from standard input")
	f.BoolVar(&disable, "disable", false, "let it not sign in any more")
	f.BoolVar(&enable, "enable", false, "let it sign in again")
	var from string
	var in client.EditUser
	f.StringVar(&from, "from", "", "JSON file with the whole body, - for standard input")
	put := a.bodyFlags(cmd, &in)
	cmd.ValidArgsFunction = tabThings(a, users())
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		if err := put(); err != nil {
			return err
		}
		if disable && enable {
			return usage("give --disable or --enable, not both")
		}
		if disable || enable {
			in.Disabled = &disable
		}
		var err error
		if in.Scope, err = labelsOf(scope); err != nil {
			return err
		}
		if stdin {
			password, err := a.password()
			if err != nil {
				return err
			}
			in.Password = &password
		}
		if from != "" {
			if err := a.bodyFrom(from, &in); err != nil {
				return err
			}
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		var u client.User
		if err := c.Call(ctx, http.MethodPut, "/users/"+url.PathEscape(args[0]), nil, in, &u); err != nil {
			return err
		}
		return view(a, u, func(u client.User) string { return u.ID }, users().cols)
	})
	return cmd
}

// password takes the first line of standard input.
func (a *app) password() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(a.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// made says that something was made: its id alone with --format id.
func (a *app) made(id, name string) error {
	if a.format == "id" {
		return a.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, inert.Text(id)); return err })
	}
	a.say("%s  %s made", elevation.ShortID(id), inert.Text(name))
	return nil
}

func (a *app) token() *cobra.Command {
	type T = client.Token
	t := thing[T]{many: "API tokens", path: "/tokens", prefix: elevation.TokenPrefix, id: func(t T) string { return t.ID },
		cols: []column[T]{
			{name: "id", text: func(t T) string { return t.ID }, short: func(t T) string { return elevation.ShortID(t.ID) }},
			{name: "name", text: func(t T) string { return t.Name }},
			{name: "user", text: func(t T) string { return t.User }, short: func(t T) string { return elevation.ShortID(t.User) }},
			{name: "scopes", text: func(t T) string { return strings.Join(t.Scopes, " ") }},
			{name: "expires", text: func(t T) string { return when(&t.ExpiresAt) }},
			{name: "last_used", text: func(t T) string { return when(t.LastUsedAt) }},
		}}
	var ttl string
	add := addOf(a, "add NAME", "Make an API token; it is shown once", t.path, cobra.ExactArgs(1),
		func(c *cobra.Command, in *client.NewToken) {
			c.Flags().StringVar(&in.User, "user", "", "login or id of its owner (you)")
			c.Flags().StringSliceVar(&in.Scopes, "scope", nil, "scope; may be repeated (the owner's roles)")
			c.Flags().StringVar(&ttl, "ttl", "", "how long it works, for example 90d")
		},
		func(in *client.NewToken, args []string) (err error) {
			in.Name = args[0]
			in.TTLSeconds, err = secondsOf("--ttl", ttl)
			return err
		},
		func(out T) error {
			return a.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, inert.Text(out.Token)); return err })
		})
	t.names = func(t T) []string { return []string{t.Name} }
	return noun("token", "API tokens", listOf(a, t), viewOf(a, t), add, a.editToken(t), deleteOf(a, t))
}

// editToken is PUT, which changes what it names.
func (a *app) editToken(t thing[client.Token]) *cobra.Command {
	var name string
	var scopes []string
	return editOf(a, "edit ID", "Rename an API token or take scopes from it", http.MethodPut, t,
		func(c *cobra.Command) {
			c.Flags().StringVar(&name, "name", "", "its new name")
			c.Flags().StringSliceVar(&scopes, "scope", nil, "scope that it keeps; may be repeated")
		},
		func(in *client.EditToken, given func(string) bool) error {
			if !given("name") && !given("scope") {
				return usage("say what changes: --name NAME or --scope SCOPE")
			}
			if given("name") {
				in.Name = &name
			}
			if given("scope") {
				in.Scopes = &scopes
			}
			return nil
		})
}
