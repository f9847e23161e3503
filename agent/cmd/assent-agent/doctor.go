package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// check is one thing that doctor looked at.
type check struct {
	Name  string `json:"name"`
	Level string `json:"level"` // ok, warn or fail
	Text  string `json:"text"`
	Hint  string `json:"hint"` // what to do about it, "" = nothing
}

// The levels of a check. Only a fail makes the command end with 1.
const (
	checkOK   = "ok"
	checkWarn = "warn"
	checkFail = "fail"
)

// examination is one part of doctor. It changes nothing on the machine.
type examination func(ctx context.Context, set *settings, f file) []check

// doctorCommand looks whether everything that the agent needs is as it should be.
func doctorCommand(set *settings) *cobra.Command {
	var format string
	var network bool
	c := &cobra.Command{Use: "doctor", Short: "Look whether everything on this machine is as it should be", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return hinted{fmt.Errorf("%w: unknown format %q", errUsage, format), "use text or json"}
			}
			f, err := set.load()
			if err != nil {
				return err
			}
			var all []check
			looks := examinations()
			if network {
				looks = []examination{lookAtNetwork}
			}
			for _, look := range looks {
				all = append(all, look(c.Context(), set, f)...)
			}
			return tellChecks(c.OutOrStdout(), all, format)
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().BoolVar(&network, "network", false, "look at the way to the controller: proxy, name, connection, TLS, websocket")
	return c
}

// tellChecks prints the checks; it is an error when one of them failed.
func tellChecks(w io.Writer, all []check, format string) error {
	failed := 0
	for _, c := range all {
		if c.Level == checkFail {
			failed++
		}
	}
	if format == "json" {
		if err := json.NewEncoder(w).Encode(map[string]any{"checks": all, "failed": failed}); err != nil {
			return err
		}
	} else {
		for _, c := range all {
			fmt.Fprintf(w, "%s: %s: %s\n", c.Level, c.Name, c.Text)
			if c.Hint != "" && c.Level != checkOK {
				fmt.Fprintf(w, "  hint: %s\n", c.Hint)
			}
		}
	}
	if failed > 0 {
		return hinted{fmt.Errorf("%d of %d checks failed", failed, len(all)), "what to do stands below each of them"}
	}
	return nil
}
