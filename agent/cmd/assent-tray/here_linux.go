package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/agent/words"
)

// The external programs.
const (
	openPath   = "/usr/bin/xdg-open"
	zenityPath = "/usr/bin/zenity"
	dpkgPath   = "/usr/bin/dpkg-query"
	rpmPath    = "/usr/bin/rpm"
	// managerPath starts a program under the person's own systemd.
	managerPath = "/usr/bin/systemd-run"
)

const (
	programWithin = 3 * time.Second
	browseWithin  = 5 * time.Minute
)

// join joins the desktop's session, in the place of `assent desktop`, which has the
// messages and the dialogs but no form. Another tray has all of them.
func join(ctx context.Context, log *slog.Logger) (session, error) {
	s := session{dialog: desktop.Programs{}, close: func() {}}
	screen := os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
	if !screen {
		return s, errors.New("there is no desktop session here")
	}
	address := desktop.SessionBus(os.Getenv)
	if address == "" {
		s.sits = true
		return s, nil
	}
	bus, err := desktop.Replace(ctx, address)
	switch {
	case errors.Is(err, desktop.ErrRuns):
		return s, nil
	case err != nil:
		log.Info("there are no messages", "error", err)
		s.sits = true
		return s, nil
	}
	s.notices, s.sits, s.gone = bus, true, bus.Done()
	s.close = func() { _ = bus.Close() } // the session may be over
	return s, nil
}

func canShow() error {
	if _, err := os.Stat(openPath); err != nil {
		return errNoBrowser
	}
	return nil
}

// openFile opens a file with the person's own program for it. One that ends at once
// and badly has found none.
func openFile(file string) error {
	cmd := exec.Command(openPath, file)
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%w: %w", errNoBrowser, err)
		}
	case <-time.After(programWithin): // some wait until the browser ends
	}
	return nil
}

// publisherOf is the package that a program came with.
func publisherOf(path string, t words.Tongue) string {
	paths := []string{path}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		paths = append(paths, real)
	}
	for _, p := range paths {
		for _, name := range []string{p, strings.TrimPrefix(p, "/usr")} { // where a package was made before the folders were joined
			if of := said(dpkgPath, "--search", "--", name); of != "" {
				of, _, _ = strings.Cut(of, ":")
				return t.Say("Package %s, from this computer's system", of)
			}
		}
		if of := said(rpmPath, "-qf", "--queryformat", "%{NAME}", "--", p); of != "" && !strings.Contains(of, " ") {
			return t.Say("Package %s, from this computer's system", of)
		}
	}
	return t.Say("Of no package: who made it is not known")
}

// said is what a program says, "" = it does not know.
func said(path string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), programWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.Run() != nil {
		return ""
	}
	return strings.TrimSpace(out.String())
}

// browse asks for a file with the desktop's own dialog, nil = it has none.
func browse() func(ctx context.Context) (string, error) {
	if _, err := os.Stat(zenityPath); err != nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, browseWithin)
		defer cancel()
		cmd := exec.CommandContext(ctx, zenityPath, "--file-selection", "--title", "Assent", "--filename", "/usr/bin/")
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		var closed *exec.ExitError
		if errors.As(err, &closed) {
			return "", nil
		}
		return strings.TrimSuffix(string(out), "\n"), err
	}
}

// programs are those of the system's own menu.
func programs(language string) []tray.Program {
	find := func(name string) string {
		for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return filepath.Join(dir, name)
			}
		}
		return ""
	}
	var all []tray.Program
	for _, dir := range []string{"/usr/share/applications", "/usr/local/share/applications"} {
		names, _ := filepath.Glob(filepath.Join(dir, "*.desktop")) // the pattern is right
		for _, name := range names {
			if f, err := os.Open(name); err == nil {
				raw, _ := io.ReadAll(io.LimitReader(f, 256<<10)) // what can not be read is no entry
				_ = f.Close()
				if p, ok := tray.Entry(string(raw), language, find); ok {
					all = append(all, p)
				}
			}
		}
	}
	return tray.Sorted(all)
}
