package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/durable"
)

const (
	home      = "/var/lib/assent-try"
	tryUser   = "assent-try"
	sudoConf  = "/etc/sudo.conf"
	libexec   = "/usr/libexec/assent"
	guardVerb = "guard"
	undoVerb  = "undo"
	withVerb  = "with"
	endTime   = 10 * time.Second // for the agent to end by itself
)

// state is what has to be undone. It is on disk before anything is changed.
type state struct {
	Owner    proc   `json:"owner"`
	Agent    proc   `json:"agent"`
	AddsUser bool   `json:"adds_user"`
	HadConf  bool   `json:"had_conf"` // whether sudo.conf was there; the copy is beside
	Conf     []byte `json:"conf"`
}

// proc names a process beyond the reuse of its id.
type proc struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
}

func process(pid int) proc { return proc{pid, startOf(pid)} }

// startOf is field 22 of /proc/PID/stat, "" when there is no such process.
func startOf(pid int) string {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

func (p proc) alive() bool { return p.PID > 0 && p.Start != "" && startOf(p.PID) == p.Start }

func statePath() string { return filepath.Join(home, "state.json") }

func load() (state, error) {
	var s state
	raw, err := os.ReadFile(statePath())
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

// note changes the state on disk.
func note(change func(*state)) error {
	s, err := load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what was changed: %w", err)
	}
	change(&s)
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return durable.Replace(statePath(), raw)
}

// mayRun refuses where it would disturb an agent that is in use.
func mayRun() error {
	if s, err := load(); err == nil && s.Owner.alive() {
		return fmt.Errorf("it runs already, as process %d: end it there with Ctrl-C, or here with sudo kill %d", s.Owner.PID, s.Owner.PID)
	}
	if _, err := os.Stat("/etc/systemd/system/assent-agent.service"); err == nil {
		return errors.New("the agent is installed as a service here; remove it first with assent-agent uninstall")
	}
	return nil
}

// begin makes the folder, writes down what will be changed, copies the programs
// out of the checkout and starts the guardian.
func begin() error {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	conf, err := os.ReadFile(sudoConf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, missing := user.Lookup(tryUser)
	err = note(func(s *state) {
		*s = state{Owner: process(os.Getpid()), AddsUser: missing != nil, HadConf: err == nil, Conf: conf}
	})
	if err != nil {
		return fmt.Errorf("write down what will be changed: %w", err)
	}
	from := filepath.Dir(filepath.Dir(exe()))
	for _, name := range []string{"assent", "assent-agent", "assent-controller", "assentctl", "assent_sudo.so", "assent_pam", "dev/runhere"} {
		err := copyFile(filepath.Join(from, name), filepath.Join(home, "bin", filepath.Base(name)))
		if name == "assent_sudo.so" && errors.Is(err, fs.ErrNotExist) {
			fmt.Println("The sudo plugin was not built (see make build): only `assent run` can be tried.")
			continue
		}
		if name == "assent_pam" && errors.Is(err, fs.ErrNotExist) { // only accounts of a directory need it
			continue
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return startGuard()
}

func copyFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, raw, 0o755))
}

// startGuard starts the process that undoes everything when this one is gone.
func startGuard() error {
	cmd := exec.Command(filepath.Join(home, "bin", "runhere"), guardVerb)
	if err := outlived(cmd); err != nil {
		return fmt.Errorf("start the guardian: %w", err)
	}
	return cmd.Process.Release()
}

// outlived starts a process whose input ends when this one is gone, whatever
// ends it: only this one has the other end of the pipe. That end is no os.File,
// which would be closed with the garbage as nobody refers to it.
func outlived(cmd *exec.Cmd) error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	read := os.NewFile(uintptr(ends[0]), "the life of runhere")
	defer read.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = read, os.Stdout, os.Stderr, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, unix.Close(ends[1]))
	}
	return nil
}

func guard() error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	s, err := load()
	if err != nil {
		return err
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // returns when the other end is closed
	now, err := load()
	if errors.Is(err, fs.ErrNotExist) || now.Owner != s.Owner {
		return nil // undone already, or another run took over
	}
	return undo(context.Background())
}

