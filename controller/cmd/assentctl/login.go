package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/inert"
)

// saved is what login keeps.
type saved struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

func (a *app) loginPath() string {
	dir := a.env("XDG_CONFIG_HOME")
	if dir == "" {
		home := a.env("HOME")
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "assent", "ctl.json")
}

// loadLogin reads what login kept. A file that others may read or write is
// refused: its token is known, or its address may be a trap.
func (a *app) loadLogin() (saved, error) {
	path := a.loginPath()
	if path == "" {
		return saved{}, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved{}, nil
	} else if err != nil {
		return saved{}, fmt.Errorf("read the stored login: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return saved{}, fmt.Errorf("read the stored login: %w", err)
	}
	// Windows has no such bits; there the profile folder's list protects the file.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return saved{}, &exitError{code: exitFailure, err: fmt.Errorf("%s can be read or written by others (%v)", path, info.Mode().Perm()),
			hints: []string{"run: chmod 600 " + path, "and sign in anew, since the token may be known"}}
	}
	var s saved
	if err := json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&s); err != nil {
		return saved{}, fmt.Errorf("read the stored login %s: %w", path, err)
	}
	return s, nil
}

func (a *app) login() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "login", Short: "Store the controller's address and an API token", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error { return a.signIn(ctx, file) })}
	c.Flags().StringVar(&file, "token-file", "", "file with an API token, - for standard input")
	return c
}

func (a *app) signIn(ctx context.Context, file string) error {
	path := a.loginPath()
	if path == "" {
		return usage("neither XDG_CONFIG_HOME nor HOME is set")
	}
	token, err := a.readToken(file)
	if err != nil {
		return err
	}
	old, _ := a.loadLogin() // an unreadable one is replaced
	c, err := client.New(first(a.url, a.env("ASSENT_URL"), old.URL, "http://localhost:8080"), token)
	if err != nil {
		return usage(err.Error())
	}
	me, err := client.Get[client.Me](ctx, c, "/me", nil)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(saved{URL: c.URL, Token: token}, "", "  ")
	if err != nil {
		return fmt.Errorf("store the login: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store the login: %w", err)
	}
	if err := durable.Replace(path, append(raw, '\n')); err != nil {
		return fmt.Errorf("store the login: %w", err)
	}
	a.say("signed in at %s as %s (%s)", c.URL, inert.Text(me.Login), inert.Text(strings.Join(me.Roles, ", ")))
	return nil
}

func (a *app) readToken(file string) (string, error) {
	var raw []byte
	var err error
	switch {
	case file == "-":
		raw, err = io.ReadAll(io.LimitReader(a.in, 4096))
	case file != "":
		raw, err = os.ReadFile(file)
	case a.env("ASSENT_TOKEN") != "":
		raw = []byte(a.env("ASSENT_TOKEN"))
	default:
		f, ok := a.in.(*os.File)
		if !ok || !term.IsTerminal(int(f.Fd())) {
			return "", usage("no token was given", "use --token-file FILE, --token-file - or ASSENT_TOKEN")
		}
		fmt.Fprint(a.err, "API token: ")
		raw, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.err)
	}
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", usage("what was given is not a token")
	}
	return token, nil
}
