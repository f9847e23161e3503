package controller

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// A backup is a gzipped tar: manifest.json first, then the database and the small
// files. What is made anew by itself, such as admin.token, is not in it.
const (
	manifestFile   = "manifest.json"
	databaseFile   = "assent.db"
	backupFormat   = 1
	maxManifest    = 1 << 20
	maxBackupFiles = 1000
	maxSmallFile   = 1 << 20
)

// small are the names of the other files: keys, and certificates that were got by
// ACME. No name leads out of the folder.
var small = regexp.MustCompile(`^(keys|acme)/[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$`)

// manifest says what a backup holds.
type manifest struct {
	Format  int       `json:"format"`
	Program string    `json:"program"`
	MadeAt  time.Time `json:"made_at"`
	Schema  int       `json:"schema"`
	Files   []listed  `json:"files"`
}

// listed is one file of a backup.
type listed struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Backup writes database, keys and settings of a data folder into a new file that
// its owner alone can read, also while a controller serves from there. The
// database is copied before the keys: a key that is newer than the database does
// no harm, a missing one would. With "" for the database it is the one that the
// controller used last.
func Backup(ctx context.Context, data, database, file string, now time.Time) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("back up: %s: %w", file, fs.ErrExist)
	}
	if database, err = findDatabase(data, database); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(file), ".assent-backup-") // mode 0700
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	copied := filepath.Join(work, databaseFile)
	if err := store.Copy(ctx, database, copied); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	m := manifest{Format: backupFormat, Program: version.Get(wire.Version).Version, MadeAt: now.UTC().Truncate(time.Second)}
	if m.Schema, err = store.Check(ctx, copied); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	sources := map[string]string{databaseFile: copied}
	names := []string{databaseFile}
	for _, folder := range []string{"keys", "acme"} {
		entries, err := os.ReadDir(filepath.Join(data, folder))
		if err != nil && !(folder == "acme" && errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("back up: %w", err)
		}
		for _, e := range entries {
			if name := folder + "/" + e.Name(); e.Type().IsRegular() && small.MatchString(name) && !strings.HasSuffix(name, durable.Unfinished) {
				names, sources[name] = append(names, name), filepath.Join(data, folder, e.Name())
			}
		}
	}
	fresh := filepath.Join(work, "backup")
	if err := writeBackup(ctx, fresh, m, names, sources); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := os.Link(fresh, file); err != nil { // unlike a rename it replaces nothing
		return fmt.Errorf("back up: %w", err)
	}
	return durable.SyncDir(filepath.Dir(file))
}

func writeBackup(ctx context.Context, path string, m manifest, names []string, sources map[string]string) error {
	for _, name := range names {
		sum, size, err := digest(ctx, sources[name])
		if err != nil {
			return err
		}
		m.Files = append(m.Files, listed{Name: name, Size: size, SHA256: sum})
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	packed := gzip.NewWriter(out)
	archive := tar.NewWriter(packed)
	put := func(name string, size int64, from io.Reader) error {
		if err := archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: m.MadeAt, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err := io.CopyN(archive, from, size)
		return err
	}
	if err := put(manifestFile, int64(len(raw)), strings.NewReader(string(raw))); err != nil {
		return err
	}
	for _, f := range m.Files {
		in, err := os.Open(sources[f.Name])
		if err != nil {
			return err
		}
		if err := errors.Join(put(f.Name, f.Size, in), in.Close()); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Close(), out.Sync())
}

// digest reads a file, and says its SHA-256 and its size.
func digest(ctx context.Context, path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, reader{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Restored says what a backup held.
type Restored struct {
	MadeAt  time.Time
	Program string
	Schema  int
}

// Restore makes a data folder out of a backup. The folder must not be there, or
// be empty; nothing is left in it when the backup is damaged. A database with a
// name is put there, where no file may be, else into the folder.
func Restore(ctx context.Context, file, data, database string) (done Restored, err error) {
	if err := errors.Join(free(data), freeDatabase(database)); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	data = filepath.Clean(data)
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(data), ".assent-restore-")
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	m, err := unpack(ctx, file, work)
	if err != nil {
		return done, fmt.Errorf("restore %s: %w", file, err)
	}
	schema, err := store.Check(ctx, filepath.Join(work, databaseFile))
	if err == nil && schema != m.Schema {
		err = fmt.Errorf("the database has schema %d, the backup says %d", schema, m.Schema)
	}
	if err != nil {
		return done, fmt.Errorf("restore %s: %w", file, err)
	}
	if database != "" {
		if err := moveDatabase(ctx, work, data, database); err != nil {
			return done, fmt.Errorf("restore: %w", err)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, durable.Remove(database))
			}
		}()
	}
	if info, err := os.Stat(data); err == nil { // an empty folder keeps its owner and mode
		if err := adopt(work, data, info); err != nil {
			return done, fmt.Errorf("restore: %w", err)
		}
	} else if err := os.Rename(work, data); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	return Restored{MadeAt: m.MadeAt, Program: m.Program, Schema: m.Schema}, durable.SyncDir(filepath.Dir(data))
}

