package intercept

import (
	"path"
	"slices"

	"github.com/assent-epm/assent/shared/elevation"
)

// Unbounded reports whether a program, by its path or name, can do anything at
// all once it runs elevated. The list is that of rules, so that both ask for
// care about the same programs.
//
// It is for caution, not for safety: whoever may run one of these should know
// what that means. A program that is not on it is not thereby harmless.
func Unbounded(name string) bool { return elevation.Unbounded(name) }

// Shell reports whether name is a command interpreter people type into.
func Shell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "pwsh"}, path.Base(name))
}
