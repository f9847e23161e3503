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
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
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
	c := &cobra.Command{Use: "login", Short: "Sign in: allow this terminal in the console, or store an API token", Args: cobra.NoArgs,
		Long: "login lets this terminal act for you. It shows a code and an address: open it where you are signed in to the console,\n" +
			"compare the code and allow it. With --token-file or ASSENT_TOKEN it stores that API token instead.",
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
	a.address = c.URL
	c.Agent = "assentctl/" + version.Get(wire.Version).Version
	if token == "" {
		if c.Token, err = a.deviceSignIn(ctx, c); err != nil {
			return err
		}
	}
	me, err := client.Get[client.Me](ctx, c, "/me", nil)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(saved{URL: c.URL, Token: c.Token}, "", "  ")
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

// readToken is the token that was given, "" when none was.
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
		return "", nil
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

// deviceSignIn gets a token that somebody allows in the console (RFC 8628): it
// shows a code and an address, then asks until that has happened.
func (a *app) deviceSignIn(ctx context.Context, c *client.Client) (string, error) {
	codes, err := c.AskDevice(ctx, a.deviceName())
	if err != nil {
		return "", err
	}
	fmt.Fprintf(a.err, "To let this terminal act for you, open\n  %s\nand allow it there if the page shows the code\n  %s\n",
		inert.Text(codes.VerificationURIComplete), inert.Text(codes.UserCode))
	wait := time.Duration(min(max(codes.IntervalSeconds, 1), 60)) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(min(max(codes.ExpiresInSeconds, 1), 3600))*time.Second, errCodeOver)
	defer cancel()
	fmt.Fprintln(a.err, "waiting for your answer; Ctrl-C gives up")
	for {
		if err := pause(ctx, wait); err != nil {
			return "", err
		}
		t, err := c.ClaimDevice(ctx, codes.DeviceCode)
		switch {
		case err == nil:
			return t.Token, nil
		case ctx.Err() != nil:
			return "", ended(ctx)
		}
		if wait, err = nextPoll(wait, err); err != nil {
			return "", err
		}
	}
}

var errCodeOver = errors.New("nobody answered in time")

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

// ended says why a sign-in is over, as people read it.
func ended(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errCodeOver) {
		return &exitError{code: exitSignIn, err: errCodeOver, hints: []string{"run: assentctl login"}}
	}
	return &exitError{code: exitFailure, err: errors.New("given up; nobody was signed in"), hints: []string{"do not allow the code any more; it ends by itself"}}
}

// nextPoll is how long to wait before asking again, or the error that ends it.
func nextPoll(wait time.Duration, err error) (time.Duration, error) {
	var p *client.Problem
	if !errors.As(err, &p) {
		if errors.Is(err, client.ErrUnreachable) { // it may be back before the code ends
			return min(2*wait, time.Minute), nil
		}
		return wait, err
	}
	switch p.Code {
	case "authorization_pending":
		return wait, nil
	case "slow_down":
		return wait + 5*time.Second, nil
	case "rate_limited", "unavailable":
		return min(2*wait, time.Minute), nil
	case "access_denied":
		return wait, &exitError{code: exitForbidden, err: errors.New("it was denied in the console"), hints: []string{"run: assentctl login"}}
	case "expired_token":
		return wait, &exitError{code: exitSignIn, err: errCodeOver, hints: []string{"run: assentctl login"}}
	}
	return wait, err
}

// deviceName is how this terminal calls itself on the page.
func (a *app) deviceName() string {
	name := "assentctl"
	if user := first(a.env("USER"), a.env("LOGNAME"), a.env("USERNAME")); user != "" {
		name += " of " + user
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		name += " on " + host
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	return name[:min(len(name), 100)]
}
