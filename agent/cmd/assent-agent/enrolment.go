package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/agent/mactool"
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

// or is what l says, and for what it does not say what other says.
func (l leftover) or(other leftover) leftover {
	return leftover{url: cmp.Or(l.url, other.url), token: cmp.Or(l.token, other.token), label: cmp.Or(l.label, other.label)}
}

// readLeft reads a property list that an administrator left: what it has besides the
// keys of a profile is refused.
func readLeft(raw []byte) (leftover, error) {
	if bytes.HasPrefix(raw, []byte("bplist")) {
		return leftover{}, errors.New("it is a property list of the binary form (plutil -convert xml1 FILE)")
	}
	return readKeys(raw, false)
}

// readProfile reads the profile of a device management, which may say more.
func readProfile(raw []byte) (leftover, error) {
	l, err := readKeys(raw, true)
	if err != nil {
		return l, fmt.Errorf("read the profile: %w", err)
	}
	return l, nil
}

func readKeys(raw []byte, others bool) (leftover, error) {
	keys, err := mactool.Dict(raw)
	if err != nil {
		return leftover{}, err
	}
	var l leftover
	into := map[string]*string{"ControllerURL": &l.url, "EnrollToken": &l.token, "Labels": &l.label}
	for key, value := range keys {
		text, isText := value.(string)
		switch {
		case into[key] == nil && others:
		case into[key] == nil || !isText:
			return leftover{}, errors.New("its keys are ControllerURL, EnrollToken and Labels, each a string")
		default:
			*into[key] = strings.TrimSpace(text)
		}
	}
	return l, nil
}
