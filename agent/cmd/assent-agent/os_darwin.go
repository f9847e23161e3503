package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept/held"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// sudoersDir is where sudo of macOS reads its drop-ins.
const sudoersDir = "/private/etc/sudoers.d"

const sudoHere = "its plugin is not built for macOS: assent run asks, and sudo runs it by a rule of a moment"

func mechanismsHere() []local.Mechanism {
	return []local.Mechanism{{Name: string(elevation.ByAssent), Text: "on"}}
}

// osVersion is the product's version as the kernel tells it.
func osVersion() string {
	v, err := unix.Sysctl("kern.osproductversion")
	if err != nil {
		return "macOS"
	}
	return "macOS " + v
}

func mayServe() error { return asRoot(os.Geteuid()) }

// runtimeFolder makes the folder of the socket.
func runtimeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if err := local.SafeFolder(dir); err != nil {
		return hinted{err, "give a folder with --runtime that lies in folders of root"}
	}
	return nil
}

// hasStderr: launchd writes it into a file.
func hasStderr() bool { return true }

// apart is how the reaper is started: in a session of its own, outlives the agent.
func apart() (env []string, dir string, attr *syscall.SysProcAttr) {
	return []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}, "/", &syscall.SysProcAttr{Setsid: true}
}

// Where a profile and an administrator leave the controller and the token.
const (
	managedFile = "/Library/Managed Preferences/com.assent-epm.agent.plist"
	sidecarFile = "/Library/Application Support/Assent/enroll.plist"
)

// installerLeft is what they left.
type installerLeft struct{}

func (installerLeft) read() (leftover, error) { return leftBeside{profileLeft, sidecarFile}.read() }
func (installerLeft) forget() error           { return leftBeside{profileLeft, sidecarFile}.forget() }

// profileTime bounds the program that reads the profile.
const profileTime = 10 * time.Second

// profileLeft is what the profile says, nothing without one.
func profileLeft() (leftover, error) {
	if _, err := os.Lstat(managedFile); errors.Is(err, fs.ErrNotExist) {
		return leftover{}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), profileTime)
	defer cancel()
	raw, err := exec.CommandContext(ctx, plutilPath, "-convert", "xml1", "-o", "-", managedFile).Output()
	if err != nil {
		return leftover{}, fmt.Errorf("read the profile: %w", err)
	}
	return readProfile(raw)
}

// missingHere is what is not served on macOS.
func missingHere() []string {
	var list []string
	if err := held.Usable(); err != nil {
		list = append(list, err.Error())
	}
	return append(list,
		"sudo asks by way of assent run only: its plugin is not built for macOS",
		"what runs is held together by its session: a program that leaves it on purpose can be missed",
		"a program that sudo can not be told exactly (one that others can write, or with odd arguments) has no terminal: what it reads and writes is passed on",
		"a change of standing rights is seen within minutes, not at once: nothing tells the agent of it",
		"a session (assent session) is for a terminal and for assent run alone: there are no groups of processes that a job could be held by",
		"what was started with sudo while somebody was administrator for a while (assent admin) goes on when that ends",
		"a script that chooses the proxy (PAC) is not run: name the proxy in agent.toml",
		"passwords of people are not checked on macOS, so nobody can confirm with one: a passkey can")
}
