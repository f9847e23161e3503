package keep

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assent-epm/assent/shared/durable"
)

// copies is the folder of programs below the agent's own.
const copies = "programs"

// Program is a copy of a program in a folder that [Folder] has made: what runs from
// it keeps nobody from replacing or removing the program itself, as Windows else
// does. Copies of older programs are removed, but those that still run.
func Program(folder, path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a program to copy it: %w", err)
	}
	dir := filepath.Join(folder, copies)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make a folder for a program: %w", err)
	}
	name := fmt.Sprintf("%x%s", sha256.Sum256(raw), filepath.Ext(path))
	own := filepath.Join(dir, name)
	if is, err := os.ReadFile(own); err != nil || !bytes.Equal(is, raw) {
		err := durable.Create(own+durable.Unfinished, raw, 0o700)
		if err == nil {
			err = durable.Rename(own+durable.Unfinished, own)
		}
		if err != nil {
			return "", fmt.Errorf("copy a program: %w", err)
		}
	}
	others, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look for older programs: %w", err)
	}
	for _, o := range others {
		if o.Name() != name {
			_ = os.Remove(filepath.Join(dir, o.Name())) // it runs: the next time
		}
	}
	return own, nil
}
