package consent

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"
)

// Limits of what is believed of a question.
const (
	maxPath = 1024 // characters
	maxLine = 4096
	maxArgs = 64
	maxText = 256 // pieces of text in a block
)

// inBlock finds a program and its command line in what the service keeps: the first
// text that is the whole path of a program, and one that begins with it. Numbers
// and texts stand in it in an order that differs between versions of Windows, so
// nothing is taken by its place.
func inBlock(raw []byte) (program, line string) {
	all := texts(raw)
	for _, t := range all {
		if isProgram(t) {
			program = t
			break
		}
	}
	if program == "" {
		return "", ""
	}
	for _, t := range all {
		if t != program && len(t) <= maxLine && calls(t, program) {
			return program, t
		}
	}
	return program, ""
}

// calls reports whether a command line begins with a program.
func calls(line, program string) bool {
	for _, begin := range []string{`"` + program + `"`, program} {
		if rest, ok := cutFold(line, begin); ok && (rest == "" || rest[0] == ' ') {
			return true
		}
	}
	return false
}

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// isProgram reports whether a text is the whole path of something that people
// start, on a drive of this machine. A path of another machine is not looked at.
func isProgram(s string) bool {
	if len(s) < len(`C:\a.exe`) || len(s) > maxPath || s[1] != ':' || s[2] != '\\' || strings.ContainsAny(s[2:], `/:*?"<>|`) {
		return false
	}
	if letter := s[0] | 0x20; letter < 'a' || letter > 'z' {
		return false
	}
	if slices.Contains(strings.Split(s, `\`), "..") {
		return false
	}
	dot := strings.LastIndexByte(s, '.')
	return dot > strings.LastIndexByte(s, '\\')+1 && slices.Contains([]string{".exe", ".com", ".scr"}, strings.ToLower(s[dot:]))
}

// texts are the pieces of UTF-16 in a block that end with a zero. What is no text,
// or would not show as it is, parts them.
func texts(raw []byte) []string {
	var out []string
	var run []uint16
	for ; len(raw) >= 2; raw = raw[2:] {
		u := binary.LittleEndian.Uint16(raw)
		switch {
		case u == 0:
			if len(run) >= 4 && len(run) <= maxLine && len(out) < maxText {
				out = append(out, string(utf16.Decode(run)))
			}
			run = nil
		case u < ' ', u >= 0x7f && u < 0xa0, u >= 0x200b && u <= 0x200f, u >= 0x202a && u <= 0x202e, u >= 0x2060 && u <= 0x206f, u >= 0xd800 && u < 0xf900, u >= 0xfeff:
			run = nil
		case len(run) <= maxLine:
			run = append(run, u)
		}
	}
	return out
}
