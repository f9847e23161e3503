package consent

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/windows"
)

// TestMain lets the test binary be the service and the prompt of Windows.
func TestMain(m *testing.M) {
	switch name := strings.ToLower(filepath.Base(os.Args[0])); {
	case name == servants:
		if err := playService(os.Args[1], os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case name == prompter:
		fmt.Println(strings.Join(os.Args, " "))
		_, _ = io.ReadAll(os.Stdin) // until it is closed
	default:
		os.Exit(m.Run())
	}
}

// playService keeps a question in its memory and starts the prompt.
func playService(prompt, program string) error {
	raw := block(program, `"`+program+`" /x "a b"`)
	cmd := exec.Command(prompt, fmt.Sprint(os.Getpid()), fmt.Sprint(len(raw)), fmt.Sprintf("%016X", uintptr(unsafe.Pointer(&raw[0]))))
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	err := cmd.Run()
	runtime.KeepAlive(raw)
	return err
}

// lab is this machine with another folder of Windows' programs. Wine has one
// session and one person, so the service sits with everybody; and it does not tell
// command lines of others (ProcessCommandLineInformation), so the prompt told its.
type lab struct {
	Here
	dir, line string
}

func (l lab) Folder() (string, error) { return l.dir, nil }

func (l lab) Look(pid int) (Facts, error) {
	f, err := l.Here.Look(pid)
	if strings.EqualFold(f.Image, l.dir+`\`+servants) {
		f.Session = 0
	}
	if f.Line == "" {
		f.Line = l.line
	}
	return f, err
}

// The calls together: a prompt is found, its line and the memory of its parent are
// read, and whose it is.
func TestHere(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{prompter, servants} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	const program = `C:\Program Files\Tool\setup.exe`
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, servants), filepath.Join(dir, prompter), program)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var told []Prompt
	w := &Watcher{System: lab{dir: dir, line: strings.TrimSpace(line)}, Wanted: func() bool { return true }, Tell: func(p Prompt) { told = append(told, p) },
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now}
	for range 2 {
		if err := w.Look(); err != nil {
			t.Error(err)
		}
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Prompt{{Person: user.User.Sid.String(), Program: program, Args: []string{"/x", "a b"}}}, told); diff != "" {
		t.Error(diff)
	}
	told = nil
	if w.System = (Here{}); w.Look() != nil || len(told) != 0 {
		t.Errorf("a prompt that is not in the folder of Windows is believed: %v", told)
	}
	_, _ = in.Close(), cmd.Wait()
}

// TestContractHere is of this process itself.
func TestContractHere(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("a question")
	pid := os.Getpid()
	o := own{Process: Process{PID: pid, Parent: os.Getppid(), Name: filepath.Base(self)}, Facts: Facts{Image: self, Line: windows.UTF16PtrToString(windows.GetCommandLine())},
		person: user.User.Sid.String(), at: uint64(uintptr(unsafe.Pointer(&text[0]))), text: string(text)}
	if err := windows.ProcessIdToSessionId(uint32(pid), &o.Session); err != nil {
		t.Fatal(err)
	}
	var began, over, kernel, people windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &began, &over, &kernel, &people); err != nil {
		t.Fatal(err)
	}
	o.Started = began.Nanoseconds()
	f, err := Here{}.Look(pid)
	o.noLine = err == nil && f.Line == ""
	contract(t, Here{}, o)
	runtime.KeepAlive(text)
}
