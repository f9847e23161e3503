package privilege

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// winImage is the file that becomes the program. It is held open so that nobody can
// write to it, remove it or give its name to another one until the program runs.
type winImage struct {
	path  string
	file  winFile
	stage string // the grant's own folder, "" = none was made
}

// temp is the folder for temporary files that only administrators write, "" = that
// of the system.
func (i *winImage) temp() string {
	if i.stage == "" {
		return ""
	}
	return i.stage + `\temp`
}

func (i *winImage) close() {
	if i.file != nil {
		_ = i.file.Close() // it was only read
		i.file = nil
	}
}

// discard removes what was made for a program that does not run.
func (i *winImage) discard(of winFiles) error {
	i.close()
	if i.stage == "" {
		return nil
	}
	return of.removeAll(i.stage)
}

// maxImage bounds programs that have to be copied, in bytes.
const maxImage = int64(512 << 20)

// errInUse: somebody else has a file open in a way that does not go together.
var errInUse = errors.New("it is open elsewhere")

// holdImage makes sure that exactly the approved bytes will run. A file that only
// administrators can change, in folders that only they can, is run where it is.
// Anything else is copied while it is hashed: libraries that somebody put beside
// it are not beside the copy. After an error nothing is held and no copy is left.
func (w winStart) holdImage(s Spec) (*winImage, error) {
	held := &winImage{path: s.Path}
	err := w.hold(s, held)
	if err != nil {
		return nil, errors.Join(err, held.discard(w.sys))
	}
	return held, nil
}

func (w winStart) hold(s Spec, held *winImage) (err error) {
	if held.file, err = w.open(s.Path); err != nil {
		return err
	}
	real, err := held.file.real()
	if err != nil {
		return err
	}
	if !sameName(real, s.Path) {
		return fmt.Errorf("%w: %s leads to %s now", ErrChanged, s.Path, real)
	}
	held.path = real // libraries are looked for where this is
	head := make([]byte, 2)
	if _, err := held.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) { // a shorter file has no such head
		return err
	}
	if err := checkImage(s.Path, head); err != nil {
		return err
	}
	only, err := w.only(real)
	if err != nil {
		return err
	}
	if s.StageDir != "" && !s.Own {
		if err := w.makeStage(s, held); err != nil {
			return err
		}
	}
	if !only && !s.Own {
		return w.copyImage(s, held)
	}
	return copyApproved(held.file, io.Discard, s.SHA256)
}

// open holds a file.
func (w winStart) open(path string) (winFile, error) {
	file, err := w.sys.hold(path)
	if errors.Is(err, errInUse) {
		return nil, fmt.Errorf("%w: it is open for writing", ErrChanged)
	}
	if err != nil {
		return nil, fmt.Errorf("open the program: %w", err)
	}
	return file, nil
}

// copyApproved copies what is read and makes sure that it is what was approved.
func copyApproved(from io.Reader, to io.Writer, want string) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), from); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: it is %s, approved was %s", ErrChanged, got, want)
	}
	return nil
}

// makeStage makes the grant's own folder, with room for temporary files in it. What
// is there already is of another run: a grant is used once.
func (w winStart) makeStage(s Spec, held *winImage) error {
	if err := w.sys.makeFolder(s.StageDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a folder for the copy: %w", err)
	}
	if only, err := w.only(s.StageDir); err != nil || !only {
		return errors.Join(fmt.Errorf("%w: the folder for copies, %s, can be changed by users as well", ErrUnsafe, s.StageDir), err)
	}
	stage := StagePath(s.StageDir, s.Grant)
	if err := w.sys.makeFolder(stage); err != nil {
		return fmt.Errorf("make a folder for the copy: %w", err)
	}
	held.stage = stage
	if err := w.sys.makeFolder(held.temp()); err != nil {
		return fmt.Errorf("make a folder for the copy: %w", err)
	}
	return nil
}

// copyImage copies the held file into the grant's folder while it is hashed, and
// holds the copy in its place.
func (w winStart) copyImage(s Spec, held *winImage) error {
	if held.stage == "" {
		return fmt.Errorf("%w: %s can be changed by users and there is no place for a copy", ErrUnsafe, s.Path)
	}
	path := held.stage + `\` + fileName(s.Path)
	to, err := w.sys.newFile(path)
	if err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	most := cmp.Or(w.most, maxImage)
	bounded := &io.LimitedReader{R: held.file, N: most + 1}
	err = copyApproved(bounded, to, s.SHA256)
	if bounded.N == 0 {
		err = fmt.Errorf("%w: it is larger than %d bytes", ErrUnsafe, most)
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	held.close()
	held.path = path
	if held.file, err = w.open(path); err != nil {
		return err
	}
	return copyApproved(held.file, io.Discard, s.SHA256) // what was closed and opened again is looked at again
}

// checkRuns makes sure that the file of a process is the held one.
func (w winStart) checkRuns(held *winImage, c winChild) error {
	path, err := c.image()
	if err != nil {
		return err
	}
	f, err := w.sys.look(path)
	if err != nil {
		return fmt.Errorf("look what runs: %w", err)
	}
	defer f.Close()
	is, err := f.id()
	if err != nil {
		return fmt.Errorf("look what runs: %w", err)
	}
	want, err := held.file.id()
	if err != nil {
		return fmt.Errorf("look what runs: %w", err)
	}
	if is != want {
		return fmt.Errorf("%w: %s runs", ErrChanged, path)
	}
	return nil
}
