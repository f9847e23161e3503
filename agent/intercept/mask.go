package intercept

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/assent-epm/assent/shared/elevation"
)

const masked = elevation.Masked

// Mask returns the arguments as people and rules may see them: values that look
// like secrets are replaced, bytes that are not text are shown as escapes. The
// number and order of the arguments stay. It is a courtesy to whoever typed a
// password, not a proof that none is left.
//
// It must not become a way to hide from the approver what will happen. acts says
// that the program does what its arguments say (a shell, tee, find): then nothing
// is replaced that could be more than a secret, such as code or a path. What
// stands behind "--" is no option of any program.
func Mask(args []string, acts bool) []string {
	out := make([]string, len(args))
	one, options := maskOne, true
	if acts {
		one = maskWord
	}
	secret := false // the previous argument was an option whose value is secret
	for i, a := range args {
		if secret && !strings.HasPrefix(a, "--") && (!acts || onlySecret.MatchString(a)) {
			out[i], secret = masked, false
			continue
		}
		options = options && a != "--"
		secret = options && secretOption(a)
		out[i] = text(one(a))
	}
	return out
}

// secretWords name values that nobody but the program should see.
const secretWords = `(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|client[-_]?secret|credentials?|auth)`

// Patterns of secrets; the first group, where there is one, is kept.
var (
	secretName   = regexp.MustCompile(`(?i)^--?(?:[\w.]+[-_])*` + secretWords + `$`)
	secretAssign = regexp.MustCompile(`(?i)^(?s)((?:--?)?(?:[\w.]+[-_])*[\w.]*` + secretWords + `[=:]).`)
	secretURL    = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/@:\s]*:)[^/@\s]+@`)
	secretHeader = regexp.MustCompile(`(?i)((?:authorization|x-api-key|cookie|private-token)\s*:\s*(?:\w+\s+)?)\S.*`)
	secretToken  = regexp.MustCompile(`\b(?:ast_[A-Za-z0-9_-]{16,}|asn1_[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)`)
)

func maskOne(a string) string {
	if m := secretAssign.FindStringSubmatchIndex(a); m != nil {
		return a[:m[3]] + masked
	}
	a = secretURL.ReplaceAllString(a, "${1}"+masked+"@")
	a = secretHeader.ReplaceAllString(a, "${1}"+masked)
	return secretToken.ReplaceAllString(a, masked)
}

// special are the characters by which a word becomes more than a word to some
// program; a secret that has them is shown from there on.
const special = "\\s;|&<>(){}$`\"'\\\\"

// The same patterns for programs that act on their arguments.
var (
	wordAssign = regexp.MustCompile(`(?i)^((?:--?)?(?:[\w.]+[-_])*[\w.]*` + secretWords + `[=:])[^./~` + special + `][^` + special + `]*`)
	wordURL    = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/@:\s]*:)[^/@` + special + `]+@`)
	wordHeader = regexp.MustCompile(`(?i)((?:authorization|x-api-key|cookie|private-token)\s*:\s*(?:(?:basic|bearer|token|digest)\s+)?)[^` + special + `]+`)
	onlySecret = regexp.MustCompile(`^[^-./~` + special + `][^` + special + `]*$`) // no path, no option, no code
)

func maskWord(a string) string {
	a = wordAssign.ReplaceAllString(a, "${1}"+masked)
	a = wordURL.ReplaceAllString(a, "${1}"+masked+"@")
	a = wordHeader.ReplaceAllString(a, "${1}"+masked)
	return secretToken.ReplaceAllString(a, masked)
}

// secretOption reports whether the next argument is the value of an option that
// is secret: --password, -password, --api-key.
func secretOption(a string) bool { return secretName.MatchString(a) }

// text shows bytes that are no UTF-8, and NUL, as escapes.
func text(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
