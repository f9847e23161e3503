package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/inert"
)

// The exit codes; scripts rely on them.
const (
	exitDone       = 0
	exitFailure    = 1
	exitUsage      = 2
	exitSignIn     = 3
	exitForbidden  = 4
	exitNotFound   = 5
	exitConflict   = 6
	exitSomeFailed = 7
	exitNotReached = 8
)

// exitError ends the program with a code. A nil err means that everything has
// been printed already.
type exitError struct {
	code  int
	err   error
	hints []string
}

// Error is the text behind "error:".
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

func usage(text string, hints ...string) error {
	return &exitError{code: exitUsage, err: errors.New(text), hints: hints}
}

// codeOf is the exit code of an error.
func codeOf(err error) int {
	var done *exitError
	if errors.As(err, &done) {
		return done.code
	}
	if errors.Is(err, client.ErrUnreachable) {
		return exitNotReached
	}
	var p *client.Problem
	if !errors.As(err, &p) {
		return exitFailure
	}
	switch p.Status {
	case http.StatusUnauthorized:
		return exitSignIn
	case http.StatusForbidden:
		return exitForbidden
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	case http.StatusBadRequest:
		return exitUsage
	}
	return exitFailure
}

// report prints an error and returns the exit code.
func (a *app) report(verb *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	var done *exitError
	if !errors.As(err, &done) { // found by cobra, before a command ran
		text := err.Error()
		if strings.Contains(text, " arg(s), ") {
			text = "that is not the number of arguments it takes\nhint: usage: " + verb.UseLine()
		} else {
			text = inert.Text(text)
		}
		fmt.Fprintf(a.err, "error: %s\nhint: see %s --help\n", text, verb.CommandPath())
		return exitUsage
	}
	if done.err == nil {
		return done.code
	}
	fmt.Fprintf(a.err, "error: %s\n", inert.Text(sentence(done.err)))
	hints := append(done.hints, a.hints(done.err)...)
	if len(hints) == 0 {
		hints = next(verb, done.code)
	}
	for _, h := range hints {
		fmt.Fprintf(a.err, "hint: %s\n", inert.Text(h))
	}
	return done.code
}

// sentence is an error as people read it; a lost race says who was first.
func sentence(err error) string {
	var p *client.Problem
	if !errors.As(err, &p) || p.Decision == nil {
		return err.Error()
	}
	who := "a rule"
	if p.Decision.By != nil {
		who = first(p.Decision.By.Login, p.Decision.By.ID)
		if n := p.Decision.By.Name; n != "" && n != who {
			who += " (" + n + ")"
		}
	} else if p.Decision.Rule != nil {
		who = "rule " + *p.Decision.Rule
	}
	text := fmt.Sprintf("already %s by %s at %s", p.Decision.Verdict, who, when(&p.Decision.At))
	if c := p.Decision.Comment; c != nil && *c != "" {
		text += ": " + *c
	}
	return text
}

// next says what to do after an error that does not say it itself.
func next(verb *cobra.Command, code int) []string {
	noun := verb
	for noun.HasParent() && noun.Parent().HasParent() {
		noun = noun.Parent()
	}
	all := noun.CommandPath()
	if noun.Name() == "approval" || noun.Name() == "request" {
		all += " --status all"
	}
	switch code {
	case exitUsage:
		return []string{"see " + verb.CommandPath() + " --help"}
	case exitForbidden:
		return []string{"an administrator can give the right to it: assentctl user edit LOGIN --role ROLE"}
	case exitNotFound:
		return []string{"what there is for you to see: " + all}
	case exitConflict:
		return []string{"how it is now: " + all}
	}
	return nil
}

// hints say what to do next about an error of the controller.
func (a *app) hints(err error) []string {
	if errors.Is(err, client.ErrUnreachable) {
		return []string{"check the address and that the controller runs"}
	}
	var p *client.Problem
	if !errors.As(err, &p) {
		return nil
	}
	switch p.Code {
	case "unauthenticated":
		return []string{"the token is unknown or has ended; run: assentctl login"}
	case "step_up_required":
		if a.stepUp != "" {
			return []string{"sign in again and answer there within five minutes: " + a.page(a.stepUp)}
		}
		return []string{"sign in again at " + a.address + " and do it there within five minutes"}
	case "rate_limited":
		return []string{"wait a moment and try again"}
	case "already_decided":
		return []string{"the first answer stands; an approval is ended with: assentctl approval revoke ID"}
	}
	return nil
}
