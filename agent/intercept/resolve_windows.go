package intercept

import (
	"os"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/privilege"
)

// openProgram opens a regular file that nobody can write or replace while it is
// open, without following a last link.
func openProgram(path string) (*os.File, Identity, error) { return openHeld(holder{}, path) }

// holder is Windows.
type holder struct{}

func (holder) hold(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_SEQUENTIAL_SCAN, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}

func (holder) about(f *os.File) (a about, err error) {
	h := windows.Handle(f.Fd())
	if a.kind, err = windows.GetFileType(h); err != nil {
		return a, err
	}
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return a, err
	}
	a.marks, a.volume = info.FileAttributes, info.VolumeSerialNumber
	a.index, a.size = uint64(info.FileIndexHigh)<<32|uint64(info.FileIndexLow), int64(info.FileSizeHigh)<<32|int64(info.FileSizeLow)
	return a, nil
}

func (holder) rootOnly(path string) (bool, error) { return privilege.RootOnly(path) }

// holdFeed opens a file so that nobody writes to it or takes its name, or that of a
// folder above it, while it is open.
func holdFeed(path string) (*os.File, error) {
	f, _, err := openProgram(path)
	return f, err
}

// parentProgram is not asked for: the number of a parent that is gone can be
// another's.
func parentProgram(int) string { return "" }

// separators stand between the folders of a path.
const separators = `\/`

// program is the program at path.
func program(path string) (string, bool) { return programNamed(path, os.Stat) }

// launch has files that are no programs opened by what opens them.
func launch(raw Raw) Raw {
	root, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return raw
	}
	return launched(raw, root)
}

// topFolder is a folder of every machine, for what begins in none.
const topFolder = `C:\`
