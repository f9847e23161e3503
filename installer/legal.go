package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// part is something of others that is inside a program.
type part struct {
	name    string
	version string
	sum     string
	url     string // package URL
	dir     string // where its licence is
}

// legal gives the copyright file of a package, with the licences of everything
// that is linked into its programs, and the list of it as SPDX.
func (j *job) legal(p product, arch string) ([]entry, []byte, error) {
	text, bill, err := j.legalTexts(p, linux, arch, arch)
	if err != nil {
		return nil, nil, err
	}
	doc := "/usr/share/doc/" + p.name
	return []entry{
		{path: doc, kind: isDir, mode: 0o755},
		{path: doc + "/copyright", kind: isFile, mode: 0o644, raw: text},
	}, bill, nil
}

// legalTexts are the licences and the list of what is in a product for a system;
// suffix tells it from those for others.
func (j *job) legalTexts(p product, system, arch, suffix string) (text, bill []byte, err error) {
	parts, goVersion, err := j.parts(p, system, arch)
	if err != nil {
		return nil, nil, err
	}
	if text, err = j.copyright(p, parts); err != nil {
		return nil, nil, err
	}
	bill, err = j.bill(p, suffix, parts, goVersion)
	return text, bill, err
}

// parts are read from the programs: what the linker put in, not what go.mod names.
func (j *job) parts(p product, system, arch string) ([]part, string, error) {
	found := map[string]*debug.Module{}
	goVersion := ""
	for _, prog := range p.programs {
		info, err := buildinfo.ReadFile(j.programPath(prog.name, system, arch))
		if err != nil {
			return nil, "", err
		}
		goVersion = info.GoVersion
		for _, m := range info.Deps {
			found[m.Path+"@"+m.Version] = m
		}
	}
	dirs, err := j.moduleFolders()
	if err != nil {
		return nil, "", err
	}
	var all []part
	for _, key := range slices.Sorted(maps.Keys(found)) {
		m := found[key]
		all = append(all, part{name: m.Path, version: m.Version, sum: m.Sum, url: "pkg:golang/" + m.Path + "@" + m.Version, dir: dirs[key]})
	}
	if p.console {
		more, err := j.consoleParts()
		if err != nil {
			return nil, "", err
		}
		all = append(all, more...)
	}
	return all, goVersion, nil
}

// moduleFolders says where the sources of each module are.
func (j *job) moduleFolders() (map[string]string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Path}}@{{.Version}}\t{{.Dir}}", "all")
	cmd.Dir = j.root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if key, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			dirs[key] = dir
		}
	}
	return dirs, nil
}

// consoleParts are the libraries in the console; those that only build it are not.
func (j *job) consoleParts() ([]part, error) {
	raw, err := os.ReadFile(filepath.Join(j.root, "controller/console/package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version, Integrity string
			Dev                bool
		}
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		return nil, fmt.Errorf("read the console's lock file: %w", err)
	}
	var all []part
	for _, path := range slices.Sorted(maps.Keys(lock.Packages)) {
		name, ok := strings.CutPrefix(path, "node_modules/")
		if p := lock.Packages[path]; ok && !p.Dev {
			all = append(all, part{name: name, version: p.Version, sum: p.Integrity, url: "pkg:npm/" + strings.ReplaceAll(name, "@", "%40") + "@" + p.Version,
				dir: filepath.Join(j.root, "controller/console", path)})
		}
	}
	return all, nil
}

func (j *job) copyright(p product, parts []part) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s is part of Assent, %s\nCopyright: the Assent authors. Licence: Apache License 2.0, below.\n", p.name, homepage)
	fmt.Fprintf(&b, "The programs hold the works of others that follow it, each under its own licence.\n")
	own, err := os.ReadFile(filepath.Join(j.root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	section := func(title string, text []byte) {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 78), title, bytes.TrimSpace(text))
	}
	section("Assent", own)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find Go: %w", err)
	}
	std, err := licences(strings.TrimSpace(string(goroot)))
	if err != nil {
		return nil, fmt.Errorf("the licence of Go: %w", err)
	}
	section("Go, the standard library", std)
	for _, part := range parts {
		text, err := licences(part.dir)
		if err != nil {
			return nil, fmt.Errorf("the licence of %s %s: %w", part.name, part.version, err)
		}
		section(part.name+" "+part.version, text)
	}
	return b.Bytes(), nil
}

// licences are the texts in a folder whose names say so.
func licences(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		named := strings.HasPrefix(name, "LICEN") || strings.HasPrefix(name, "COPYING") || strings.HasPrefix(name, "NOTICE")
		if !named || e.IsDir() || strings.HasSuffix(name, ".GO") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes.TrimSpace(raw))
	}
	if len(all) == 0 {
		return nil, errors.New("none was found")
	}
	return bytes.Join(all, []byte("\n\n")), nil
}

// The parts of SPDX 2.3 that we use.
type (
	spdx struct {
		Version       string         `json:"spdxVersion"`
		DataLicense   string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      spdxCreation   `json:"creationInfo"`
		Packages      []spdxPackage  `json:"packages"`
		Relationships []spdxRelation `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID        string         `json:"SPDXID"`
		Name      string         `json:"name"`
		Version   string         `json:"versionInfo"`
		Download  string         `json:"downloadLocation"`
		Analyzed  bool           `json:"filesAnalyzed"`
		Concluded string         `json:"licenseConcluded"`
		Declared  string         `json:"licenseDeclared"`
		Copyright string         `json:"copyrightText"`
		Comment   string         `json:"comment,omitempty"`
		Refs      []spdxExternal `json:"externalRefs,omitempty"`
	}
	spdxExternal struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelation struct {
		From string `json:"spdxElementId"`
		Kind string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

func (j *job) bill(p product, suffix string, parts []part, goVersion string) ([]byte, error) {
	const none = "NOASSERTION"
	doc := spdx{Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: p.name + "-" + packageVersion(j.version) + "-" + suffix,
		Creation: spdxCreation{Created: j.date.Format(time.RFC3339), Creators: []string{"Organization: The Assent project", "Tool: installer"}}}
	add := func(id, name, version, licence, sum, url string) {
		x := spdxPackage{ID: id, Name: name, Version: version, Download: none, Concluded: none, Declared: cmp.Or(licence, none), Copyright: none}
		if sum != "" {
			x.Comment = "checksum of its archive: " + sum
		}
		if url != "" {
			x.Refs = []spdxExternal{{"PACKAGE-MANAGER", "purl", url}}
		}
		doc.Packages = append(doc.Packages, x)
	}
	add("SPDXRef-Package", p.name, packageVersion(j.version), "Apache-2.0", "", "")
	doc.Relationships = []spdxRelation{{"SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Package"}}
	std := part{name: "std", version: strings.TrimPrefix(goVersion, "go"), url: "pkg:golang/std@" + strings.TrimPrefix(goVersion, "go")}
	for i, part := range append([]part{std}, parts...) {
		id := fmt.Sprintf("SPDXRef-Part-%d", i)
		add(id, part.name, part.version, "", part.sum, part.url)
		doc.Relationships = append(doc.Relationships, spdxRelation{"SPDXRef-Package", "CONTAINS", id})
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	doc.Namespace = homepage + fmt.Sprintf("/spdx/%s-%x", doc.Name, sha256.Sum256(raw))
	raw, err = json.MarshalIndent(doc, "", "  ")
	return append(raw, '\n'), err
}