// free refuses a folder that holds something.
func free(data string) error {
	entries, err := os.ReadDir(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty: stop the controller and move the folder away, or give another with --data", data)
	}
	return nil
}

// freeDatabase refuses a place of the database that has something of another.
func freeDatabase(database string) error {
	if database == "" {
		return nil
	}
	for _, file := range []string{database, database + "-wal", database + "-shm", database + "-journal"} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: stop the controller and move it away, or give another place with --db", file)
		}
	}
	return nil
}

// moveDatabase puts the unpacked database at a place of its own, and a note of
// it into the folder.
func moveDatabase(ctx context.Context, work, data, database string) error {
	unpacked := filepath.Join(work, databaseFile)
	if same(filepath.Dir(database), data) { // it comes to the folder with the others
		if err := os.Rename(unpacked, filepath.Join(work, filepath.Base(database))); err != nil {
			return err
		}
	} else if err := copyOut(ctx, unpacked, data, database); err != nil {
		return err
	}
	if same(database, usualDatabase(data)) {
		return nil
	}
	return noteDatabase(work, database)
}

// copyOut moves the database to what may be another file system. It belongs to
// whom the folder belongs to.
func copyOut(ctx context.Context, unpacked, data, database string) (err error) {
	in, err := os.Open(unpacked)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(database, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, reader{ctx, in})
	err = errors.Join(err, out.Sync(), out.Close())
	if info, there := os.Stat(data); err == nil && there == nil {
		err = ownAll(database, info)
	}
	if err == nil {
		err = errors.Join(os.Remove(unpacked), durable.SyncDir(filepath.Dir(database)))
	}
	if err != nil {
		return errors.Join(err, durable.Remove(database))
	}
	return nil
}

// adopt moves what was unpacked into an empty folder, the database last: without
// it no controller starts there.
func adopt(work, data string, info fs.FileInfo) error {
	entries, err := os.ReadDir(work)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(b.Name(), a.Name()) })
	for _, e := range entries { // given away while nobody else can reach them, and nothing but them
		if err := ownAll(filepath.Join(work, e.Name()), info); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(work, e.Name()), filepath.Join(data, e.Name())); err != nil {
			return err
		}
	}
	return durable.SyncDir(data)
}

// unpack writes the files of a backup below dir, and only those that its manifest
// names, with the sizes and digests that it says.
func unpack(ctx context.Context, file, dir string) (m manifest, err error) {
	f, err := os.Open(file)
	if err != nil {
		return m, err
	}
	defer f.Close()
	packed, err := gzip.NewReader(reader{ctx, f})
	if err != nil {
		return m, fmt.Errorf("it is no backup: %w", err)
	}
	archive := tar.NewReader(packed)
	if m, err = readManifest(archive); err != nil {
		return m, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return m, err
	}
	defer root.Close()
	for _, want := range m.Files {
		head, err := archive.Next()
		if err != nil {
			return m, fmt.Errorf("it is cut off before %s: %w", want.Name, err)
		}
		if head.Name != want.Name || head.Size != want.Size || head.Typeflag != tar.TypeReg {
			return m, fmt.Errorf("it does not hold %s as its manifest says", want.Name)
		}
		if err := unpackFile(root, archive, want); err != nil {
			return m, err
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("it holds more than its manifest says: %w", errors.Join(err, fs.ErrInvalid))
	}
	return m, nil
}

func readManifest(archive *tar.Reader) (m manifest, err error) {
	head, err := archive.Next()
	if err != nil || head.Name != manifestFile || head.Size > maxManifest {
		return m, fmt.Errorf("it is no backup of a controller: %w", errors.Join(err, fs.ErrInvalid))
	}
	d := json.NewDecoder(archive)
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("read its manifest: %w", err)
	}
	if m.Format != backupFormat {
		return m, fmt.Errorf("it has format %d, this program knows %d: use a newer one", m.Format, backupFormat)
	}
	if len(m.Files) == 0 || len(m.Files) > maxBackupFiles || m.Files[0].Name != databaseFile {
		return m, fmt.Errorf("its manifest names no database: %w", fs.ErrInvalid)
	}
	seen := map[string]bool{}
	for i, f := range m.Files {
		if i > 0 && (!small.MatchString(f.Name) || f.Size > maxSmallFile) || f.Size < 0 || seen[f.Name] {
			return m, fmt.Errorf("its manifest names %q: %w", f.Name, fs.ErrInvalid)
		}
		seen[f.Name] = true
	}
	return m, nil
}

func unpackFile(root *os.Root, from io.Reader, want listed) error {
	if dir := filepath.Dir(want.Name); dir != "." {
		if err := root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	f, err := root.OpenFile(want.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), from)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("%s is damaged: its digest is another than the manifest's", want.Name)
	}
	return nil
}
