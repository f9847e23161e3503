package sudo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// This file lets a rule of sudo be used once. The rule is for our own program alone,
// with the name of the grant: sudo starts it as root, it asks the agent by a door that
// only root can reach what it is to become, and the agent says so once.

// errandVerb begins the arguments of our program when sudo starts it.
const errandVerb = "errand"

// Errand is what our program becomes: exactly what was approved.
type Errand struct {
	Path   []byte   `cbor:"path"`
	Args   [][]byte `cbor:"args"` // without argv[0]
	Cwd    []byte   `cbor:"cwd"`
	SHA256 string   `cbor:"sha256"`
}

// wish is what our program asks for.
type wish struct {
	Grant elevation.GrantID `cbor:"grant"`
	PID   int               `cbor:"pid"`
}

// ErrErrand: there is no such errand, or it was run already.
var ErrErrand = errors.New("nothing is approved here that has not run already")

const (
	errandTime = 5 * time.Second
	maxWish    = 1 << 10
	maxErrand  = 4 << 20
	maxErrands = 16 // at the door at once
)

// Door is where our program asks, as root. Its folder must be root's alone.
type Door struct {
	Path string
	// Answer gives an errand out, once. pid is our program's.
	Answer func(grant elevation.GrantID, pid int) (Errand, error)
	Log    *slog.Logger
}

// Serve answers until ctx ends. ready is called once it can be asked.
func (d Door) Serve(ctx context.Context, ready func()) error {
	only, err := privilege.RootOnly(filepath.Dir(d.Path))
	if err == nil && !only {
		err = errors.New("others than root can change its folder")
	}
	if err == nil {
		err = durable.Remove(d.Path)
	}
	if err != nil {
		return fmt.Errorf("open the door of errands: %w", err)
	}
	l, err := net.Listen("unix", d.Path)
	if err != nil {
		return fmt.Errorf("open the door of errands: %w", err)
	}
	defer l.Close()
	if err := os.Chmod(d.Path, 0o600); err != nil {
		return fmt.Errorf("open the door of errands: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	ready()
	places := make(chan struct{}, maxErrands)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the door of errands: %w", err)
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			defer conn.Close()
			if err := d.answer(conn); err != nil {
				d.Log.Warn("an errand is not run", "reason", err)
			}
		}()
	}
}

func (d Door) answer(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(errandTime)); err != nil {
		return err
	}
	var w wish
	if err := readAll(conn, maxWish, &w); err != nil {
		return err
	}
	e, err := d.Answer(w.Grant, w.PID)
	if err != nil {
		return err // it reads nothing, which is a refusal
	}
	return writeAll(conn, e)
}

func readAll(conn net.Conn, limit int64, into any) error {
	raw, err := io.ReadAll(io.LimitReader(conn, limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(raw)) > limit:
		return errors.New("too much is said")
	case len(raw) == 0:
		return ErrErrand
	}
	return sign.Decode(raw, into)
}

func writeAll(conn net.Conn, value any) error {
	raw, err := sign.Encode(value)
	if err == nil {
		_, err = conn.Write(raw)
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	return err
}

// Fetch asks at a door for an errand, on behalf of a process.
func Fetch(door string, grant elevation.GrantID, pid int) (e Errand, err error) {
	conn, err := net.DialTimeout("unix", door, errandTime)
	if err != nil {
		return e, fmt.Errorf("the agent does not answer: %w", err)
	}
	defer conn.Close()
	if err = conn.SetDeadline(time.Now().Add(errandTime)); err == nil {
		err = writeAll(conn, wish{grant, pid})
	}
	if err == nil {
		err = readAll(conn, maxErrand, &e)
	}
	return e, err
}

// IsErrand reports whether this process was started by sudo by a rule of ours.
func IsErrand(args []string) bool { return len(args) == 4 && args[1] == errandVerb }

// exitErrand is what it exits with when it becomes nothing, as shells do for a program
// that can not be run.
const exitErrand = 126

// RunErrand makes this process what was approved. It returns only when it does not.
func RunErrand(args []string, stderr io.Writer) int {
	err := errandHere(args[2], elevation.GrantID(args[3]))
	fmt.Fprintln(stderr, "assent:", err)
	return exitErrand
}

func errandHere(door string, grant elevation.GrantID) error {
	if os.Geteuid() != 0 {
		return errors.New("only sudo runs this")
	}
	e, err := Fetch(door, grant, os.Getpid())
	if err != nil {
		return err
	}
	return e.become()
}

// become looks once more whether the file is what was approved, and is it from then on.
func (e Errand) become() error {
	path := string(e.Path)
	only, err := privilege.RootOnly(path)
	if err == nil && !only {
		err = errors.New("others than root can change it")
	}
	var id intercept.Identity
	if err == nil {
		id, err = intercept.Identify(path)
	}
	if err == nil && (id.SHA256 != e.SHA256 || e.SHA256 == "") {
		err = errors.New("it is another file than was approved")
	}
	if err == nil {
		err = os.Chdir(string(e.Cwd))
	}
	if err != nil {
		return fmt.Errorf("%s does not run: %w", path, err)
	}
	argv := append([]string{path}, privilege.InStrings(e.Args)...)
	return fmt.Errorf("%s does not run: %w", path, execProgram(path, argv, errandEnv(os.Environ(), argv)))
}

// errandEnv is what sudo gave, telling of the program in place of ours.
func errandEnv(env, argv []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "SUDO_COMMAND=") {
			out = append(out, v)
		}
	}
	return append(out, "SUDO_COMMAND="+strings.Join(argv, " "))
}
