// Package wine runs Windows programs on Linux, for tests: a Debian 13 root with
// Wine 10, msitools and wixl, made once and kept in the cache.
//
// A Lab is one fresh machine over that root: an overlay, a mount and a process
// namespace of its own, and a wineserver that lives as long as the lab. Nothing is
// mounted on the host, and the kernel ends everything when the process that made
// the lab is gone. The network is the host's. Wine has no sessions, no UAC, no
// integrity levels and enforces no access lists, and everything in it is one user:
// a test that needs them says so and is skipped.
// Read image_linux.go for what the root is made of.
package wine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// group is the test group of everything that needs Wine.
const group = "wine"

// Drive is drive C: as the root of a lab has it.
const Drive = "/prefix/drive_c"

// Lab is one running machine. It is made by Open or New and ended by Close.
type Lab struct {
	dir   string
	held  *os.File // locked for as long as the lab is somebody's
	space *space
}

// Result is how a program ended. Code is what Wine passes on: the lowest eight
// bits of the exit code.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Need skips the test where Wine can not be had; see [testgroup.Need].
func Need(t testing.TB) {
	t.Helper()
	testgroup.Need(t, group)
	if _, err := Image(t.Context()); err != nil {
		if testgroup.Required(group) {
			t.Fatalf("%s%s: %v, and %s forbids skipping it", testgroup.Mark, group, err, testgroup.RequireEnv)
		}
		t.Skipf("%s%s: the image can not be made here", testgroup.Mark, group)
	}
}

// Open starts a lab that ends with the test.
func Open(t testing.TB) *Lab {
	t.Helper()
	Need(t)
	l, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// bootTime bounds the start of a lab.
const bootTime = 2 * time.Minute

// New starts a lab. It needs root.
func New(ctx context.Context) (*Lab, error) {
	image, err := Image(ctx)
	if err != nil {
		return nil, err
	}
	dir, held, err := claim()
	if err != nil {
		return nil, fmt.Errorf("start wine: %w", err)
	}
	l := &Lab{dir: dir, held: held}
	if err := l.boot(ctx, image); err != nil {
		return nil, errors.Join(fmt.Errorf("start wine: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) boot(ctx context.Context, image string) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	at := func(name string) string { return filepath.Join(l.dir, name) }
	overlay := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", image, at("upper"), at("work"))
	var err error
	if l.space, err = open(ctx, at("root"), []string{"-t", "overlay", "-o", overlay, "overlay", at("root")}); err != nil {
		return err
	}
	if err := quiet(l.space.inside(ctx, "wineserver", "-p")); err != nil { // it stays
		return err
	}
	return quiet(l.space.inside(ctx, "wine", "cmd", "/c", "exit")) // services run when the first program does
}

// Close ends everything in the lab and removes it. It may be called more than once.
func (l *Lab) Close() error {
	held := l.held
	if l.held = nil; held == nil {
		return nil
	}
	var err error
	if l.space != nil {
		err = l.space.end()
	}
	if err := errors.Join(err, os.RemoveAll(l.dir), held.Close()); err != nil {
		return fmt.Errorf("end wine: %w", err)
	}
	return nil
}

// Command is a Windows program in the lab, by its Windows path or by a name that
// Wine finds, before it is started.
func (l *Lab) Command(ctx context.Context, args ...string) *exec.Cmd {
	return l.Tool(ctx, append([]string{"wine"}, args...)...)
}

// Tool is a Linux program of the root (wixl, msiinfo, msibuild) before it is
// started.
func (l *Lab) Tool(ctx context.Context, args ...string) *exec.Cmd {
	cmd := l.space.inside(ctx, args...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// runTime bounds one program of [Lab.Run].
const runTime = 2 * time.Minute

// Run runs a Windows program to its end. Code is -1 when it could not be run;
// Stderr says why then.
func (l *Lab) Run(args ...string) Result {
	return run(func(ctx context.Context) *exec.Cmd { return l.Command(ctx, args...) })
}

// RunTool runs a Linux program of the root to its end.
func (l *Lab) RunTool(args ...string) Result {
	return run(func(ctx context.Context) *exec.Cmd { return l.Tool(ctx, args...) })
}

func run(make func(context.Context) *exec.Cmd) Result {
	ctx, cancel := context.WithTimeout(context.Background(), runTime)
	defer cancel()
	cmd := make(ctx)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := Result{Stdout: out.String(), Stderr: errs.String()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.Code = exit.ExitCode()
	case err != nil:
		r.Code, r.Stderr = -1, r.Stderr+err.Error()
	}
	return r
}

// Path is where the host finds a file of the lab: of drive C: by its Windows path
// (C:\..., whatever its case), of the root by an absolute path. It lasts as long
// as the lab.
func (l *Lab) Path(name string) string {
	if strings.HasPrefix(name, "/") {
		return l.space.path(name)
	}
	at := l.space.path(Drive)
	if len(name) > 1 && name[1] == ':' {
		name = name[2:]
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(name, `\`, "/"), "/") {
		if part != "" {
			at = filepath.Join(at, cased(at, part))
		}
	}
	return at
}

// cased is how an entry of a folder is really spelled.
func cased(dir, name string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return name
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), name) {
			return e.Name()
		}
	}
	return name
}

// Write puts a file into the lab, with its folders; the name is as in [Lab.Path].
func (l *Lab) Write(name string, raw []byte) error {
	path := l.Path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, raw, 0o755)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Read is what a file of the lab holds; the name is as in [Lab.Path].
func (l *Lab) Read(name string) ([]byte, error) { return os.ReadFile(l.Path(name)) }
