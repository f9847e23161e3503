package intercept

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/sign"
)

// Why something that was typed is no program that could run elevated.
var (
	ErrNoProgram = errors.New("command not found")
	ErrTooLong   = errors.New("the arguments are too long for a request")
	ErrNoUser    = errors.New("no such user")
)

// maxProgram is the largest file that is hashed, in bytes: one of any size, full
// of holes, costs its owner nothing and would keep the agent busy for hours.
const maxProgram = 2 << 30

// minSalt is the shortest salt that keeps digests of guessable arguments from
// being tried out by whoever reads the controller's records.
const minSalt = 16

// Raw is an attempt as a mechanism saw it, before anything was looked up.
type Raw struct {
	User       string   // from the kernel, never from a payload: see elevation.User's UID
	PID        int      // the process that asks (sudo, the assent client); 0 = not known
	Command    string   // as typed: a name, or a path relative to Cwd
	Args       []string // the real ones, without argv[0]
	Cwd        string   // absolute
	SearchPath string   // where a name without a slash is looked for
	RunAs      string   // user name or #uid; "" = root
	Sets       []string // variables that the program is given, NAME=VALUE, checked by the mechanism
	Mechanism  string
	Marks      []string // what the mechanism itself has seen, such as elevation.MarkShell
	Salt       []byte   // of this endpoint, never sent anywhere
	Mask       Patterns // of secrets in arguments, beside those that are known
}

// Real is what stays on the endpoint: exactly what shall run. A grant binds to
// it by digest, and it is compared again right before the effect.
type Real struct {
	Found    string // absolute path as found, symlinks not resolved
	Path     string // resolved
	Called   string // base name of Found: programs behave differently under different names
	Args     []string
	Cwd      string
	Dev, Ino uint64
	Size     int64
	SHA256   string
	RootOnly bool // only root can change the file or swap it for another
	Script   bool
	Dialogs  bool     // see Identity
	Sets     []string // variables it is given, NAME=VALUE
	Feeds    []Feed   // what an interpreter is told to run and others than root can change
	User     Account
	RunAs    Account

	Publisher elevation.Publisher // as in Identity
}

// Observe finds out what raw would run, for whom and as whom: it resolves the
// path, hashes the file through one open descriptor, looks the users up and
// masks secrets. It returns [ErrNoProgram], [ErrNoUser], [ErrTooLong] or an
// error wrapping elevation.ErrInvalid; whatever fails is no attempt.
func Observe(raw Raw) (elevation.Attempt, Real, error) {
	var real Real
	fail := func(err error) (elevation.Attempt, Real, error) {
		return elevation.Attempt{}, Real{}, err
	}
	raw = launch(raw)
	if err := checkRaw(raw); err != nil {
		return fail(err)
	}
	var err error
	if real.User, err = Lookup(raw.User); err != nil {
		return fail(fmt.Errorf("look up the user: %w", err))
	}
	if real.RunAs, err = lookupElevated(real.User, raw.RunAs); err != nil {
		return fail(fmt.Errorf("look up the user to run as: %w", err))
	}
	if real.Found, err = Find(raw.Command, raw.Cwd, raw.SearchPath); err != nil {
		return fail(err)
	}
	real.Args, real.Cwd, real.Sets = raw.Args, raw.Cwd, raw.Sets
	if err := real.identify(); err != nil {
		return fail(err)
	}
	if real.Feeds, err = feeds(real); err != nil {
		return fail(err)
	}
	a := elevation.Attempt{
		AccessType: elevation.Run,
		User:       real.User.elevationUser(),
		Mechanism:  raw.Mechanism,
		Subject: elevation.Subject{
			Path: real.Path, Args: masking(raw, real).Args(raw.Args), ArgsDigest: ArgsDigest(raw.Salt, real.Called, real.bound()),
			Cwd: raw.Cwd, RunAs: real.RunAs.Name, SHA256: real.SHA256, Size: real.Size,
			Parent: parentProgram(raw.PID), Publisher: real.Publisher, Marks: marks(raw, real),
		},
	}
	if err := a.Valid(); err != nil {
		return fail(err)
	}
	return a, real, nil
}

func checkRaw(raw Raw) error {
	switch {
	case len(raw.Salt) < minSalt:
		return fmt.Errorf("%w: the endpoint's salt is missing", elevation.ErrInvalid)
	case raw.Command == "" || strings.IndexByte(raw.Command, 0) >= 0:
		return fmt.Errorf("%w: no command", elevation.ErrInvalid)
	case len(raw.Command) > elevation.MaxPath || len(raw.Cwd) > elevation.MaxPath:
		return fmt.Errorf("%w: a path is too long", elevation.ErrInvalid)
	case !filepath.IsAbs(raw.Cwd):
		return fmt.Errorf("%w: the working directory is not known", elevation.ErrInvalid)
	case len(raw.Args) > elevation.MaxArgs:
		return ErrTooLong
	}
	n := 0
	for _, a := range raw.Args {
		n += len(a)
	}
	if n > elevation.MaxArgsBytes/2 { // masking may lengthen bytes that are not text
		return ErrTooLong
	}
	return nil
}

