package privilege

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Becomes watches a process that is about to become sudo. began waits until sudo has
// begun the command. Here it looks again and again, and can miss a command that is
// over at once: on Linux sudo has a plugin of ours, which is told of each.
func Becomes(pid int, started uint64) (began func(context.Context) error, err error) {
	before, err := os.Readlink(exeOf(pid))
	if now, e := Started(pid); err != nil || e != nil || now != started {
		return nil, fmt.Errorf("watch process %d: %w", pid, errors.Join(ErrNotBegun, err, e))
	}
	return func(ctx context.Context) error { return steps(ctx, pid, started, before) }, nil
}

func steps(ctx context.Context, pid int, started uint64, before string) error {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	var seen frontSteps
	for {
		now, err := Started(pid)
		exe, _ := os.Readlink(exeOf(pid)) // it may just be gone
		children, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
		if done, err := seen.take(!seen.became && exe != "" && exe != before, len(bytes.TrimSpace(children)) > 0, err != nil || now != started); done {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return seen.late()
		}
	}
}

func exeOf(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/exe" }
