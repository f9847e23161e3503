package pe

import (
	"bytes"
	"debug/pe"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/installer/independent"
)

var sampleVersion = Version{Numbers: [4]uint16{1, 2, 3, 0}, Text: "1.2.3-4-gabc", Description: "Assent agent", File: "assent-agent.exe", Product: "Assent", Company: "The Assent project", Copyright: "Apache-2.0"}

// icon is a square of one colour in two sizes, the larger one as a PNG.
func icon(t *testing.T) []Picture {
	t.Helper()
	im := image.NewNRGBA(image.Rect(0, 0, 16, 16))
	for x := range 16 {
		for y := range 12 {
			im.SetNRGBA(x, y, color.NRGBA{0x4f, 0x70, 0xf0, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 256, 256))); err != nil {
		t.Fatal(err)
	}
	return []Picture{{Side: 16, Pixels: im}, {Side: 256, PNG: b.Bytes()}}
}

// program is a real one for Windows.
func program(t *testing.T, arch string) []byte {
	t.Helper()
	independent.Needs(t, "golang", "go")
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\ngo 1.24\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "x.go"), []byte("package main\n\nfunc main() { print(\"runs\") }\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -buildid=", "-o", "x.exe")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0", "GOARCH="+arch, "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "x.exe"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestReadByOthers: programs that others wrote read version and icon, for each
// architecture, and the sections that were there are as they were.
func TestReadByOthers(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		raw := program(t, arch)
		made, err := With(raw, sampleVersion, icon(t))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := With(raw, sampleVersion, icon(t)); err != nil || !bytes.Equal(made, again) {
			t.Errorf("%s: not the same twice: %v", arch, err)
		}
		before, err1 := pe.NewFile(bytes.NewReader(raw))
		after, err2 := pe.NewFile(bytes.NewReader(made))
		if err := errors.Join(err1, err2); err != nil || len(after.Sections) != len(before.Sections)+1 {
			t.Fatalf("%s: %v", arch, err)
		}
		for i, s := range before.Sections {
			was, err1 := s.Data()
			is, err2 := after.Sections[i].Data()
			if err1 != nil || err2 != nil || !bytes.Equal(was, is) || s.SectionHeader != after.Sections[i].SectionHeader {
				t.Errorf("%s: the section %s is another", arch, s.Name)
			}
		}
		path := filepath.Join(t.TempDir(), "x.exe")
		if err := os.WriteFile(path, made, 0o600); err != nil {
			t.Fatal(err)
		}
		readBy7z(t, path)
		if _, err := exec.LookPath("llvm-readobj"); err != nil {
			continue // 7z has read it
		}
		if out := independent.Says(t, "", "llvm-readobj", "--coff-resources", path); !strings.Contains(out, "ICON (ID 3)") || !strings.Contains(out, "GROUP_ICON") || !strings.Contains(out, "VERSION") {
			t.Errorf("%s: %s", arch, out)
		}
	}
}

func readBy7z(t *testing.T, path string) {
	t.Helper()
	dir := t.TempDir()
	independent.Needs(t, "p7zip-full", "7z")
	independent.Does(t, "", "7z", "x", "-y", "-o"+dir, path)
	raw, err := os.ReadFile(filepath.Join(dir, ".rsrc", "version.txt"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "\x00", "")
	for _, want := range []string{"1,2,3,0", "Assent agent", "assent-agent.exe", "1.2.3-4-gabc", "The Assent project", "Apache-2.0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	for _, name := range []string{"1.ico", "2"} {
		if found, err := filepath.Glob(filepath.Join(dir, ".rsrc", "ICON", name)); err != nil || len(found) != 1 {
			t.Errorf("no %s: %v", name, err)
		}
	}
}

// TestRefused: what is no program, is cut short, or has resources already is
// refused, and nothing panics.
func TestRefused(t *testing.T) {
	raw := program(t, "amd64")
	made, err := With(raw, sampleVersion, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "text": []byte(strings.Repeat("text", 300)), "resources": made, "the start": raw[:400], "headers": raw[:600]} {
		if _, err := With(bad, sampleVersion, nil); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for at := range 512 { // whatever a header says
		broken := bytes.Clone(raw)
		broken[at] ^= 0xff
		_, _ = With(broken, sampleVersion, nil)
	}
	if _, err := With(raw, sampleVersion, []Picture{{Side: 256, PNG: make([]byte, 5<<20)}}); err == nil {
		t.Error("too much was taken")
	}
}
