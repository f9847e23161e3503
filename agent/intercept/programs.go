package intercept

import (
	"path"
	"slices"
	"strings"
)

// Unbounded reports whether a program, by its path or name, can do anything at
// all once it runs elevated: interpreters, shells, editors, pagers, loaders and
// programs that start others. A version at the end of the name is ignored.
//
// The list is for caution, not for safety: whoever may run one of these should
// know what that means. A program that is not on it is not thereby harmless.
func Unbounded(name string) bool {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if listed(name) {
		return true
	}
	trimmed := strings.TrimRight(name, "0123456789.-")
	return trimmed != name && trimmed != "" && listed(trimmed) ||
		strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl") || strings.HasPrefix(name, "ld.so")
}

func listed(name string) bool {
	switch name {
	case "sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "busybox", "toybox", "pwsh", // shells
		"python", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "expect", "guile", "java", "deno", "bun", "R", "Rscript", "osascript", "jrunscript", "gdb", "lldb", "irb", "ipython", // interpreters
		"vi", "vim", "nvim", "view", "vimdiff", "rvim", "ex", "ed", "emacs", "nano", "rnano", "pico", "joe", "micro", "mcedit", "vim.basic", "vim.tiny", "vim.nox", "vim.gtk", "editor", "code", "gedit", "kate", // editors
		"less", "more", "most", "pager", "man", "mc", "ranger", // pagers and file managers
		"awk", "gawk", "mawk", "nawk", "sed", "find", "xargs", "parallel", "env", "nice", "nohup", "timeout", "setsid", "stdbuf", "ionice", "chrt", "taskset", "watch", "time", "strace", "ltrace", "script", "screen", "tmux", "socat", "nc", "ncat", // start others
		"su", "sudo", "doas", "pkexec", "runuser", "setpriv", "chroot", "unshare", "nsenter", "systemd-run", "machinectl", "capsh", "start-stop-daemon", "run-parts", "flock", "at", "crontab", // change who or where
		"docker", "podman", "nerdctl", "ctr", "kubectl", "lxc", "virsh", // own the machine through a service
		"cp", "mv", "dd", "tee", "install", "ln", "chmod", "chown", "tar", "rsync", "scp", "zip", "unzip", "cpio", "git", "make", "ssh", "ftp", "wget", "curl", "mount", "insmod", "modprobe": // write anywhere
		return true
	}
	return false
}

// Shell reports whether name is a command interpreter people type into.
func Shell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "pwsh"}, path.Base(name))
}
