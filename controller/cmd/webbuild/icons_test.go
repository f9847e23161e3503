package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The shapes of an icon are its own and nothing else; what is not known is no icon.
func TestShapes(t *testing.T) {
	got, err := shapes("const User = [\n  [\"path\", { d: \"M1 2\" }],\n  [\n    \"circle\",\n    {\n      cx: \"12\", \"stroke-width\": \"3\"\n    }\n  ]\n];\nexport { User as default };")
	if want := `<path d="M1 2"/><circle cx="12" stroke-width="3"/>`; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, module := range []string{"", `export default [["script", { src: "x" }]];`, "[[\"path\", {}"} {
		if got, err := shapes(module); err == nil {
			t.Errorf("%q is %q", module, got)
		}
	}
}

// The same sources give files of the same names and content in whichever folder they
// are built, or no two machines would make the same package.
func TestFolderIsNotInTheNames(t *testing.T) {
	made := map[string]string{}
	for i, dir := range []string{t.TempDir(), t.TempDir()} {
		for name, text := range map[string]string{
			"src/app.tsx": `import icons from "./icons.svg"; import "./shapes"; document.title = icons;`, "src/shapes.ts": `document.body.id = "a";`,
			"src/jsx.ts": "export {};", "src/icon.svg": "<svg/>", "src/icons.json": `{"user": "user"}`,
			"node_modules/lucide/dist/esm/icons/user.mjs": `[["path", { d: "M1 2" }]]`, "node_modules/lucide/package.json": `{"name": "lucide"}`,
		} {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		files, _, err := bundle(dir)
		if err != nil || len(files) != 3 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, f := range files {
			name := filepath.Base(f.Path)
			if i == 0 {
				made[name] = string(f.Contents)
			} else if made[name] != string(f.Contents) {
				t.Errorf("%s is %q in one folder and %q in another", name, made[name], f.Contents)
			}
		}
	}
}
