package complete

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommand: each shell gets a script of its own for the program, and nobody
// else gets one.
func TestCommand(t *testing.T) {
	for shell, want := range map[string]string{"bash": "__start_tool", "zsh": "#compdef tool", "fish": "complete -c tool", "powershell": "Register-ArgumentCompleter", "csh": "", "": "", "bash zsh": ""} {
		t.Run("for "+shell, func(t *testing.T) {
			root := &cobra.Command{Use: "tool", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return nil }}
			root.AddCommand(Command("tool"))
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetArgs(strings.Fields("completion " + shell))
			err := root.Execute()
			if errors.Is(err, ErrShell) != (want == "") || !strings.Contains(out.String(), want) || want == "" && out.Len() != 0 {
				t.Errorf("%v, %d bytes", err, out.Len())
			}
		})
	}
	if long := Command("tool").Long; !strings.Contains(long, "tool completion fish > ") || strings.Contains(long, "%") {
		t.Error(long)
	}
}
