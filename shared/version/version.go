// Package version holds the build stamp that every program prints.
//
// The Makefile sets it at link time; a plain `go build` says "0.0.0-dev". It
// never reads files or the environment.
package version

import (
	"fmt"
	"runtime"
)

// Set by -ldflags -X.
var (
	number = "0.0.0-dev"
	commit = "unknown"
)

// Info is the stamp as data.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Protocol int    `json:"protocol"`
}

// Get returns the stamp; protocol is the wire version of the program.
func Get(protocol int) Info {
	return Info{Version: number, Commit: commit, Go: runtime.Version(), Protocol: protocol}
}

// String is the line that `version` prints.
func (i Info) String() string {
	return fmt.Sprintf("assent %s (commit %s, %s)", i.Version, i.Commit, i.Go)
}
