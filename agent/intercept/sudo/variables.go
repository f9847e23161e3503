package sudo

import (
	"fmt"
	"regexp"
	"strings"
)

// settable reports whether a variable may be given to an approved program
// (sudo NAME=VALUE command): only ones that choose language, time zone and how
// much a package manager asks, none that names a file or a program.
func settable(name string) bool {
	switch name {
	case "LANG", "LANGUAGE", "TZ", "DEBIAN_FRONTEND", "DEBIAN_PRIORITY", "NEEDRESTART_MODE", "NEEDRESTART_SUSPEND",
		"UCF_FORCE_CONFFOLD", "UCF_FORCE_CONFFNEW", "NO_COLOR", "SYSTEMD_COLORS":
		return true
	}
	rest, ok := strings.CutPrefix(name, "LC_")
	return ok && rest != "" && strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// notSettable says which variable no approval covers, "" = none. Every variable
// may be there once.
func notSettable(sets []string) string {
	plain := regexp.MustCompile(`^[A-Za-z0-9_.@:+-]{0,64}$`)
	zone := regexp.MustCompile(`^[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}$`)
	seen := map[string]bool{}
	for _, set := range sets {
		name, v, _ := strings.Cut(set, "=")
		ok := settable(name) && !seen[name]
		seen[name] = true
		if name == "TZ" {
			ok = ok && zone.MatchString(v)
		}
		if !ok || name != "TZ" && !plain.MatchString(v) {
			return "the variable " + shown(name, 60) + " on the command line"
		}
	}
	return ""
}

// given makes sure that the variables that were approved are there once, as they
// were approved.
func given(sets, env []string) error {
	for _, set := range sets {
		name, _, _ := strings.Cut(set, "=")
		n := 0
		for _, e := range env {
			if strings.HasPrefix(e, name+"=") {
				n++
				if e != set {
					return fmt.Errorf("another value of %s", name)
				}
			}
		}
		if n != 1 {
			return fmt.Errorf("the variable %s %d times", name, n)
		}
	}
	return nil
}
