package standing

import (
	"regexp"
	"strings"
)

// Words of sudoers.
var (
	includeLine  = regexp.MustCompile(`^#include(dir)?[ \t]`)
	tagBefore    = regexp.MustCompile(`^(?:((?:NO)?(?:PASSWD|EXEC|SETENV|LOG_INPUT|LOG_OUTPUT|FOLLOW|MAIL|INTERCEPT))[ \t]*:|(?:ROLE|TYPE|PRIVS|LIMITPRIVS|APPARMOR_PROFILE|TIMEOUT|NOTBEFORE|NOTAFTER|CWD|CHROOT)[ \t]*=[ \t]*(?:"[^"]*"|[^ \t,:]*))[ \t]*`)
	digestBefore = regexp.MustCompile(`^((sha(224|256|384|512)[ \t]*:[ \t]*[0-9A-Za-z+/=]+)[ \t]*,?[ \t]*)+`)
)

// span is a stretch of a file: bytes from start to end, and the number of its
// first line.
type span struct{ start, end, n int }

// logicalLine is one line of sudoers with its continuations. text is as long as
// the bytes of the span, with joints blanked and a comment cut off.
type logicalLine struct {
	span
	text string
}

// splitLines cuts a file of sudoers into its logical lines. A backslash at the end
// of a line joins the next one, not in a comment.
func splitLines(raw []byte) (out []logicalLine) {
	n := 1
	for pos := 0; pos < len(raw); {
		l := logicalLine{span: span{start: pos, n: n}}
		text := make([]byte, 0, 80)
		quoted, comment := false, false
		for ; pos < len(raw) && raw[pos] != '\n'; pos++ {
			c := raw[pos]
			switch {
			case comment:
			case c == '\\' && joins(raw, pos) > 0:
				skip := joins(raw, pos)
				text = append(text, "   "[:skip+1]...)
				pos += skip
				n++
			case c == '\\' && pos+1 < len(raw) && raw[pos+1] != '\n':
				text = append(text, c, raw[pos+1])
				pos++
			case c == '"':
				quoted = !quoted
				text = append(text, c)
			case c == '#' && !quoted && !numbered(raw, pos) && !directive(text, raw[pos:]):
				comment = true
			default:
				text = append(text, c)
			}
		}
		l.end, l.text = pos, strings.TrimRight(string(text), "\r")
		out = append(out, l)
		pos++
		n++
	}
	return out
}

// joins is how many bytes after a backslash end the line, 0 when none do.
func joins(raw []byte, pos int) int {
	switch {
	case pos+1 < len(raw) && raw[pos+1] == '\n':
		return 1
	case pos+2 < len(raw) && raw[pos+1] == '\r' && raw[pos+2] == '\n':
		return 2
	}
	return 0
}

// numbered reports whether # begins a number of a user or group, as #1000 does.
func numbered(raw []byte, pos int) bool {
	return pos+1 < len(raw) && raw[pos+1] >= '0' && raw[pos+1] <= '9'
}

// directive reports whether # begins #include or #includedir.
func directive(before, rest []byte) bool {
	return strings.TrimSpace(string(before)) == "" && includeLine.Match(rest)
}

// item is one name in a list; start and end are where it stands in the line.
type item struct {
	start, end int
	not        bool
	name       string // without quotes and backslashes; "%" before groups stays
	quoted     bool   // never the name of an alias
}

func blanks(s string, pos int) int {
	for pos < len(s) && (s[pos] == ' ' || s[pos] == '\t') {
		pos++
	}
	return pos
}

// readItem reads one name. ok is false when there is none.
func readItem(s string, pos int) (it item, next int, ok bool) {
	pos = blanks(s, pos)
	it.start = pos
	for pos < len(s) && s[pos] == '!' {
		it.not = !it.not
		pos = blanks(s, pos+1)
	}
	var name strings.Builder
	begin, quoted := pos, false
	for ; pos < len(s); pos++ {
		c := s[pos]
		switch {
		case c == '"':
			quoted, it.quoted = !quoted, true
			continue
		case c == '\\' && pos+1 < len(s):
			pos++
			name.WriteByte(s[pos])
			it.quoted = true
			continue
		case quoted:
		case strings.IndexByte(" \t,=()!", c) >= 0, c == ':' && !nonUnix(s, begin, pos):
			it.end, it.name = pos, name.String()
			return it, pos, it.name != ""
		}
		name.WriteByte(c)
	}
	it.end, it.name = pos, name.String()
	return it, pos, it.name != "" && !quoted
}

// nonUnix reports whether a colon belongs to a name: %:group, and addresses.
func nonUnix(s string, begin, pos int) bool {
	word := s[begin:pos]
	return word == "%" || strings.Contains(word, ":") || pos+1 < len(s) && s[pos+1] == ':'
}

// readList reads names with commas between them.
func readList(s string, pos int) (list []item, next int, ok bool) {
	for {
		it, after, ok := readItem(s, pos)
		if !ok {
			return nil, pos, false
		}
		list = append(list, it)
		next = blanks(s, after)
		if next >= len(s) || s[next] != ',' {
			return list, after, true
		}
		pos = next + 1
	}
}

