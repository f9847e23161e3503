package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/assent-epm/assent/e2e/lab"
)

// metric is one number that a benchmark of package testing printed.
var metric = regexp.MustCompile(`([0-9.]+) ([a-z][a-z0-9-]*)`)

// screens measures the queue of the console in a browser, with 100,000 requests,
// and beside it the least that such a list can be (e2e/console).
func screens(ctx context.Context, t *table) error {
	root, err := lab.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "./e2e/console", "-run", "^$", "-bench", "^BenchmarkQueue$", "-benchtime", "1x", "-timeout", "10m")
	cmd.Dir, cmd.Env, cmd.Stderr = root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measure the screens: %w: %s", err, out)
	}
	got := map[string]float64{}
	for _, m := range metric.FindAllStringSubmatch(string(out), -1) {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil {
			got[m[2]] = v
		}
	}
	if got["rows"] == 0 {
		return fmt.Errorf("nothing was measured: %s", out)
	}
	millis := func(v float64) string { return fmt.Sprintf("%.0f ms", v) }
	plain := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	t.add(row{what: "queue of 100,000, first paint", ours: millis(got["paint-ms"]), goal: "≤ 1 s", missed: within(got["paint-ms"], 1000, millis)})
	t.add(row{what: "queue of 100,000, a frame while scrolling, p95", ours: millis(got["frame-p95-ms"]), floor: millis(got["floor-frame-p95-ms"]),
		compared: fmt.Sprintf("%.2f×", got["frame-p95-ms"]/max(1, got["floor-frame-p95-ms"])), goal: "≤ 50 ms", missed: within(got["frame-p95-ms"], 50, millis)})
	t.add(row{what: "queue of 100,000, rows in the document", ours: plain(got["rows"]), goal: "≤ 60", missed: within(got["rows"], 60, plain)})
	t.add(row{what: "queue of 100,000, from a commit to the screen, p50", ours: fmt.Sprintf("%s, at most %s", millis(got["news-ms"]), millis(got["news-max-ms"])), goal: "≤ 300 ms", missed: within(got["news-ms"], 300, millis)})
	return nil
}
