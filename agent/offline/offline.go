// Package offline is what an endpoint may elevate while its controller can not be
// reached: what the signed bundle of rules approves, and what an approver told a
// code for.
//
// It decides by the rules that the controller signed (shared/rules) or by a code
// that only the controller could make; it elevates nothing itself. Every answer is
// "no" when a file is damaged, an older one was put back, a signature does not
// verify, or the clocks of this machine can not be believed. Bundles are read from
// the disk and verified each time; the rules stay in memory for a short while.
//
// Read bundle.go for rules, codes.go for codes, guard.go for how their key is kept, tries.go for the locks that keep
// codes from being guessed.
package offline

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/sign"
)

// MaxSkew is how far this machine's clocks may be from the controller's, and from
// each other, for anything to be allowed offline.
const MaxSkew = 10 * time.Minute

// Config names what an [Offline] needs.
type Config struct {
	Data     string // the agent's folder; the files are in its subfolder "offline"
	Cluster  string
	Endpoint elevation.EndpointID
	KeySet   func() sign.KeySet
	Clock    grants.Clock
	Skew     func() time.Duration // how far the wall clock was ahead of the controller's
	Log      *slog.Logger
	// Guard protects the key for codes; nil = what this system has for it.
	Guard *Guard
}

// Offline keeps the bundle and the key for codes. Safe for concurrent use.
type Offline struct {
	cfg Config
	dir string

	mu       sync.Mutex // guards the fields below, and the files
	number   uint64     // the highest of a bundle ever kept
	parsed   *rules.Bundled
	of       uint64      // the number of the bundle that parsed is of
	forget   *time.Timer // drops parsed
	secret   secret
	tries    tries
	waits    []*Wait
	wrong    map[string]int                          // codes of a user since the last right one, or lock
	vouched  map[elevation.GrantID][sha256.Size]byte // grants by codes of this run
	disabled error                                   // why codes are off: a file is damaged
}

// The files. Each is replaced as a whole and begins with the SHA-256 of the rest.
const (
	fileBundle = "bundle"
	fileNumber = "number"
	fileSecret = "secret"
	fileTries  = "tries"
	maxFile    = sign.MaxSize + 4096
)

// Why nothing is allowed offline.
var (
	ErrNone    = errors.New("there is no signed set of rules for times without a controller")
	ErrStale   = errors.New("the signed rules are too old to be used without the controller")
	ErrClock   = errors.New("the clock of this machine can not be trusted")
	ErrDamaged = errors.New("the file is damaged")
)

// Open reads what is kept. Damaged files are said in the log and count as absent,
// except that codes stay off until the controller gives a new key.
func Open(cfg Config) (*Offline, error) {
	if cfg.Log == nil || cfg.Clock == nil || cfg.KeySet == nil || cfg.Skew == nil {
		return nil, errors.New("open the offline store: a part of the configuration is missing")
	}
	o := &Offline{cfg: cfg, dir: filepath.Join(cfg.Data, "offline"), vouched: map[elevation.GrantID][sha256.Size]byte{}, wrong: map[string]int{}}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the offline store: %w", err)
	}
	o.tries = tries{Users: map[string]lock{}}
	for name, read := range map[string]func() error{
		fileNumber: func() error { return o.read(fileNumber, &o.number) },
		fileSecret: func() error { return o.takeSecret(&o.secret) },
		fileTries:  func() error { return o.read(fileTries, &o.tries) },
	} {
		err := read()
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		cfg.Log.Error("a file for times without the controller can not be read", "file", name, "error", err)
		if name == fileNumber {
			o.drop() // it might be an older bundle
			continue
		}
		o.disabled = err
	}
	if o.tries.Users == nil {
		o.tries.Users = map[string]lock{}
	}
	return o, nil
}

// drop forgets the bundle.
func (o *Offline) drop() {
	if err := durable.Remove(filepath.Join(o.dir, fileBundle)); err != nil {
		o.cfg.Log.Error("remove a bundle", "error", err)
	}
}

func (o *Offline) read(name string, into any) error {
	path := filepath.Join(o.dir, name)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile || info.Size() < sha256.Size {
		return fmt.Errorf("%w: %s is no file of ours", ErrDamaged, name)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	body := raw[sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], raw[:sha256.Size]) {
		return fmt.Errorf("%w: the sum of %s differs", ErrDamaged, name)
	}
	if err := sign.Decode(body, into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return nil
}

func (o *Offline) write(name string, value any) error {
	body, err := sign.Encode(value)
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	sum := sha256.Sum256(body)
	if err := durable.Replace(filepath.Join(o.dir, name), append(sum[:], body...)); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

// trusted says why the clocks can not be believed, given what they were when
// something was kept; nil when they can.
func (o *Offline) trusted(now, then grants.Moment) error {
	if now.BootID == "" || now.Boot <= 0 || now.Wall.IsZero() || then.Wall.IsZero() {
		return fmt.Errorf("%w: it can not be read", ErrClock)
	}
	if skew := o.cfg.Skew(); skew.Abs() > MaxSkew {
		return fmt.Errorf("%w: it was %v from the controller's", ErrClock, skew.Round(time.Second))
	}
	if now.Wall.Before(then.Wall.Add(-MaxSkew)) {
		return fmt.Errorf("%w: it was set back", ErrClock)
	}
	if now.BootID == then.BootID {
		moved := now.Wall.Sub(then.Wall) - (now.Boot - then.Boot)
		if moved.Abs() > MaxSkew || now.Boot < then.Boot {
			return fmt.Errorf("%w: it was moved by %v", ErrClock, moved.Round(time.Second))
		}
	}
	return nil
}

// Kept says what of an agent's folder is there and whole, without verifying any
// signature: since when the bundle is there, and whether there is a key for codes.
// It is for whoever looks at a machine, and changes nothing.
func Kept(data string) (bundle time.Time, codes bool, err error) {
	o := &Offline{dir: filepath.Join(data, "offline")}
	var k kept
	var s secret
	var errs []error
	_, err = o.readSecret(&s)
	for _, err := range []error{o.read(fileBundle, &k), err} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return k.Received.Wall, len(s.Key) > 0, errors.Join(errs...)
}
