package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/installer/msi"
	"github.com/assent-epm/assent/installer/pe"
	"github.com/assent-epm/assent/installer/pkg"
)

// desktops is the agent for Windows and macOS, where the program of the desktop is
// part of it.
func desktops(system string) product {
	p := product{name: "assent-agent", programs: []program{
		{name: "assent", folder: "agent/cmd/assent", about: "Assent on the command line"},
		{name: "assent-agent", folder: "agent/cmd/assent-agent", about: "Assent agent"},
		{name: "assent-tray", folder: "agent/cmd/assent-tray", windowless: true, about: "Assent"},
	}}
	if system == windows {
		p.programs = append(p.programs, program{name: "assent-undo", folder: "installer/msi/undo", windowless: true, about: "Removal of Assent"})
	}
	return p
}

// endpoints makes the packages for Windows and macOS; what can not be made is said,
// and the others are made all the same.
func (j *job) endpoints() (made []string, err error) {
	var errs []error
	keep := func(what string, names []string, err error) {
		made = append(made, names...)
		if err != nil {
			errs = append(errs, fmt.Errorf("the %s was not made: %w", what, err))
		}
	}
	if j.wants("msi") {
		for _, arch := range j.arches {
			names, err := j.msi(context.Background(), arch)
			keep("MSI for "+arch, names, err)
		}
	}
	if j.wants("pkg") {
		names, err := j.pkg()
		keep("pkg", names, err)
	}
	return made, errors.Join(errs...)
}

// msi makes the package for Windows of one architecture.
func (j *job) msi(ctx context.Context, arch string) ([]string, error) {
	p := desktops(windows)
	files := map[string][]byte{}
	icon, err := pictures()
	if err != nil {
		return nil, err
	}
	for _, prog := range p.programs {
		raw, err := j.compile(prog, windows, arch)
		if err == nil {
			raw, err = pe.With(raw, j.shown(prog), icon)
		}
		if err == nil {
			raw, err = j.sign.windows(ctx, j.work, prog.name+".exe", raw)
		}
		if err != nil {
			return nil, err
		}
		files[prog.name+".exe"] = raw
	}
	text, bill, err := j.legalTexts(p, windows, arch, "windows-"+arch)
	if err != nil {
		return nil, err
	}
	files[msi.Licences] = []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))
	name := fmt.Sprintf("%s_%s_%s.msi", p.name, packageVersion(j.version), arch)
	path := filepath.Join(j.work, name)
	if err := (msi.Package{Version: j.version, Arch: arch, Date: j.date, Files: files}).Build(ctx, j.work, path); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		raw, err = j.sign.windows(ctx, j.work, name, raw)
	}
	if err != nil {
		return nil, err
	}
	return j.write(map[string][]byte{name: raw, fmt.Sprintf("%s_%s_windows_%s.spdx.json", p.name, packageVersion(j.version), arch): bill})
}

// shown is what the properties of a program's file say. Its number is that of the
// product, so that Windows Installer replaces a file whenever it replaces a product.
func (j *job) shown(prog program) pe.Version {
	v := pe.Version{Text: j.version, Description: prog.about, File: prog.name + ".exe", Product: "Assent", Company: "The Assent project", Copyright: "Apache-2.0"}
	for i, part := range strings.Split(msi.ProductVersion(j.version), ".") {
		n, _ := strconv.ParseUint(part, 10, 16) // it is of digits; one that is too large is the largest
		v.Numbers[i] = uint16(n)
	}
	return v
}

// pictures are the icon of every program: the shield that the tray shows.
func pictures() ([]pe.Picture, error) {
	var all []pe.Picture
	for _, side := range []int{16, 20, 24, 32, 40, 48, 64} {
		all = append(all, pe.Picture{Side: side, Pixels: tray.Image(tray.Look{Mood: tray.Idle}, side)})
	}
	large, err := tray.PNG(tray.Look{Mood: tray.Idle}, 256)
	return append(all, pe.Picture{Side: 256, PNG: large}), err
}

// pkg makes the package for every Mac.
func (j *job) pkg() ([]string, error) {
	ctx := context.Background()
	p := desktops(darwin)
	programs := map[string][]byte{}
	for _, prog := range p.programs {
		intel, err := j.compile(prog, darwin, "amd64")
		if err != nil {
			return nil, err
		}
		apple, err := j.compile(prog, darwin, "arm64")
		if err != nil {
			return nil, err
		}
		both, err := pkg.Universal(intel, apple)
		if err == nil {
			both, err = j.sign.macos(ctx, j.work, "program", prog.name, both)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", prog.name, err)
		}
		programs[prog.name] = both
	}
	text, bill, err := j.legalTexts(p, darwin, "arm64", "macos")
	if err != nil {
		return nil, err
	}
	raw, err := pkg.Package{Version: msi.ProductVersion(j.version), Date: j.date, Programs: programs, Licences: text}.Build()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s_%s_universal.pkg", p.name, packageVersion(j.version))
	if raw, err = j.sign.macos(ctx, j.work, "package", name, raw); err != nil {
		return nil, err
	}
	sample, err := pkg.Sample()
	if err != nil {
		return nil, err
	}
	return j.write(map[string][]byte{name: raw, "assent-sample.mobileconfig": sample,
		fmt.Sprintf("%s_%s_macos.spdx.json", p.name, packageVersion(j.version)): bill})
}

// write puts files beside the packages and says so.
func (j *job) write(files map[string][]byte) (made []string, err error) {
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(j.out, name), raw, 0o644); err != nil {
			return made, err
		}
		made = append(made, name)
	}
	slices.Sort(made)
	for _, name := range made {
		if !strings.HasSuffix(name, ".json") {
			fmt.Fprintln(j.say, "made:", filepath.Join(j.out, name))
		}
	}
	return made, nil
}
