package intercept

import (
	"encoding/binary"
	"io"
)

// Where the header of a program of Windows says for which subsystem it is, as in
// Microsoft's specification of the format (PE/COFF, "Optional Header"); the place
// is the same in images of 32 and 64 bits.
const (
	peAt          = 0x3c // of the offset of the signature
	peSubsystemAt = 4 + 20 + 68
	peWindowed    = 2 // IMAGE_SUBSYSTEM_WINDOWS_GUI
)

// hasWindows reports whether a file is a program of Windows that has windows of its
// own, so that it may show dialogs for files, in which one can start and rename
// whatever the program may. What is no such file has none.
func hasWindows(f io.ReaderAt) bool {
	var at [4]byte
	var header [peSubsystemAt + 2]byte
	if magic, ok := readAt(f, at[:2], 0); !ok || string(magic) != "MZ" {
		return false
	}
	if _, ok := readAt(f, at[:], peAt); !ok {
		return false
	}
	if _, ok := readAt(f, header[:], int64(binary.LittleEndian.Uint32(at[:]))); !ok || string(header[:4]) != "PE\x00\x00" {
		return false
	}
	return binary.LittleEndian.Uint16(header[peSubsystemAt:]) == peWindowed
}

func readAt(f io.ReaderAt, b []byte, at int64) ([]byte, bool) {
	_, err := f.ReadAt(b, at)
	return b, err == nil
}
