package acl

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// This file reads the entries of a list (ACE) as they stand in it.

// Kinds and flags of entries.
const (
	allowed     = 0
	denied      = 1
	inheritOnly = 0x8
)

// Sizes in bytes: of what stands before a SID in an entry, and before the numbers
// at the end of a SID.
const (
	entryHead = 8
	sidHead   = 8
)

// entries are what a list allows on what has it. An entry for what is inside is
// judged there, and one that denies only lets less be done. One of a kind that is
// not known here may allow anybody everything.
func entries(list [][]byte) (out []Entry) {
	for _, raw := range list {
		var e Entry
		switch {
		case len(raw) < entryHead:
			e.Mask = ^uint32(0)
		case raw[1]&inheritOnly != 0, raw[0] == denied:
			continue
		case raw[0] != allowed:
			e.Mask = ^uint32(0)
		default:
			e = Entry{SID: sidText(raw[entryHead:]), Mask: binary.LittleEndian.Uint32(raw[4:])}
		}
		out = append(out, e)
	}
	return out
}

// sidText is a SID as text, "" for what is none: nobody who is known.
func sidText(raw []byte) string {
	if len(raw) < sidHead || raw[0] != 1 || len(raw) < sidHead+4*int(raw[1]) {
		return ""
	}
	var authority [8]byte
	copy(authority[2:], raw[2:8])
	var text strings.Builder
	fmt.Fprintf(&text, "S-1-%d", binary.BigEndian.Uint64(authority[:]))
	for n := range int(raw[1]) {
		fmt.Fprintf(&text, "-%d", binary.LittleEndian.Uint32(raw[sidHead+4*n:]))
	}
	return text.String()
}
