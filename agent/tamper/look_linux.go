package tamper

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// adminGroups are the groups whose members are root, or root by another name.
const adminGroups = " root sudo wheel admin adm docker lxd incus libvirt kvm disk shadow kmem systemd-journal "

func (l *look) all() {
	l.groups()
	homes := l.accounts()
	for what, places := range map[string][]string{
		Sudoers: {"/etc/sudoers", "/etc/sudoers.d", "/etc/sudo.conf", "/etc/doas.conf", "/etc/polkit-1"},
		Unit:    {"/etc/systemd/system", "/usr/local/lib/systemd/system", "/etc/init.d", "/etc/rc.local", "/etc/xdg/autostart"},
		Cron:    {"/etc/crontab", "/etc/anacrontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/var/spool/cron", "/var/spool/at"},
		PAM:     {"/etc/pam.d", "/etc/pam.conf", "/etc/security", "/etc/nsswitch.conf"},
		Loader:  {"/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/environment", "/etc/profile.d"},
		Keys:    {"/etc/ssh"},
	} {
		for _, p := range places {
			l.folder(what, p, 0)
		}
	}
	for _, home := range homes {
		l.keys(home)
	}
	for _, p := range []string{"/bin", "/sbin", "/lib", "/usr", "/opt", "/srv", "/etc", "/var", "/home", "/root", "/tmp", "/dev/shm"} {
		l.setuid(p)
	}
}

func (l *look) groups() {
	text, err := l.read("/etc/group")
	if err != nil {
		l.fault("the groups can not be read")
		return
	}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 4 || !strings.Contains(adminGroups, " "+f[0]+" ") {
			continue
		}
		for m := range strings.SplitSeq(f[3], ",") {
			if m != "" {
				l.add(AdminGroup, f[0]+":"+m, "", m+" is in the group "+f[0])
			}
		}
	}
}

// accounts lists who there is and gives their homes back.
func (l *look) accounts() (homes []string) {
	text, err := l.read("/etc/passwd")
	if err != nil {
		l.fault("the accounts can not be read")
		return nil
	}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 7 {
			continue
		}
		l.add(Account, f[0], strings.Join(f[2:], ":"), "number "+f[2]+", group "+f[3]+", shell "+f[6])
		if path.IsAbs(f[5]) && f[5] != "/" && !slices.Contains(homes, f[5]) {
			homes = append(homes, f[5])
		}
	}
	text, err = l.read("/etc/shadow")
	if err != nil {
		l.fault("the passwords can not be looked at")
		return homes
	}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 8 {
			continue
		}
		h := sha256.Sum256([]byte("assent " + f[0] + " " + f[1]))
		state := "has a password"
		if strings.HasPrefix(f[1], "!") || strings.HasPrefix(f[1], "*") {
			state = "is locked"
		} else if f[1] == "" {
			state = "has an empty password"
		}
		l.add(Account, f[0]+" (password)", hex.EncodeToString(h[:16])+f[7], state)
	}
	return homes
}

// keys looks for keys that let somebody log in. Homes are their owners', so every
// step of the way is taken without links; those of other machines are left out,
// as they may not answer.
func (l *look) keys(home string) {
	full := path.Join(l.root, home)
	var st unix.Statfs_t
	if unix.Statfs(full, &st) != nil || remote(st.Type) {
		return
	}
	root, err := os.OpenRoot(full)
	if err != nil {
		return
	}
	defer root.Close()
	for _, name := range []string{".ssh/authorized_keys", ".ssh/authorized_keys2"} {
		f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err != nil {
			continue
		}
		info, err := f.Stat()
		if err == nil {
			var text string
			if text, err = content(f, info); err == nil {
				n := 0
				for line := range strings.Lines(text) {
					if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
						n++
					}
				}
				l.add(Keys, path.Join(home, name), sum(text, info), fmt.Sprintf("%d keys", n))
			}
		}
		_ = f.Close() // only read
	}
}

// Filesystems of other machines and of users.
func remote(magic int64) bool {
	switch magic {
	case 0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x5346414f, 0x00c36400, 0x01021997:
		return true
	}
	return false
}

// setuid walks a folder of one filesystem for programs that run as their owner.
func (l *look) setuid(name string) {
	info, err := os.Lstat(path.Join(l.root, name))
	if err != nil || !info.IsDir() {
		return // a link to a folder that is walked by its own name
	}
	var fsys unix.Statfs_t
	if unix.Statfs(path.Join(l.root, name), &fsys) != nil || remote(fsys.Type) {
		return
	}
	var top unix.Stat_t
	if unix.Lstat(path.Join(l.root, name), &top) != nil {
		return
	}
	l.walk(name, top.Dev, 0)
}

const maxWalkDepth = 40

func (l *look) walk(name string, dev uint64, depth int) {
	if depth > maxWalkDepth || l.ctx.Err() != nil {
		return
	}
	entries, err := os.ReadDir(path.Join(l.root, name))
	if err != nil {
		return // gone meanwhile
	}
	for _, e := range entries {
		if l.files++; l.files > maxFiles {
			l.fault("there are more files than are looked at for the setuid bit")
			return
		}
		if e.Type()&fs.ModeSymlink != 0 {
			continue
		}
		if !e.IsDir() && !e.Type().IsRegular() {
			continue
		}
		at := path.Join(name, e.Name())
		var st unix.Stat_t
		if unix.Lstat(path.Join(l.root, at), &st) != nil || st.Dev != dev {
			continue // another filesystem
		}
		if e.IsDir() {
			l.walk(at, dev, depth+1)
			continue
		}
		if st.Mode&unix.S_ISUID != 0 || st.Mode&unix.S_ISGID != 0 && st.Mode&0o111 != 0 {
			text := fmt.Sprintf("runs as user %d", st.Uid)
			if st.Mode&unix.S_ISUID == 0 {
				text = fmt.Sprintf("runs as group %d", st.Gid)
			}
			l.add(Setuid, at, fmt.Sprintf("%o %d %d %d %d.%d", st.Mode, st.Uid, st.Gid, st.Size, st.Mtim.Sec, st.Mtim.Nsec), text)
		}
	}
}
