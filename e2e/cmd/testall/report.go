package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// event is one line of `go test -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// key names a test, or a package when test is "".
type key struct{ pkg, test string }

// report collects what the tests said.
type report struct {
	out     io.Writer
	where   string           // said before the name of a package
	env     []string         // added to the environment of go test
	output  map[key][]string // of what has not ended yet
	perPkg  map[string]int   // tests that failed, by package
	passed  int
	failed  []string
	grave   map[key]bool // tests whose failure is no chance
	skipped int
	groups  map[string]int // "name: reason" of skipped groups, with the number of tests
	others  []string       // skips for any other reason
	notes   []string
	slow    []string

	unsteady []string // passed when they ran again, alone
}

// slowTest is how long a test may take before the report names it, in seconds.
const slowTest = 30

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[key][]string{}, grave: map[key]bool{}, perPkg: map[string]int{}, groups: map[string]int{}}
}

func (r *report) fail(what, detail string) {
	if detail != "" {
		what += ": " + detail
	}
	r.failed = append(r.failed, what)
}

func (r *report) note(text string) { r.notes = append(r.notes, text) }

// quickEnd lets programs with the race detector end at once. They wait a second
// otherwise, and tests start very many that do one thing.
const quickEnd = "GORACE=atexit_sleep_ms=0"

// goTest runs `go test -json` with args and reads its events. Failed tests are
// not an error of goTest; they are in the report.
func (r *report) goTest(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(append(os.Environ(), quickEnd), r.env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go test: %w", err)
	}
	before := len(r.failed)
	readErr := r.read(stdout)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case readErr != nil:
		return fmt.Errorf("read the events of go test: %w", readErr)
	case errors.As(err, &exit):
		if len(r.failed) == before {
			r.fail("go test", err.Error())
		}
		return nil
	}
	return err
}

func (r *report) read(stdout io.Reader) error {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text())
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *report) take(e event) {
	e.Package = r.where + e.Package
	k := key{e.Package, e.Test}
	if e.Elapsed > slowTest && e.Test != "" && !strings.Contains(e.Test, "/") {
		r.slow = append(r.slow, fmt.Sprintf("%s %s took %.0f s", e.Package, e.Test, e.Elapsed))
	}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.output[k] = append(r.output[k], e.Output)
		if unforgiven.MatchString(e.Output) {
			name, _, _ := strings.Cut(e.Test, "/")
			r.grave[key{e.Package, name}] = true
		}
	case "pass":
		delete(r.output, k)
		if e.Test != "" {
			r.passed++
		} else {
			fmt.Fprintf(r.out, "ok    %s (%.1f s)\n", e.Package, e.Elapsed)
		}
	case "skip":
		if e.Test != "" {
			r.skip(k)
		}
		delete(r.output, k)
	case "fail":
		r.failure(e, k)
		delete(r.output, k)
	}
}

// failure counts a failed test, or a package that failed without one: it did not
// build, panicked outside a test, or ran out of time.
func (r *report) failure(e event, k key) {
	if e.Test != "" {
		r.perPkg[e.Package]++
		r.fail(e.Package+" "+e.Test, "")
	} else {
		fmt.Fprintf(r.out, "FAIL  %s (%.1f s)\n", e.Package, e.Elapsed)
		if r.perPkg[e.Package] > 0 {
			return
		}
		why := "ended without a result"
		if e.FailedBuild != "" {
			why = "does not build"
		}
		for open := range r.output {
			if open.pkg == e.Package && open.test != "" {
				fmt.Fprint(r.out, strings.Join(r.output[open], ""))
			}
		}
		r.fail(e.Package, why)
	}
	fmt.Fprint(r.out, strings.Join(r.output[k], ""))
}

// skip keeps the reason: the line that the test printed before it ended.
func (r *report) skip(k key) {
	r.skipped++
	reason := ""
	for _, line := range r.output[k] {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			reason = line
		}
	}
	if _, text, found := strings.Cut(reason, ": "); found {
		reason = text
	}
	if group, found := strings.CutPrefix(reason, testgroup.Mark); found {
		r.groups[group]++
		return
	}
	r.others = append(r.others, fmt.Sprintf("%s %s: %s", k.pkg, k.test, reason))
}

// close prints the end of the report and answers whether everything is well.
func (r *report) close(took time.Duration) bool {
	fmt.Fprintln(r.out)
	for _, group := range slices.Sorted(maps.Keys(r.groups)) {
		fmt.Fprintf(r.out, "skipped group %s (%d tests)\n", group, r.groups[group])
	}
	for _, other := range r.others {
		fmt.Fprintln(r.out, "skipped", other)
	}
	for _, note := range r.notes {
		fmt.Fprintln(r.out, "note:", note)
	}
	for _, slow := range r.slow {
		fmt.Fprintln(r.out, "slow:", slow)
	}
	for _, test := range r.unsteady {
		fmt.Fprintln(r.out, "unsteady: it failed, and passed when it ran again alone; find out why:", test)
	}
	for _, failure := range r.failed {
		fmt.Fprintln(r.out, "failed:", failure)
	}
	fmt.Fprintf(r.out, "took %s\n", took.Round(time.Second))
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), r.skipped)
	return len(r.failed) == 0
}
