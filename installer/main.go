// Command installer makes the packages: agent, tray and controller as deb and rpm, the
// agent as MSI for each architecture and as pkg for every Mac, with licences, a list
// of what is in them (SPDX) and SHA256SUMS. It is run by `make package`.
//
// One folder per format holds what is particular to it. The same checkout and the
// same date give the same bytes: nothing of the building machine is in a package.
// Read product.go for what a package holds, build.go and docs.go for how that is
// made, pack.go for deb and rpm, endpoints.go, msi and pkg for Windows and macOS,
// sign.go for signatures, which only a key that is given makes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// job is one call.
type job struct {
	root    string // the checkout
	out     string
	version string // of the programs
	commit  string
	date    time.Time
	arches  []string
	formats []string
	only    []string // products
	sign    signing
	work    string // folder for what is made on the way
	say     io.Writer
}

func run(args []string, out io.Writer) error {
	f := flag.NewFlagSet("installer", flag.ContinueOnError)
	root := f.String("root", ".", "the checkout")
	dir := f.String("out", "dist", "where the packages go")
	version := f.String("version", "0.0.0-dev", "version of the programs")
	commit := f.String("commit", "unknown", "commit of the programs")
	date := f.String("date", os.Getenv("SOURCE_DATE_EPOCH"), "date of every file, in seconds since 1970")
	arch := f.String("arch", "amd64,arm64", "architectures")
	format := f.String("format", "deb,rpm,msi,pkg", "formats")
	only := f.String("only", "assent-agent,assent-tray,assent-controller", "packages")
	var sign signing
	sign.flags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(*date, 10, 64)
	if err != nil {
		return fmt.Errorf("-date or SOURCE_DATE_EPOCH is needed, in seconds: %w", err)
	}
	j := job{out: *dir, version: *version, commit: *commit, date: time.Unix(seconds, 0).UTC(), say: out, sign: sign,
		arches: strings.Split(*arch, ","), formats: strings.Split(*format, ","), only: strings.Split(*only, ",")}
	if j.root, err = filepath.Abs(*root); err != nil {
		return err
	}
	for _, name := range append(slices.Clone(j.arches), j.formats...) {
		if !slices.Contains([]string{"amd64", "arm64", "deb", "rpm", "msi", "pkg"}, name) {
			return fmt.Errorf("there is no architecture or format %q", name)
		}
	}
	if j.work, err = os.MkdirTemp("", "assent-installer-"); err != nil {
		return err
	}
	if err := j.sign.check(); err != nil {
		return errors.Join(err, os.RemoveAll(j.work))
	}
	return errors.Join(j.run(), os.RemoveAll(j.work))
}

// run makes everything; what can not be made for one architecture is said and
// fails the call, the others are made all the same.
func (j *job) run() error {
	if err := os.MkdirAll(j.out, 0o755); err != nil {
		return err
	}
	var errs []error
	var made []string
	if j.wants("deb") || j.wants("rpm") {
		for _, p := range products() {
			if !slices.Contains(j.only, p.name) {
				continue
			}
			files, err := j.product(p)
			errs, made = append(errs, err), append(made, files...)
		}
		if slices.Contains(j.only, "assent-controller") {
			errs = append(errs, j.container())
		}
	}
	if slices.Contains(j.only, "assent-agent") {
		files, err := j.endpoints()
		errs, made = append(errs, err), append(made, files...)
	}
	if len(made) == 0 {
		return errors.Join(append(errs, errors.New("no package was made"))...)
	}
	return errors.Join(append(errs, writeSums(j.out, made))...)
}

func (j *job) wants(format string) bool { return slices.Contains(j.formats, format) }

// product makes the packages of one product for Linux.
func (j *job) product(p product) (made []string, err error) {
	docs, err := j.docs(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	var errs []error
	for _, arch := range j.arches {
		names, err := j.packages(p, arch, docs)
		if errors.Is(err, errForeign) {
			fmt.Fprintf(j.say, "not made: %s for %s, %v\n", p.name, arch, err)
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s for %s was not made: %w", p.name, arch, err))
		}
		made = append(made, names...)
	}
	return made, errors.Join(errs...)
}

func (j *job) packages(p product, arch string, docs []entry) (made []string, err error) {
	built, err := j.build(p, arch)
	if err != nil {
		return nil, err
	}
	if p, err = p.linked(built); err != nil {
		return nil, err
	}
	legal, bill, err := j.legal(p, arch)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(p.files, built, docs, legal)
	for _, format := range []string{"deb", "rpm"} {
		if !j.wants(format) {
			continue
		}
		name, err := j.pack(p, arch, format, all)
		if err != nil {
			return made, fmt.Errorf("%s: %w", format, err)
		}
		fmt.Fprintln(j.say, "made:", filepath.Join(j.out, name))
		made = append(made, name)
	}
	name := fmt.Sprintf("%s_%s_%s.spdx.json", p.name, packageVersion(j.version), arch)
	return append(made, name), os.WriteFile(filepath.Join(j.out, name), bill, 0o644)
}

var (
	plain     = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	described = regexp.MustCompile(`^([0-9]+\.[0-9]+\.[0-9]+)-([0-9]+)-g([0-9a-f]+)(-dirty)?$`)
	notWanted = regexp.MustCompile(`[^0-9A-Za-z.]+`)
)

// packageVersion is a version in the order that package managers know: "~" comes
// before the release, "+" after it.
func packageVersion(v string) string {
	if plain.MatchString(v) {
		return v
	}
	if m := described.FindStringSubmatch(v); m != nil {
		return m[1] + "+" + m[2] + ".g" + m[3] + strings.ReplaceAll(m[4], "-", ".")
	}
	number, rest, _ := strings.Cut(v, "-")
	if !plain.MatchString(number) {
		number, rest = "0.0.0", v
	}
	return number + "~" + notWanted.ReplaceAllString(rest, ".")
}
