// Command webbuild bundles the console: TypeScript, styles and fonts from
// controller/console become controller/console/dist, which that package embeds.
//
// It needs the packages that npm put into controller/console/node_modules and
// nothing from the network. File names carry a hash of their content, so that
// browsers may keep them for ever. It does not check types: `make check` does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	dir := flag.String("dir", filepath.Join("controller", "console"), "the console's folder")
	flag.Parse()
	if err := build(*dir); err != nil {
		fmt.Fprintf(os.Stderr, "error: build the console: %v\nhint: run `make console`, which installs its packages first\n", err)
		os.Exit(1)
	}
}

func build(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	files, err := bundle(dir)
	if err != nil {
		return err
	}
	page, err := index(dir, files)
	if err != nil {
		return err
	}
	licences, err := licences(filepath.Join(dir, "node_modules"))
	if err != nil {
		return err
	}
	out := map[string][]byte{"index.html": page, "assets/licences.txt": licences}
	for _, f := range files {
		out["assets/"+filepath.Base(f.Path)] = f.Contents
	}
	return write(filepath.Join(dir, "dist"), out)
}

func bundle(dir string) ([]api.OutputFile, error) {
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: dir,
		EntryPoints:   []string{"src/app.tsx", "src/app.css", "src/icon.svg"},
		Outdir:        filepath.Join(dir, "dist", "assets"),
		Outbase:       filepath.Join(dir, "src"),
		EntryNames:    "[name]-[hash]", AssetNames: "[name]-[hash]",
		Bundle: true, Format: api.FormatESModule, Platform: api.PlatformBrowser, Target: api.ES2022,
		MinifySyntax: true, MinifyWhitespace: true, MinifyIdentifiers: true, TreeShaking: api.TreeShakingTrue,
		Charset: api.CharsetASCII, LegalComments: api.LegalCommentsNone,
		JSX: api.JSXAutomatic, JSXImportSource: "preact",
		Loader: map[string]api.Loader{".woff2": api.LoaderFile, ".svg": api.LoaderCopy},
		Define: map[string]string{"process.env.NODE_ENV": `"production"`},
	})
	var faults []error
	for _, m := range append(r.Errors, r.Warnings...) {
		at := ""
		if m.Location != nil {
			at = fmt.Sprintf("%s:%d:%d: ", m.Location.File, m.Location.Line, m.Location.Column)
		}
		faults = append(faults, errors.New(at+m.Text))
	}
	return r.OutputFiles, errors.Join(faults...)
}

// index fills the page with the names of its script and style.
func index(dir string, files []api.OutputFile) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "src", "index.html"))
	if err != nil {
		return nil, err
	}
	page := string(raw)
	for mark, prefix := range map[string]string{"SCRIPT": "app-*.js", "STYLE": "app-*.css", "ICON": "icon-*.svg"} {
		i := slices.IndexFunc(files, func(f api.OutputFile) bool {
			ok, err := filepath.Match(prefix, filepath.Base(f.Path))
			return ok && err == nil
		})
		if i < 0 || !strings.Contains(page, "/assets/"+mark) {
			return nil, fmt.Errorf("no %s was made, or src/index.html does not ask for it", prefix)
		}
		page = strings.ReplaceAll(page, "/assets/"+mark, "/assets/"+filepath.Base(files[i].Path))
	}
	return []byte(page), nil
}

// licences collects the licence of every package whose code is in the bundle.
func licences(modules string) ([]byte, error) {
	var b strings.Builder
	for _, name := range []string{"preact", "@preact/signals", "@preact/signals-core", "lucide", "@fontsource-variable/inter", "uqr"} {
		raw, err := os.ReadFile(filepath.Join(modules, filepath.FromSlash(name), "LICENSE"))
		if err != nil {
			return nil, fmt.Errorf("licence of %s: %w", name, err)
		}
		fmt.Fprintf(&b, "%s\n\n%s\n\n", name, strings.TrimSpace(string(raw)))
	}
	return []byte(b.String()), nil
}

// write replaces what is in the folder, the index last, so that a build that
// is interrupted leaves a folder that counts as not built.
func write(dist string, files map[string][]byte) error {
	old, err := os.ReadDir(dist)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range old {
		if f.Name() == ".gitkeep" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dist, f.Name())); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dist, "assets"), 0o755); err != nil {
		return err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names) // assets/… before index.html
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dist, filepath.FromSlash(name)), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
