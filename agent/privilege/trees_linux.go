package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// osTrees is the Linux side of [Trees]. cgroups has where the hierarchies are;
// a root is "" when it is not mounted here.
type osTrees struct {
	cg      cgroups
	realm   string
	systemd *systemd
}

func newOSTrees(cfg Config) (osTrees, error) {
	return osTrees{cg: findCgroups(cfg.CgroupRoot), realm: cfg.Realm, systemd: &systemd{}}, nil
}

func (o osTrees) usable(k TreeKind) error {
	switch k {
	case TreeScope:
		return o.systemd.usable(o.cg)
	case TreeCgroup2:
		return o.cg.usable(o.cg.v2, o.base())
	case TreeCgroup1:
		return o.cg.usable(o.cg.v1, o.base())
	case TreeSessions:
		return nil
	}
	return fmt.Errorf("%q is not a kind of tree", k)
}

func (o osTrees) base() string { return "assent-" + o.realm }

func (o osTrees) dir(k TreeKind, name string, uid uint32) string {
	switch k {
	case TreeScope:
		return o.cg.scopeRoot() + fmt.Sprintf("/user.slice/user-%d.slice/%s.scope", uid, name)
	case TreeCgroup2:
		return o.cg.v2 + "/" + o.base() + "/" + name
	case TreeCgroup1:
		return o.cg.v1 + "/" + o.base() + "/" + name
	}
	return ""
}

func (o osTrees) put(ctx context.Context, ref TreeRef, uid uint32, ttl time.Duration) (TreeRef, error) {
	stat, err := readStat(ref.PID)
	if err != nil {
		return ref, err
	}
	ref.Started = stat.started
	switch ref.Kind {
	case TreeScope:
		err = o.systemd.startScope(ctx, ref, uid, ttl)
	case TreeCgroup2, TreeCgroup1:
		err = o.cg.move(ref.Dir, ref.PID)
	case TreeSessions:
	default:
		err = fmt.Errorf("%q is not a kind of tree", ref.Kind)
	}
	if err != nil {
		return ref, err
	}
	again, err := readStat(ref.PID)
	if err != nil {
		return ref, err
	}
	if again.started != stat.started {
		return ref, fmt.Errorf("process %d is another one now", ref.PID)
	}
	return o.settle(ref)
}

// settle reads back where the process is. systemd may have its tree below
// another folder than planned when it runs inside a container.
func (o osTrees) settle(ref TreeRef) (TreeRef, error) {
	if ref.Kind == TreeSessions {
		return ref, nil
	}
	is, err := o.cg.of(ref.PID)
	if err != nil {
		return ref, err
	}
	for _, dir := range is {
		if dir == ref.Dir {
			return ref, nil
		}
	}
	if ref.Kind == TreeScope {
		for _, dir := range is {
			if strings.HasSuffix(dir, "/"+ref.Name+".scope") && strings.HasPrefix(dir, o.cg.scopeRoot()+"/") {
				ref.Dir = dir
				return ref, nil
			}
		}
	}
	return ref, fmt.Errorf("process %d is in %s", ref.PID, strings.Join(is, " "))
}

func (o osTrees) members(ref TreeRef) ([]int, error) {
	if ref.Kind == TreeSessions {
		return sessionMembers(ref)
	}
	if ref.Dir == "" {
		return nil, errors.New("the reference has no folder")
	}
	return o.cg.members(ref.Dir)
}

// ask tells everything but the front end to end: SIGTERM, SIGHUP because
// interactive shells ignore SIGTERM, and SIGCONT so that stopped ones hear it.
func (o osTrees) ask(ref TreeRef) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGCONT} {
		o.signal(ref, sig, ref.Front)
	}
}

func (o osTrees) signal(ref TreeRef, sig unix.Signal, spareFront bool) {
	pids, err := o.members(ref)
	if err != nil {
		return // the caller reads the tree again and reports
	}
	self := os.Getpid()
	for _, pid := range pids {
		if pid <= 1 || pid == self || spareFront && pid == ref.PID {
			continue
		}
		_ = unix.Kill(pid, sig) // gone meanwhile; the tree is read again
	}
}

func (o osTrees) kill(ref TreeRef, spareFront bool) {
	if !spareFront && ref.Kind != TreeSessions && o.cg.killAtOnce(ref.Dir) == nil {
		return
	}
	thaw := o.cg.freeze(ref)
	for range 50 { // each round catches what was forked during the last one
		o.signal(ref, unix.SIGKILL, spareFront)
		pids, err := o.members(ref)
		if err != nil || len(pids) == 0 || spareFront && len(pids) == 1 && pids[0] == ref.PID {
			break
		}
		if thaw != nil {
			break
		}
	}
	if thaw != nil {
		thaw()
	}
}

func (o osTrees) remove(ref TreeRef) error {
	switch ref.Kind {
	case TreeCgroup2, TreeCgroup1:
		return o.cg.remove(ref.Dir)
	case TreeScope:
		return errors.Join(o.systemd.stopScope(ref, o.cg), dropSettings(ref))
	case TreeSessions:
		return nil
	}
	return fmt.Errorf("%q is not a kind of tree", ref.Kind)
}

func (o osTrees) list(prefix string) ([]TreeRef, error) {
	var refs []TreeRef
	for kind, base := range map[TreeKind]string{TreeCgroup2: o.cg.v2, TreeCgroup1: o.cg.v1} {
		if base == "" {
			continue
		}
		names, err := os.ReadDir(base + "/" + o.base())
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if n.IsDir() && strings.HasPrefix(n.Name(), prefix) {
				refs = append(refs, TreeRef{Kind: kind, Name: n.Name(), Dir: base + "/" + o.base() + "/" + n.Name()})
			}
		}
	}
	scopes, err := o.cg.scopes(prefix)
	return append(refs, scopes...), err
}

func (o osTrees) close() { o.systemd.close() }

// stat is the part of /proc/PID/stat that identifies a process.
type stat struct {
	pid, ppid, group, session, tty int
	state                          byte
	started                        uint64 // clock ticks since boot
}

// readStat parses /proc/PID/stat. The name in it may hold any byte, also blanks
// and parentheses, so parsing starts after the last one.
func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return parseStat(pid, string(raw))
}

func parseStat(pid int, raw string) (stat, error) {
	end := strings.LastIndexByte(raw, ')')
	f := strings.Fields(raw[end+1:])
	if end < 0 || len(f) < 20 || len(f[0]) != 1 {
		return stat{}, fmt.Errorf("look at process %d: its stat line has an unknown form", pid)
	}
	s := stat{pid: pid, state: f[0][0]}
	var err error
	for i, into := range []*int{&s.ppid, &s.group, &s.session, &s.tty} {
		if *into, err = strconv.Atoi(f[1+i]); err != nil {
			return stat{}, fmt.Errorf("look at process %d: %w", pid, err)
		}
	}
	if s.started, err = strconv.ParseUint(f[19], 10, 64); err != nil {
		return stat{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return s, nil
}
