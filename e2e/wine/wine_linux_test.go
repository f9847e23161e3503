package wine

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestLab(t *testing.T) {
	l := Open(t)
	got := l.Run("cmd", "/c", "ver")
	if got.Code != 0 || !strings.Contains(got.Stdout, "Microsoft Windows 10") {
		t.Errorf("ver: %+v", got)
	}
	if got := l.Run("cmd", "/c", "exit 42"); got.Code != 42 {
		t.Errorf("exit code: %+v", got)
	}
	if err := l.Write(`C:\Data\A.txt`, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got := l.Run("cmd", "/c", `type c:\data\a.TXT`); got.Stdout != "hello" {
		t.Errorf("type: %+v", got)
	}
	if raw, err := l.Read(`c:\data\a.txt`); err != nil || string(raw) != "hello" {
		t.Errorf("read %q, %v", raw, err)
	}
	for _, tool := range []string{"wixl", "msiinfo", "msibuild"} {
		if got := l.RunTool(tool, "--version"); got.Code == -1 || got.Code == 127 {
			t.Errorf("%s: %+v", tool, got)
		}
	}
}

// What is tested here was worked out with Wine 10.
func TestWineIsNewEnough(t *testing.T) {
	got := Open(t).RunTool("wine", "--version")
	number, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(got.Stdout), "wine-"), ".")
	if major, err := strconv.Atoi(number); err != nil || major < 10 {
		t.Errorf("%q: Wine 10 or later is wanted; remove the folder wine-* from the cache of tests, so that it is made anew", got.Stdout)
	}
}

// Labs share nothing, and nothing of them is mounted on the host or left there.
func TestLabsAreApart(t *testing.T) {
	a, b := Open(t), Open(t)
	if err := a.Write(`C:\only.txt`, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(`C:\only.txt`); !os.IsNotExist(err) {
		t.Errorf("a file of another lab: %v", err)
	}
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(raw), a.dir) {
		t.Errorf("mounted on the host: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(a.dir); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
	if got := b.Run("cmd", "/c", "exit 3"); got.Code != 3 {
		t.Errorf("the other lab: %+v", got)
	}
}
