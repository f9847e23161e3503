package acl

import (
	"encoding/hex"
	"slices"
	"testing"
)

// entry is one as Windows has it, of everybody's full rights.
func entry(kind, flags byte) []byte {
	raw, _ := hex.DecodeString("00001400ff011f00010100000000000100000000")
	raw[0], raw[1] = kind, flags
	return raw
}

// Which entries count: those that may allow something on what has the list, and what
// is not known allows everything.
func TestEntries(t *testing.T) {
	all := Entry{Mask: ^uint32(0)}
	everyone := Entry{"S-1-1-0", full}
	for name, row := range map[string]struct {
		raw  []byte
		want []Entry
	}{
		"allows":                          {entry(0, 0), []Entry{everyone}},
		"allows, and what is inside":      {entry(0, 0x3), []Entry{everyone}},
		"comes from above":                {entry(0, 0x10), []Entry{everyone}},
		"for what is inside":              {entry(0, 0xb), nil},
		"denies":                          {entry(1, 0), nil},
		"an object's":                     {entry(5, 0), []Entry{all}},
		"where a condition is true":       {entry(9, 0), []Entry{all}},
		"a condition, for what is inside": {entry(9, 0x9), nil},
		"of no known kind":                {entry(0xff, 0), []Entry{all}},
		"too short":                       {entry(0, 0)[:6], []Entry{all}},
		"without a whole SID":             {entry(0, 0)[:18], []Entry{{"", full}}},
		"nothing":                         {nil, []Entry{all}},
	} {
		if got := entries([][]byte{row.raw}); !slices.Equal(got, row.want) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := entries([][]byte{entry(0, 0), row.raw}); !slices.Equal(got, append([]Entry{everyone}, row.want...)) {
			t.Errorf("%s, behind another: %+v", name, got)
		}
	}
}

func TestSIDText(t *testing.T) {
	for text, raw := range map[string]string{
		system:                             "010100000000000512000000",
		administrators:                     "01020000000000052000000020020000",
		user:                               "010500000000000515000000010000000200000003000000e9030000",
		"S-1-281474976710655":              "0100ffffffffffff",
		"S-1-5-21-4294967295-0-2147483648": "01040000000000051500000" + "0ffffffff0000000000000080",
		"":                                 "0201000000000005120000" + "00",
	} {
		b, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := sidText(b); got != text {
			t.Errorf("%s: %q, want %q", raw, got, text)
		}
		if got := sidText(append(b, 1, 2, 3)); got != text {
			t.Errorf("%s and more: %q", raw, got)
		}
		for n := range b {
			if got := sidText(b[:n]); got != "" {
				t.Errorf("%d bytes of %s: %q", n, raw, got)
			}
		}
	}
}
