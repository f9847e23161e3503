// Package setuid finds the programs that run as root for anybody who starts them,
// su, newgrp, doas and all others, and tells of their use. It holds them only
// where the policy says so.
//
// Watching waits for nobody. Where programs are held, the kernel waits for an
// answer for a short time, and what is not denied by then goes on as without
// Assent. Root, services and whatever a log-in needs are never held. Arguments can
// not be seen, so an approval is for any. When the agent dies its marks are gone.
//
// Read scan_linux.go for what is found, watch_linux.go for the marks,
// answer_linux.go for one start.
package setuid

import (
	"encoding/binary"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Found is one program that gives more rights than its caller has.
type Found struct {
	Path   string
	Setuid bool   // runs as root
	Setgid bool   // runs as the group root
	Caps   uint64 // what its file capabilities permit
}

// Powerful capabilities: each of them is root by another name.
const powerful = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<6 | 1<<7 | 1<<16 | 1<<17 | 1<<18 | 1<<19 | 1<<21 | 1<<31 | 1<<39

// elevates reports whether f gives root, or as much as that.
func (f Found) elevates() bool { return f.Setuid || f.Setgid || f.Caps&powerful != 0 }

// exempt are programs that log-ins, desktops and the system's own services start
// on behalf of people, that only do one thing for the person, or that Assent sees
// at another place. They are found and never marked.
const exempt = `sudo sudoedit pkexec passwd unix_chkpwd unix2_chkpwd unix_update pam_timestamp_check pam_extrausers_chkpwd
	dbus-daemon-launch-helper polkit-agent-helper-1 ssh-keysign ssh-agent fusermount fusermount3 Xorg Xorg.wrap chrome-sandbox
	utempter newuidmap newgidmap kcheckpass kscreenlocker_greet snap-confine bwrap assent-agent`

// marked reports whether starts of f are told of, and held where that is wanted.
func (f Found) marked() bool {
	return f.elevates() && !slices.Contains(strings.Fields(exempt), path.Base(f.Path))
}

// fileCaps reads the extended attribute with the capabilities of a file.
func fileCaps(raw []byte) (uint64, error) {
	const revision = 0xff000000
	if len(raw) < 4 {
		return 0, errors.New("not capabilities of a file")
	}
	switch magic := binary.LittleEndian.Uint32(raw); {
	case magic&revision == 0x01000000 && len(raw) >= 12:
		return uint64(binary.LittleEndian.Uint32(raw[4:])), nil
	case (magic&revision == 0x02000000 || magic&revision == 0x03000000) && len(raw) >= 20:
		return uint64(binary.LittleEndian.Uint32(raw[4:])) | uint64(binary.LittleEndian.Uint32(raw[12:]))<<32, nil
	}
	return 0, errors.New("not capabilities of a file")
}

// notLocal are the kinds of file systems that are not walked: of the kernel's own,
// or of another machine.
const notLocal = `proc sysfs devtmpfs devpts cgroup cgroup2 securityfs selinuxfs debugfs tracefs pstore bpf mqueue hugetlbfs configfs
	fusectl autofs binfmt_misc rpc_pipefs nsfs efivarfs nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre ocfs2 gfs2 virtiofs`

// localMounts are the mount points, from /proc/self/mountinfo, on which setuid
// programs of this machine can lie.
func localMounts(mountinfo string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(line, " - ")
		at, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(at) < 6 || len(kind) < 1 {
			continue
		}
		if slices.Contains(strings.Split(at[5], ","), "nosuid") || slices.Contains(strings.Fields(notLocal), kind[0]) || strings.HasPrefix(kind[0], "fuse") {
			continue
		}
		if p := unescape(at[4]); !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	return points
}

// unescape reads \040 and the like, as mountinfo has them.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// fresh are those of now that were not there before.
func fresh(now []Found, before []string) []string {
	var list []string
	for _, f := range now {
		if f.elevates() && !slices.Contains(before, f.Path) {
			list = append(list, f.Path)
		}
	}
	return list
}
