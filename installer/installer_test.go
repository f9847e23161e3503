package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/installer/independent"
)

var update = flag.Bool("update", false, "rewrite golden files")

// fake are the entries of a product with programs that are none, for everything
// that does not depend on what the programs do.
func fake(p product) []entry {
	all := slices.Clone(p.files)
	for _, prog := range p.programs {
		all = append(all, entry{path: "/usr/bin/" + prog.name, kind: isFile, mode: 0o755, raw: []byte("#!/bin/sh\nexit 4\n")},
			entry{path: "/usr/share/man/man" + prog.section + "/" + prog.name + "." + prog.section + ".gz", kind: isFile, mode: 0o644, raw: []byte("page")})
	}
	if p.shim {
		all = append(all, entry{path: pluginPath, kind: isFile, mode: 0o644, raw: []byte("plugin")}, entry{path: pamPath, kind: isFile, mode: 0o755, raw: []byte("program")})
	}
	return append(all, entry{path: "/usr/share/doc/" + p.name, kind: isDir, mode: 0o755},
		entry{path: "/usr/share/doc/" + p.name + "/copyright", kind: isFile, mode: 0o644, raw: []byte("licences")})
}

func testJob(t *testing.T, version string) *job {
	t.Helper()
	return &job{root: "..", out: t.TempDir(), version: version, commit: "test", date: time.Unix(1767225600, 0).UTC(), work: t.TempDir(), say: io.Discard}
}

func packed(t *testing.T, j *job, p product, arch, format string) string {
	t.Helper()
	name, err := j.pack(p, arch, format, fake(p))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(j.out, name)
}

// TestD3SameBytes: the same input gives the same bytes, whenever and wherever.
func TestD3SameBytes(t *testing.T) {
	for _, p := range products() {
		for _, format := range []string{"deb", "rpm"} {
			for _, arch := range []string{"amd64", "arm64"} {
				sums := map[string]bool{}
				for range 2 {
					raw, err := os.ReadFile(packed(t, testJob(t, "1.2.3"), p, arch, format))
					if err != nil {
						t.Fatal(err)
					}
					sums[fmt.Sprintf("%x", sha256.Sum256(raw))] = true
				}
				if len(sums) != 1 {
					t.Errorf("%s for %s as %s differs from run to run", p.name, arch, format)
				}
			}
		}
	}
}

// needs skips a test where a file of the machine is missing. No part of the build
// wants these: they are readers and surroundings that are not ours.
func needs(t *testing.T, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Skip("needs ", file)
	}
}

// listing is what an independent reader says that a deb or rpm holds.
func listing(t *testing.T, path string) string {
	t.Helper()
	args := []string{"/usr/bin/dpkg-deb", "--contents", path}
	if strings.HasSuffix(path, ".rpm") {
		args = []string{"/usr/bin/rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]", path}
	}
	needs(t, args[0])
	var lines []string
	for line := range strings.Lines(independent.Says(t, "", args[0], args[1:]...)) {
		f := strings.Fields(line)
		if strings.HasSuffix(path, ".deb") {
			f = []string{f[0], f[1], strings.TrimPrefix(f[5], ".")}
		}
		lines = append(lines, strings.Join(f, " "))
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestD3Contents: what is in each package, with modes and owners, as dpkg and rpm
// read it. Nothing is writable by others than root, nothing is setuid.
func TestD3Contents(t *testing.T) {
	for _, p := range products() {
		for _, format := range []string{"deb", "rpm"} {
			t.Run(p.name+"/"+format, func(t *testing.T) {
				got := listing(t, packed(t, testJob(t, "1.2.3"), p, "amd64", format))
				for line := range strings.Lines(got) {
					mode, owner, _ := strings.Cut(strings.TrimSpace(line), " ")
					if mode[5] == 'w' || mode[8] == 'w' || strings.ContainsAny(mode, "sStT") || !strings.HasPrefix(owner, "root/root ") {
						t.Errorf("%s", line)
					}
				}
				independent.Golden(t, *update, p.name+"."+format+".list", got)
			})
		}
	}
}

// TestD3Rendered: units and the facts of the packages, as they are installed.
func TestD3Rendered(t *testing.T) {
	j := testJob(t, "1.2.3")
	for _, p := range products() {
		for _, e := range p.files {
			if e.from == "" {
				continue
			}
			raw, err := j.content(e)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), "{{") {
				t.Errorf("%s is not rendered", e.path)
			}
			independent.Golden(t, *update, strings.TrimSuffix(filepath.Base(e.path)+"."+e.only, "."), string(raw))
		}
		deb := packed(t, j, p, "arm64", "deb")
		needs(t, "/usr/bin/dpkg-deb")
		independent.Golden(t, *update, p.name+".control", independent.Says(t, "", "/usr/bin/dpkg-deb", "--field", deb))
	}
}

