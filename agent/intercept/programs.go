package intercept

import (
	"path"
	"slices"
	"strings"
)

// interprets reports whether a program runs the files it is given.
func interprets(name string) bool {
	base := folded(path.Base(strings.ReplaceAll(name, `\`, "/")))
	if plain, ok := strings.CutSuffix(base, ".exe"); ok { // of Windows
		return slices.Contains([]string{"msiexec", "cmd", "mmc", "control", "powershell", "pwsh", "wscript", "cscript", "mshta", "rundll32",
			"regsvr32", "reg", "regedit", "installutil", "msbuild", "regasm", "regsvcs", "odbcconf", "certutil", "hh", "python", "pythonw", "perl", "ruby", "node", "java", "javaw", "bash", "wsl"}, plain)
	}
	if i := strings.IndexAny(base, "0123456789"); i > 0 {
		base = strings.TrimRight(base[:i], ".-")
	}
	switch base {
	case "python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "wish", "expect", "guile", "java", "deno", "bun",
		"r", "rscript", "make", "gmake", "ansible-playbook", "busybox", "env", "source", "awk", "gawk", "mawk":
		return true
	}
	return isShell(base)
}

// isShell reports whether name is a command interpreter people type into.
func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "rbash", "pwsh"}, folded(path.Base(name)))
}

// folded is a name in small letters, as file systems compare it that do not tell them
// from large ones: there /bin/ZSH is a shell, and so is one with a long s.
func folded(name string) string { return strings.ToLower(strings.ToUpper(name)) }
