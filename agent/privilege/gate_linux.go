package privilege

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/sign"
)

// What gate and agent say to each other, one byte each; a reason follows the
// bytes that mean an error.
const (
	gateReady byte = 'R' // prepared, waits
	gateGo    byte = 'G' // it is in its tree: become the program
	gateCwd   byte = 'c'
	gateWho   byte = 'i'
	gateExec  byte = 'x'
	gateOther byte = 'o'
)

const (
	gatePipe   = 3
	gateMemory = 4
	maxJob     = 4 << 20
)

func gateError(code byte, text string) error {
	switch code {
	case gateCwd:
		return fmt.Errorf("%w: %s", ErrFolder, text)
	case gateWho:
		return fmt.Errorf("%w: %s", ErrIdentity, text)
	case gateExec:
		return fmt.Errorf("execute it: %s", text)
	}
	return errors.New(text)
}

// IsGate reports whether this process was started by [Trees.Start] to become
// the program. The agent's main asks this before anything else and then exits
// with [Gate].
func IsGate(args []string) bool { return len(args) == 2 && args[1] == gateName }

// Gate takes its job from descriptor 3, turns this process into the wanted
// user, waits until it is contained, and becomes the program. It only returns
// when that did not work, with the exit code. Started by anybody else it has no
// more rights than they have.
func Gate() int {
	runtime.LockOSThread()
	unix.CloseOnExec(gatePipe)
	unix.CloseOnExec(gateMemory) // not there in most cases
	pipe := os.NewFile(gatePipe, "gate")
	code, err := passGate(pipe)
	if err != nil {
		_, _ = pipe.Write(append([]byte{code}, err.Error()...)) // nobody listens: the exit code remains
	}
	return 126
}

func passGate(pipe *os.File) (byte, error) {
	j, err := readJob(pipe)
	if err != nil {
		return gateOther, err
	}
	syscall.Umask(0o022)
	if err := ordinary(); err != nil {
		return gateOther, err
	}
	if err := enter(string(j.Cwd), j.Requester); err != nil {
		return gateCwd, err
	}
	var held alone
	if j.Alone {
		if err := held.hold(); err != nil {
			return gateOther, err
		}
	}
	if err := become(j.RunAs); err != nil {
		return gateWho, err
	}
	if err := is(j.RunAs); err != nil {
		return gateWho, err
	}
	if err := closeOthers(); err != nil {
		return gateOther, err
	}
	defaultSignals()
	if _, err := pipe.Write([]byte{gateReady}); err != nil {
		return gateOther, err
	}
	var word [1]byte
	if _, err := io.ReadFull(pipe, word[:]); err != nil || word[0] != gateGo {
		return gateOther, errors.New("was not let go")
	}
	if j.Alone {
		return gateExec, held.exec(string(j.Path), InStrings(j.Argv), InStrings(j.Env))
	}
	return gateExec, syscall.Exec(string(j.Path), InStrings(j.Argv), InStrings(j.Env))
}

