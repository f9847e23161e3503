package companion

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
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

// TestHere: the session is that of who sits here, and the program starts there with
// the environment of its person. Wine has one user and splits no token: what is
// started has the rights of this test, and each number is a session's.
func TestHere(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own := windows.GetCurrentProcessToken()
	user, err := own.GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, mark)
	_ = os.Remove(file)
	h := Here{Program: self, Entry: "AssentTest"}
	contract(t, room{desk: h, session: session, person: user.User.Sid.String(), administrator: own.IsElevated(),
		want: func(t *testing.T) { enter(t, h.Entry) },
		ran:  func() bool { _, err := os.Stat(file); return err == nil }})
	seat, err := (Here{Program: `C:\none.exe`}).Sit(session)
	if err != nil {
		t.Fatal(err)
	}
	defer seat.Leave()
	if seat.Start() == nil {
		t.Error("a program that is not there was started")
	}
}

// enter writes the entry that starts a program at log-in, until the test is over.
func enter(t *testing.T, name string) {
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, runKey, registry.SET_VALUE|registry.WOW64_64KEY)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = key.DeleteValue(name), key.Close() })
	if err := key.SetStringValue(name, "x"); err != nil {
		t.Fatal(err)
	}
}
