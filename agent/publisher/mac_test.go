//go:build !windows

package publisher

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/mactool/fakemac"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestMain(m *testing.M) {
	fakemac.Main()
	os.Exit(m.Run())
}

const tool = "\xcf\xfa\xed\xfe a program of macOS"

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// signedMac is a Mac with one program, signed that way; root alone can change it.
func signedMac(t *testing.T, s fakemac.Signature) (Mac, string) {
	t.Helper()
	if s.SHA256 == "" {
		s.SHA256 = sumOf(tool)
	}
	h := fakemac.New(t, fakemac.Machine{Signed: map[string]fakemac.Signature{"tool": s}})
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path, []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	return Mac{Tools: h.Runner(), Safe: filepath.Join(t.TempDir(), "safe"), RootOnly: func(string) (bool, error) { return true, nil }}, path
}

func (m Mac) asks(t *testing.T, path, sum string) (elevation.Publisher, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return m.Of(t.Context(), f, sum)
}

var developer = fakemac.Signature{Identifier: "com.example.tool", Team: "ABCDE12345", CDHash: strings.Repeat("a1", 20),
	Authorities: []string{"Developer ID Application: Example Ltd (ABCDE12345)", "Developer ID Certification Authority", "Apple Root CA"}}

// macContract is what codesign tells on every Mac, of memory or not: apple is a program
// of the system's, plain is a file that nobody signed.
func macContract(t *testing.T, m Mac, apple, plain string) {
	t.Helper()
	if got, err := m.Named(t.Context(), apple); err != nil || got.Name != "Apple" || got.Thumbprint != teamPrint("apple") {
		t.Errorf("the system's own: %+v, %v", got, err)
	}
	if got, err := m.Named(t.Context(), plain); err != nil || got != (elevation.Publisher{}) {
		t.Errorf("one that nobody signed: %+v, %v", got, err)
	}
	for _, path := range []string{plain + ".none", filepath.Base(apple)} {
		if got, err := m.Named(t.Context(), path); err == nil || got != (elevation.Publisher{}) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

func TestMacContract(t *testing.T) {
	m, path := signedMac(t, fakemac.Signature{Identifier: "com.apple.login", Authorities: []string{"Software Signing", "Apple Code Signing Certification Authority", "Apple Root CA"}})
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	macContract(t, m, path, plain)
}

func TestMacSigners(t *testing.T) {
	apple := fakemac.Signature{Identifier: "com.apple.login", Authorities: []string{"Software Signing", "Apple Code Signing Certification Authority", "Apple Root CA"}}
	store := fakemac.Signature{Identifier: "com.example.store", Team: "ABCDE12345", Authorities: []string{"Apple Mac OS Application Signing", "Apple Worldwide Developer Relations Certification Authority", "Apple Root CA"}}
	change := func(s fakemac.Signature, do func(*fakemac.Signature)) fakemac.Signature {
		s.Authorities = append([]string{}, s.Authorities...)
		do(&s)
		return s
	}
	for name, row := range map[string]struct {
		s    fakemac.Signature
		name string // "" = nobody
		err  error
	}{
		"a developer":     {developer, "Example Ltd (ABCDE12345)", nil},
		"the store":       {store, "Apple Mac OS Application Signing (ABCDE12345)", nil},
		"Apple":           {apple, "Apple", nil},
		"by oneself":      {fakemac.Signature{Identifier: "x", Adhoc: true}, "", nil},
		"another root":    {change(developer, func(s *fakemac.Signature) { s.Authorities[2] = "My Root CA" }), "", ErrUntrusted},
		"no Developer ID": {change(developer, func(s *fakemac.Signature) { s.Authorities[0] = "Apple Development: me@example.org (ABCDE12345)" }), "", ErrUntrusted},
		"Apple's name":    {change(developer, func(s *fakemac.Signature) { s.Team = "" }), "", ErrUntrusted},
		"another team":    {change(developer, func(s *fakemac.Signature) { s.Team = "ZZZZZ99999" }), "", ErrUntrusted},
		"changed":         {change(developer, func(s *fakemac.Signature) { s.SHA256 = sumOf("another") }), "", ErrSignature},
		"lines in its identifier": {change(developer, func(s *fakemac.Signature) {
			s.Identifier = "x\nFormat=y\nSignature size=1\nAuthority=Software Signing\nTeamIdentifier=not set"
		}), "", ErrSignature},
		"a signer in its identifier": {change(developer, func(s *fakemac.Signature) { s.Identifier = "x\nAuthority=Example Bank" }), "", ErrSignature},
		"a quote in its identifier":  {change(developer, func(s *fakemac.Signature) { s.Identifier = `x" or anchor apple or identifier "x` }), "", ErrSignature},
		"an odd team":                {change(developer, func(s *fakemac.Signature) { s.Team = `A" or true` }), "", ErrSignature},
	} {
		m, path := signedMac(t, row.s)
		got, err := m.asks(t, path, sumOf(tool))
		if got.Name != row.name || !errors.Is(err, row.err) || (got.Name == "") != (got.Thumbprint == "") || len(got.Thumbprint)%64 != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	m, path := signedMac(t, developer)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := m.asks(t, path, sumOf("#!/bin/sh\n")); got != (elevation.Publisher{}) || err != nil {
		t.Errorf("a script: %+v, %v", got, err)
	}
}

// A certificate is renewed: the team stays the same to rules, and two teams never are.
func TestMacTeamStays(t *testing.T) {
	a, pathA := signedMac(t, developer)
	other := developer
	other.Authorities = []string{"Developer ID Application: Example Limited (ABCDE12345)", "Developer ID Certification Authority", "Apple Root CA"}
	b, pathB := signedMac(t, other)
	first, err1 := a.asks(t, pathA, sumOf(tool))
	second, err2 := b.asks(t, pathB, sumOf(tool))
	if first.Thumbprint != second.Thumbprint || errors.Join(err1, err2) != nil {
		t.Errorf("%+v, %+v", first, second)
	}
	if teamPrint("apple") == teamPrint("ABCDE12345") {
		t.Error("two teams are one")
	}
}

// What others can write is looked at in a copy that they can not write, and only when
// it is what was hashed.
func TestMacCopies(t *testing.T) {
	m, path := signedMac(t, developer)
	m.RootOnly = func(string) (bool, error) { return false, nil }
	if got, err := m.asks(t, path, sumOf(tool)); got.Name != "Example Ltd (ABCDE12345)" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := m.asks(t, path, sumOf("what was hashed")); !errors.Is(err, ErrSignature) || got != (elevation.Publisher{}) {
		t.Errorf("other bytes: %+v, %v", got, err)
	}
	if left, err := os.ReadDir(m.Safe); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.Chmod(m.Safe, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := m.asks(t, path, sumOf(tool)); err == nil || got != (elevation.Publisher{}) {
		t.Errorf("a folder that others can enter: %+v", got)
	}
	m.RootOnly = func(string) (bool, error) { return false, errors.New("it can not be told") }
	if got, err := m.asks(t, path, sumOf(tool)); err == nil || got != (elevation.Publisher{}) {
		t.Errorf("%+v, %v", got, err)
	}
}
