package intercept

import (
	"path"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// Unbounded reports whether a program, by its path or name, can do anything at
// all once it runs elevated. The list is that of rules, so that both ask for
// care about the same programs.
//
// It is for caution, not for safety: whoever may run one of these should know
// what that means. A program that is not on it is not thereby harmless.
func Unbounded(name string) bool { return elevation.Unbounded(name) }

// interprets reports whether a program runs the files it is given.
func interprets(name string) bool {
	base := path.Base(name)
	if i := strings.IndexAny(base, "0123456789"); i > 0 {
		base = strings.TrimRight(base[:i], ".-")
	}
	switch base {
	case "python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "wish", "expect", "guile", "java", "deno", "bun",
		"R", "Rscript", "make", "gmake", "ansible-playbook", "busybox", "env", "source", "awk", "gawk", "mawk":
		return true
	}
	return Shell(base)
}

// Shell reports whether name is a command interpreter people type into.
func Shell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "pwsh"}, path.Base(name))
}
