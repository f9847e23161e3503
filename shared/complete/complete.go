// Package complete is the verb `completion` of the small programs: it prints the
// script with which a shell completes their verbs and flags. It asks nobody and
// knows nothing of the program; assentctl, which also completes ids, has its own.
package complete

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// ErrShell says that the verb was not called with one shell that it knows, which
// is wrong usage.
var ErrShell = errors.New("completion is for one of bash, zsh, fish, powershell")

// Command is the verb for a program with this name.
func Command(program string) *cobra.Command {
	lines := []string{"Print the script with which a shell completes verbs and flags. For all time:", "",
		"  bash        %[1]s completion bash > ~/.local/share/bash-completion/completions/%[1]s",
		"  zsh         %[1]s completion zsh > \"${fpath[1]}/_%[1]s\"",
		"  fish        %[1]s completion fish > ~/.config/fish/completions/%[1]s.fish",
		"  powershell  %[1]s completion powershell >> $PROFILE", "",
		"The packages bring those of bash, zsh and fish. Bash needs its package bash-completion."}
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{Use: "completion " + strings.Join(shells, "|"), Short: "Print the script with which a shell completes verbs and flags",
		Long: fmt.Sprintf(strings.Join(lines, "\n"), program), ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return ErrShell
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			root, out := c.Root(), c.OutOrStdout()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return root.GenBashCompletionV2(out, true)
		}}
}
