package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// icons gives what asks for ./icons.svg the picture of all icons as a file, and
// notes the package whose shapes are in it.
func icons(dir string) api.Plugin {
	return api.Plugin{Name: "icons", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^\./icons\.svg$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: "node_modules/lucide/icons.svg", Namespace: "icons"}, nil // the path goes into names: without the folder
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.`, Namespace: "icons"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
			text, err := picture(dir)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderFile}, err
		})
	}}
}

// picture draws every icon that src/icons.json names as a symbol of its own, from
// the shapes of the package lucide.
func picture(dir string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "src", "icons.json"))
	if err != nil {
		return "", err
	}
	var names map[string]string // ours, and that of the package
	if err := json.Unmarshal(raw, &names); err != nil {
		return "", fmt.Errorf("read the names of the icons: %w", err)
	}
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		raw, err := os.ReadFile(filepath.Join(dir, "node_modules", "lucide", "dist", "esm", "icons", names[name]+".mjs"))
		if err != nil {
			return "", fmt.Errorf("the icon %s: %w", name, err)
		}
		shapes, err := shapes(string(raw))
		if err != nil {
			return "", fmt.Errorf("the icon %s: %w", name, err)
		}
		fmt.Fprintf(&b, `<symbol id="%s" viewBox="0 0 24 24">%s</symbol>`, name, shapes)
	}
	b.WriteString("</svg>")
	return b.String(), nil
}

// shapes turns the list of a module such as [["path", { d: "M1 2" }]] into markup.
func shapes(module string) (string, error) {
	one := regexp.MustCompile(`\[\s*"(path|circle|line|polyline|rect|ellipse|polygon)",\s*\{([^{}]*)\}\s*\]`)
	attribute := regexp.MustCompile(`"?([a-z0-9-]+)"?:\s*"([^"<>&]*)"`)
	var b strings.Builder
	for _, shape := range one.FindAllStringSubmatch(module, -1) {
		b.WriteString("<" + shape[1])
		for _, a := range attribute.FindAllStringSubmatch(shape[2], -1) {
			fmt.Fprintf(&b, ` %s="%s"`, a[1], a[2])
		}
		b.WriteString("/>")
	}
	if b.Len() == 0 {
		return "", errors.New("it has no shapes that are known")
	}
	return b.String(), nil
}
