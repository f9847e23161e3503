package standing

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Where a machine keeps who may become root.
const (
	sudoersPath  = "/etc/sudoers"
	vendorPath   = "/usr/etc/sudoers" // of a package, read while the other is not there
	sudoConf     = "/etc/sudo.conf"
	doasPath     = "/etc/doas.conf"
	passwdPath   = "/etc/passwd"
	shadowPath   = "/etc/shadow"
	groupPath    = "/etc/group"
	gshadowPath  = "/etc/gshadow"
	nsswitchPath = "/etc/nsswitch.conf"

	ownPrefix    = "zz-assent-" // of Assent's own files in folders of sudo
	maxDepth     = 64           // of includes
	maxFiles     = 2000
	maxFile      = 4 << 20 // bytes
	maxGroupFile = 16 << 20
)

// machine is everything that was read in one look.
type machine struct {
	s        *Standing
	faults   []string
	files    []string // of sudoers, in their order
	aliases  map[string]alias
	defaults defaults
	rules    []placed
	accounts []account
	groups   []group
	foreign  map[string]bool // "passwd", "group": they have other sources than files
	hosts    []string        // names of this machine
	watch    map[string]bool // folders that were read
	includes map[string]bool // those whose files sudo reads, all of them
}

// placed is a rule with where it stands.
type placed struct {
	rule
	file string
	line span
}

// defaults are the settings of sudo that change what a rule means.
type defaults struct {
	noAsk  map[string]bool // users that are not asked; "" = everybody
	target bool            // the password of the other account is asked for
	runas  string          // whom commands run as unless said
}

func (m *machine) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf(format, args...))
}

// readMachine reads everything.
func (s *Standing) readMachine() *machine {
	m := &machine{s: s, aliases: map[string]alias{}, defaults: defaults{noAsk: map[string]bool{}, runas: "root"},
		foreign: map[string]bool{}, watch: map[string]bool{}, includes: map[string]bool{}}
	m.readPeople()
	if raw, err := s.read(sudoConf); err == nil && strings.Contains(string(raw), "sudoers_file=") {
		m.fault("%s names another file than %s: what stands there is not listed", sudoConf, sudoersPath)
	}
	main := sudoersPath
	if _, err := os.Lstat(s.at(main)); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(s.at(vendorPath)); err != nil {
			return m // no sudo here
		}
		main = vendorPath
	}
	m.include(main, 0)
	return m
}

// read reads a file that only root can have written, by way of folders that only
// root can change.
func (s *Standing) read(path string) ([]byte, error) {
	if err := s.trusted(path); err != nil {
		return nil, err
	}
	s.files.RLock()
	defer s.files.RUnlock()
	return readBounded(s.at(path), maxFile)
}

// include reads one file of sudoers and what it includes.
func (m *machine) include(path string, depth int) {
	m.watch[filepath.Dir(path)] = true
	if depth > maxDepth || len(m.files) >= maxFiles {
		m.fault("%s: too many includes", path)
		return
	}
	raw, err := m.s.read(path)
	if err != nil {
		m.fault("%s: %v", path, err)
		return
	}
	m.files = append(m.files, path)
	for _, l := range splitLines(raw) {
		m.line(path, l, depth)
	}
}

// line takes one line of sudoers.
func (m *machine) line(path string, l logicalLine, depth int) {
	text := strings.TrimSpace(l.text)
	switch {
	case text == "":
		return
	case m.included(path, text, depth):
		return
	case strings.HasPrefix(text, "Defaults"):
		m.readDefaults(strings.TrimPrefix(text, "Defaults"))
		return
	}
	if list, ok := readAliases(l.text); ok {
		for _, a := range list {
			m.aliases[a.kind+" "+a.name] = a
		}
		return
	}
	r, ok := readRule(l.text)
	if !ok {
		m.fault("%s:%d: not understood", path, l.n)
		return
	}
	m.rules = append(m.rules, placed{rule: r, file: path, line: l.span})
}

// included follows a line that includes others; false when it is none.
func (m *machine) included(path, text string, depth int) bool {
	word, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	switch word {
	case "#include", "@include", "#includedir", "@includedir":
	default:
		return false
	}
	it, _, ok := readItem(strings.TrimSpace(rest), 0)
	if !ok {
		m.fault("%s: an include without a path", path)
		return true
	}
	target := strings.ReplaceAll(it.name, "%h", m.shortHost())
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	target = filepath.Clean(target)
	if strings.HasSuffix(word, "include") {
		m.include(target, depth+1)
		return true
	}
	m.watch[target] = true
	if err := m.s.trusted(target); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.fault("%s: %v", target, err)
		}
		return true
	}
	entries, err := os.ReadDir(m.s.at(target)) // sorted, as sudo reads them
	if err != nil {
		m.fault("%s: %v", target, err)
	}
	m.includes[target] = true
	for _, e := range entries {
		name := e.Name()
		if strings.Contains(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, ownPrefix) {
			continue
		}
		if info, err := os.Stat(m.s.at(filepath.Join(target, name))); err == nil && info.Mode().IsRegular() {
			m.include(filepath.Join(target, name), depth+1)
		}
	}
	return true
}

// readDefaults takes the settings that matter here; text begins behind the word
// Defaults.
func (m *machine) readDefaults(text string) {
	who, global := "", text == "" || text[0] == ' ' || text[0] == '\t'
	if !global {
		if text[0] != ':' {
			return // for hosts, commands or other accounts: it does not make more
		}
		list, next, ok := readList(text, 1)
		if !ok {
			return
		}
		who, text = list[0].name, text[next:]
		for _, it := range list[1:] {
			if strings.Contains(text, "!authenticate") {
				m.defaults.noAsk[it.name] = true
			}
		}
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "!authenticate":
			m.defaults.noAsk[who] = true
		case "authenticate":
			delete(m.defaults.noAsk, who)
		case "targetpw", "rootpw", "runaspw":
			m.defaults.target = m.defaults.target || global
		case "runas_default":
			if global && value != "" {
				m.defaults.runas = strings.Trim(value, `"`)
			}
		}
	}
}

func (m *machine) shortHost() string {
	short, _, _ := strings.Cut(m.hosts[0], ".")
	return short
}

// thisHost reports whether a list of hosts may mean this machine. Addresses and
// netgroups may.
func (m *machine) thisHost(list []item, depth int) bool {
	here := false
	for _, it := range list {
		match := false
		a, isAlias := m.aliases["Host "+it.name]
		switch {
		case it.name == "ALL" && !it.quoted, strings.HasPrefix(it.name, "+"), strings.Trim(it.name, "0123456789./:abcdefABCDEF") == "" && strings.ContainsAny(it.name, "./:"):
			match = true
		case isAlias && !it.quoted && depth < maxDepth:
			match = m.thisHost(a.items, depth+1)
		default:
			match = slices.ContainsFunc(m.hosts, func(h string) bool {
				ok, err := filepath.Match(strings.ToLower(it.name), strings.ToLower(h))
				return ok && err == nil
			})
		}
		if match {
			here = !it.not
		}
	}
	return here
}

// readBounded reads a regular file that is not larger than limit.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readFile(f, path, limit)
}

// readFile reads an open file, which stays open.
func readFile(f *os.File, path string, limit int64) ([]byte, error) {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is not a file", path))
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return raw, err
}
