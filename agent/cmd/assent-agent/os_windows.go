package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// sudoersDir: there is no sudo.
const sudoersDir = ""

const sudoHere = "there is none on Windows"

func mechanismsHere() []local.Mechanism {
	return []local.Mechanism{{Name: string(elevation.ByUAC), Text: "on"}}
}

// osVersion is the product and the build of Windows.
func osVersion() string {
	v := windows.RtlGetVersion()
	number := fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE)
	if err != nil {
		return "Windows " + number
	}
	defer key.Close()
	name, _, _ := key.GetStringValue("ProductName") // "" without one
	if ubr, _, err := key.GetIntegerValue("UBR"); err == nil {
		number += "." + strconv.FormatUint(ubr, 10)
	}
	return cmp.Or(name, "Windows") + " " + number
}

func mayServe() error {
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return fmt.Errorf("look at our own rights: %w", err)
	}
	return administrator(windows.Token(0).IsMember(admins))
}

// runtimeFolder: the door on Windows is a pipe, which has no folder.
func runtimeFolder(string) error { return nil }

// errTaken is the error of a file that somebody else has alone.
const errTaken = windows.ERROR_SHARING_VIOLATION

// openAlone opens a file that nobody else can open meanwhile.
func openAlone(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}

// parentAlive tells whether the process that started this one lives.
func parentAlive() func() bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(os.Getppid()))
	if err != nil {
		return func() bool { return false }
	}
	return func() bool {
		event, err := windows.WaitForSingleObject(h, 0)
		return err == nil && event == uint32(windows.WAIT_TIMEOUT)
	}
}

// apart is how the reaper is started: without a console, outlives the agent.
func apart() (env []string, dir string, attr *syscall.SysProcAttr) {
	root := cmp.Or(os.Getenv("SystemRoot"), `C:\Windows`)
	return []string{"SystemRoot=" + root, "ProgramData=" + os.Getenv("ProgramData"), `PATH=` + root + `\System32`}, root,
		&syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

// enrollKey is where the installer leaves the controller and the token; it is for
// the system and administrators alone.
const enrollKey = `SOFTWARE\Assent\Enroll`

// installerLeft is that key.
type installerLeft struct{}

func (installerLeft) read() (leftover, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, enrollKey, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return leftover{}, nil
	}
	if err != nil {
		return leftover{}, fmt.Errorf("read what the installer left: %w", err)
	}
	defer key.Close()
	var left leftover
	for name, into := range map[string]*string{"ControllerURL": &left.url, "Token": &left.token, "Labels": &left.label} {
		text, _, err := key.GetStringValue(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return leftover{}, fmt.Errorf("read what the installer left, %s: %w", name, err)
		}
		*into = text
	}
	return left, nil
}

func (installerLeft) forget() error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, enrollKey, registry.SET_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the token: %w", err)
	}
	defer key.Close()
	if err := key.DeleteValue("Token"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the token: %w", err)
	}
	return nil
}

// missingHere is what is not served on Windows.
func missingHere() []string {
	return []string{
		"a session (assent session) is told by parents that live: what one person runs can pass for a child of their own shell",
		"administrator for a while (assent admin) counts in the window that opens; a log-on of that time keeps the rights until it is over",
		"programs that Windows itself asks about (UAC) are not held: a hint offers to ask instead where assent-tray runs, and the menu of a program asks",
		"a proxy is not looked for on the network (WPAD), and one that wants Negotiate or NTLM is not passed",
		"a program that was approved has no console of its own: what it reads and writes is passed on",
	}
}
