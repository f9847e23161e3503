package intercept

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// This file is what we know of secrets on command lines: how they are named,
// what they look like, and which options of which programs carry them.

// secretWords name values that nobody but the program should see.
const secretWords = `(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|jwt|bearer|credentials?|auth(?:[-_]?(?:key|code))?` +
	`|(?:api|access|account|auth|client|encryption|master|private|secret|session|shared|signing|storage|subscription)[-_]?(?:access[-_]?)?key` +
	`|client[-_]?secret|session[-_]?id|connection[-_]?string)`

// secretHeads name headers of HTTP with secrets.
const secretHeads = `(?:(?:proxy-)?authorization|(?:x-)?api-?key|(?:set-)?cookie|private-token|(?:x-)?auth-token|x-vault-token|job-token` +
	`|x-amz-security-token|ocp-apim-subscription-key|x-csrf-token)`

// special are the characters by which a word becomes more than a word to some
// program; a secret that has them is shown from there on.
const special = "\\s;|&<>(){}$`\"'\\\\"

// specialSet is the same as characters.
const specialSet = " \t\n\v\f\r;|&<>(){}$`\"'\\"

// once compiles a pattern when it is first needed: an agent that idles, and the
// short life of a helper, need none.
func once(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// Patterns of secrets; what stands in the first group is kept.
var (
	secretName   = once(`(?i)^(?:--?|/)(?:[\w.]+[-_])*` + secretWords + `$`)
	secretAssign = once(`(?is)^((?:--?|/)?(?:[\w.]+[-_])*[\w.]*` + secretWords + `[=:]).`)
	secretInner  = once(`(?i)([\s,;&?](?:[\w.]+[-_])*` + secretWords + `=)[^\s,;&]+`)
	secretQuery  = once(`(?i)([?&](?:sig|signature|key|code|x-amz-(?:signature|security-token|credential))=)[^\s&]+`)
	secretQuoted = once(`(?i)(["'][\w.-]*` + secretWords + `["']\s*:\s*["'])[^"']+`)
	secretURL    = once(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/@:\s]*:)[^/@\s]+@`)
	secretHeader = once(`(?i)(` + secretHeads + `\s*:\s*(?:\w+\s+)?)\S.*`)
	secretBearer = once(`(?i)\b(bearer\s+)[\w.~+/=-]{8,}`)
	secretKey    = once(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[A-Za-z0-9+/=\s]+`)
	secretHook   = once(`(https://hooks\.slack\.com/services/|https://[\w.-]+/webhook[\w/]*/)[\w/-]{16,}`)
	secretPass   = once(`^(pass:).+`) // of openssl
	secretRaw    = once(`^[A-Za-z0-9/+]{40}$`)

	secretToken = once(`\b(?:ast_[A-Za-z0-9_-]{16,}|asn1_[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}` +
		`|gl(?:pat|dt|rt|cbt)-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}|A(?:KIA|SIA|ROA|IDA)[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*` +
		`|[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|AIza[\w-]{35}|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{20,}` +
		`|dckr_pat_[\w-]{16,}|hv[sb]\.[\w-]{20,}|dop_v1_[a-f0-9]{40,}|SG\.[\w-]{16,}\.[\w-]{16,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}` +
		`|AGE-SECRET-KEY-1[A-Z0-9]{20,}|whsec_[A-Za-z0-9+/=]{20,})`)
)

func maskOne(a string) string {
	if m := secretAssign().FindStringSubmatchIndex(a); m != nil {
		return a[:m[3]] + masked
	}
	for _, re := range []func() *regexp.Regexp{secretInner, secretQuery, secretQuoted, secretHeader, secretBearer, secretKey, secretHook, secretPass} {
		a = re().ReplaceAllString(a, "${1}"+masked)
	}
	a = secretURL().ReplaceAllString(a, "${1}"+masked+"@")
	if rawKey(a) {
		return masked
	}
	return secretToken().ReplaceAllString(a, masked)
}

// rawKey reports whether a is what a secret access key of AWS looks like: forty
// characters of base64, and neither a path nor a sum in hex.
func rawKey(a string) bool {
	return secretRaw().MatchString(a) && a[0] != '/' && strings.ContainsAny(a, "0123456789") &&
		strings.ContainsAny(a, "GHIJKLMNOPQRSTUVWXYZ") && strings.ContainsAny(a, "ghijklmnopqrstuvwxyz")
}

