// Package pkg writes the macOS package of the agent, on any system and without
// tools of others: a flat package that Apple's installer reads.
//
// Such a package is a xar archive (xar.go) of a Distribution, which says what may
// be installed where, and one component: a PackageInfo, the payload and the scripts
// as gzipped cpio archives (cpio.go), and a Bom, the list of what is installed with
// owners, modes and checksums (bom.go). Programs hold both architectures
// (macho.go). Everything belongs to root, and the same input gives the same bytes.
// It is not signed here: that is a step that takes a key, see MACOS.md.
package pkg

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"
)

// files are what the package installs and runs as it is.
//
//go:embed files
var files embed.FS

// Identifiers and places. Programs that root runs are not in /usr/local, which on
// many Macs belongs to a person.
const (
	Identifier = "com.assent-epm.agent"
	Programs   = "/Library/Assent/bin"
	minimum    = "12.0" // what programs of this Go need
	component  = "assent.pkg"
)

// Names are the programs of a package.
func Names() []string { return []string{"assent", "assent-agent", "assent-tray"} }

// Package is what goes into one pkg.
type Package struct {
	Version  string // three numbers
	Date     time.Time
	Programs map[string][]byte // by the names of [Names], for both architectures
	Licences []byte
}

// entry is one file or folder of an archive; it belongs to root.
type entry struct {
	name  string // "." or "./Library/…"
	mode  fs.FileMode
	group uint32
	raw   []byte
}

func (e entry) isDir() bool { return e.mode.IsDir() }

// unixMode is the mode with the kind of the file, as archives have it.
func (e entry) unixMode() uint32 {
	if e.isDir() {
		return 0o040000 | uint32(e.mode.Perm())
	}
	return 0o100000 | uint32(e.mode.Perm())
}

// Build is the whole package.
func (p Package) Build() ([]byte, error) {
	payload, err := p.payload()
	if err != nil {
		return nil, err
	}
	scripts, err := p.scripts()
	if err != nil {
		return nil, err
	}
	facts := facts{Identifier: Identifier, Version: p.Version, Minimum: minimum, Component: component, Count: len(payload), KBytes: kilobytes(payload)}
	info, err := render("files/PackageInfo", facts)
	if err != nil {
		return nil, err
	}
	distribution, err := render("files/Distribution", facts)
	if err != nil {
		return nil, err
	}
	packed := make([][]byte, 2)
	for i, entries := range [][]entry{payload, scripts} {
		if packed[i], err = squeeze(cpio(entries, p.Date)); err != nil {
			return nil, err
		}
	}
	return xar([]member{
		{name: component, inside: []member{{name: "Bom", raw: bom(payload, p.Date)}, {name: "PackageInfo", raw: info},
			{name: "Payload", raw: packed[0]}, {name: "Scripts", raw: packed[1]}}},
		{name: "Distribution", raw: distribution},
	}, p.Date)
}

// Sample is a configuration profile that enrols Macs, to be filled in.
func Sample() ([]byte, error) { return files.ReadFile("files/assent.mobileconfig") }

type facts struct {
	Identifier, Version, Minimum, Component string
	Count, KBytes                           int
}

func render(name string, f facts) ([]byte, error) {
	t, err := template.ParseFS(files, name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, f)
	return b.Bytes(), err
}

func kilobytes(entries []entry) int {
	sum := 0
	for _, e := range entries {
		sum += (len(e.raw) + 1023) / 1024
	}
	return sum
}

// payload is what is installed. Folders of the system have the owners and modes
// that the system gives them.
func (p Package) payload() ([]entry, error) {
	const wheel, admin = 0, 80
	all := []entry{
		{"./Library/Application Support", fs.ModeDir | 0o755, admin, nil},
		{"./Library/Application Support/Assent", fs.ModeDir | 0o700, wheel, nil},
		{"./Library/Assent/LICENSES.txt", 0o644, wheel, p.Licences},
	}
	for _, name := range Names() {
		raw := p.Programs[name]
		if err := isUniversal(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, entry{"." + Programs + "/" + name, 0o755, wheel, raw})
	}
	for name, to := range map[string]string{
		"com.assent-epm.agent.plist": "./Library/LaunchDaemons/com.assent-epm.agent.plist",
		"com.assent-epm.tray.plist":  "./Library/LaunchAgents/com.assent-epm.tray.plist",
		"assent-uninstall":           "." + Programs + "/assent-uninstall",
		"paths":                      "./private/etc/paths.d/assent",
	} {
		raw, err := files.ReadFile("files/" + name)
		if err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(raw, []byte("#!")) {
			mode = 0o755
		}
		all = append(all, entry{to, mode, wheel, raw})
	}
	return withFolders(all), nil
}

// scripts run as root before and after the payload is put in place.
func (p Package) scripts() ([]entry, error) {
	var all []entry
	for _, name := range []string{"preinstall", "postinstall"} {
		raw, err := files.ReadFile("files/" + name)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{"./" + name, 0o755, 0, bytes.ReplaceAll(raw, []byte("{{version}}"), []byte(p.Version))})
	}
	return withFolders(all), nil
}

// withFolders adds the folders above each entry; parents come before what they hold.
func withFolders(all []entry) []entry {
	known := map[string]bool{}
	for _, e := range all {
		known[e.name] = true
	}
	for _, e := range slices.Clone(all) {
		for dir := path.Dir(strings.TrimPrefix(e.name, "./")); ; dir = path.Dir(dir) {
			name := "./" + dir
			if dir == "." {
				name = "."
			}
			if !known[name] {
				known[name] = true
				all = append(all, entry{name, fs.ModeDir | 0o755, 0, nil})
			}
			if dir == "." {
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all
}

func squeeze(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
