package privilege

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
)

// windowsFiles are those of this machine.
type windowsFiles struct{}

var _ winFiles = windowsFiles{}

// windowsFile is an open one.
type windowsFile struct{ *os.File }

func (windowsFiles) look(path string) (winFile, error) {
	h, err := openFor(path, windows.FILE_READ_ATTRIBUTES, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if err != nil {
		return nil, err
	}
	return windowsFile{os.NewFile(uintptr(h), path)}, nil
}

func (windowsFiles) hold(path string) (winFile, error) {
	h, err := openFor(path, windows.GENERIC_READ, windows.FILE_SHARE_READ, windows.FILE_FLAG_SEQUENTIAL_SCAN)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, errInUse
	}
	if err != nil {
		return nil, err
	}
	return windowsFile{os.NewFile(uintptr(h), path)}, nil
}

func (windowsFiles) list(path string) (acl.List, error) { return acl.Of(path) }
func (windowsFiles) self() string                       { return acl.Windows{}.Self() }
func (windowsFiles) makeFolder(path string) error       { return acl.Windows{}.Make(path) }
func (windowsFiles) removeAll(path string) error        { return os.RemoveAll(path) }

func (windowsFiles) newFile(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
}

func (f windowsFile) real() (string, error) { return finalPath(windows.Handle(f.Fd())) }

func (f windowsFile) id() (winFileID, error) {
	var info windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info)
	return winFileID{volume: info.VolumeSerialNumber, index: uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)}, err
}
