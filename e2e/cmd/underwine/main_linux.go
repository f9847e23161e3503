// Command underwine runs the test program of a Windows package under Wine. `go test
// -exec` starts it with that program and its arguments; it makes a lab of its own
// (e2e/wine), puts the program and the package's testdata into it and passes on
// what is said and how it ended. It never builds the image: testall has done so.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/assent-epm/assent/e2e/wine"
)

// folder is where the test program runs, as Windows and as the root know it.
const (
	folder = `C:\t\`
	inRoot = wine.Drive + "/t"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "underwine:", err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (code int, err error) {
	if len(args) == 0 {
		return 2, errors.New("usage: underwine TESTPROGRAM ARGUMENTS")
	}
	lab, err := wine.New(ctx)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	name := filepath.Base(args[0])
	if err := put(lab, args[0], name); err != nil {
		return 1, err
	}
	if err := putTestdata(lab); err != nil {
		return 1, err
	}
	cmd := lab.Tool(ctx, append([]string{"env", "--chdir=" + inRoot, "TMP=" + folder, "TEMP=" + folder, "wine", folder + name}, args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	} else if err != nil {
		return 1, err
	}
	return 0, nil
}

func put(lab *wine.Lab, from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return lab.Write(folder+strings.ReplaceAll(to, "/", `\`), raw)
}

func putTestdata(lab *wine.Lab) error {
	return filepath.WalkDir("testdata", func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		return put(lab, path, path)
	})
}
