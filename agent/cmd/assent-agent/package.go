package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// What the scripts of packages learn besides success, which is that the service
// is to be started. What to do was said already.
var (
	errNotEnrolled = errors.New("this endpoint is not enrolled")
	errAsItWas     = errors.New("the service stays as it is")
)

const (
	exitNotEnrolled = 3
	exitAsItWas     = 4
)

// packageVerb is a verb of the service that the scripts of packages call with
// --package: then what the package brings is left to the package.
func packageVerb(set *settings, use, short string, act, forPackage func(context.Context, *settings) error) *cobra.Command {
	var byPackage bool
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		if _, err := set.load(); err != nil {
			return err
		}
		if byPackage {
			return forPackage(c.Context(), set)
		}
		return act(c.Context(), set)
	}}
	c.Flags().BoolVar(&byPackage, "package", false, "called by a package, which brings files and units itself")
	return c
}

// enrollTime bounds an enrolment by a package: a controller that does not answer
// must not hold up an installation.
const enrollTime = time.Minute

// notEnrolled says in one line why nothing is asked here yet and what to do.
func notEnrolled(why error, hint string) error {
	reason := ""
	if why != nil {
		reason = " (" + why.Error() + ")"
	}
	fmt.Fprintf(os.Stderr, "assent-agent: %s: this endpoint is not enrolled%s. To do: %s\n", withoutIdentity, reason, hint)
	return errNotEnrolled
}