// TestD3Scripts: the scripts stop at the first fault, search no program in a
// place of others, and are understood by the smallest shell.
func TestD3Scripts(t *testing.T) {
	files, err := filepath.Glob("*/assent-*.p*")
	if err != nil || len(files) != 16 {
		t.Fatalf("%d scripts: %v %v", len(files), files, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if !strings.HasPrefix(text, "#!/bin/sh\n") || !strings.Contains(text, "\nset -eu\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n") {
			t.Errorf("%s does not begin as scripts do", name)
		}
		for _, bad := range []string{"/tmp", "/home", "$HOME", "eval", "curl", "wget", "chmod 777", "mktemp", " . /", "source "} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
		if out, err := exec.Command("/bin/sh", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

// TestD3RPMInstallAndRemove: rpm installs into a folder without systemd and
// without anything else, says what to do, and removes without a trace.
func TestD3RPMInstallAndRemove(t *testing.T) {
	testgroup.Need(t, "root")
	needs(t, "/usr/bin/rpm")
	root := t.TempDir()
	for _, dir := range []string{"etc", "usr/bin", "var/lib", "var/log", "run"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bare(t, root)
	before := tree(t, root)
	for _, version := range []string{"1.2.3", "1.2.4"} {
		j := testJob(t, version)
		p := products()[0]
		all := fake(p)
		for i := range all { // one that says "as it was" and that it was undone
			if all[i].path == "/usr/bin/assent-agent" {
				all[i].raw = []byte("#!/bin/sh\n[ \"$1\" = uninstall ] && exit 0\nmkdir -p /var/lib/assent && : >/var/lib/assent/identity\nexit 3\n")
			}
		}
		name, err := j.pack(p, "amd64", "rpm", all)
		if err != nil {
			t.Fatal(err)
		}
		mustRPM(t, root, "--upgrade", "--nodeps", "--ignorearch", filepath.Join(j.out, name))
		if _, err := os.Stat(filepath.Join(root, pluginPath)); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(root, "var/lib/assent/identity")); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
	mustRPM(t, root, "--erase", "assent-agent")
	if after := tree(t, root); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	// E 81: a linked data folder is refused before anything is there.
	if err := os.Symlink("/run", filepath.Join(root, "var/lib/assent")); err != nil {
		t.Fatal(err)
	}
	out, err := rpmCommand(root, "--install", "--nodeps", "--ignorearch", packed(t, testJob(t, "1.2.3"), products()[0], "amd64", "rpm")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "/var/lib/assent is not a folder of root") {
		t.Errorf("a linked folder: %v %s", err, out)
	}
	if _, err := os.Lstat(filepath.Join(root, pluginPath)); err == nil {
		t.Error("something was unpacked")
	}
}

// bare puts what the scripts need into a root: a shell and four programs, with
// the libraries that they name.
func bare(t *testing.T, root string) {
	t.Helper()
	needs(t, "/usr/bin/ldd")
	library := regexp.MustCompile(`(/\S+)`)
	for _, program := range []string{"/bin/sh", "/bin/rm", "/bin/mkdir", "/bin/grep"} {
		real, err := filepath.EvalSymlinks(program)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/usr/bin/ldd", real).Output()
		if err != nil {
			t.Fatal(err)
		}
		copyInto(t, real, filepath.Join(root, "usr/bin", filepath.Base(program)))
		for _, lib := range library.FindAllString(string(out), -1) {
			copyInto(t, lib, filepath.Join(root, lib))
		}
	}
	if err := os.Symlink("usr/bin", filepath.Join(root, "bin")); err != nil {
		t.Fatal(err)
	}
}

func copyInto(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, raw, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func rpmCommand(root string, args ...string) *exec.Cmd {
	args = append([]string{"--root", root, "--dbpath", "/var/lib/rpm", "--define", "_pkgverify_level none", "--force-debian"}, args...)
	return exec.Command("/usr/bin/rpm", args...)
}

func mustRPM(t *testing.T, root string, args ...string) {
	t.Helper()
	if out, err := rpmCommand(root, args...).CombinedOutput(); err != nil || strings.Contains(string(out), "scriptlet failed") {
		t.Fatalf("rpm %v: %v\n%s", args, err, out)
	}
}

func tree(t *testing.T, root string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case rel == "var/lib/rpm" || rel == "usr/share" || rel == "usr/lib" || rel == "usr/libexec" || rel == "var/tmp":
			// rpm's own, and folders of the system that no package of ours owns
			if rel == "var/lib/rpm" || rel == "var/tmp" {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			lines = append(lines, rel)
		} else if strings.Contains(rel, "assent") {
			lines = append(lines, rel+"/")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestPackageVersion(t *testing.T) {
	for in, want := range map[string]string{"1.2.3": "1.2.3", "1.2.3-4-gabc1234": "1.2.3+4.gabc1234", "1.2.3-4-gabc1234-dirty": "1.2.3+4.gabc1234.dirty",
		"0.0.0-dev": "0.0.0~dev", "2.0.0-rc.1": "2.0.0~rc.1", "2.0.0-rc1_x": "2.0.0~rc1.x", "main": "0.0.0~main"} {
		if got := packageVersion(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// TestD3WrongMachine: a plugin of another architecture is not packed.
func TestD3WrongMachine(t *testing.T) {
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		if err := checkMachine(own, arch); f.Machine != machine && err == nil {
			t.Errorf("taken for %s", arch)
		}
	}
	if checkMachine([]byte("plugin"), "amd64") == nil {
		t.Error("text is taken")
	}
}

// TestD3NoCompiler: without the compiler of an architecture there is no package
// for it, and the line says what to install.
func TestD3NoCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := testJob(t, "1.2.3").shim("arm64"); err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("%v", err)
	}
}

func TestManual(t *testing.T) {
	pages := map[string]string{
		"--help": "tool does one thing.\nIt never does two.\n\nUsage:\n  tool [command]\n\nAvailable Commands:\n  completion  x\n  help        Help about any command\n  run         Run it\n\n" +
			"Flags:\n  -h, --help            help for tool\n      --data string     folder (default \"/var/x\")\n\nUse \"tool [command] --help\" for more information about a command.\n",
		"run --help": "Run it\n\nUsage:\n  tool run [flags]\n\nExamples:\n  tool run -- .x\n\nFlags:\n      --for string   how long; a 'quoted' \\ word\n\nGlobal Flags:\n      --data string     folder\n",
	}
	text, err := manual(program{name: "tool", section: "8", files: [][2]string{{"/etc/tool", "its file"}}}, time.Unix(1767225600, 0).UTC(), "1.2.3",
		func(args ...string) (string, error) { return pages[strings.Join(args, " ")], nil })
	if err != nil {
		t.Fatal(err)
	}
	independent.Golden(t, *update, "tool.8", text)
	raw, err := squeeze([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if back, err := io.ReadAll(z); err != nil || string(back) != text {
		t.Errorf("the page does not come back: %v", err)
	}
}

// TestD5Containerfile reads the file as a container tool does: it begins with
// nothing, runs as nobody, and names only what `make package` puts beside it.
func TestD5Containerfile(t *testing.T) {
	raw, err := assets.ReadFile("container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		verb, rest, ok := strings.Cut(line, " ")
		if !ok || !slices.Contains(strings.Fields("FROM ARG COPY ENV USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD"), verb) {
			t.Errorf("not understood: %s", line)
		}
		seen[verb] = append(seen[verb], rest)
	}
	for verb, want := range map[string]string{"FROM": "scratch", "USER": "65532:65532", "VOLUME": "/data", "ENTRYPOINT": `["/assent-controller"]`, "CMD": `["serve"]`} {
		if len(seen[verb]) != 1 || seen[verb][0] != want {
			t.Errorf("%s %v, want %s", verb, seen[verb], want)
		}
	}
	if len(seen["HEALTHCHECK"]) != 1 || !strings.Contains(seen["HEALTHCHECK"][0], `"/assent-controller", "health"`) {
		t.Errorf("HEALTHCHECK %v", seen["HEALTHCHECK"])
	}
	j := testJob(t, "1.2.3")
	j.arches = []string{"amd64"}
	if err := errors.Join(os.MkdirAll(filepath.Join(j.work, "linux/amd64"), 0o755), os.WriteFile(j.programPath("assent-controller", linux, "amd64"), []byte("program"), 0o755)); err != nil {
		t.Fatal(err)
	}
	needs(t, certificates)
	if err := j.container(); err != nil {
		t.Fatal(err)
	}
	for _, copied := range seen["COPY"] {
		f := strings.Fields(strings.TrimPrefix(copied, "--chown=65532:65532 "))
		if _, err := os.Stat(filepath.Join(j.out, "container", strings.ReplaceAll(f[0], "${TARGETARCH}", "amd64"))); err != nil {
			t.Errorf("COPY %s: %v", copied, err)
		}
	}
}

// TestD3DebScripts: a deb carries the four scripts that dpkg runs.
func TestD3DebScripts(t *testing.T) {
	path := packed(t, testJob(t, "1.2.3"), products()[0], "amd64", "deb")
	needs(t, "/usr/bin/dpkg-deb")
	out, err := exec.Command("/usr/bin/dpkg-deb", "--ctrl-tarfile", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		found[strings.TrimPrefix(h.Name, "./")] = h.Mode
	}
	for _, name := range []string{"preinst", "postinst", "prerm", "postrm"} {
		if found[name]&0o777 != 0o755 {
			t.Errorf("%s has mode %o in %v", name, found[name], found)
		}
	}
	if _, ok := found["conffiles"]; !ok {
		t.Error("agent.toml is no conffile")
	}
}
