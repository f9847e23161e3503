// Command webbuild bundles the console: TypeScript, styles and fonts from
// controller/console become controller/console/dist, which that package embeds.
//
// It needs the packages that npm put into controller/console/node_modules and
// nothing from the network. File names carry a hash of their content, so that
// browsers may keep them for ever. It does not check types: `make check` does.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/js"
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
	files, used, err := bundle(dir)
	if err != nil {
		return err
	}
	page, err := index(dir, files)
	if err != nil {
		return err
	}
	licences, err := licences(filepath.Join(dir, "node_modules"), used)
	if err != nil {
		return err
	}
	out := map[string][]byte{"index.html": page, "assets/licences.txt": licences}
	for _, f := range files {
		text, err := shorten(f)
		if err != nil {
			return err
		}
		out["assets/"+filepath.Base(f.Path)] = text
	}
	if err := compress(out); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	return write(filepath.Join(dir, "dist"), out)
}

// shorten gives the names inside each function of a script to those of other
// functions too, which the bundler does not; it makes the script compress better.
func shorten(f api.OutputFile) ([]byte, error) {
	if filepath.Ext(f.Path) != ".js" {
		return f.Contents, nil
	}
	var b bytes.Buffer
	if err := (&js.Minifier{Version: 2022}).Minify(minify.New(), &b, bytes.NewReader(f.Contents), nil); err != nil {
		return nil, fmt.Errorf("shorten %s: %w", filepath.Base(f.Path), err)
	}
	return b.Bytes(), nil
}

// compress puts beside each text the same text as browsers take it over the
// wire, so that nothing is compressed while somebody waits.
func compress(out map[string][]byte) error {
	for _, name := range slices.Collect(maps.Keys(out)) {
		if !slices.Contains([]string{".js", ".css", ".html", ".svg"}, filepath.Ext(name)) {
			continue
		}
		for ending, writer := range map[string]func(io.Writer) io.WriteCloser{
			".br": func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, brotli.BestCompression) },
			".gz": func(w io.Writer) io.WriteCloser { z, _ := gzip.NewWriterLevel(w, gzip.BestCompression); return z }, // the level is a right one
		} {
			var b bytes.Buffer
			w := writer(&b)
			if _, err := w.Write(out[name]); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			out[name+ending] = b.Bytes()
		}
	}
	return nil
}

// bundle makes the files, and names the packages whose code is in them.
func bundle(dir string) ([]api.OutputFile, []string, error) {
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: dir,
		EntryPoints:   []string{"src/app.tsx", "src/icon.svg"},
		Outdir:        filepath.Join(dir, "dist", "assets"),
		Outbase:       filepath.Join(dir, "src"),
		EntryNames:    "[name]-[hash]", AssetNames: "[name]-[hash]",
		Bundle: true, Format: api.FormatESModule, Platform: api.PlatformBrowser, Target: api.ES2022,
		MinifySyntax: true, MinifyWhitespace: true, MinifyIdentifiers: true, TreeShaking: api.TreeShakingTrue,
		Charset: api.CharsetASCII, LegalComments: api.LegalCommentsNone,
		JSX: api.JSXTransform, JSXFactory: "jsxElement", JSXFragment: "jsxFragment", Inject: []string{"src/jsx.ts"}, TsconfigRaw: `{"compilerOptions":{"target":"ES2022","useDefineForClassFields":true}}`,
		Loader:   map[string]api.Loader{".woff2": api.LoaderFile, ".svg": api.LoaderCopy},
		Plugins:  []api.Plugin{icons(dir)},
		Metafile: true,
		Define:   map[string]string{"process.env.NODE_ENV": `"production"`},
	})
	var faults []error
	for _, m := range append(r.Errors, r.Warnings...) {
		at := ""
		if m.Location != nil {
			at = fmt.Sprintf("%s:%d:%d: ", m.Location.File, m.Location.Line, m.Location.Column)
		}
		faults = append(faults, errors.New(at+m.Text))
	}
	if len(faults) > 0 {
		return nil, nil, errors.Join(faults...)
	}
	used, err := packages(r.Metafile)
	return r.OutputFiles, used, err
}

// packages names those that the bundler has read.
func packages(metafile string) ([]string, error) {
	var meta struct{ Inputs map[string]struct{} }
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil, fmt.Errorf("read what the bundler says of its files: %w", err)
	}
	var out []string
	for file := range meta.Inputs {
		_, inside, found := strings.Cut(file, "node_modules/")
		if !found {
			continue
		}
		parts := strings.Split(inside, "/")
		name := parts[0]
		if strings.HasPrefix(name, "@") && len(parts) > 1 {
			name += "/" + parts[1]
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// index fills the page with the names of its script and style.
func index(dir string, files []api.OutputFile) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "src", "index.html"))
	if err != nil {
		return nil, err
	}
	page := string(raw)
	for mark, prefix := range map[string]string{"SCRIPT": "app-*.js", "STYLE": "app-*.css", "ICON": "icon-*.svg"} {
		var made []string
		for _, f := range files {
			if ok, err := filepath.Match(prefix, filepath.Base(f.Path)); ok && err == nil {
				made = append(made, filepath.Base(f.Path))
			}
		}
		if len(made) != 1 || !strings.Contains(page, "/assets/"+mark) {
			return nil, fmt.Errorf("the page wants one %s, these were made: %q", prefix, made)
		}
		page = strings.ReplaceAll(page, "/assets/"+mark, "/assets/"+made[0])
	}
	return []byte(page), nil
}

// licences collects the licence of every package whose code is in the bundle.
func licences(modules string, packages []string) ([]byte, error) {
	var b strings.Builder
	for _, name := range packages {
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
