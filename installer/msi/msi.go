// Package msi makes the Windows Installer package of the agent, on Linux, with
// msibuild and gcab.
//
// What the package does is in its tables (tables.go); this file gives codes and
// times that follow from version, architecture and content alone, so that the same
// input gives the same bytes. The package has one custom action, which runs a
// program of the package as SYSTEM when Assent is removed, before the files go; it
// never runs a script, reads a folder of people, or shows a window. Any word of
// warning of a tool fails the build. Read undo for the program of that action.
package msi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Package is what goes into one MSI.
type Package struct {
	Version string // of the programs; its first three numbers are the product's
	Arch    string // amd64 or arm64
	Date    time.Time
	Files   map[string][]byte // by the names of [Names]
}

// Names are the files of a package, in the order of the cabinet.
func Names() []string { return []string{Agent, User, Tray, Undo, Licences} }

// The files in the program folder.
const (
	Agent    = "assent-agent.exe"
	User     = "assent.exe"
	Tray     = "assent-tray.exe"
	Undo     = "assent-undo.exe"
	Licences = "LICENSES.txt"
)

// Tools that Build runs, and the packages of Debian and Ubuntu that bring them.
const (
	buildTool   = "msibuild"
	cabinetTool = "gcab"
	cabinet     = "assent.cab"
)

// Build writes the package to a file. work is a folder for what is made on the way.
func (p Package) Build(ctx context.Context, work, to string) error {
	if err := p.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(work, "msi-")
	if err != nil {
		return err
	}
	if err := p.cabinet(ctx, dir); err != nil {
		return err
	}
	imports := []string{"package.msi", "-i"}
	for _, t := range append(p.tables(), p.summary()) {
		name := t.name + ".idt"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(t.idt()), 0o600); err != nil {
			return err
		}
		imports = append(imports, name)
	}
	if err := tool(ctx, dir, buildTool, imports...); err != nil {
		return err
	}
	if err := tool(ctx, dir, buildTool, "package.msi", "-a", cabinet, cabinet); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "package.msi"))
	if err != nil {
		return err
	}
	if err := timeless(raw); err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o644)
}

func (p Package) check() error {
	if _, ok := platforms()[p.Arch]; !ok {
		return fmt.Errorf("there is no MSI for %q", p.Arch)
	}
	for _, name := range Names() {
		if len(p.Files[name]) == 0 {
			return fmt.Errorf("the MSI lacks %s", name)
		}
	}
	if len(p.Files) != len(Names()) {
		return errors.New("the MSI was given files that it has no place for")
	}
	return nil
}

// platforms are what Windows Installer calls the architectures.
func platforms() map[string]string { return map[string]string{"amd64": "x64", "arm64": "Arm64"} }

// cabinet packs the files, under the keys that they have in the table File.
func (p Package) cabinet(ctx context.Context, dir string) error {
	args := []string{"-c", "-z", "-n", cabinet}
	for _, name := range Names() {
		path := filepath.Join(dir, fileKey(name))
		if err := os.WriteFile(path, p.Files[name], 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, p.Date, p.Date); err != nil {
			return err
		}
		args = append(args, fileKey(name))
	}
	return tool(ctx, dir, cabinetTool, args...)
}

// tool runs a builder. What it says is a warning, and fails the build.
func tool(ctx context.Context, dir, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("the MSI needs %s (Debian/Ubuntu: apt-get install msitools gcab)", name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	if len(bytes.TrimSpace(out)) > 0 {
		return fmt.Errorf("%s warns, and a package is made without warnings: %s", name, out)
	}
	return nil
}

var threeNumbers = regexp.MustCompile(`^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,5})`)

// ProductVersion is what Windows Installer compares: three numbers. Versions that
// differ only after them replace each other.
func ProductVersion(version string) string {
	if m := threeNumbers.FindString(version); m != "" {
		return m
	}
	return "0.0.0"
}

// FileVersion is what the programs in the package carry, in four numbers: never less
// than that of an older product, or Windows Installer would leave out the file.
func FileVersion(version string) string { return ProductVersion(version) + ".0" }

// upgradeCode is the same for every Assent there will ever be, on each architecture.
const upgradeCode = "{7E0E5F0C-6A55-5D5B-9B0B-3C6A0E1D7A42}"

// code is an identity that follows from words.
func code(words ...string) string {
	sum := sha256.Sum256([]byte("assent msi\x00" + strings.Join(words, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8: ours
	return strings.ToUpper(fmt.Sprintf("{%x-%x-%x-%x-%x}", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]))
}

func (p Package) productCode() string { return code("product", p.Version, p.Arch) }

// packageCode is of the content: packages that differ have different ones.
func (p Package) packageCode() string {
	words := []string{"package", p.Version, p.Arch, p.Date.UTC().Format(time.RFC3339)}
	for _, name := range Names() {
		words = append(words, fmt.Sprintf("%x", sha256.Sum256(p.Files[name])))
	}
	for _, t := range p.tables() {
		words = append(words, t.idt())
	}
	return code(words...)
}
