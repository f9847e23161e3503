package pe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestWindowsReads: Windows itself finds the version, and the program still runs.
func TestWindowsReads(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	made, err := With(raw, sampleVersion, icon(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made.exe")
	if err := os.WriteFile(path, made, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "-test.list=TestRefused").CombinedOutput(); err != nil || !strings.Contains(string(out), "TestRefused") {
		t.Errorf("it does not run: %v %s", err, out)
	}
	size, err := windows.GetFileVersionInfoSize(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	info := make([]byte, size)
	if err := windows.GetFileVersionInfo(path, 0, size, unsafe.Pointer(&info[0])); err != nil {
		t.Fatal(err)
	}
	var fixed *windows.VS_FIXEDFILEINFO
	var length uint32
	if err := windows.VerQueryValue(unsafe.Pointer(&info[0]), `\`, unsafe.Pointer(&fixed), &length); err != nil || fixed.FileVersionMS != 1<<16|2 || fixed.FileVersionLS != 3<<16 {
		t.Errorf("the version: %v %v", err, fixed)
	}
	var text *uint16
	if err := windows.VerQueryValue(unsafe.Pointer(&info[0]), `\StringFileInfo\040904B0\FileDescription`, unsafe.Pointer(&text), &length); err != nil || windows.UTF16PtrToString(text) != "Assent agent" {
		t.Errorf("the description: %v", err)
	}
}