// command is one command of a rule, with what stands before it and holds on for
// those behind it.
type command struct {
	users, groups []item // whom it runs as; nil = not said
	said          bool   // there were parentheses
	noAsk         bool
	not           bool
	name          string // "ALL", the name of an alias, or path and arguments
}

// permit is what a rule gives on some hosts.
type permit struct {
	hosts    []item
	commands []command
}

// rule is one line that gives somebody something.
type rule struct {
	users   []item
	rest    string // of the line behind the users, blanks squeezed
	permits []permit
}

// readRule reads a rule. ok is false when the line is none.
func readRule(s string) (r rule, ok bool) {
	users, pos, ok := readList(s, 0)
	if !ok {
		return r, false
	}
	r.users, r.rest = users, strings.Join(strings.Fields(s[pos:]), " ")
	for {
		hosts, next, ok := readList(s, pos)
		next = blanks(s, next)
		if !ok || next >= len(s) || s[next] != '=' {
			return r, false
		}
		p := permit{hosts: hosts}
		if p.commands, pos = readCommands(s, next+1); len(p.commands) == 0 {
			return r, false
		}
		r.permits = append(r.permits, p)
		if pos >= len(s) {
			return r, true
		}
		pos++ // the colon
	}
}

// readCommands reads commands up to the end, or up to a colon behind which other
// hosts follow.
func readCommands(s string, pos int) (out []command, next int) {
	var c command
	for {
		pos = blanks(s, pos)
		if pos < len(s) && s[pos] == '(' {
			c.users, c.groups, pos = readRunAs(s, pos+1)
			c.said = true
		}
		c.noAsk, pos = readTags(s, pos, c.noAsk)
		c.not = false
		for pos < len(s) && s[pos] == '!' {
			c.not = !c.not
			pos = blanks(s, pos+1)
		}
		begin := pos
		pos = commandEnd(s, pos)
		if c.name = strings.TrimSpace(s[begin:pos]); c.name != "" {
			out = append(out, c)
		}
		if pos >= len(s) || s[pos] == ':' {
			return out, pos
		}
		pos++ // the comma
	}
}

func readRunAs(s string, pos int) (users, groups []item, next int) {
	end := strings.IndexByte(s[pos:], ')')
	if end < 0 {
		return nil, nil, len(s)
	}
	inside := s[pos : pos+end]
	list, at, ok := readList(inside, 0)
	if ok {
		users = list
	} else {
		at = blanks(inside, 0)
	}
	if at = blanks(inside, at); at < len(inside) && inside[at] == ':' {
		groups, _, _ = readList(inside, at+1)
	}
	return users, groups, blanks(s, pos+end+1)
}

// readTags reads what may stand before a command: NOPASSWD:, CWD=/x and so on.
func readTags(s string, pos int, noAsk bool) (bool, int) {
	for {
		m := tagBefore.FindStringSubmatch(s[pos:])
		if m == nil {
			break
		}
		switch {
		case m[1] == "NOPASSWD":
			noAsk = true
		case m[1] == "PASSWD":
			noAsk = false
		}
		pos += len(m[0])
	}
	if m := digestBefore.FindString(s[pos:]); m != "" {
		pos += len(m)
	}
	return noAsk, pos
}

// commandEnd is where a command with its arguments ends.
func commandEnd(s string, pos int) int {
	quoted := false
	for ; pos < len(s); pos++ {
		switch {
		case s[pos] == '\\':
			pos++
		case s[pos] == '"':
			quoted = !quoted
		case quoted:
		case s[pos] == ',':
			return pos
		case s[pos] == ':':
			if _, next, ok := readList(s, pos+1); ok {
				if next = blanks(s, next); next < len(s) && s[next] == '=' {
					return pos
				}
			}
		}
	}
	return len(s)
}

// alias is one definition of a name for a list.
type alias struct {
	kind, name string
	items      []item
	commands   []command // of Cmnd_Alias
}

// readAliases reads a line of definitions; ok is false when it is none.
func readAliases(s string) (out []alias, ok bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	if tab, after, found := strings.Cut(word, "\t"); found {
		word, rest = tab, after+" "+rest
	}
	switch word {
	case "User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias":
	default:
		return nil, false
	}
	pos := 0
	for pos < len(rest) {
		it, next, good := readItem(rest, pos)
		next = blanks(rest, next)
		if !good || next >= len(rest) || rest[next] != '=' {
			return out, true
		}
		a := alias{kind: strings.TrimSuffix(strings.Replace(word, "Cmd_", "Cmnd_", 1), "_Alias"), name: it.name}
		if a.kind == "Cmnd" {
			a.commands, pos = readCommands(rest, next+1)
		} else {
			a.items, pos, _ = readList(rest, next+1)
		}
		out = append(out, a)
		if pos = blanks(rest, pos); pos < len(rest) {
			pos++ // the colon
		}
	}
	return out, true
}
