package sudo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// errRule is returned for a program or arguments that sudoers can not express
// exactly. They can run by `assent run`, which needs no sudoers.
var errRule = errors.New("sudo can not be told this command exactly")

// maxPattern bounds the escaped arguments, in bytes; sudo reads lines into
// buffers of its own.
const maxPattern = 4000

// sudoRule is what one file of sudoers shall allow.
type sudoRule struct {
	UID      uint32
	RunAs    uint32
	NotAfter time.Time // the last second in which it holds
	SHA256   string    // "" for scripts: a digest would change their $0
	Path     string
	Args     []string // without argv[0]; sudo compares them joined by blanks
	Edit     bool     // sudoedit of the files in Args
	AnyCwd   bool     // -D is allowed; which folder it is, the check compares
	Cwd      string   // sudo goes there, wherever it is called; "" = it stays where it is
	Keep     []string // names of variables that are typed before the command
	Children elevation.Children
	Until    time.Time // how long programs may be started inside, where Children contains them
}

// Text writes the rule as it stands in its file. It returns an error wrapping
// [errRule] for everything that could not be expressed exactly.
//
// sudo compares arguments joined by blanks, so a rule never pins where one ends
// and the next begins; comparing element by element before the start does.
//
// Nothing that is started inside matches the one exact line, so sudo itself
// refuses it where INTERCEPT stands. Containing needs a second, wide line, from
// which the plugin's check takes what no rule approves; the exact one comes last,
// as the last that matches counts.
func (r sudoRule) Text() (string, error) {
	command, err := r.command()
	if err != nil {
		return "", err
	}
	if r.UID == 0 || r.NotAfter.IsZero() {
		return "", fmt.Errorf("%w: no user or no end", errRule)
	}
	settings, err := r.settings()
	if err != nil {
		return "", err
	}
	options, hold, wide := "NOTAFTER="+stamp(r.NotAfter), "", ""
	if r.AnyCwd {
		options += " CWD=*"
	}
	if r.Cwd != "" {
		if _, err := escapePath(r.Cwd); err != nil && r.Cwd != "/" || r.AnyCwd {
			return "", fmt.Errorf("%w: the folder", errRule)
		}
		options += " CWD=" + r.Cwd
	}
	switch r.Children {
	case "", elevation.ChildrenAllow:
	case elevation.ChildrenDeny:
		hold = "NOEXEC: INTERCEPT: "
	case elevation.ChildrenContain:
		if r.Until.IsZero() {
			return "", fmt.Errorf("%w: no end of what is started inside", errRule)
		}
		hold = "INTERCEPT: "
		wide = fmt.Sprintf("#%d ALL=(#%d) NOTAFTER=%s NOPASSWD: INTERCEPT: NOSETENV: ALL\n", r.UID, r.RunAs, stamp(r.Until))
	default:
		return "", fmt.Errorf("%w: children %q", errRule, r.Children)
	}
	// Options stand before tags; after a tag they would be a syntax error.
	return fmt.Sprintf("%s%s#%d ALL=(#%d) %s NOPASSWD: %sNOSETENV: %s\n", settings, wide, r.UID, r.RunAs, options, hold, command), nil
}

func stamp(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// settings are for every sudo of this user while the file is there, so only what
// hurts none of them.
func (r sudoRule) settings() (string, error) {
	text := ""
	if len(r.Keep) > 0 {
		for _, name := range r.Keep {
			if !settable(name) {
				return "", fmt.Errorf("%w: the variable %q", errRule, name)
			}
		}
		text += fmt.Sprintf("Defaults:#%d env_keep += \"%s\"\n", r.UID, strings.Join(r.Keep, " "))
	}
	if r.Children == elevation.ChildrenDeny || r.Children == elevation.ChildrenContain {
		text += fmt.Sprintf("Defaults:#%d intercept_type=trace, intercept_verify\n", r.UID)
	}
	return text, nil
}

func (r sudoRule) command() (string, error) {
	if r.Edit {
		files := make([]string, len(r.Args))
		for i, f := range r.Args {
			path, err := escapePath(f)
			if err != nil {
				return "", err
			}
			files[i] = path
		}
		if len(files) == 0 {
			return "", fmt.Errorf("%w: no file", errRule)
		}
		return "sudoedit " + strings.Join(files, " "), nil
	}
	path, err := escapePath(r.Path)
	if err != nil {
		return "", err
	}
	args, err := escapeArgs(r.Args)
	if err != nil {
		return "", err
	}
	digest := ""
	if r.SHA256 != "" {
		if len(r.SHA256) != 64 || strings.Trim(r.SHA256, "0123456789abcdef") != "" {
			return "", fmt.Errorf("%w: not a SHA-256", errRule)
		}
		digest = "sha256:" + r.SHA256 + " "
	}
	return digest + path + " " + args, nil
}

// escapePath takes only paths that are plain text to sudoers, where a path is a
// pattern and not everything has an escape.
func escapePath(path string) (string, error) {
	if len(path) < 2 || path[0] != '/' || strings.HasSuffix(path, "/") {
		return "", fmt.Errorf("%w: the path", errRule)
	}
	for i := range len(path) {
		c := path[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("/._+@%~-", c) < 0 {
			return "", fmt.Errorf("%w: the path has the character %q", errRule, c)
		}
	}
	return path, nil
}

// escapeArgs makes one pattern of the joined arguments. Two readers follow each
// other: the lexer of sudoers, then fnmatch. Blanks become classes, as a
// backslash and a blank at the end of a line would continue it.
func escapeArgs(args []string) (string, error) {
	if len(args) == 0 {
		return `""`, nil // no arguments at all
	}
	joined := strings.Join(args, " ")
	if joined == "" {
		// An empty pattern is read as none: any arguments would be allowed.
		return "", fmt.Errorf("%w: a single empty argument", errRule)
	}
	var b strings.Builder
	for i := range len(joined) {
		switch c := joined[i]; {
		case c < 0x20 && c != '\t' || c == 0x7f:
			return "", fmt.Errorf("%w: a control character in the arguments", errRule)
		case c == ' ' || c == '\t':
			b.WriteString(`[\` + string(c) + `]`)
		case c == '"': // a lone "" would mean no arguments, \" is an error
			b.WriteString(`["]`)
		case c == '\\': // the lexer halves them, fnmatch halves them again
			b.WriteString(`\\\\`)
		case strings.IndexByte("*?[]!^,:=#", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() > maxPattern {
		return "", fmt.Errorf("%w: the arguments are too long", errRule)
	}
	return b.String(), nil
}
