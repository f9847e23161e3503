package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/inert"
)

// check is one thing that doctor tells a person about this machine; level is ok,
// warn or fail.
type check struct {
	Name  string `json:"name"`
	Level string `json:"level"`
	Text  string `json:"text"`
	Hint  string `json:"hint"`
}

// doctorCommand says whether asking works here, without any rights. What only
// root sees is told by assent-agent doctor.
func doctorCommand(std local.Streams, client func() local.Client, code *int) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "doctor", Short: "Look whether asking for approvals works on this machine",
		Long: "Look whether asking for approvals works on this machine. Root sees more with assent-agent doctor.\n\n" +
			"Exit: 0 well, 1 something failed, 69 without agent.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format, "text", "json")
			}
			st, err := client().Status(cmd.Context())
			if err != nil {
				return explained(err)
			}
			all, failed := checks(st), 0
			for _, c := range all {
				if c.Level == "fail" {
					failed++
					*code = exitFailed
				}
			}
			if format == "json" {
				return printJSON(std.Out, map[string]any{"checks": all, "failed": failed})
			}
			for _, c := range all {
				if _, err := fmt.Fprintf(std.Out, "%s: %s: %s\n", c.Level, c.Name, inert.Text(c.Text)); err != nil {
					return err
				}
				if c.Hint != "" {
					fmt.Fprintf(std.Out, "  hint: %s\n", c.Hint)
				}
			}
			return nil
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

// checks judges what the agent says of itself.
func checks(st local.Status) []check {
	list := []check{{"controller", "ok", "connected to " + st.Controller, ""}}
	if !st.Connected {
		list[0] = check{"controller", "fail", "there is no connection to " + st.Controller, "try again later; an administrator sees why with assent-agent doctor --network"}
	}
	if st.Locked != "" {
		list = append(list, check{"lock", "fail", "this endpoint is locked: " + st.Locked, "ask your administrator"})
	}
	list = append(list, check{"mode", "ok", "mode " + st.Mode, ""})
	if st.Sudo == "on" {
		list = append(list, check{"sudo", "ok", "sudo asks for approvals", ""})
	} else {
		list = append(list, check{"sudo", "warn", "sudo does not ask for approvals: " + st.Sudo, "assent run -- COMMAND asks without it"})
	}
	contained := check{"containment", "ok", "what runs elevated is kept together: " + st.Containment, ""}
	if st.Containment == "session" {
		contained = check{"containment", "warn", "programs that hide in a session of their own can outlive their grant", "an administrator can run the agent where cgroups can be written"}
	}
	list = append(list, contained)
	text := fmt.Sprintf("this clock is %v from the controller's", st.Skew.Abs().Round(time.Second))
	switch {
	case st.Skew.Abs() > 10*time.Minute:
		list = append(list, check{"clock", "fail", text, "ask your administrator to have it set"})
	case st.Skew.Abs() > time.Minute:
		list = append(list, check{"clock", "warn", text, "ask your administrator to have it set"})
	default:
		list = append(list, check{"clock", "ok", text, ""})
	}
	return list
}
