package intercept

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// image is the header of a program of Windows.
func image(at uint32, signature string, subsystem uint16) []byte {
	b := make([]byte, 0x400)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[peAt:], at)
	if int(at)+peSubsystemAt+2 <= len(b) {
		copy(b[at:], signature)
		binary.LittleEndian.PutUint16(b[int(at)+peSubsystemAt:], subsystem)
	}
	return b
}

func TestHasWindows(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want bool
	}{
		"windows":                     {image(0x80, "PE\x00\x00", 2), true},
		"at its end":                  {image(0x80, "PE\x00\x00", 2)[:0x80+peSubsystemAt+2], true},
		"console":                     {image(0x80, "PE\x00\x00", 3), false},
		"driver":                      {image(0x80, "PE\x00\x00", 1), false},
		"cut before the subsystem":    {image(0x80, "PE\x00\x00", 2)[:0x80+peSubsystemAt+1], false},
		"another signature":           {image(0x80, "NE\x00\x00", 2), false},
		"a header behind the file":    {image(0xffffffff, "PE\x00\x00", 2), false},
		"a header that is the header": {image(0, "PE\x00\x00", 2), false},
		"of DOS":                      {[]byte("MZ"), false},
		"empty":                       {nil, false},
		"text":                        {[]byte("#!/bin/sh\n"), false},
	} {
		if got := hasWindows(bytes.NewReader(c.file)); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestA16FileDialogs: a program that may show dialogs for files bears a mark, which
// keeps rules from approving it unless they say so.
func TestA16FileDialogs(t *testing.T) {
	for subsystem, want := range map[uint16]bool{2: true, 3: false} {
		path := filepath.Join(t.TempDir(), "tool.exe")
		if err := os.WriteFile(path, image(0x80, "PE\x00\x00", subsystem), 0o755); err != nil {
			t.Fatal(err)
		}
		id, err := Identify(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(marks(Raw{}, Real{Path: path, Called: "tool.exe", RootOnly: true, Dialogs: id.Dialogs}), elevation.MarkDialogs); got != want {
			t.Errorf("subsystem %d: marked %v", subsystem, got)
		}
	}
}
