package keep

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestProgram: what runs from the copy keeps nobody from replacing the program,
// and the copy of what it was goes once it has ended.
func TestProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	folder, path := t.TempDir(), filepath.Join(t.TempDir(), "agent.exe")
	if err := os.WriteFile(path, raw, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := Program(folder, path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Program(folder, path); err != nil || again != first {
		t.Errorf("the same program: %s %v, was %s", again, err, first)
	}
	cmd := exec.Command(first, "-test.run=^TestStays$")
	cmd.Env = append(os.Environ(), staysEnv+"=1")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Errorf("the copy runs, and the program can not be removed: %v", err)
	}
	if err := os.WriteFile(path, append(raw, "newer"...), 0o700); err != nil {
		t.Fatal(err)
	}
	second, err := Program(folder, path)
	if err != nil || second == first {
		t.Errorf("another program: %s %v", second, err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the copy does not run: %v", err)
	}
	if _, err := Program(folder, path); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(folder, copies))
	if err != nil || len(left) != 1 || left[0].Name() != filepath.Base(second) {
		t.Errorf("copies: %v %v", left, err)
	}
	if _, err := Program(folder, filepath.Join(folder, "none")); err == nil {
		t.Error("a program that is not there was copied")
	}
	if err := os.WriteFile(second, []byte("half of it"), 0o700); err != nil {
		t.Fatal(err)
	}
	if again, err := Program(folder, path); err != nil || again != second {
		t.Errorf("a torn copy: %s %v", again, err)
	} else if is, err := os.ReadFile(again); err != nil || len(is) != len(raw)+len("newer") {
		t.Errorf("a torn copy was taken: %d bytes, %v", len(is), err)
	}
}

// staysEnv makes TestStays stay.
const staysEnv = "ASSENT_KEEP_STAYS"

// TestStays is a program that runs until its input ends.
func TestStays(t *testing.T) {
	if os.Getenv(staysEnv) == "" {
		t.Skip("it is a program of TestProgram")
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
}
