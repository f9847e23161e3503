package main

import (
	"bufio"
	"io"
	"strings"
)

// leftover is what an installer left for the first start.
type leftover struct {
	url, token string
	label      string // NAME=VALUE, several parted by commas or semicolons
}

// labels are what this endpoint reports of itself; the controller takes those that
// the token accepts.
func (l leftover) labels() map[string]string {
	all := map[string]string{}
	for _, part := range strings.FieldsFunc(l.label, func(r rune) bool { return r == ',' || r == ';' }) {
		if name, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok && name != "" {
			all[name] = value
		}
	}
	return all
}

// readLeft reads lines NAME=VALUE. It is never run: nothing in it is a command.
func readLeft(from io.Reader) leftover {
	var l leftover
	for lines := bufio.NewScanner(from); lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch strings.TrimSpace(name) {
		case "ASSENT_CONTROLLER_URL":
			l.url = value
		case "ASSENT_ENROLL_TOKEN":
			l.token = value
		case "ASSENT_LABELS":
			l.label = value
		}
	}
	return l
}
