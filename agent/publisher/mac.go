//go:build !windows

package publisher

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file has the programs of macOS. Who signed one is read from what codesign
// displays, and counts when codesign verifies the file against a requirement that
// names the same team: by Apple itself, by its store, or by a Developer ID.

// Mac tells who signed programs of macOS.
type Mac struct {
	Tools mactool.Runner
	// Safe is a folder that root alone can enter, made if need be: a program that
	// others can write is copied into it before it is looked at.
	Safe string
	// RootOnly reports whether nobody but root can change what is at a path.
	RootOnly func(path string) (bool, error)
}

// maxCopied is how large a program is that is copied to be looked at.
const maxCopied = 1 << 30

// Of is who signed the program in an open file, whose bytes have that SHA-256. The
// zero publisher and nil mean that it is not signed, or by nobody that Apple knows.
func (m Mac) Of(ctx context.Context, file *os.File, sum string) (elevation.Publisher, error) {
	p, err := m.of(ctx, file, sum)
	if err != nil {
		return elevation.Publisher{}, fmt.Errorf("look who signed %s: %w", file.Name(), err)
	}
	return p, nil
}

func (m Mac) of(ctx context.Context, file *os.File, sum string) (p elevation.Publisher, err error) {
	if is, err := machO(file); err != nil || !is {
		return p, err
	}
	only, err := m.RootOnly(file.Name())
	if err != nil {
		return p, err
	}
	path := file.Name()
	if !only {
		dir, err := m.copied(file, sum)
		if dir != "" {
			defer os.RemoveAll(dir) // root's own folder
		}
		if err != nil {
			return p, err
		}
		path = filepath.Join(dir, filepath.Base(file.Name()))
	}
	if p, err = m.Named(ctx, path); err != nil || path != file.Name() {
		return p, err
	}
	opened, err := file.Stat()
	if err != nil {
		return elevation.Publisher{}, err
	}
	there, err := os.Lstat(path)
	if err != nil || !os.SameFile(opened, there) {
		return elevation.Publisher{}, errors.Join(fmt.Errorf("%w: another program is there by now", ErrSignature), err)
	}
	return p, nil
}

// machO reports whether a file begins as programs of macOS do.
func machO(file *os.File) (bool, error) {
	head := make([]byte, 4)
	if _, err := file.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}
	return slices.Contains([]uint32{0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe, 0xcafebabf}, binary.BigEndian.Uint32(head)), nil
}

// copied puts the bytes with that SHA-256 into a folder of root's. The folder is to
// be removed even after an error.
func (m Mac) copied(file *os.File, sum string) (dir string, err error) {
	if err := os.MkdirAll(m.Safe, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(m.Safe)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is not a folder of our own", m.Safe)
	}
	if dir, err = os.MkdirTemp(m.Safe, "signed-"); err != nil {
		return "", err
	}
	to, err := os.OpenFile(filepath.Join(dir, filepath.Base(file.Name())), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o400)
	if err != nil {
		return dir, err
	}
	defer to.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, to), io.NewSectionReader(file, 0, maxCopied+1))
	if err == nil {
		err = to.Close()
	}
	switch {
	case err != nil:
		return dir, err
	case n > maxCopied:
		return dir, fmt.Errorf("it is larger than %d bytes", int64(maxCopied))
	case hex.EncodeToString(h.Sum(nil)) != sum:
		return dir, fmt.Errorf("%w: its bytes are not those that were looked at", ErrSignature)
	}
	return dir, nil
}

// Requirements in the language of codesign. The numbers name Apple's own marks in
// certificates: of its store, and of Developer ID.
const (
	byApple     = `anchor apple`
	byStore     = `(anchor apple generic and certificate leaf[field.1.2.840.113635.100.6.1.9])`
	byDeveloper = `(anchor apple generic and certificate 1[field.1.2.840.113635.100.6.2.6] and certificate leaf[field.1.2.840.113635.100.6.1.13])`
)

// Named is who signed the program at a path that nobody changes meanwhile.
func (m Mac) Named(ctx context.Context, path string) (p elevation.Publisher, err error) {
	if !filepath.IsAbs(path) {
		return p, fmt.Errorf("%s is no absolute path", path)
	}
	res, err := m.Tools.Run(ctx, mactool.Codesign, nil, "--display", "--verbose=4", path)
	if err != nil {
		return p, err
	}
	if res.Code != 0 {
		if strings.Contains(string(res.Err), "code object is not signed at all") {
			return p, nil
		}
		return p, fmt.Errorf("%w: %w", ErrSignature, res.Failed())
	}
	s, err := displayed(string(res.Err))
	if err != nil || s.adhoc {
		return p, err
	}
	want := byApple
	if s.team != "" {
		want = `certificate leaf[subject.OU] = "` + s.team + `" and (` + byStore + ` or ` + byDeveloper + `)`
	}
	res, err = m.Tools.Run(ctx, mactool.Codesign, nil, "--verify", "--strict", "--all-architectures", `-R=identifier "`+s.identifier+`" and `+want, path)
	if err != nil {
		return p, err
	}
	switch res.Code {
	case 0:
		return s.publisher(), nil
	case 3: // valid, and not of whom we ask for
		return p, fmt.Errorf("%w: %w", ErrUntrusted, res.Failed())
	}
	return p, fmt.Errorf("%w: %w", ErrSignature, res.Failed())
}

// display is what codesign says of a signature. It counts once it is verified.
type display struct {
	identifier, team, leaf string
	adhoc                  bool
}

var (
	teamForm       = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	identifierForm = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,200}$`)
)

// displayed reads it. What stands there twice was put there by whoever signed, in an
// identifier of several lines, and is refused.
func displayed(text string) (s display, err error) {
	fail := func(why string) (display, error) {
		return display{}, fmt.Errorf("%w: codesign says %s", ErrSignature, why)
	}
	seen := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok {
			continue
		}
		if key == "Authority" {
			if _, signature := seen["Signature size"]; !signature {
				return fail("who signed before it says that it is signed")
			}
			if s.leaf == "" {
				s.leaf = value
			}
			continue
		}
		if _, twice := seen[key]; twice {
			return fail(key + " twice")
		}
		seen[key] = value
	}
	s.identifier, s.adhoc = seen["Identifier"], seen["Signature"] == "adhoc"
	if s.adhoc {
		return s, nil
	}
	if !identifierForm.MatchString(s.identifier) || s.leaf == "" {
		return fail("neither what it is nor who signed it")
	}
	switch team := seen["TeamIdentifier"]; {
	case team == "not set" || team == "":
	case teamForm.MatchString(team):
		s.team = team
	default:
		return fail("a team of an unknown form")
	}
	return s, nil
}

// publisher is the team, whatever certificate it has just now: rules name it by the
// SHA-256 of its name.
func (s display) publisher() elevation.Publisher {
	if s.team == "" {
		return elevation.Publisher{Name: "Apple", Thumbprint: teamPrint("apple")}
	}
	name := s.leaf
	if _, after, ok := strings.Cut(name, ": "); ok {
		name = after // without the kind of certificate
	}
	if !strings.Contains(name, s.team) {
		name += " (" + s.team + ")"
	}
	return elevation.Publisher{Name: shown(name), Thumbprint: teamPrint(s.team)}
}

func teamPrint(team string) string {
	sum := sha256.Sum256([]byte("assent macos team " + team))
	return hex.EncodeToString(sum[:])
}
