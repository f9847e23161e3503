package privilege

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
)

// image is the file that becomes the program. It is held open so that nobody can
// write to it, remove it or give its name to another one until the program runs.
type image struct {
	path string
	file *os.File
	temp string // folder that only administrators write, "" = that of the system
}

func (i *image) close() { _ = i.file.Close() } // it was only read

// maxCopy bounds programs that have to be copied, in bytes.
const maxCopy = 512 << 20

// holdImage makes sure that exactly the approved bytes will run. A file that only
// administrators can change, in folders that only they can, is run where it is.
// Anything else is copied while it is hashed: libraries that somebody put beside
// it are not beside the copy.
func (o osTrees) holdImage(s Spec) (*image, error) {
	file, err := openHeld(s.Path)
	if err != nil {
		return nil, err
	}
	held := &image{path: s.Path, file: file}
	real, err := finalPath(windows.Handle(file.Fd()))
	if err == nil && !strings.EqualFold(real, s.Path) {
		err = fmt.Errorf("%w: %s leads to %s now", ErrChanged, s.Path, real)
	}
	head := make([]byte, 2)
	if err == nil {
		_, _ = file.ReadAt(head, 0) // a shorter file has no such head
		err = checkImage(s.Path, head)
	}
	only := false
	if err == nil {
		only, err = o.only(s.Path)
	}
	if err != nil {
		held.close()
		return nil, err
	}
	if s.StageDir != "" && !s.Own {
		if held.temp, err = o.makeStage(s); err != nil {
			held.close()
			return nil, err
		}
	}
	if !only && !s.Own {
		defer held.close()
		return o.copyImage(s, held)
	}
	sum := sha256.New()
	if _, err = io.Copy(sum, file); err == nil {
		err = compare(sum, s.SHA256)
	}
	if err != nil {
		held.close()
		return nil, err
	}
	return held, nil
}

func compare(sum hash.Hash, want string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: it is %s, approved was %s", ErrChanged, got, want)
	}
	return nil
}

// openHeld opens a file for reading while nobody writes it, and keeps it so.
func openHeld(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_SEQUENTIAL_SCAN, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, fmt.Errorf("%w: it is open for writing", ErrChanged)
	}
	if err != nil {
		return nil, fmt.Errorf("open the program: %w", err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// makeStage makes the grant's own folder, with room for temporary files in it.
func (o osTrees) makeStage(s Spec) (string, error) {
	var here acl.Windows
	if err := here.Make(s.StageDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make a folder for the copy: %w", err)
	}
	if only, err := o.only(s.StageDir); err != nil || !only {
		return "", errors.Join(fmt.Errorf("%w: the folder for copies, %s, can be changed by users as well", ErrUnsafe, s.StageDir), err)
	}
	temp := filepath.Join(StagePath(s.StageDir, s.Grant), "temp")
	for _, dir := range []string{filepath.Dir(temp), temp} {
		if err := here.Make(dir); err != nil {
			return "", fmt.Errorf("make a folder for the copy: %w", err)
		}
	}
	return temp, nil
}

// copyImage copies the held file into the grant's folder while it is hashed.
func (o osTrees) copyImage(s Spec, from *image) (*image, error) {
	if from.temp == "" {
		return nil, fmt.Errorf("%w: %s can be changed by users and there is no place for a copy", ErrUnsafe, s.Path)
	}
	path := filepath.Join(StagePath(s.StageDir, s.Grant), filepath.Base(s.Path))
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return nil, fmt.Errorf("make the copy: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, sum), io.LimitReader(from.file, maxCopy+1))
	if err == nil && n > maxCopy {
		err = fmt.Errorf("%w: it is larger than %d bytes", ErrUnsafe, maxCopy)
	}
	if err == nil {
		err = compare(sum, s.SHA256)
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return nil, err
	}
	held := &image{path: path, temp: from.temp}
	if held.file, err = openHeld(path); err != nil {
		return nil, err
	}
	sum.Reset() // what was closed and opened again is looked at again
	if _, err = io.Copy(sum, held.file); err == nil {
		err = compare(sum, s.SHA256)
	}
	if err != nil {
		held.close()
		return nil, err
	}
	return held, nil
}

// runs reports whether the file of a process is the held one.
func (i *image) runs(process windows.Handle) error {
	path, err := imageName(process)
	if err != nil {
		return err
	}
	h, err := openFor(path, windows.FILE_READ_ATTRIBUTES, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE)
	if err != nil {
		return fmt.Errorf("look what runs: %w", err)
	}
	defer windows.CloseHandle(h)
	var is, want windows.ByHandleFileInformation
	if err := errors.Join(windows.GetFileInformationByHandle(h, &is), windows.GetFileInformationByHandle(windows.Handle(i.file.Fd()), &want)); err != nil {
		return fmt.Errorf("look what runs: %w", err)
	}
	if is.VolumeSerialNumber != want.VolumeSerialNumber || is.FileIndexHigh != want.FileIndexHigh || is.FileIndexLow != want.FileIndexLow {
		return fmt.Errorf("%w: %s runs", ErrChanged, path)
	}
	return nil
}
