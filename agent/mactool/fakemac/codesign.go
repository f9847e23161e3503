package fakemac

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// codesign displays signatures and verifies them. What is signed is known by the name
// of the file, its place does not matter, as with real ones that stand in the file.
func codesign(p *program) int {
	if len(p.args) < 2 {
		return complain(2, "usage: codesign")
	}
	path := p.args[len(p.args)-1]
	raw, err := os.ReadFile(path)
	if err != nil {
		return complain(1, path+": No such file or directory")
	}
	s, signed := p.m.Signed[filepath.Base(path)]
	if !signed {
		return complain(1, path+": code object is not signed at all")
	}
	switch p.args[0] {
	case "--display":
		return s.display(path)
	case "--verify":
		sum := sha256.Sum256(raw)
		if hex.EncodeToString(sum[:]) != s.SHA256 {
			return complain(1, path+": invalid signature (code or signature have been modified)")
		}
		for _, arg := range p.args {
			if want, ok := strings.CutPrefix(arg, "-R="); ok && !s.meets(want) {
				return complain(3, "test-requirement: code failed to satisfy specified code requirement(s)")
			}
		}
		return 0
	}
	return complain(2, "usage: codesign")
}

func (s Signature) display(path string) int {
	team := s.Team
	if team == "" {
		team = "not set"
	}
	lines := []string{"Executable=" + path, "Identifier=" + s.Identifier, "Format=Mach-O universal (x86_64 arm64)",
		"CodeDirectory v=20500 size=512 flags=0x10000(runtime) hashes=9+2 location=embedded", "Hash type=sha256 size=32",
		"CandidateCDHash sha256=" + s.CDHash, "Hash choices=sha256", "CDHash=" + s.CDHash}
	if s.Adhoc {
		lines = append(lines, "Signature=adhoc", "Info.plist=not bound", "TeamIdentifier=not set")
	} else {
		lines = append(lines, "Signature size=9012")
		for _, a := range s.Authorities {
			lines = append(lines, "Authority="+a)
		}
		lines = append(lines, "Timestamp=22. Nov 2026 at 12:00:00", "Info.plist=not bound", "TeamIdentifier="+team, "Runtime Version=14.0.0")
	}
	lines = append(lines, "Sealed Resources=none", "Internal requirements count=1 size=180")
	fmt.Fprintln(os.Stderr, strings.Join(lines, "\n"))
	return 0
}

// meets knows the requirements of the form that is asked for: an identifier, and Apple
// itself or a team with one of Apple's marks. What stands in the display does not
// count: the certificates do.
func (s Signature) meets(want string) bool {
	root, leaf := "", ""
	if n := len(s.Authorities); n > 0 {
		root, leaf = s.Authorities[n-1], s.Authorities[0]
	}
	rest, ok := strings.CutPrefix(want, `identifier "`+s.Identifier+`" and `)
	if !ok || root != "Apple Root CA" {
		return false
	}
	if rest == "anchor apple" {
		return leaf == "Software Signing"
	}
	marked := strings.HasPrefix(leaf, "Developer ID Application: ") || leaf == "Apple Mac OS Application Signing"
	return marked && strings.HasPrefix(rest, `certificate leaf[subject.OU] = "`+s.realTeam()+`" and (`)
}

// realTeam is the one in the certificate: in the leaf's name, or what is displayed.
func (s Signature) realTeam() string {
	if len(s.Authorities) > 0 {
		if _, after, ok := strings.Cut(s.Authorities[0], " ("); ok {
			return strings.TrimSuffix(after, ")")
		}
	}
	return s.Team
}
