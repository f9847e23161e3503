package controller

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/shared/durable"
)

// databaseNote is the file of a data folder that names the database when it is
// not in its usual place, so that backups and local commands find it.
const databaseNote = "database"

// lockName is the file that the controller of a data folder holds.
const lockName = "lock"

// ErrDatabase says that a place of the database can not be used.
var ErrDatabase = errors.New("the database is sqlite:PATH, a file on this machine")

// ParseDatabase reads where the database is, sqlite:PATH, and answers the whole
// path; nothing stays nothing, which is the usual place. What it refuses is not
// in the error: there may be a password in it.
func ParseDatabase(text string) (path string, err error) {
	if text == "" {
		return "", nil
	}
	path, ok := strings.CutPrefix(text, "sqlite:")
	scheme, _, _ := strings.Cut(text, ":")
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		return "", fmt.Errorf("%w; PostgreSQL comes with several nodes and is not in this version", ErrDatabase)
	case !ok || path == "":
		return "", fmt.Errorf("%w, for example sqlite:/srv/assent/assent.db", ErrDatabase)
	case strings.HasPrefix(path, "//"):
		return "", fmt.Errorf("%w: write the path as it is, without slashes before it", ErrDatabase)
	}
	return filepath.Abs(path)
}

func usualDatabase(data string) string { return filepath.Join(data, databaseFile) }

// findDatabase is the database of a data folder: the given one, else the one
// that the folder's controller used last, else the usual one.
func findDatabase(data, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	raw, err := os.ReadFile(filepath.Join(data, databaseNote))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usualDatabase(data), nil
	case err != nil:
		return "", fmt.Errorf("find the database: %w", err)
	}
	return strings.TrimSuffix(string(raw), "\n"), nil
}

// chooseDatabase is the database that a controller opens: the given one, else
// the usual one. It refuses to leave the folder's database behind, and to begin
// anew beside it: keys and database belong together.
func chooseDatabase(data, given string) (string, error) {
	last, err := findDatabase(data, "")
	if err != nil {
		return "", err
	}
	path := given
	if path == "" {
		path = usualDatabase(data)
	}
	_, fresh := os.Stat(path)
	for _, other := range []string{last, usualDatabase(data)} {
		if same(other, path) || given != "" && !errors.Is(fresh, fs.ErrNotExist) {
			continue
		}
		if _, err := os.Stat(other); err == nil {
			return "", fmt.Errorf("the database of %s is %s: give --db sqlite:%s, or move it to %s together with the files whose names begin as its own and give --db sqlite:%s",
				data, other, other, path, path)
		}
	}
	return path, nil
}

// noteDatabase keeps for others where the database is.
func noteDatabase(data, path string) error {
	if !same(path, usualDatabase(data)) {
		return durable.Replace(filepath.Join(data, databaseNote), []byte(path+"\n"))
	}
	return durable.Remove(filepath.Join(data, databaseNote))
}

// same compares two paths by name.
func same(a, b string) bool {
	wholeA, errA := filepath.Abs(a)
	wholeB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && wholeA == wholeB
}

// lockPlace makes sure that one controller at a time serves a data folder, and a
// database that is not in it.
func lockPlace(data, database string) (io.Closer, error) {
	folder, err := lockFile(filepath.Join(data, lockName), "the data folder "+data)
	if err != nil || same(database, usualDatabase(data)) {
		return folder, err
	}
	file, err := lockFile(database+".lock", "the database "+database)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return locks{file, folder}, nil
}

// locks are given back together.
type locks []io.Closer

// Close gives them back.
func (l locks) Close() error {
	var errs []error
	for _, one := range l {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
