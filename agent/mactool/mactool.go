// Package mactool runs the programs of macOS that know what no file and no call of
// the kernel tells: who is in a group, who signed a program, which rights there are.
//
// Each program stands in the one table of this file with its absolute path. It gets
// an environment of our own, no terminal, a bounded time, and its answer is bounded:
// what is longer is an error, not an answer. It decides nothing. Plist reads the form
// that most of them answer in. Tests run real small programs in their place, see
// fakemac.
package mactool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Tool is one program of macOS, by its absolute path.
type Tool string

// The programs.
const (
	Dscl         Tool = "/usr/bin/dscl"
	Dseditgroup  Tool = "/usr/sbin/dseditgroup"
	Dsmemberutil Tool = "/usr/bin/dsmemberutil"
	Codesign     Tool = "/usr/bin/codesign"
	Security     Tool = "/usr/bin/security"
	Visudo       Tool = "/usr/sbin/visudo"
	Ioreg        Tool = "/usr/sbin/ioreg"
	Launchctl    Tool = "/bin/launchctl"
	Scutil       Tool = "/usr/sbin/scutil"
)

// All are the programs.
func All() []Tool {
	return []Tool{Dscl, Dseditgroup, Dsmemberutil, Codesign, Security, Visudo, Ioreg, Launchctl}
}

// Limits of one run.
const (
	Within  = 20 * time.Second
	MaxSaid = 4 << 20 // bytes of each stream
)

// ErrTool: the program could not be run, or said more than it may.
var ErrTool = errors.New("a program of macOS does not answer")

// Result is what a program said and how it ended.
type Result struct {
	Out, Err []byte
	Code     int
}

// Failed is why a run is no success, nil when it is one. What the program said is
// among it, cut to one line.
func (r Result) Failed() error {
	if r.Code == 0 {
		return nil
	}
	said := r.Err
	if len(bytes.TrimSpace(said)) == 0 {
		said = r.Out
	}
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(said), "?")), "\n")
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "…"
	}
	return fmt.Errorf("it ended with %d: %s", r.Code, line)
}

// Runner runs a program with in as its input. An error means that nothing is known
// of what it did; how it ended stands in the result.
type Runner interface {
	Run(ctx context.Context, tool Tool, in []byte, args ...string) (Result, error)
}

// System runs the programs of this machine, or with Root those of a tree below it.
type System struct{ Root string }

var _ Runner = System{}

// Run is [Runner]'s.
func (s System) Run(ctx context.Context, tool Tool, in []byte, args ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, Within)
	defer cancel()
	path := string(tool)
	if s.Root != "" {
		path = filepath.Join(s.Root, path)
	}
	var out, said limited
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/var/empty", "LC_ALL=C"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return Result{}, fmt.Errorf("%w: %s: %w", ErrTool, tool, context.Cause(ctx))
	case err != nil && !errors.As(err, &ended):
		return Result{}, fmt.Errorf("%w: %s: %w", ErrTool, tool, err)
	case out.over || said.over:
		return Result{}, fmt.Errorf("%w: %s says more than %d bytes", ErrTool, tool, MaxSaid)
	}
	r := Result{Out: out.kept, Err: said.kept, Code: cmd.ProcessState.ExitCode()}
	if r.Code < 0 {
		return Result{}, fmt.Errorf("%w: %s was killed", ErrTool, tool)
	}
	return r, nil
}

// Answer runs a program that has to succeed and is what it wrote.
func Answer(ctx context.Context, r Runner, tool Tool, in []byte, args ...string) ([]byte, error) {
	res, err := r.Run(ctx, tool, in, args...)
	if err == nil {
		err = res.Failed()
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", filepath.Base(string(tool)), err)
	}
	return res.Out, nil
}

// Plain refuses a word that a program could take for an option, for a path, or for
// more than one word.
func Plain(word string) error {
	if word == "" || len(word) > 255 || word[0] == '-' || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' || r == 0xfffd }) {
		return fmt.Errorf("%w: %q is no name for one", ErrTool, word)
	}
	return nil
}

// limited keeps so much and notes that there was more.
type limited struct {
	kept []byte
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.kept)+len(p) > MaxSaid {
		l.over = true
	} else {
		l.kept = append(l.kept, p...)
	}
	return len(p), nil
}
