package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

const (
	maintainer = "The Assent project <maintainers@assent-epm.example>"
	homepage   = "https://github.com/assent-epm/assent"
)

// pack writes one package and answers the name of its file.
func (j *job) pack(p product, arch, format string, all []entry) (string, error) {
	info, err := j.info(p, arch, format, all)
	if err != nil {
		return "", err
	}
	var packager interface {
		ConventionalFileName(*nfpm.Info) string
		Package(*nfpm.Info, io.Writer) error
	} = deb.Default
	if format == "rpm" {
		packager = rpm.DefaultRPM
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return "", err
	}
	name := packager.ConventionalFileName(info)
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(j.out, name), b.Bytes(), 0o644)
}

func (j *job) info(p product, arch, format string, all []entry) (*nfpm.Info, error) {
	stage, err := os.MkdirTemp(j.work, "stage-")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(e entry) bool { return e.only != "" && e.only != format })
	contents, err := j.contents(stage, all)
	if err != nil {
		return nil, err
	}
	script := func(kind string) (string, error) {
		name := path.Join(format, p.name+"."+kind)
		raw, err := assets.ReadFile(name)
		if err != nil {
			return "", err
		}
		at := filepath.Join(stage, kind)
		return at, os.WriteFile(at, raw, 0o755)
	}
	kinds := []string{"preinst", "postinst", "prerm", "postrm"}
	if format == "rpm" {
		kinds = []string{"pre", "post", "preun", "postun"}
	}
	var scripts [4]string
	if p.still {
		kinds = nil
	}
	for i, kind := range kinds {
		if scripts[i], err = script(kind); err != nil {
			return nil, err
		}
	}
	return &nfpm.Info{
		Name: p.name, Arch: arch, Platform: "linux", Version: packageVersion(j.version), VersionSchema: "none", Release: release(format),
		Section: "admin", Priority: "optional", Maintainer: maintainer, Description: p.summary + "\n" + p.text, Homepage: homepage, License: "Apache-2.0",
		DisableGlobbing: true, MTime: j.date,
		Overridables: nfpm.Overridables{
			Depends: j.needed(p, format), Recommends: p.suggests[format], Contents: contents,
			Scripts: nfpm.Scripts{PreInstall: scripts[0], PostInstall: scripts[1], PreRemove: scripts[2], PostRemove: scripts[3]},
			RPM:     nfpm.RPM{BuildHost: "localhost", Summary: p.summary, Group: "System Environment/Daemons", Compression: "gzip"},
			Deb:     nfpm.Deb{Compression: "gzip"},
		},
	}, nil
}

func release(format string) string {
	if format == "rpm" {
		return "1"
	}
	return ""
}

// contents puts the entries into a folder, in the order of their paths.
func (j *job) contents(stage string, all []entry) (files.Contents, error) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	var out files.Contents
	for i, e := range all {
		c := &files.Content{Destination: e.path, Type: files.TypeFile,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: e.mode, MTime: j.date}}
		switch e.kind {
		case isDir:
			c.Type = files.TypeDir
			out = append(out, c)
			continue
		case isConfig:
			c.Type = files.TypeConfigNoReplace
		}
		raw, err := j.content(e)
		if err != nil {
			return nil, err
		}
		c.Source = filepath.Join(stage, fmt.Sprintf("f%03d", i))
		if err := os.WriteFile(c.Source, raw, 0o600); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// content is what a file of a package holds. Units and the like learn where the
// programs are.
func (j *job) content(e entry) ([]byte, error) {
	if e.from == "" {
		return e.raw, nil
	}
	raw, err := assets.ReadFile(e.from)
	if err != nil {
		raw, err = os.ReadFile(filepath.Join(j.root, e.from))
	}
	if err != nil {
		return nil, fmt.Errorf("find what %s holds: %w", e.path, err)
	}
	raw = bytes.ReplaceAll(raw, []byte("{{assent}}"), []byte("/usr/bin/assent"))
	return bytes.ReplaceAll(raw, []byte("{{program}}"), []byte("/usr/bin/assent-agent")), nil
}

// writeSums writes SHA256SUMS over what was made.
func writeSums(dir string, names []string) error {
	slices.Sort(names)
	var b strings.Builder
	for _, name := range slices.Compact(names) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(raw), name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(b.String()), 0o644)
}