// The same patterns for programs that act on their arguments.
var (
	wordAssign = once(`(?i)^((?:--?)?(?:[\w.]+[-_])*[\w.]*` + secretWords + `[=:])[^./~` + special + `][^` + special + `]*`)
	wordInner  = once(`(?i)([\s,;&?](?:[\w.]+[-_])*` + secretWords + `=)[^./~,` + special + `][^,` + special + `]*`)
	wordQuery  = once(`(?i)([?&](?:sig|signature|key|code|x-amz-(?:signature|security-token|credential))=)[^` + special + `]+`)
	wordQuoted = once(`(?i)(["'][\w.-]*` + secretWords + `["']\s*:\s*["'])[^./~` + special + `][^` + special + `]*`)
	wordURL    = once(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/@:\s]*:)[^/@` + special + `]+@`)
	wordHeader = once(`(?i)(` + secretHeads + `\s*:\s*(?:(?:basic|bearer|token|digest)\s+)?)[^` + special + `]+`)
	wordTool   = once(`((?:^|[\s;|&(/])(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin)\s(?:[^;|&` + "`" + `$]*\s)?-p)[^./~` + special + `][^` + special + `]*`)
	onlySecret = once(`^[^-./~` + special + `][^` + special + `]*$`) // no path, no option, no code
)

func maskWord(a string) string {
	for _, re := range []func() *regexp.Regexp{wordAssign, wordInner, wordQuery, wordQuoted, wordHeader, secretBearer, secretKey, secretHook, wordTool} {
		a = re().ReplaceAllString(a, "${1}"+masked)
	}
	a = wordURL().ReplaceAllString(a, "${1}"+masked+"@")
	return secretToken().ReplaceAllString(a, masked)
}

// kind is what of an option's value is secret.
type kind string

const (
	none         kind = ""
	whole        kind = "*"
	afterColon   kind = ":" // user:password
	afterPercent kind = "%" // user%password
)

// tool is what is known of the short options of a program.
type tool struct {
	glued  []string        // -pSECRET
	apart  map[string]kind // -p SECRET
	atLast string          // with this letter among its options, the last argument is the secret
}

func (t tool) known() bool { return len(t.glued) > 0 || len(t.apart) > 0 || t.atLast != "" }

// after says what of the argument behind a is secret.
func (t tool) after(a string) kind {
	if k, ok := t.apart[a]; ok {
		return k
	}
	if secretName().MatchString(a) {
		return whole
	}
	return none
}

// attached hides what stands in one word with its option.
func (t tool) attached(a string, acts bool) string {
	for _, o := range t.glued {
		rest, ok := strings.CutPrefix(a, o)
		if ok && rest != "" && (!acts || onlySecret().MatchString(rest)) {
			return o + masked
		}
	}
	return a
}

// last is the place of a password that stands at the end, -1 = none.
func (t tool) last(args []string) int {
	if t.atLast == "" || len(args) < 3 || strings.HasPrefix(args[len(args)-1], "-") {
		return -1
	}
	if slices.ContainsFunc(args, func(a string) bool {
		return strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, t.atLast)
	}) {
		return len(args) - 1
	}
	return -1
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// optionsOf is what is known of a program, told by its name and verbs.
func optionsOf(program string, args []string) tool {
	is := func(names string) bool { return slices.Contains(strings.Fields(names), program) }
	switch {
	case is("mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlpump mysqlslap mycli mariadb mariadb-dump mariadb-admin mariadb-check mariadb-import 7z 7za 7zr rar unrar"):
		return tool{glued: []string{"-p"}} // "-p x" asks, and x is something else
	case is("sshpass mongo mongosh mongodump mongorestore mongoexport mongoimport useradd usermod rdesktop"):
		return tool{glued: []string{"-p"}, apart: map[string]kind{"-p": whole}}
	case is("sqlcmd bcp isql zip unzip zipcloak ipmitool tsql"):
		return tool{glued: []string{"-P"}, apart: map[string]kind{"-P": whole}}
	case is("curl"):
		return tool{glued: nil, apart: map[string]kind{"-u": afterColon, "--user": afterColon, "-U": afterColon, "--proxy-user": afterColon,
			"--oauth2-bearer": whole, "--pass": whole, "--proxy-pass": whole, "-b": whole, "--cookie": whole}}
	case is("redis-cli"):
		return tool{apart: map[string]kind{"-a": whole}}
	case is("smbclient rpcclient net smbget winexe smbmap"):
		return tool{apart: map[string]kind{"-U": afterPercent, "--user": afterPercent}}
	case is("ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldappasswd"):
		return tool{glued: []string{"-w"}, apart: map[string]kind{"-w": whole, "-s": passwdOnly(program), "-a": passwdOnly(program)}}
	case is("docker podman nerdctl buildah helm skopeo az oc"):
		if slices.Contains(args, "login") {
			return tool{apart: map[string]kind{"-p": whole, "--creds": afterColon, "--dest-creds": afterColon, "--src-creds": afterColon}}
		}
		return tool{apart: map[string]kind{"--creds": afterColon, "--dest-creds": afterColon, "--src-creds": afterColon}}
	case is("plink pscp psftp"):
		return tool{apart: map[string]kind{"-pw": whole}}
	case is("openssl"):
		return tool{apart: map[string]kind{"-k": whole, "-K": whole}}
	case is("snmpget snmpset snmpwalk snmpbulkwalk snmpgetnext snmptrap"):
		return tool{apart: map[string]kind{"-c": whole, "-A": whole, "-X": whole}}
	case is("htpasswd"):
		return tool{atLast: "b"}
	case is("aws"):
		return tool{apart: map[string]kind{"aws_secret_access_key": whole, "aws_session_token": whole}}
	case is("xfreerdp wlfreerdp"):
		return tool{glued: []string{"/p:"}}
	}
	return tool{}
}

// passwdOnly: -s and -a carry passwords for ldappasswd and filters for others.
func passwdOnly(program string) kind {
	if program == "ldappasswd" {
		return whole
	}
	return none
}
