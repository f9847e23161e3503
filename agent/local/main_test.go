package local

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/assent-epm/assent/agent/privilege"
)

// clientEnv makes the test binary a client of the socket that it names: what
// `assent run` is, for tests that need a process to kill or to put under a
// terminal.
const clientEnv = "ASSENT_TEST_CLIENT"

func TestMain(m *testing.M) {
	if privilege.IsGate(os.Args) {
		os.Exit(privilege.Gate())
	}
	if path := os.Getenv(clientEnv); path != "" {
		c := Client{Path: path}
		if program := os.Getenv("BECOMES"); program != "" {
			c.sudo = &sudoer{path: program, become: syscall.Exec}
		}
		out := c.Run(context.Background(), RunOptions{Command: os.Args[1], Args: os.Args[2:], Reason: os.Getenv("REASON"), Mute: os.Getenv("MUTE") != ""},
			Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		if out.Kind != Ran {
			fmt.Fprintf(os.Stderr, "%s: %s\n", out.Kind, out.Text)
		}
		os.Exit(out.Exit)
	}
	os.Exit(m.Run())
}
