package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/assent-epm/assent/agent/keep"
)

// logName is the agent's log in its data folder.
const logName = "agent.log"

// maxLog is how large a log may be when the agent starts, in bytes; then it begins
// anew, and the one before is kept.
const maxLog = 8 << 20

// logTo is where the agent writes what it does: stderr in the foreground, a file
// where nobody would see that or a service has none. done closes the file.
func logTo(path string, quietly, hasStderr bool) (out *os.File, done func(), err error) {
	if !quietly && hasStderr {
		return os.Stderr, func() {}, nil
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("put the log aside: %w", err)
		}
	}
	out, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	return out, func() { _ = out.Close() }, nil // nothing else can be done
}

// serviceLog is where a service without stderr writes what is before it serves and
// why that ended: the agent's log, in a folder that administrators alone can write.
// Without such a folder there is only stderr. done closes it.
func serviceLog(data string) (log *slog.Logger, done func()) {
	err := keep.Folder(data)
	if err == nil {
		var out *os.File
		if out, done, err = logTo(filepath.Join(data, logName), true, false); err == nil {
			return slog.New(slog.NewTextHandler(out, nil)), done
		}
	}
	slog.Error("the service has no log of its own", "error", err)
	return slog.Default(), func() {}
}
