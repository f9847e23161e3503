package companion

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"
)

// mark is the file that the program writes which is started: it has the environment
// of its person, so that it finds the place by itself.
const mark = "assent-companion-started"

// TestMain is also the program that is started: it is called without arguments then.
func TestMain(m *testing.M) {
	if len(os.Args) == 1 {
		dir, err := os.UserConfigDir()
		if err != nil || os.WriteFile(filepath.Join(dir, mark), []byte("x"), 0o600) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestHere: the entry of the Run key decides, the session is that of who sits
// here, and the program starts there with the environment of its person. Wine has
// one user and splits no token: whose rights it has is not shown.
func TestHere(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := Here{Program: self, Entry: "AssentTest"}
	if is, err := h.Wanted(); is || err != nil {
		t.Errorf("without an entry: %v %v", is, err)
	}
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, runKey, registry.SET_VALUE|registry.WOW64_64KEY)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if err := key.SetStringValue(h.Entry, "x"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = key.DeleteValue(h.Entry) })
	if is, err := h.Wanted(); !is || err != nil {
		t.Errorf("with an entry: %v %v", is, err)
	}
	all, err := h.Sessions()
	if err != nil || len(all) == 0 || ofSystem(all[0].Person) {
		t.Fatalf("sessions: %v %v", all, err)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, mark)
	_ = os.Remove(file)
	if err := h.Start(all[0]); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for late := time.After(30 * time.Second); ; {
		if _, err := os.Stat(file); err == nil {
			break
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatal("it has not started")
		}
	}
	if err := h.Start(Session{all[0].ID, "S-1-5-21-7-7-7-1000"}); err == nil || errors.Is(err, ErrAdministrator) {
		t.Errorf("somebody else's session: %v", err)
	}
	if err := (Here{Program: `C:\none.exe`}).Start(all[0]); err == nil {
		t.Error("a program that is not there was started")
	}
}
