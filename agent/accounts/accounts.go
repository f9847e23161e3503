// Package accounts changes the files of this machine's groups in the way of the
// system's own tools: under their lock, one line at a time, with the labels and
// access lists that a file had.
//
// It decides nothing about who belongs where. Package privilege lends a place in a
// group for a while, package standing takes rights over and gives them back; both
// write files in their own way, for one must be able to undo it byte for byte.
package accounts

import (
	"bytes"
	"errors"
	"slices"
	"strings"
)

// ErrBusy: another program changes accounts and does not end.
var ErrBusy = errors.New("another program changes accounts")

// Change changes the members of a group in the text of group or gshadow and
// leaves every other byte as it was. was is who they were; ok is false when the
// group is not there.
func Change(text []byte, group string, change func(members []string) []string) (is []byte, was []string, ok bool) {
	for pos := 0; pos < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[pos:], '\n'); i >= 0 {
			end = pos + i
		}
		f := strings.Split(string(text[pos:end]), ":")
		if len(f) == 4 && f[0] == group {
			was = Members(f[3])
			if next := change(was); !slices.Equal(next, was) {
				f[3] = strings.Join(next, ",")
			}
			return slices.Concat(text[:pos], []byte(strings.Join(f, ":")), text[end:]), was, true
		}
		pos = end + 1
	}
	return text, nil, false
}

// Members reads the last field of a group's line.
func Members(field string) []string {
	return slices.DeleteFunc(strings.Split(field, ","), func(s string) bool { return s == "" })
}

// Without is the list without a member.
func Without(members []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(members), func(x string) bool { return x == name })
}
