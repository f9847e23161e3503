package privilege

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestContractOfJobs(t *testing.T) { contract(t, onThisMachine(here(t))) }

// A job that somebody made under the name is not used: they could watch and end
// what is in it, or have left processes there.
func TestPlantedJobIsRefused(t *testing.T) {
	trees := here(t)
	name := newGrant()
	plan, err := trees.Plan(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	path, err := windows.UTF16PtrFromString(objectName(plan.Name))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := windows.CreateJobObject(nil, path)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(theirs)
	child := exec.Command(os.Args[0], "part-child")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	if ref, err := trees.Adopt(t.Context(), name, 0, child.Process.Pid, time.Minute); !errors.Is(err, ErrNotContained) {
		t.Errorf("got %+v, %v", ref, err)
	}
}

// program copies this test program to dir and says how it is started.
func program(t *testing.T, dir string, args ...string) (Spec, *os.File) {
	t.Helper()
	raw, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program.exe")
	if err := os.WriteFile(path, raw, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	who := Account{Name: "alice", SID: user.User.Sid.String(), Session: session}
	s := Spec{Grant: elevation.NewGrantID(time.Now()), Path: path, SHA256: hex.EncodeToString(sum[:]), Args: args, Cwd: dir,
		Requester: who, RunAs: who, Env: []string{"windir=C:\\evil", "Path=C:\\evil", "COR_PROFILER=x", "LANG=de"}, StageDir: filepath.Join(dir, "stage"), TTL: time.Minute}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	errs, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Files = [3]*os.File{in, write, errs}
	return s, read
}

func listenTo(t *testing.T, from io.Reader) told {
	t.Helper()
	var got told
	if err := json.NewDecoder(from).Decode(&got); err != nil {
		t.Fatalf("the program said nothing: %v", err)
	}
	return got
}

// TestAlone: what this system is not made to hold does not start.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	trees := here(t, dir)
	s, _ := program(t, dir, "tell")
	s.Alone = true
	if run, err := trees.Start(t.Context(), s); !errors.Is(err, ErrNotContained) {
		t.Errorf("got %+v, %v", run, err)
	}
}

func TestStart(t *testing.T) {
	dir := t.TempDir()
	trees := here(t, dir)
	args := []string{"tell", "", "a b", `quo"te`, `back\slash\`, `end\\ "`, "*.txt", "%PATH%", "ünïcode", "&|<>^"}
	s, out := program(t, dir, args...)
	contained := false
	s.Contained = func() error { contained = true; return nil }
	run, err := trees.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	got := listenTo(t, out)
	if code, err := run.Wait(); code != 7 || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
	if !slices.Equal(got.Args[1:], args) {
		t.Errorf("arguments %q", got.Args)
	}
	if !contained || !strings.EqualFold(got.Exe, s.Path) {
		t.Errorf("contained %v, runs %s", contained, got.Exe)
	}
	if !strings.EqualFold(got.Cwd, `C:\windows\system32`) {
		t.Errorf("it begins in %s, where libraries are looked for", got.Cwd)
	}
	env := strings.Join(got.Env, "\n") + "\n"
	for _, want := range []string{"SystemRoot=C:\\windows\n", "ASSENT_GRANT=" + string(s.Grant) + "\n", "TEMP=" + StagePath(s.StageDir, s.Grant) + "\\temp\n", "ASSENT_SID=" + s.Requester.SID + "\n"} {
		if !strings.Contains(strings.ToLower(env), strings.ToLower(want)) {
			t.Errorf("its environment lacks %q", want)
		}
	}
	for _, bad := range []string{"evil", "COR_PROFILER", "WINEPREFIX", "LANG="} { // of the requester, or of this process
		if strings.Contains(env, bad) {
			t.Errorf("its environment has %s:\n%s", bad, env)
		}
	}
	if err := trees.End(t.Context(), run.Tree, 0); err != nil {
		t.Error(err)
	}
}

// Another process, that knows the name alone, ends a program and its child; also
// when the first process is gone.
func TestAnotherProcessEndsIt(t *testing.T) {
	dir := t.TempDir()
	s, out := program(t, dir, "stay")
	run, err := here(t, dir).Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	said.Scan()
	var child int
	if _, err := fmt.Sscanf(said.Text(), "staying %d", &child); err != nil || child == 0 {
		t.Fatalf("it said %q", said.Text())
	}
	theirs, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(child))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(theirs)
	if out, err := exec.CommandContext(t.Context(), os.Args[0], "end", run.Tree.Name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code, err := run.Wait(); code != endedCode || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
	if event, err := windows.WaitForSingleObject(theirs, 10_000); event != windows.WAIT_OBJECT_0 {
		t.Errorf("the child lives: %v", err)
	}
}

// Nothing runs that was not approved, and nothing is left of the try.
func TestStartRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		change func(t *testing.T, s *Spec)
		want   error
	}{
		"another hash": {func(_ *testing.T, s *Spec) { s.SHA256 = strings.Repeat("0", 64) }, ErrChanged},
		"a script": {func(t *testing.T, s *Spec) {
			s.Path = strings.TrimSuffix(s.Path, ".exe") + ".bat"
			if err := os.WriteFile(s.Path, []byte("echo hello"), 0o700); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte("echo hello"))
			s.SHA256 = hex.EncodeToString(sum[:])
		}, ErrUnsafe},
		"somebody else's session":  {func(_ *testing.T, s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-21-9-9-9-1", "S-1-5-21-9-9-9-1" }, ErrIdentity},
		"the system":               {func(_ *testing.T, s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-18", "S-1-5-18" }, ErrIdentity},
		"as somebody else":         {func(_ *testing.T, s *Spec) { s.RunAs.SID = "S-1-5-21-9-9-9-1" }, ErrIdentity},
		"the session of services":  {func(_ *testing.T, s *Spec) { s.Requester.Session = 0 }, ErrIdentity},
		"open for writing by one":  {openForWriting, ErrChanged},
		"refused once it is there": {func(_ *testing.T, s *Spec) { s.Contained = func() error { return errRefused } }, errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			trees := here(t, dir)
			s, out := program(t, dir, "tell")
			row.change(t, &s)
			if run, err := trees.Start(t.Context(), s); !errors.Is(err, row.want) {
				t.Errorf("got %+v, %v", run, err)
			}
			if raw, err := io.ReadAll(out); len(raw) > 0 || err != nil {
				t.Errorf("it ran: %q, %v", raw, err)
			}
			if left, err := trees.List(); len(left) > 0 || err != nil {
				t.Errorf("left: %v, %v", left, err)
			}
			if _, err := os.Stat(StagePath(s.StageDir, s.Grant)); err == nil {
				t.Error("the folder of the copy is left")
			}
		})
	}
}

func openForWriting(t *testing.T, s *Spec) {
	f, err := os.OpenFile(s.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

// From the first look at the file until it runs nobody can write to it, remove it,
// or give its name to another one.
func TestImageIsHeld(t *testing.T) {
	dir := t.TempDir()
	s, _ := program(t, dir, "tell")
	tried := map[string]error{}
	s.Contained = func() error {
		other := filepath.Join(dir, "other.exe")
		if err := os.WriteFile(other, []byte("MZ"), 0o700); err != nil {
			t.Error(err)
		}
		_, tried["write"] = os.OpenFile(s.Path, os.O_WRONLY, 0)
		tried["remove"] = os.Remove(s.Path)
		tried["rename"] = os.Rename(s.Path, s.Path+".old")
		tried["replace"] = os.Rename(other, s.Path)
		return errRefused
	}
	if _, err := here(t, dir).Start(t.Context(), s); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	for what, err := range tried {
		if err == nil {
			t.Errorf("%s: done while the file is held", what)
		}
	}
	if err := os.Remove(s.Path); err != nil {
		t.Errorf("it is still held afterwards: %v", err)
	}
}

// What users can change is run as a copy elsewhere: libraries that were put beside
// it (E 24) are not beside the copy.
func TestE24PlantedLibraryIsNotBesideTheCopy(t *testing.T) {
	dir := t.TempDir()
	s, out := program(t, dir, "tell")
	if err := os.WriteFile(filepath.Join(dir, "version.dll"), []byte("planted"), 0o700); err != nil {
		t.Fatal(err)
	}
	run, err := here(t, s.StageDir).Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	got := listenTo(t, out)
	if _, err := run.Wait(); err != nil {
		t.Error(err)
	}
	if want := filepath.Join(StagePath(s.StageDir, s.Grant), "program.exe"); !strings.EqualFold(got.Exe, want) {
		t.Errorf("%s runs, want %s", got.Exe, want)
	}
	names, err := os.ReadDir(filepath.Dir(got.Exe))
	if err != nil || len(names) != 2 { // the copy and its folder for temporary files
		t.Errorf("beside the copy: %v, %v", names, err)
	}
	s, _ = program(t, dir, "tell")
	s.StageDir = ""
	if _, err := here(t).Start(t.Context(), s); !errors.Is(err, ErrUnsafe) {
		t.Errorf("without a place for a copy: %v", err)
	}
	s, _ = program(t, dir, "tell")
	if _, err := here(t).Start(t.Context(), s); !errors.Is(err, ErrUnsafe) {
		t.Errorf("with a place that users can change: %v", err)
	}
}

// A person's own program has their environment and folder and no more rights.
func TestOwnProgram(t *testing.T) {
	dir := t.TempDir()
	s, out := program(t, dir, "tell")
	s.Own, s.Env = true, []string{"MINE=1", "SystemRoot=" + os.Getenv("SystemRoot")}
	run, err := here(t).Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	got := listenTo(t, out)
	if _, err := run.Wait(); err != nil {
		t.Error(err)
	}
	if !slices.Contains(got.Env, "MINE=1") || !strings.EqualFold(got.Cwd, dir) {
		t.Errorf("%+v", got)
	}
}

// Wine has no log-on service: the way for people who are no administrators is
// refused there. What is asked of the service, and what is made of its answer, is told
// by TestLogOnByWindows and TestTokenFor, which run everywhere.
func TestLogOnWithoutPassword(t *testing.T) {
	token, err := windowsSystem{}.logOn(winLogOn{pack: packageLocal, kind: logonNetwork, account: "alice", domain: "PC7",
		groups: []tokenGroup{{localgroup.AdministratorsSID, groupEnabled}}})
	if err == nil {
		_ = token.close()
		t.Fatal("Wine has learned to log people on: the contract can be kept whole now")
	}
}
