package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sd "github.com/coreos/go-systemd/v22/dbus"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/wire"
)

const enrollFile = "/etc/assent/enroll"

// withoutIdentity is what the package leaves where nobody is enrolled.
const withoutIdentity = "installed, not started"

// installPackage is what a package does once its files are there, the service
// manager apart: it makes the data folder and enrols with what the environment
// or /etc/assent/enroll give. An enrolment that fails does not fail the
// installation: it says what to do and is [errNotEnrolled]. An upgrade is
// [errAsItWas]; a token that was left for it is removed.
func installPackage(ctx context.Context, set *settings) error {
	if os.Geteuid() != 0 {
		return hinted{errors.New("packages are installed by root"), "run it as root"}
	}
	f, err := set.load()
	if err != nil {
		return err
	}
	if err := rootFolder(set.data, 0o700); err != nil {
		return err
	}
	id, err := link.Load(set.data)
	switch {
	case err == nil:
		if err := durable.Remove(enrollFile); err != nil {
			fmt.Fprintf(os.Stderr, "assent-agent: a token that nobody needs stays: %v\n", err)
		}
		return wasEnrolled(removedMark(set))
	case !errors.Is(err, link.ErrNotEnrolled):
		return notEnrolled(fmt.Errorf("load the identity: %w", err), "assent-agent enroll --force --controller URL --token T, then assent-agent install")
	}
	url, token, from, err := enrollment(enrollFile)
	if err != nil {
		return notEnrolled(err, "correct the file, then run: assent-agent install --package && assent-agent install")
	}
	url = cmp.Or(url, f.Controller)
	if token == "" || url == "" {
		return notEnrolled(nil, "assent-agent enroll --controller https://HOST:8443 --token T, then assent-agent install")
	}
	ctx, cancel := context.WithTimeout(ctx, enrollTime)
	defer cancel()
	about := facts()
	about.Reported[wire.ReportedInstall] = wire.InstalledByPackage
	id, err = link.Enroll(ctx, link.EnrollConfig{URL: url, Token: token, Dir: set.data, Facts: about, Proxies: f.proxies(set)})
	if err != nil {
		return notEnrolled(err, enrollHint(err)+"; then assent-agent enroll --controller "+url+" --token T and assent-agent install")
	}
	if from != "" {
		err = os.Remove(from)
	}
	fmt.Printf("assent-agent: enrolled as %s at %s, mode %s\n", id.Endpoint, id.URL, id.Mode)
	return err
}

// removedMark says that the package of an enrolled endpoint was removed, and not
// purged: when it comes back it is started again.
func removedMark(set *settings) string { return filepath.Join(set.data, "removed") }

// wasEnrolled is an upgrade, unless the package was removed in between.
func wasEnrolled(mark string) error {
	err := os.Remove(mark)
	if errors.Is(err, fs.ErrNotExist) {
		return errAsItWas
	}
	return err
}

// enrollment is the controller and the token that an administrator left: in the
// environment, else in a file of root alone. from is that file.
func enrollment(path string) (url, token, from string, err error) {
	url, token = os.Getenv("ASSENT_CONTROLLER_URL"), os.Getenv("ASSENT_ENROLL_TOKEN")
	if token != "" {
		return url, token, "", nil
	}
	values, err := readEnrollFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return url, "", "", nil
	}
	if err != nil {
		return "", "", "", fmt.Errorf("read %s: %w", path, err)
	}
	return cmp.Or(url, values["ASSENT_CONTROLLER_URL"]), values["ASSENT_ENROLL_TOKEN"], path, nil
}

// readEnrollFile reads lines NAME=VALUE of a file that only root can read. It is
// never run: nothing in it is a command.
func readEnrollFile(path string) (map[string]string, error) {
	raw, err := readRootsOwn(path)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name != "ASSENT_CONTROLLER_URL" && name != "ASSENT_ENROLL_TOKEN" {
			return nil, errors.New("its lines are ASSENT_CONTROLLER_URL=… and ASSENT_ENROLL_TOKEN=…")
		}
		values[name] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	if values["ASSENT_ENROLL_TOKEN"] == "" {
		return nil, errors.New("it has no ASSENT_ENROLL_TOKEN")
	}
	return values, nil
}

// uninstallPackage is what a package does before its files go: nothing of ours
// runs, every grant has ended, and sudo does not name the plugin any more.
func uninstallPackage(ctx context.Context, set *settings) error {
	defer markRemoval(set)()
	var stopped error
	if onSystemd() {
		stopped = withSystemd(ctx, func(conn *sd.Conn) error {
			return each(enabledUnits, func(unit string) error { return job(ctx, unit, conn.StopUnitContext) })
		})
	}
	if err := errors.Join(stopped, undoAll(ctx, set)); err != nil {
		return err
	}
	if _, err := link.Load(set.data); err != nil {
		return nil // it was never started
	}
	return durable.Replace(removedMark(set), nil)
}
