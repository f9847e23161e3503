package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

func enrollCommand(set *settings) *cobra.Command {
	var controller, token string
	var force bool
	c := &cobra.Command{
		Use:   "enroll --controller URL --token T",
		Short: "Bind this endpoint to a controller; writes files only",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := set.load()
			if err != nil {
				return err
			}
			controller = cmp.Or(controller, os.Getenv("ASSENT_CONTROLLER_URL"), f.Controller)
			token = cmp.Or(token, os.Getenv("ASSENT_ENROLL_TOKEN"))
			if token == "-" {
				line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
				if err != nil && line == "" {
					return fmt.Errorf("read the token: %w", err)
				}
				token = strings.TrimSpace(line)
			}
			if controller == "" || token == "" {
				return hinted{fmt.Errorf("%w: the controller's address and an enrolment token are needed", errUsage),
					"give --controller and --token (`-` reads it from standard input), or ASSENT_CONTROLLER_URL and ASSENT_ENROLL_TOKEN"}
			}
			id, err := link.Enroll(c.Context(), link.EnrollConfig{URL: controller, Token: token, Dir: set.data, Facts: facts(), Force: force, Proxies: f.proxies(set)})
			if err != nil {
				return hinted{err, enrollHint(err)}
			}
			fmt.Fprintf(c.OutOrStdout(), "enrolled as %s at %s\n", id.Endpoint, id.URL)
			return nil
		},
	}
	c.Flags().StringVar(&controller, "controller", "", "the agents' address of the controller: https://HOST:8443")
	c.Flags().StringVar(&token, "token", "", "enrolment token; - reads it from standard input")
	c.Flags().BoolVar(&force, "force", false, "replace an identity that is there")
	return c
}

func enrollHint(err error) string {
	switch {
	case errors.Is(err, link.ErrEnrolled):
		return "--force gives up the old identity and everything granted under it"
	case errors.Is(err, link.ErrTokenRefused):
		return "assentctl enroll-token add makes a new token"
	case errors.Is(err, wire.ErrEnrollToken):
		return "copy all of what assentctl enroll-token add printed"
	case errors.Is(err, link.ErrPin):
		return "check the address; the token belongs to another controller, or the connection is intercepted"
	}
	return "check that the address is the agents' one and that this machine reaches it"
}

// facts are what this endpoint says of itself; nothing is decided by them.
func facts() wire.Facts {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return wire.Facts{Hostname: host, OS: runtime.GOOS, OSVersion: osVersion(), Arch: runtime.GOARCH, IP: firstAddress(),
		AgentVersion: version.Get(wire.Version).Version, Reported: map[string]string{}}
}

// firstAddress is the first address of this machine that others can reach.
func firstAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return ""
}
