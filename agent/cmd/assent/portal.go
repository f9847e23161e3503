package main

import (
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
)

// xdgOpen opens things in the person's own session; never looked for in PATH.
const xdgOpen = "/usr/bin/xdg-open"

func portalCommand(std local.Streams, client func() local.Client) *cobra.Command {
	var noOpen bool
	c := &cobra.Command{Use: "portal", Short: "Open your requests in a browser, without signing in",
		Long: "Open your requests in a browser, without signing in.\n\n" +
			"It prints a link that works once, within two minutes, and opens it where there is a desktop.\n" +
			"The page shows what you asked for on this machine, for half an hour. Keep the link to yourself:\n" +
			"whoever opens it is you there.",
		Example: "  assent portal\n  assent portal --no-open",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			link, err := client().Portal(cmd.Context())
			switch {
			case errors.Is(err, local.ErrConflict):
				return &failure{exitState, strings.TrimPrefix(err.Error(), local.ErrConflict.Error()+": "), nil}
			case err != nil:
				return explained(err)
			}
			if err := webAddress(link.URL); err != nil {
				return &failure{exitFailed, err.Error(), nil}
			}
			fmt.Fprintln(std.Out, link.URL)
			err = errNoDesktop
			if !noOpen {
				err = showPortal(link.URL, os.Getenv, os.Getuid(), desktop.Start)
			}
			if err == nil {
				fmt.Fprintln(std.Err, "it opens in your browser")
				return nil
			}
			if !errors.Is(err, errNoDesktop) {
				fmt.Fprintln(std.Err, local.Fitted(std.Err, "it could not be opened: "+err.Error()))
			}
			fmt.Fprintln(std.Err, "open it in a browser: it works once, until "+link.Until.Local().Format("15:04:05"))
			return nil
		}}
	c.Flags().BoolVar(&noOpen, "no-open", false, "only print the link")
	return c
}

// errNoDesktop means that nothing can be shown here.
var errNoDesktop = errors.New("there is no desktop session here")

// webAddress refuses what a browser would not open as a page.
func webAddress(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(text, "\r\n\x1b") {
		return errors.New("the controller's answer is no address of a page")
	}
	return nil
}

// showPortal opens the address in the person's browser. Everybody can read the
// arguments of a process, so the address is in none: a file that only the person
// can read leads there. The next one takes its place; its link is worth nothing by
// then.
func showPortal(address string, env func(string) string, uid int, start func(cwd string, argv []string) error) error {
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return errNoDesktop
	}
	dir := env("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) || !private(dir, uid) {
		return errNoDesktop
	}
	if _, err := os.Stat(xdgOpen); err != nil {
		return errNoDesktop
	}
	file := filepath.Join(dir, "assent-portal.html")
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", file, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	to := html.EscapeString(address)
	_, err = fmt.Fprintf(f, "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\"><title>Assent</title>\n"+
		"<meta http-equiv=\"refresh\" content=\"0;url=%s\"><p><a href=\"%s\">Your requests</a></p>\n", to, to)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return start("/", []string{xdgOpen, file})
}
