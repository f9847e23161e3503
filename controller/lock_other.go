//go:build !unix

package controller

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// lockFile holds a file open. Systems without advisory locks refuse to remove
// or replace it meanwhile, which is as much as they give without more code.
func lockFile(file, of string) (io.Closer, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", of, err)
	}
	return f, nil
}

// ownAll has nothing to do where files have no owner of their own.
func ownAll(string, fs.FileInfo) error { return nil }
