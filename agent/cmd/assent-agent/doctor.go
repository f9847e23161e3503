package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
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

// identityCheck tells whether this endpoint is enrolled, by how reading that went.
func identityCheck(err error) check {
	switch {
	case errors.Is(err, link.ErrNotEnrolled):
		return check{"identity", checkFail, err.Error(), "assent-agent enroll --controller URL --token T"}
	case err != nil:
		return check{"identity", checkFail, err.Error(), "run it with all rights; enrol with --force if it is damaged"}
	}
	return check{"identity", checkOK, "this endpoint is enrolled", ""}
}

// agentChecks tell what a running agent says of its connection and mode, and in
// answers whether there is one.
func agentChecks(s local.Status, err error) (list []check, answers bool) {
	if err != nil {
		return []check{{"agent", checkFail, "the agent does not answer: " + err.Error(), "start it: assent-agent start"}}, false
	}
	list = []check{{"controller", checkOK, "the agent runs and is connected to " + s.Controller, ""}}
	if !s.Connected {
		list = []check{{"controller", checkWarn, "the agent runs and has no connection to " + s.Controller, "assent-agent doctor --network"}}
	}
	if s.Locked != "" {
		list = append(list, check{"lock", checkWarn, "this endpoint is locked: " + s.Locked, "ask an administrator"})
	}
	return append(list, check{"mode", checkOK, "mode " + s.Mode, ""}), true
}

// askAgent asks the running agent how it is.
func askAgent(ctx context.Context, set *settings) (local.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return local.Client{Path: local.Address(set.runtime)}.Status(ctx)
}

// rightsCheck tells whether doctor sees everything.
func rightsCheck(err error) check {
	if err != nil {
		return check{"rights", checkFail, err.Error(), "run it as administrator"}
	}
	return check{"rights", checkOK, "it may see everything", ""}
}

// missingChecks name what this system's agent does not do, so that nobody takes
// silence for it.
func missingChecks(missing []string) (list []check) {
	for _, m := range missing {
		list = append(list, check{"not here", checkWarn, m, ""})
	}
	return list
}

// heldChecks are agentChecks with what a running agent holds programs together by.
func heldChecks(s local.Status, err error) []check {
	list, answers := agentChecks(s, err)
	if answers {
		list = append(list, check{"containment", checkOK, fmt.Sprintf("what runs is held together by %s", s.Containment), ""})
	}
	return list
}
