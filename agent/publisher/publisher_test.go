package publisher

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// program is the smallest file that tools take for a 64-bit program.
func program() []byte {
	raw := make([]byte, 0x400)
	copy(raw, "MZ")
	const head = 0x80
	binary.LittleEndian.PutUint32(raw[atHeader:], head)
	copy(raw[head:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(raw[head+4:], 0x8664)
	binary.LittleEndian.PutUint16(raw[head+6:], 1)    // sections
	binary.LittleEndian.PutUint16(raw[head+20:], 240) // of the optional header
	binary.LittleEndian.PutUint16(raw[head+22:], 0x22)
	opt := raw[head+optional:]
	binary.LittleEndian.PutUint16(opt, magic64)
	binary.LittleEndian.PutUint32(opt[16:], 0x1000) // entry
	binary.LittleEndian.PutUint64(opt[24:], 0x140000000)
	binary.LittleEndian.PutUint32(opt[32:], 0x1000)
	binary.LittleEndian.PutUint32(opt[36:], 0x200)
	binary.LittleEndian.PutUint16(opt[48:], 6)
	binary.LittleEndian.PutUint32(opt[56:], 0x2000)
	binary.LittleEndian.PutUint32(opt[60:], 0x200)
	binary.LittleEndian.PutUint16(opt[68:], 3)
	binary.LittleEndian.PutUint32(opt[108:], 16) // tables
	section := opt[240:]
	copy(section, ".text")
	binary.LittleEndian.PutUint32(section[8:], 0x200)
	binary.LittleEndian.PutUint32(section[12:], 0x1000)
	binary.LittleEndian.PutUint32(section[16:], 0x200)
	binary.LittleEndian.PutUint32(section[20:], 0x200)
	binary.LittleEndian.PutUint32(section[36:], 0x60000020)
	raw[0x200] = 0xc3
	return raw
}

func ask(t *testing.T, path string, trust truster) (elevation.Publisher, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return of(f, trust)
}

func TestUnsigned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plain.exe")
	never := func(string, *os.File) ([][]byte, error) {
		t.Error("the system was asked")
		return nil, nil
	}
	for name, raw := range map[string][]byte{"a program": program(), "empty": nil, "a script": []byte("@echo off\r\n"), "a head alone": []byte("MZ" + strings.Repeat("\x00", 62))} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ask(t, path, never); err != nil || got != (elevation.Publisher{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// What stands in a certificate is text of somebody else.
func TestNames(t *testing.T) {
	if got := named(&x509.Certificate{Subject: pkix.Name{CommonName: "A\x1b[31m\nB\u202e" + strings.Repeat("x", 200)}}).Name; len(got) > 140 || strings.ContainsAny(got, "\x1b\n\u202e") {
		t.Errorf("%q", got)
	}
	if got := named(&x509.Certificate{Subject: pkix.Name{Organization: []string{"Office"}}}).Name; got != "Office" {
		t.Errorf("%q", got)
	}
}

func FuzzSigner(f *testing.F) {
	f.Add(program())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := signer(bytes.NewReader(raw), int64(len(raw))); err == nil {
			t.Error("signed by nobody")
		}
	})
}
