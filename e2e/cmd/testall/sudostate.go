package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// state is the machine's sudo configuration: what stands in a file, by path.
type state map[string]string

// sudoState reads every file that decides what sudo does here, and what an
// installed Assent would have left.
func sudoState() (state, error) {
	found := state{}
	for _, root := range []string{"/etc/sudo.conf", "/etc/sudoers", "/etc/sudoers.d", "/usr/libexec/assent", "/usr/libexec/sudo"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				return nil
			}
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			raw, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			sum := sha256.Sum256(raw)
			found[path] = hex.EncodeToString(sum[:])
			if path == "/etc/sudo.conf" && strings.Contains(string(raw), "assent") {
				found[path] += " names assent"
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read this machine's sudo configuration: %w", err)
		}
	}
	return found, nil
}

// changes lists what is new, gone or different in after.
func (s state) changes(after state) []string {
	var out []string
	for path, sum := range after {
		if old, there := s[path]; !there {
			out = append(out, path+" is new")
		} else if old != sum {
			out = append(out, path+" is different")
		}
	}
	for path := range s {
		if _, there := after[path]; !there {
			out = append(out, path+" is gone")
		}
	}
	slices.Sort(out)
	return out
}

// leftovers lists what belongs to an installed Assent.
func (s state) leftovers() []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(s)) {
		if strings.HasPrefix(path, "/usr/libexec/assent/") || strings.HasPrefix(filepath.Base(path), "zz-assent-") || strings.HasSuffix(s[path], "names assent") {
			out = append(out, path)
		}
	}
	return out
}