// Find is where a command as typed is found: a name in the absolute folders of
// searchPath, a path with a slash relative to cwd. Symlinks are not resolved.
// It returns [ErrNoProgram] when no executable file is there. What is on another
// machine is not looked for: that would be asked with this computer's account.
func Find(command, cwd, searchPath string) (string, error) {
	if strings.ContainsAny(command, separators) {
		path := inFolder(cwd, command)
		if away(path, separators) {
			return "", fmt.Errorf("%w: %s is not a path of this machine", elevation.ErrInvalid, inert.Text(path))
		}
		if path, ok := program(path); ok {
			return path, nil
		}
		return "", fmt.Errorf("%w: %s", ErrNoProgram, inert.Text(command))
	}
	for _, dir := range filepath.SplitList(searchPath) {
		if !filepath.IsAbs(dir) || away(dir, separators) {
			continue
		}
		if path, ok := program(inFolder(dir, command)); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNoProgram, inert.Text(command))
}

// away reports whether a whole path is of another machine, or of no file at all, on a
// system whose paths begin with a drive.
func away(path, separators string) bool {
	if !strings.Contains(separators, `\`) {
		return false
	}
	return len(path) < 3 || path[1] != ':' || !strings.ContainsRune(separators, rune(path[2]))
}

// inFolder is a path as seen from a folder. It is not cleaned: what .. leads to
// depends on links.
func inFolder(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return strings.TrimRight(dir, separators) + string(filepath.Separator) + path
}

// identify resolves r.Found and fills in what file it is.
func (r *Real) identify() error {
	path, rootOnly, err := privilege.Resolve(r.Found)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", inert.Text(r.Found), err)
	}
	id, err := Identify(path)
	if err != nil {
		return err
	}
	r.Path, r.Called = path, filepath.Base(r.Found)
	r.Dev, r.Ino, r.Size, r.SHA256, r.Script, r.Dialogs, r.Publisher = id.Dev, id.Ino, id.Size, id.SHA256, id.Script, id.Dialogs, id.Publisher
	r.RootOnly = rootOnly && id.rootOnly
	return nil
}

// Identity is which file something is, and its content.
type Identity struct {
	Dev, Ino uint64
	Size     int64
	SHA256   string // lower-case hex
	Script   bool   // begins with #!
	Dialogs  bool   // a program of Windows with windows of its own, as [hasWindows] tells
	rootOnly bool

	Publisher elevation.Publisher // who signed it, where the system checks that
}

// Identify reads the regular file at an already resolved path through one
// descriptor; a symlink, a device or a pipe at the end of path is refused.
func Identify(path string) (Identity, error) {
	f, id, err := openProgram(path)
	if err != nil {
		return Identity{}, fmt.Errorf("open %s: %w", inert.Text(path), err)
	}
	defer f.Close()
	if id.Size > maxProgram {
		return Identity{}, fmt.Errorf("%w: %s is larger than %d bytes", elevation.ErrInvalid, inert.Text(path), int64(maxProgram))
	}
	h := sha256.New()
	head := make([]byte, 2)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return Identity{}, fmt.Errorf("read %s: %w", inert.Text(path), err)
	}
	id.Script = string(head[:n]) == "#!"
	h.Write(head[:n])
	rest, err := io.Copy(h, io.LimitReader(f, maxProgram))
	if err != nil {
		return Identity{}, fmt.Errorf("read %s: %w", inert.Text(path), err)
	}
	id.Size, id.SHA256 = int64(n)+rest, hex.EncodeToString(h.Sum(nil))
	id.Dialogs = hasWindows(f)
	id.Publisher = madeBy(f, id.SHA256)
	return id, nil
}

// ArgsDigest binds to the exact arguments and to the name under which the
// program is called, without telling them: HMAC-SHA-256 with the endpoint's
// salt over the length-prefixed parts.
func ArgsDigest(salt []byte, called string, args []string) []byte {
	m := hmac.New(sha256.New, salt)
	sign.WriteParts(m, called)
	sign.WriteParts(m, args...)
	return m.Sum(nil)
}

// unbounded is told by the program's own name and by the one it is called by.
func unbounded(real Real) bool {
	return elevation.Unbounded(real.Path) || elevation.Unbounded(real.Called)
}

func masking(raw Raw, real Real) Masking {
	return Masking{Program: real.Called, Acts: unbounded(real), More: raw.Mask}
}

func marks(raw Raw, real Real) []string {
	list := append([]string(nil), raw.Marks...)
	for _, set := range raw.Sets {
		list = append(list, elevation.MarkSets+set)
	}
	if !real.RootOnly || len(real.Feeds) > 0 {
		list = append(list, elevation.MarkUserWritable)
	}
	if unbounded(real) {
		list = append(list, elevation.MarkUnbounded)
	}
	if real.Script {
		list = append(list, elevation.MarkScript)
	}
	if real.Dialogs {
		list = append(list, elevation.MarkDialogs)
	}
	if base := filepath.Base(real.Path); base != real.Called && utf8.ValidString(real.Called) {
		list = append(list, elevation.MarkCalledAs+real.Called)
	}
	return list
}
