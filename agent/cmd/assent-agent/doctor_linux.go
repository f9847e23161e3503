package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
)

// examinations are everything that doctor looks at, in the order it is told.
func examinations() []examination {
	return []examination{checkRoot, checkAgent, checkFolders, checkSudo, checkPolkit, checkSetuid, checkContainment, checkReaper, checkClock, lookAtOffline, lookAtConfirm, lookAtForeignRights}
}

func checkRoot(context.Context, *settings, file) []check {
	if os.Geteuid() != 0 {
		return []check{{"root", checkFail, "only root sees everything", "run it as root"}}
	}
	return nil
}

// checkAgent asks the running agent how it is.
func checkAgent(ctx context.Context, set *settings, _ file) []check {
	_, err := link.Load(set.data)
	list := []check{identityCheck(err)}
	s, err := askAgent(ctx, set)
	told, answers := agentChecks(s, err)
	if list = append(list, told...); !answers {
		return list
	}
	list = append(list, mechanismChecks(s.Mechanisms)...)
	return append(list, skewed(s.Skew))
}

// skewed judges how far this clock is from the controller's.
func skewed(skew time.Duration) check {
	text := fmt.Sprintf("this clock is %v from the controller's", skew.Abs().Round(time.Second))
	switch {
	case skew.Abs() > 10*time.Minute:
		return check{"skew", checkFail, text + ": future windows and offline use are refused", "set the clock; have it kept by NTP"}
	case skew.Abs() > time.Minute:
		return check{"skew", checkWarn, text, "have the clock kept by NTP"}
	}
	return check{"skew", checkOK, text, ""}
}

// checkFolders looks whether others than root could read or change our files.
func checkFolders(_ context.Context, set *settings, _ file) []check {
	bad := func(path, why string) check {
		return check{"folders", checkFail, path + " " + why, "chown root:root and chmod 0700 the data folder, 0600 its files"}
	}
	var st unix.Stat_t
	if err := unix.Lstat(set.data, &st); err != nil {
		return []check{{"folders", checkFail, set.data + ": " + err.Error(), "assent-agent enroll makes it"}}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != 0 || st.Mode&0o077 != 0 {
		return []check{bad(set.data, fmt.Sprintf("has mode %04o and belongs to %d", st.Mode&0o7777, st.Uid))}
	}
	if err := local.SafeFolder(set.data); err != nil {
		return []check{bad(set.data, err.Error())}
	}
	found := []check{}
	err := filepath.WalkDir(set.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // gone while we looked
			}
			return err
		}
		if err := unix.Lstat(path, &st); err == nil && (st.Uid != 0 || st.Mode&0o022 != 0 || d.Type().IsRegular() && st.Mode&0o077 != 0 && st.Mode&0o111 == 0) {
			found = append(found, bad(path, fmt.Sprintf("has mode %04o and belongs to %d", st.Mode&0o7777, st.Uid)))
		}
		return nil
	})
	switch {
	case err != nil:
		return []check{bad(set.data, err.Error())}
	case len(found) > 0:
		return found[:min(len(found), 5)]
	}
	return []check{{"folders", checkOK, set.data + " is root's alone", ""}}
}

func checkSudo(ctx context.Context, set *settings, f file) []check {
	if !f.sudo() {
		return []check{{"sudo", checkOK, "sudo is left alone, as the configuration says", ""}}
	}
	var list []check
	for _, x := range sudo.Examine(ctx, sudo.Plugin{Socket: filepath.Join(set.runtime, "plugin.sock")}, time.Now()) {
		list = append(list, check(x))
	}
	return list
}

// checkContainment says how an elevated program is kept from outliving its grant.
func checkContainment(_ context.Context, set *settings, _ file) []check {
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(set.data), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return []check{{"containment", checkFail, err.Error(), "systemd or cgroups are needed"}}
	}
	defer trees.Close()
	kind := string(trees.Kind())
	switch trees.Kind() {
	case privilege.TreeScope:
		return []check{{"containment", checkOK, kind + ": each elevated program is in a systemd scope of its own, which ends it on time also without the agent", ""}}
	case privilege.TreeCgroup2, privilege.TreeCgroup1:
		return []check{{"containment", checkOK, kind + ": each elevated program is in a cgroup of its own; without systemd the reaper ends it", ""}}
	case privilege.TreeSessions:
	}
	return []check{{"containment", checkWarn, kind + ": there are neither scopes nor cgroups: programs that hide in a session of their own can outlive their grant", "run the agent where cgroups can be written"}}
}

// checkReaper looks at what ends grants when the agent can not.
func checkReaper(ctx context.Context, _ *settings, _ file) []check {
	if !onSystemd() {
		return []check{{"reaper", checkOK, "there is no systemd: the agent starts its reaper itself", ""}}
	}
	missing := check{"reaper", checkWarn, "the units of the agent are not installed: without it nothing looks for what is due but the timers of running grants", "assent-agent install"}
	if _, err := os.Stat(filepath.Join(unitDir, "assent-reap.service")); err != nil {
		if _, err := os.Stat(packagedUnit); err != nil {
			return []check{missing}
		}
	}
	var list []check
	err := withSystemd(ctx, func(conn *sd.Conn) error {
		units, err := conn.ListUnitsByNamesContext(ctx, []string{"assent-reap-due.timer", "assent-agent.service"})
		if err != nil {
			return err
		}
		for _, u := range units {
			if u.ActiveState != "active" {
				list = append(list, check{"reaper", checkFail, u.Name + " is " + u.ActiveState, "systemctl start " + u.Name})
			}
		}
		boot, err := conn.GetUnitPropertyContext(ctx, "assent-reap.service", "UnitFileState")
		if err != nil {
			return err
		}
		if state, _ := boot.Value.Value().(string); state != "enabled" {
			list = append(list, check{"reaper", checkFail, "assent-reap.service is not enabled: what was granted before a restart is undone late", "systemctl enable assent-reap.service"})
		}
		return nil
	})
	if err != nil {
		return []check{{"reaper", checkFail, "ask systemd: " + err.Error(), "run it as root"}}
	}
	if len(list) == 0 {
		list = append(list, check{"reaper", checkOK, "what is due is ended without the agent, and before log-ins after a restart", ""})
	}
	return list
}

// checkClock asks the kernel whether something keeps the clock.
func checkClock(context.Context, *settings, file) []check {
	state, err := unix.Adjtimex(&unix.Timex{})
	const unsynchronized = 5 // TIME_ERROR
	switch {
	case err != nil:
		return []check{{"clock", checkWarn, "the kernel does not tell whether the clock is kept: " + err.Error(), ""}}
	case state == unsynchronized:
		return []check{{"clock", checkWarn, "nothing keeps this machine's clock", "switch on NTP: timedatectl set-ntp true"}}
	}
	return []check{{"clock", checkOK, "the clock is kept", ""}}
}