// undo puts the machine back as it was. It may be called again after it failed
// or was killed half way: every step looks at what is there.
func undo(ctx context.Context) error {
	s, err := load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what was changed: %w", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(home) // killed before it changed anything else
	}
	// The agent tells whoever waits that it ends for good; what is left of the mark
	// goes with the folder.
	_ = os.WriteFile(filepath.Join(home, "agent", "removing"), nil, 0o600)
	failures := []error{endProcess(s.Agent)}
	// The agent has undone everything if it ended in order; if it was killed,
	// its uninstall does. It may complain that no service is installed.
	uninstall := run(ctx, filepath.Join(home, "bin", "assent-agent"), "uninstall", "--data="+filepath.Join(home, "agent"))
	if left := leftInSudo(); left != "" {
		failures = append(failures, fmt.Errorf("uninstall left %s: %w", left, uninstall), restoreSudo(s))
	}
	failures = append(failures, removeUser(ctx, s))
	if err := errors.Join(failures...); err != nil {
		return errors.Join(err, errors.New("some of it was not undone; make run tries again"))
	}
	if err := errors.Join(os.RemoveAll("/run/assent"), os.RemoveAll(libexec), os.RemoveAll(home)); err != nil {
		return err
	}
	fmt.Println("Everything is as it was before.")
	return nil
}

// endProcess asks a process to end, and kills it when it does not.
func endProcess(p proc) error {
	if !p.alive() {
		return nil
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil || !p.alive() {
		return nil // it ended in between
	}
	defer unix.Close(fd)
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end process %d: %w", p.PID, err)
		}
		ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for until := time.Now().Add(endTime); time.Now().Before(until); {
			n, err := unix.Poll(ended, int(time.Until(until).Milliseconds())+1)
			if n == 1 {
				return nil
			}
			if err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	}
	return fmt.Errorf("process %d does not end", p.PID)
}

// leftInSudo names what sudo would still see of Assent.
func leftInSudo() string {
	if raw, err := os.ReadFile(sudoConf); err == nil && bytes.Contains(raw, []byte(libexec)) {
		return sudoConf
	}
	if files, _ := filepath.Glob("/etc/sudoers.d/zz-assent-*"); len(files) > 0 {
		return files[0]
	}
	return ""
}

// restoreSudo is the last resort: the file as it was, and no granted rights.
func restoreSudo(s state) error {
	var failures []error
	if s.HadConf {
		failures = append(failures, os.WriteFile(sudoConf+".assent-new", s.Conf, 0o644), os.Rename(sudoConf+".assent-new", sudoConf))
	} else if err := os.Remove(sudoConf); !errors.Is(err, fs.ErrNotExist) {
		failures = append(failures, err)
	}
	files, _ := filepath.Glob("/etc/sudoers.d/zz-assent-*")
	for _, file := range files {
		failures = append(failures, os.Remove(file))
	}
	return errors.Join(failures...)
}

// addUser adds the throw-away user, with a password that is nowhere but on the
// screen: sudo asks for it where the user has rights. "" = they were there.
func addUser(ctx context.Context) (password string, err error) {
	if s, err := load(); err != nil || !s.AddsUser {
		return "", err
	}
	skeleton := filepath.Join(home, "skeleton")
	profile := "PATH=" + filepath.Join(home, "bin") + ":$PATH\n"
	err = errors.Join(os.MkdirAll(skeleton, 0o755), os.WriteFile(filepath.Join(skeleton, ".profile"), []byte(profile), 0o644))
	if err != nil {
		return "", fmt.Errorf("write the profile of %s: %w", tryUser, err)
	}
	if err := run(ctx, useraddPath, "--create-home", "--skel="+skeleton, "--shell=/bin/bash", "--comment=Assent try-out", tryUser); err != nil {
		return "", err
	}
	text := strings.ToLower(rand.Text())
	password = text[:4] + "-" + text[4:8] + "-" + text[8:12]
	return password, feed(ctx, tryUser+":"+password+"\n", chpasswdPath)
}

// removeUser removes the throw-away user with its processes and files, if this
// added it.
func removeUser(ctx context.Context, s state) error {
	if !s.AddsUser {
		return nil
	}
	person, err := user.Lookup(tryUser)
	if err != nil {
		return nil // not added yet, or removed already
	}
	uid, err := strconv.Atoi(person.Uid)
	if err != nil || uid < 1000 {
		return fmt.Errorf("remove user %s: its uid is %s", tryUser, person.Uid)
	}
	if err := endUser(uint32(uid)); err != nil {
		return err
	}
	return run(ctx, userdelPath, "--force", "--remove", tryUser)
}

// endUser kills the processes of the throw-away user.
func endUser(uid uint32) error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // ended meanwhile
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if ok && err == nil && stat.Uid == uid {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d of %s: %w", pid, tryUser, err)
			}
		}
	}
	return nil
}
