package privilege

import (
	"fmt"
	"strconv"
	"strings"
)

// systemPath is where programs are looked for, in this order; folders that
// others than root can write are left out by [SystemPath].
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// SystemPath is the PATH of every elevated program, and where `assent run`
// looks for a command without a slash.
func SystemPath() string {
	var dirs []string
	for _, d := range strings.Split(systemPath, ":") {
		if ok, err := RootOnly(d); err == nil && ok {
			dirs = append(dirs, d)
		}
	}
	return strings.Join(dirs, ":")
}

// environment builds what the program sees from nothing: who it is, who asked,
// and those of the requester's variables that only say how text looks. Names
// and values are checked like sudo does: a value can not name a file, a format
// or a terminal description of the user's making.
func environment(s Spec, tree string) []string {
	env := []string{
		"PATH=" + SystemPath(),
		"HOME=" + s.RunAs.Home,
		"USER=" + s.RunAs.Name,
		"LOGNAME=" + s.RunAs.Name,
		"SHELL=" + s.RunAs.Shell,
		"ASSENT_UID=" + strconv.FormatUint(uint64(s.Requester.UID), 10),
		"ASSENT_GID=" + strconv.FormatUint(uint64(s.Requester.GID), 10),
		"ASSENT_USER=" + s.Requester.Name,
		"ASSENT_GRANT=" + string(s.Grant),
		"ASSENT_REQUEST=" + string(s.Request),
		treeMark + "=" + tree,
	}
	seen := map[string]bool{}
	if s.Own {
		for _, v := range env {
			name, _, _ := strings.Cut(v, "=")
			seen[name] = true
		}
	}
	for _, v := range s.Env {
		name, value, ok := strings.Cut(v, "=")
		if ok && !seen[name] && (s.Own && plainVariable(name) || passes(name, value)) {
			seen[name] = true
			env = append(env, v)
		}
	}
	return env
}

// plainVariable reports whether a variable of a person's own may reach a shell of
// their own: its name is one.
func plainVariable(name string) bool { return len(name) <= 128 && only(name, "_") }

// treeMark is the variable by which processes of a tree are found again where
// nothing better holds them.
const treeMark = "ASSENT_TREE"

const longestValue = 128

func passes(name, value string) bool {
	if value == "" || len(value) > longestValue || len(name) > 32 {
		return false
	}
	switch {
	case name == "TERM", name == "COLORTERM":
		return only(value, "._+-")
	case name == "LANG", name == "LANGUAGE", strings.HasPrefix(name, "LC_") && only(name, "_"):
		return only(value, "._@-:")
	case name == "TZ":
		zone := strings.TrimPrefix(value, "/usr/share/zoneinfo/")
		return only(zone, "/_+-,.:<>") && !strings.HasPrefix(zone, "/") &&
			!strings.HasPrefix(zone, ":") && !strings.Contains(zone, "..")
	}
	return false
}

// only reports whether s has nothing but ASCII letters, digits and extra.
func only(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return s != ""
}

// maxArguments bounds the arguments of one program, in bytes with their ends.
// It is below what the kernel takes, so that a refusal is ours and clear.
const maxArguments = 1 << 20

// maxArgument is the kernel's limit for one argument, in bytes.
const maxArgument = 128<<10 - 1

// CheckArguments refuses what can not be passed to a program unchanged: NUL
// bytes, an empty path, more bytes than the kernel takes. The error wraps
// [ErrArguments].
func CheckArguments(path string, args []string) error {
	if path == "" {
		return fmt.Errorf("%w: there is no program", ErrArguments)
	}
	total := 0
	for i, a := range append([]string{path}, args...) {
		switch {
		case strings.IndexByte(a, 0) >= 0:
			return fmt.Errorf("%w: number %d has a NUL byte", ErrArguments, i)
		case len(a) > maxArgument:
			return fmt.Errorf("%w: number %d is longer than %d bytes", ErrArguments, i, maxArgument)
		}
		total += len(a) + 9 // its end and its pointer
	}
	if total > maxArguments {
		return fmt.Errorf("%w: they are longer than %d bytes", ErrArguments, maxArguments)
	}
	return nil
}
