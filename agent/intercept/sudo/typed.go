package sudo

import (
	"slices"
	"strings"
)

// typed is what a person asked sudo for, read from the command line the way
// sudo itself reads it.
type typed struct {
	pass    bool     // nothing would run: list, validate, version, and what sudo refuses itself
	edit    bool     // sudoedit
	shell   bool     // -s or -i
	login   bool     // -i
	silent  bool     // -n
	mute    bool     // -S or -A: what sudo would read for a question is a password
	sets    []string // NAME=VALUE before the command
	chdir   string   // -D
	command string
	args    []string
	refused string // an option that no approval covers, "" = none
}

// The options of sudo that take a value. Those of other versions or systems
// only make a message less exact: sudo reads its command line itself.
const valued = "aCcDgprRtTuU"

type longOption struct {
	name   string
	short  byte
	valued bool
}

func longOptions() []longOption {
	return []longOption{
		{"askpass", 'A', false}, {"auth-type", 'a', true}, {"background", 'b', false}, {"bell", 'B', false},
		{"chdir", 'D', true}, {"chroot", 'R', true}, {"close-from", 'C', true}, {"command-timeout", 'T', true},
		{"edit", 'e', false}, {"group", 'g', true}, {"help", 'h', false}, {"host", 'h', true}, {"list", 'l', false},
		{"login", 'i', false}, {"login-class", 'c', true}, {"non-interactive", 'n', false}, {"no-update", 'N', false},
		{"other-user", 'U', true}, {"preserve-env", 'E', false}, {"preserve-groups", 'P', false}, {"prompt", 'p', true},
		{"remove-timestamp", 'K', false}, {"reset-timestamp", 'k', false}, {"role", 'r', true}, {"set-home", 'H', false},
		{"shell", 's', false}, {"stdin", 'S', false}, {"type", 't', true}, {"user", 'u', true},
		{"validate", 'v', false}, {"version", 'V', false},
	}
}

// options lists the option letters in argv before end, and the variables that
// are set there (sudo FOO=1 command).
func options(argv []string, end int) (letters string, sets []string) {
	var seen []byte
	for i := 1; i < end; i++ {
		a := argv[i]
		switch {
		case a == "--":
			return string(seen), sets
		case strings.HasPrefix(a, "--"):
			name, _, hasValue := strings.Cut(a[2:], "=")
			o := findLong(name)
			seen = append(seen, o.short)
			if o.valued && !hasValue {
				i++
			}
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				seen = append(seen, a[j])
				if a[j] == 'h' { // -hHOST, or -h HOST when an option stands before
					if j == len(a)-1 && i+1 < end && !strings.HasPrefix(argv[i+1], "-") {
						i++
					}
					break
				}
				if strings.IndexByte(valued, a[j]) >= 0 {
					if j == len(a)-1 {
						i++
					}
					break
				}
			}
		case strings.Contains(a, "="):
			sets = append(sets, a)
		}
	}
	return string(seen), sets
}

func findLong(name string) longOption {
	all := longOptions()
	match := func(o longOption) bool { return o.name == name }
	i := slices.IndexFunc(all, match)
	if i < 0 { // sudo takes unambiguous beginnings
		i = slices.IndexFunc(all, func(o longOption) bool { return strings.HasPrefix(o.name, name) })
	}
	if i < 0 {
		return longOption{}
	}
	return all[i]
}

// read understands a call of the open stage.
func read(c call) typed {
	letters, sets := options(c.argv, c.optind)
	has := func(l string) bool { return strings.ContainsAny(letters, l) }
	rest := c.argv[c.optind:]
	t := typed{
		edit:   isTrue(c.settings, "sudoedit") || has("e"),
		login:  isTrue(c.settings, "login_shell") || has("i"),
		silent: isTrue(c.settings, "noninteractive") || has("n"),
		mute:   has("SA"), sets: sets, chdir: value(c.settings, "cmnd_cwd"),
	}
	// sudo alone (implied_shell) prints how it is used, but where sudoers makes it
	// a shell for those who have one.
	t.shell = t.login || isTrue(c.settings, "run_shell") && !isTrue(c.settings, "implied_shell") || has("s")
	if has("lvKV") || len(rest) == 0 && !t.shell || t.edit && t.shell {
		t.pass = true
		return t
	}
	if len(rest) > 0 {
		t.command, t.args = rest[0], rest[1:]
	}
	t.refused = t.notCovered(c, letters)
	return t
}

// notCovered names what an approval of one program by one user does not cover;
// sudo would refuse most of it after the approval.
func (t typed) notCovered(c call, letters string) string {
	why := notSettable(t.sets)
	switch {
	case why != "":
		return why
	case len(t.sets) > 0 && (t.shell || t.edit):
		return "setting variables for a shell or an editor"
	case strings.Contains(letters, "E") || isTrue(c.settings, "preserve_environment"):
		return "-E (keep the environment)"
	case strings.Contains(letters, "D") && t.chdir == "" || t.chdir != "" && (t.shell || t.edit):
		return "-D (another folder)"
	case strings.Contains(letters, "R") || value(c.settings, "cmnd_chroot") != "":
		return "-R (another root)"
	case strings.Contains(letters, "g") || value(c.settings, "runas_group") != "":
		return "-g (another group)"
	case strings.Contains(letters, "P") || isTrue(c.settings, "preserve_groups"):
		return "-P (keep the groups)"
	case strings.Contains(letters, "C") || value(c.settings, "closefrom") != "":
		return "-C (keep descriptors open)"
	case strings.Contains(letters, "T") || value(c.settings, "timeout") != "":
		return "-T (a time limit)"
	case value(c.settings, "remote_host") != "":
		return "-h (another host)"
	case strings.ContainsAny(letters, "rt"):
		return "-r and -t (another role)"
	}
	return ""
}

// shellWord joins a command for `sh -c` as sudo does for -s and -i: everything
// but letters, digits, _ - and $ gets a backslash.
func shellWord(argv []string) string {
	var b strings.Builder
	for n, arg := range argv {
		if n > 0 {
			b.WriteByte(' ')
		}
		for i := range len(arg) {
			c := arg[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '$') {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unshell takes the backslashes away again, except before blanks: sudoers
// compares a shell's command in this form.
func unshell(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(" \t\n\v\f\r", s[i+1]) < 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