func readJob(pipe io.Reader) (job, error) {
	var head [4]byte
	if _, err := io.ReadFull(pipe, head[:]); err != nil {
		return job{}, fmt.Errorf("read the job: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxJob {
		return job{}, fmt.Errorf("read the job: %d bytes", n)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(pipe, raw); err != nil {
		return job{}, fmt.Errorf("read the job: %w", err)
	}
	var j job
	if err := sign.Decode(raw, &j); err != nil {
		return job{}, fmt.Errorf("read the job: %w", err)
	}
	if len(j.Argv) == 0 || len(j.Path) == 0 {
		return job{}, errors.New("read the job: no program")
	}
	return j, nil
}

// enter goes to the folder with the requester's rights only, and makes sure
// that it is the folder of that name: no link of it was changed meanwhile.
func enter(dir string, who identity) error {
	if err := effective(who); err != nil {
		return err
	}
	fd, openErr := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if openErr == nil {
		openErr = unix.Fchdir(fd)
	}
	if err := effective(identity{}); err != nil {
		return err
	}
	if openErr != nil {
		return fmt.Errorf("%s: %w", dir, openErr)
	}
	if err := unix.Close(fd); err != nil {
		return err
	}
	real, err := os.Readlink("/proc/self/cwd")
	if err != nil || real != dir {
		return fmt.Errorf("%s is %s", dir, real)
	}
	return nil
}

// effective takes the rights of who for looking at files, and keeps root as the
// real user, which the zero identity brings back.
func effective(who identity) error {
	if who.UID == 0 {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			return fmt.Errorf("become root again: %w", err)
		}
	}
	if err := syscall.Setgroups(groupInts(who)); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setresgid(-1, int(who.GID), -1); err != nil {
		return fmt.Errorf("set group %d: %w", who.GID, err)
	}
	if who.UID == 0 {
		return nil
	}
	if err := syscall.Setresuid(-1, int(who.UID), -1); err != nil {
		return fmt.Errorf("set user %d: %w", who.UID, err)
	}
	return nil
}

func become(who identity) error {
	if err := syscall.Setgroups(groupInts(who)); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	gid, uid := int(who.GID), int(who.UID)
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("set group %d: %w", gid, err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("set user %d: %w", uid, err)
	}
	return nil
}

func groupInts(who identity) []int {
	groups := make([]int, len(who.Groups))
	for i, g := range who.Groups {
		groups[i] = int(g)
	}
	return groups
}

// is reads the identity back from the kernel: all four uids and gids, the exact
// list of groups, and no capability left to anybody but root.
func is(who identity) error {
	raw, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return isStatus(string(raw), who)
}

func isStatus(status string, who identity) error {
	found := map[string][]string{}
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		found[name] = strings.Fields(rest)
	}
	four := func(n uint32) []string { return slices.Repeat([]string{strconv.FormatUint(uint64(n), 10)}, 4) }
	if !slices.Equal(found["Uid"], four(who.UID)) {
		return fmt.Errorf("users are %v, want %d", found["Uid"], who.UID)
	}
	if !slices.Equal(found["Gid"], four(who.GID)) {
		return fmt.Errorf("groups are %v, want %d", found["Gid"], who.GID)
	}
	var want []string
	for _, g := range slices.Compact(slices.Sorted(slices.Values(who.Groups))) {
		want = append(want, strconv.FormatUint(uint64(g), 10))
	}
	have, ok := found["Groups"]
	if !ok || !slices.Equal(slices.Compact(have), want) {
		return fmt.Errorf("supplementary groups are %v, want %v", have, want)
	}
	if who.UID == 0 {
		return nil
	}
	for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
		if v := found[set]; len(v) != 1 || strings.Trim(v[0], "0") != "" {
			return fmt.Errorf("capabilities %s are %v", set, v)
		}
	}
	return nil
}

// What the manager of a system gives to programs of ordinary sessions.
const (
	softFiles = 1024
	hardFiles = 512 << 10
)

// ordinary takes off what the agent has for itself: the kernel must be able to
// choose the program when memory runs out, and the agent's limits are not its.
func ordinary() error {
	const adjust = "/proc/self/oom_score_adj"
	now, err := os.ReadFile(adjust)
	if err != nil {
		return fmt.Errorf("become an ordinary process: %w", err)
	}
	if bytes.HasPrefix(now, []byte("-")) { // only then is it a privilege; the other way needs a right
		if err := os.WriteFile(adjust, []byte("0"), 0); err != nil {
			return fmt.Errorf("become an ordinary process: %w", err)
		}
	}
	for _, hard := range []uint64{hardFiles, softFiles} {
		err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: softFiles, Max: hard})
		if err == nil || !errors.Is(err, unix.EPERM) {
			return err
		}
	}
	return nil // a container that allows less than is usual
}

// closeOthers lets no descriptor but the three standard ones into the program.
func closeOthers() error {
	err := unix.CloseRange(3, ^uint(0)>>1&0x7fffffff, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("close descriptors: %w", err)
	}
	for _, n := range names {
		if fd, err := strconv.Atoi(n.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// defaultSignals undoes ignored signals, which the program would inherit:
// caught ones are reset when it starts.
func defaultSignals() {
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGPIPE, unix.SIGTERM, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGCHLD} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}
