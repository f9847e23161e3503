package sudo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/sign"
)

// How long an answer of sudo about rights may be used while nothing changes,
// and how many are kept.
const (
	rightsTime  = time.Minute
	rightsMax   = 4096
	rightsQuery = 3 * time.Second
)

// question is a question to sudo: may this user run this, as it stands?
type question struct {
	User  intercept.Account
	RunAs intercept.Account
	Group string // -g, "" = none
	Path  string // or "sudoedit"; "" asks whether there is any right at all
	Args  []string
}

// sudoInfo is what this machine's sudo says of itself.
type sudoInfo struct {
	Version    string
	SecurePath string // "" = sudo uses the caller's own PATH
	RunAs      string // default user to run as
}

// rights asks sudo itself what somebody may do without Assent, and remembers
// the answers until the files behind them change. Its zero value is not usable.
type rights struct {
	run   func(ctx context.Context, args []string) (output string, exit int, err error)
	now   func() time.Time
	watch changes

	mu     sync.Mutex // guards the fields below
	known  map[[32]byte]answer
	info   *sudoInfo
	infoAt time.Time
}

type answer struct {
	allowed bool
	at      time.Time
}

// changes tells whether files that decide about rights were touched.
type changes interface {
	// Changed drains what was noticed. ok is false when watching does not work,
	// and then nothing may be remembered.
	Changed() (changed, ok bool)
	Close() error
}

// newRights watches the files that decide about rights; where that does not
// work every question goes to sudo. The caller closes it.
func newRights(now func() time.Time) *rights {
	return &rights{run: runSudo, now: now, watch: watchFiles(), known: map[[32]byte]answer{}}
}

// Close stops watching.
func (r *rights) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watch.Close()
}

// Known answers from memory.
func (r *rights) Known(q question) (allowed, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refreshLocked()
	a, ok := r.known[q.key()]
	if !ok || r.now().Sub(a.at) >= rightsTime || r.now().Before(a.at) {
		return false, false
	}
	return a.allowed, true
}

// Ask asks sudo. An error means that it is not known; it is never remembered.
// The caller makes sure that no rule of Assent for this user is in force.
func (r *rights) Ask(ctx context.Context, q question) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, rightsQuery)
	defer cancel()
	r.mu.Lock()
	r.refreshLocked() // a change from here on empties the memory at the next look
	r.mu.Unlock()
	out, exit, err := r.run(ctx, q.options())
	if err != nil {
		return false, fmt.Errorf("ask sudo for the rights: %w", err)
	}
	if exit != 0 && exit != 1 {
		return false, fmt.Errorf("ask sudo for the rights: exit %d", exit)
	}
	allowed := exit == 0
	if q.Path == "" { // only a clear no is a no
		allowed = !strings.HasPrefix(out, "User "+q.User.Name+" is not allowed to run sudo on ")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if changed, ok := r.watch.Changed(); !ok || changed {
		r.forgetLocked()
		return allowed, nil
	}
	if len(r.known) >= rightsMax {
		clear(r.known)
	}
	r.known[q.key()] = answer{allowed: allowed, at: r.now()}
	return allowed, nil
}

// Info asks sudo for its settings, from memory while nothing changed.
func (r *rights) Info(ctx context.Context) (sudoInfo, error) {
	r.mu.Lock()
	r.refreshLocked()
	if r.info != nil && r.now().Sub(r.infoAt) < rightsTime && !r.now().Before(r.infoAt) {
		defer r.mu.Unlock()
		return *r.info, nil
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, rightsQuery)
	defer cancel()
	out, exit, err := r.run(ctx, []string{"-V"})
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit %d", exit)
	}
	if err != nil {
		return sudoInfo{}, fmt.Errorf("ask sudo for its settings: %w", err)
	}
	info, err := parseInfo(out)
	if err != nil {
		return sudoInfo{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if changed, ok := r.watch.Changed(); ok && !changed {
		r.info, r.infoAt = &info, r.now()
	} else {
		r.forgetLocked()
	}
	return info, nil
}

// parseInfo reads what `sudo -V` tells root in the C locale.
func parseInfo(out string) (sudoInfo, error) {
	info := sudoInfo{RunAs: "root"}
	plugins := false
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "Sudo version "); ok {
			info.Version = v
		}
		if v, ok := strings.CutPrefix(line, "Value to override user's $PATH with: "); ok {
			info.SecurePath = v
		}
		if v, ok := strings.CutPrefix(line, "Default user to run commands as: "); ok {
			info.RunAs = v
		}
		plugins = plugins || strings.HasPrefix(line, "Sudoers policy plugin version ")
	}
	if info.Version == "" || !plugins {
		return sudoInfo{}, errors.New("this sudo has no plugins")
	}
	return info, nil
}

func (r *rights) refreshLocked() {
	if changed, ok := r.watch.Changed(); changed || !ok {
		r.forgetLocked()
	}
}

func (r *rights) forgetLocked() {
	clear(r.known)
	r.info = nil
}

// options are how sudo is asked.
func (q question) options() []string {
	args := []string{"-n", "-l", "-U", q.User.Name}
	if q.Path == "" {
		return args
	}
	args = append(args, "-u", q.RunAs.Name)
	if q.Group != "" {
		args = append(args, "-g", q.Group)
	}
	return append(append(args, "--", q.Path), q.Args...)
}

func (q question) key() [32]byte {
	h := sha256.New()
	sign.WriteParts(h, fmt.Sprint(q.User.UID, q.RunAs.UID), q.User.Name, q.RunAs.Name, q.Group, q.Path)
	sign.WriteParts(h, q.Args...)
	return [32]byte(h.Sum(nil))
}

// runSudo runs sudo as root with an empty environment. Our own plugin lets root
// pass at once, so this never comes back to us.
func runSudo(ctx context.Context, args []string) (string, int, error) {
	cmd := exec.CommandContext(ctx, sudoPath, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Dir = "/"
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", -1, ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.String(), exit.ExitCode(), nil
	}
	return out.String(), 0, err
}
