package console_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// TestTypes: the source has the types that it says it has, those of the REST
// document among them.
func TestTypes(t *testing.T) {
	check, err := filepath.Abs(filepath.Join("node_modules", ".bin", "tsc"))
	if err == nil {
		_, err = os.Stat(check)
	}
	if err != nil {
		t.Skipf("%snpm: the type checker is not installed; run make console", testgroup.Mark)
	}
	if out, err := exec.CommandContext(t.Context(), check, "--noEmit").CombinedOutput(); err != nil {
		t.Errorf("%v\n%.4000s", err, out)
	}
}

// most is what all JavaScript of the console may weigh, compressed.
const most = 120_000

// built are the files of the bundle.
func built(t *testing.T) map[string]string {
	t.Helper()
	if !console.Built() {
		t.Skipf("%snpm: the console was not built; run make console", testgroup.Mark)
	}
	files := map[string]string{}
	dist := os.DirFS("dist")
	err := fs.WalkDir(dist, ".", func(name string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(dist, name)
		files[name] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestSize: everything that a browser may have to run, in all files together, as
// it goes over the wire.
func TestSize(t *testing.T) {
	sum, whole := 0, 0
	for name, text := range built(t) {
		switch {
		case strings.HasSuffix(name, ".js"):
			whole++
		case strings.HasSuffix(name, ".js.br"):
			whole--
			sum += len(text)
		}
	}
	t.Logf("%d bytes of compressed JavaScript, %d are allowed", sum, most)
	if sum == 0 || whole != 0 || sum > most {
		t.Errorf("the JavaScript has %d bytes compressed, %d are allowed; %d files have no compressed form", sum, most, whole)
	}
}

// TestBundleKeepsToThePolicy: what the policy forbids is not in the files, so
// that nothing of the page is missing for it.
func TestBundleKeepsToThePolicy(t *testing.T) {
	files := built(t)
	for name, text := range files {
		if ext := path.Ext(name); name != ".gitkeep" && ext != ".br" && ext != ".gz" {
			for _, fault := range faults(name, text, files) {
				t.Errorf("dist/%s: %s", name, fault)
			}
		}
	}
}

// faults are what a file of the bundle may not have.
func faults(name, text string, files map[string]string) []string {
	var out []string
	add := func(what string, found []string) {
		for _, f := range found {
			out = append(out, fmt.Sprintf("%s: %.120q", what, f))
		}
	}
	all := func(pattern string) []string { return regexp.MustCompile(pattern).FindAllString(text, -1) }
	kind := path.Ext(name)
	switch kind {
	case ".woff2", ".txt": // fonts, and the licences with their addresses
		return nil
	case ".html", ".js", ".css", ".svg":
	default:
		return []string{"is of a kind that the console has no use for"}
	}
	add("an address of another host", slices.DeleteFunc(all(`(?i)\b(https?|wss?)://[^\s"'<>)\\`+"`"+`]*`), harmless))
	if kind != ".css" {
		add("a style in the text", all(`(?i)<style|<[a-z][^<>]*\sstyle=`))
		add("a handler in the text", all(`(?i)<[a-z][^<>]*\son[a-z]+=`))
		add("a script in the text", slices.DeleteFunc(all(`(?is)<script.*?(</script>|$)`), func(s string) bool {
			return kind == ".html" && regexp.MustCompile(`^<script type="module" src="/assets/[^"]+"></script>$`).MatchString(s)
		}))
	}
	add("a map of the source", all(`sourceMappingURL=`))
	wanted := regexp.MustCompile(`url\(["']?([^"')]*)|@import\s*(\S*)`)
	switch kind {
	case ".js":
		return out
	case ".html", ".svg":
		wanted = regexp.MustCompile(`\b(?:src|href)="([^"]*)"|url\(([^)]*)`)
	}
	for _, m := range wanted.FindAllStringSubmatch(text, -1) {
		file := strings.TrimPrefix(strings.TrimPrefix(m[1]+m[2], "/assets/"), "./")
		if _, ok := files["assets/"+file]; !ok || file == "" {
			out = append(out, fmt.Sprintf("asks for what the bundle has not: %.120q", m[0]))
		}
	}
	return out
}

// harmless are addresses that name no host: those of XML, those that an example
// may have (RFC 2606, or a word in capitals for people to replace), and those
// whose host is put in while it runs, which the policy of the page holds back.
func harmless(address string) bool {
	_, rest, _ := strings.Cut(address, "://")
	host := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"))]
	switch {
	case slices.Contains([]string{"www.w3.org/2000/svg", "www.w3.org/1998/Math/MathML", "www.w3.org/1999/xhtml", "www.w3.org/1999/xlink", "www.w3.org/XML/1998/namespace"}, rest):
		return true
	case regexp.MustCompile(`^([a-z0-9-]+\.)*example(\.(org|com|net))?$`).MatchString(host):
		return !strings.Contains(rest, "@")
	case slices.Contains([]string{"hooks.slack.com", "example.atlassian.net", "example.service-now.com", "events.pagerduty.com"}, host):
		return true // shown in the forms of channels: the controller calls them, never the browser, whose policy knows itself alone
	}
	return rest == "" || strings.HasPrefix(rest, "…") || strings.HasPrefix(rest, "${") || host != "" && strings.Trim(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == ""
}

func TestFaultsAreFound(t *testing.T) {
	files := map[string]string{"assets/a.js": "", "assets/a.woff2": ""}
	for _, tt := range []struct {
		name, text, want string // want "" = nothing wrong
	}{
		{"index.html", `<script type="module" src="/assets/a.js"></script>`, ""},
		{"index.html", `<script>go()</script>`, "a script"},
		{"index.html", `<script type="module" src="/assets/a.js">go()</script>`, "a script"},
		{"index.html", `<script type="module" src="/assets/b.js"></script>`, "has not"},
		{"index.html", `<script type="module" src="//cdn.test/a.js"></script>`, "a script"},
		{"index.html", `<p style="color:red">`, "a style"},
		{"index.html", `<style>p{}</style>`, "a style"},
		{"index.html", `<body onload="go()">`, "a handler"},
		{"assets/a.css", `@font-face{src:url("./a.woff2")}`, ""},
		{"assets/a.css", `@font-face{src:url(//fonts.test/a.woff2)}`, "has not"},
		{"assets/a.css", `a{background:url(data:image/png;base64,AA)}`, "has not"},
		{"assets/a.css", `@import "b.css"`, "has not"},
		{"assets/a.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script>go()</script></svg>`, "a script"},
		{"assets/a.js", `f("https://cdn.test/a.js")`, "another host"},
		{"assets/a.js", `f("wss://cdn.test")`, "another host"},
		{"assets/a.js", `f("http://www.w3.org/2000/other")`, "another host"},
		{"assets/a.js", `f("https://example.org@cdn.test/")`, "another host"},
		{"assets/a.js", `f("https://example.org.cdn.test/")`, "another host"},
		{"assets/a.js", "f(`https://${host}/`,'https://','https://….example/','https://hooks.example.org/x?y','https://HOST:8443')", ""},
		{"assets/a.js", `e.innerHTML="<p style='color:red'>"`, "a style"},
		{"assets/a.js", "//# sourceMappingURL=a.js.map", "a map"},
		{"assets/a.js.map", "", "no use for"},
	} {
		got := strings.Join(faults(tt.name, tt.text, files), "; ")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: got %q, want %q", tt.name, tt.text, got, tt.want)
		}
	}
}

// TestPackages: what npm loads is fixed by its sum, runs nothing while it is put
// in place, and has a licence that a product under Apache-2.0 may carry. What
// only tests use may have one that holds for its own files as well.
func TestPackages(t *testing.T) {
	type pack struct {
		Version, Integrity, License, Resolved string
		Dev, HasInstallScript                 bool
	}
	var lock struct{ Packages map[string]pack }
	var own struct{ Dependencies, DevDependencies map[string]string }
	for name, v := range map[string]any{"package-lock.json": &lock, "package.json": &own} {
		raw, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(raw, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	carried := []string{"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0"}
	shown := ""
	if console.Built() {
		shown = built(t)["assets/licences.txt"]
	}
	for where, p := range lock.Packages {
		if where == "" {
			continue
		}
		name := where[strings.LastIndex(where, "node_modules/")+len("node_modules/"):]
		font := strings.HasPrefix(name, "@fontsource") && p.License == "OFL-1.1"
		if !slices.Contains(carried, p.License) && !font && !(p.Dev && p.License == "MPL-2.0") {
			t.Errorf("%s has the licence %q", name, p.License)
		}
		if !strings.HasPrefix(p.Integrity, "sha512-") || p.HasInstallScript || p.Resolved != "" {
			t.Errorf("%s: its sum is %q, it is loaded from %q, it runs a script: %v", name, p.Integrity, p.Resolved, p.HasInstallScript)
		}
		if shown != "" && !p.Dev && !strings.Contains("\n"+shown, "\n"+name+"\n") {
			t.Errorf("%s is not in the licences of the bundle", name)
		}
		want, direct := own.Dependencies[name]
		if p.Dev {
			want, direct = own.DevDependencies[name]
		}
		if direct && want != p.Version {
			t.Errorf("package.json asks for %s %s, the lock has %s", name, want, p.Version)
		}
	}
	if len(lock.Packages) < len(own.Dependencies) {
		t.Error("the lock lacks packages")
	}
}
