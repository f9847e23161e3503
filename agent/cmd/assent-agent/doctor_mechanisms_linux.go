package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/agent/intercept/polkit"
	"github.com/assent-epm/assent/agent/intercept/setuid"
)

// checkPolkit looks whether pkexec and programs behind polkit can be asked for.
func checkPolkit(_ context.Context, set *settings, f file) []check {
	one := func(level, text, hint string) []check { return []check{{"polkit", level, text, hint}} }
	if !f.polkit() {
		return one(checkWarn, "turned off in the configuration: pkexec and systemctl ask for an administrator's password as ever", "")
	}
	switch err := polkitHere(); {
	case errors.Is(err, polkit.ErrNoPolkit) && hasPkexec():
		return one(checkWarn, "polkit here knows no rules in JavaScript (older than 0.106): pkexec is not intercepted", "use assent run -- COMMAND")
	case errors.Is(err, polkit.ErrNoPolkit):
		return one(checkOK, "not installed here", "")
	case err != nil:
		return one(checkWarn, err.Error(), "install polkit in whole, or use assent run -- COMMAND")
	}
	raw, err := os.ReadFile(polkit.RulePath)
	switch socket := filepath.Join(set.runtime, "polkit.sock"); {
	case err != nil:
		return one(checkWarn, "the rule is not in place: pkexec and systemctl ask for an administrator's password as ever", "start the agent; its log says why it could not")
	case !strings.Contains(string(raw), `"`+socket+`"`):
		return one(checkWarn, polkit.RulePath+" is of another agent", "stop the other agent, or remove the file")
	}
	return one(checkOK, "approvals are asked for: "+polkit.RulePath, "")
}

func hasPkexec() bool {
	_, err := os.Stat("/usr/bin/pkexec")
	return err == nil
}

// checkSetuid looks whether programs that run as root for anybody can be watched.
func checkSetuid(ctx context.Context, _ *settings, f file) []check {
	one := func(level, text, hint string) []check { return []check{{"setuid", level, text, hint}} }
	if !f.setuid() {
		return one(checkWarn, "turned off in the configuration: the use of su and the like is not told of", "")
	}
	if os.Geteuid() != 0 {
		return nil
	}
	if err := setuidHere(); err != nil {
		return one(checkWarn, "the use of su and the like can not be told of here: "+err.Error(), "in a container, allow fanotify_init and fanotify_mark and the capability SYS_ADMIN")
	}
	watched, all, err := setuid.Survey(ctx)
	if err != nil {
		return one(checkWarn, err.Error(), "")
	}
	return one(checkOK, fmt.Sprintf("%d of %d programs that give more rights are watched: %s", len(watched), all, strings.Join(watched, " ")), "")
}
