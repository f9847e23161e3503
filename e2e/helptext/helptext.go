// Package helptext keeps what a program prints for --help in a golden file: that of
// the program and of each of its verbs. Scripts and manuals of others quote it, so a
// change of it is one that somebody has looked at. It is for the tests of programs
// and knows nothing of what they do.
package helptext

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Check holds the text of every --help below root against testdata/help.golden;
// update writes it anew. run is the program, which ends with a code.
func Check(t *testing.T, root *cobra.Command, update bool, run func(args []string, out io.Writer) (code int)) {
	t.Helper()
	var out bytes.Buffer
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		fmt.Fprintf(&out, "$ %s %s\n", root.Name(), strings.Join(args, " "))
		if code := run(args, &out); code != 0 {
			t.Errorf("%v exits %d", args, code)
		}
		fmt.Fprintln(&out)
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk(root)
	golden := filepath.Join("testdata", "help.golden")
	if update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("what --help prints differs from %s; look at it, then write it anew with -run Help -update", golden)
	}
}
