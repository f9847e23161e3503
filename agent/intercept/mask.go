package intercept

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// masked stands for a secret that stays on the endpoint.
const masked = "***"

// Mask returns the arguments as people and rules may see them: values that look
// like secrets are replaced, bytes that are not text are shown as escapes. The
// number and order of the arguments stay. It is a courtesy to whoever typed a
// password, not a proof that none is left.
func Mask(args []string) []string {
	out := make([]string, len(args))
	secret := false // the previous argument was an option whose value is secret
	for i, a := range args {
		switch {
		case secret && !strings.HasPrefix(a, "--"):
			out[i], secret = masked, false
			continue
		default:
			secret = secretOption(a)
		}
		out[i] = text(maskOne(a))
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
