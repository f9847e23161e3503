package desktop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/assent-epm/assent/agent/local"
)

// The external programs. Those that ask are tried in this order; a desktop has
// one of them, or none.
const (
	zenityPath     = "/usr/bin/zenity"
	qarmaPath      = "/usr/bin/qarma"
	matedialogPath = "/usr/bin/matedialog"
	kdialogPath    = "/usr/bin/kdialog"
	pkexecPath     = "/usr/bin/pkexec"
	openPath       = "/usr/bin/xdg-open"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 16 << 10

// Programs asks with the dialog programs of this desktop.
type Programs struct{}

// program is one of them, with its words for what is shown.
type program struct {
	path string
	ask  func(Question) []string
	tell func(title, text string) []string
}

func programs() []program {
	return []program{{zenityPath, zenity, zenityTells}, {qarmaPath, zenity, zenityTells}, {matedialogPath, zenity, zenityTells}, {kdialogPath, kdialog, kdialogTells}}
}

// here is the first of them that this machine has.
func here(list []program) (program, error) {
	for _, p := range list {
		if _, err := os.Stat(p.path); err == nil {
			return p, nil
		}
	}
	return program{}, ErrNoDialog
}

// Ask implements [Dialog].
func (Programs) Ask(ctx context.Context, q Question) (string, error) {
	p, err := here(programs())
	if err != nil {
		return "", err
	}
	return p.question(ctx, q)
}

func (p program) question(ctx context.Context, q Question) (string, error) {
	text, err := run(ctx, p.path, p.ask(q.unmarked()))
	if err != nil || q.Hidden {
		return text, err
	}
	return chosen(q, text), nil
}

// Tell implements [Dialog].
func (Programs) Tell(ctx context.Context, title, text string) error {
	p, err := here(programs())
	if err != nil {
		return err
	}
	return p.says(ctx, title, text)
}

func (p program) says(ctx context.Context, title, text string) error {
	_, err := run(ctx, p.path, p.tell(unmarked(title), unmarked(text)))
	return err
}

// unmarked is a question whose texts are markup for no program: some of them take
// what begins like a tag for one, and would draw what a stranger made look like
// ours.
func (q Question) unmarked() Question {
	q.Title, q.Text = unmarked(q.Title), unmarked(q.Text)
	return q
}

func unmarked(text string) string { return strings.NewReplacer("<", "‹", ">", "›").Replace(text) }

// zenity is a box to type into, with what can be chosen below it. In its text a
// backslash and an underline mean something.
func zenity(q Question) []string {
	args := []string{"--entry", "--title", q.Title, "--text", strings.NewReplacer(`\`, `\\`, "_", "__").Replace(q.Text),
		"--ok-label", q.OK, "--cancel-label", q.Cancel, "--width", "560"}
	if q.Hidden {
		return append(args, "--hide-text")
	}
	for _, c := range q.Choices {
		if !strings.HasPrefix(c, "-") { // it would be an option
			args = append(args, c)
		}
	}
	return args
}

// zenityTells shows a text. Here an ampersand means something, too.
func zenityTells(title, text string) []string {
	return []string{"--info", "--title", title, "--text", strings.NewReplacer(`\`, `\\`, "&", "&amp;").Replace(text), "--width", "480"}
}

// kdialog has no such box: what can be chosen has numbers. In all its texts a
// backslash means something, in those of boxes an ampersand; the text above a
// password is markup, whether it looks like it or not.
func kdialog(q Question) []string {
	if q.Hidden {
		return []string{"--title", q.Title, "--password", strings.NewReplacer(`\`, `\\`, "&", "&amp;", "\n", "<br>").Replace(q.Text)}
	}
	text := q.Text
	for i, c := range q.Choices {
		text += "\n  " + strconv.Itoa(i+1) + "  " + unmarked(c)
	}
	return []string{"--title", q.Title, "--inputbox", strings.NewReplacer(`\`, `\\`, "&", "&&").Replace(text), ""}
}

func kdialogTells(title, text string) []string {
	return []string{"--title", title, "--msgbox", strings.ReplaceAll(text, `\`, `\\`)}
}

// chosen is the choice that a number stands for.
func chosen(q Question, text string) string {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(q.Choices) {
		return q.Choices[n-1]
	}
	return text
}

// run runs a dialog program: its output is the answer, its end says whether the
// person closed it. One that can not draw at all ends like one that was closed,
// and only its words tell.
func run(ctx context.Context, path string, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	var out, said limited
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return strings.TrimSuffix(out.String(), "\n"), nil
	case !errors.As(err, &exit), exit.ExitCode() != 1, strings.Contains(strings.ToLower(said.String()), "display"):
		return "", fmt.Errorf("%w: %s: %w", ErrNoDialog, path, err)
	}
	return "", ErrClosed
}

// limited keeps the beginning of what is written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), maxAnswer-l.Len())])
	return len(p), nil
}

// enters reports whether the person can go to a folder.
func enters(dir string) bool {
	info, err := os.Stat(dir + "/.")
	return err == nil && info.IsDir() && filepath.IsAbs(dir)
}

// StartIn is the folder to start something approved in: where it was asked for, if
// the person can go there.
func StartIn(it local.Item) string {
	if enters(it.Cwd) {
		return it.Cwd
	}
	return "/"
}

// Start starts a program of the person's own session, and does not wait for it.
func Start(cwd string, argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = cwd
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	go func() { _ = cmd.Wait() }() // how it ends is between it and the person
	return nil
}
