package sudo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// maxEdits is how many files one sudoedit may name.
const maxEdits = 16

// errEdit refuses a file that is not where only root could put another one.
var errEdit = errors.New("this file can not be edited by an approval")

// beside is where a file is that was typed in the folder cwd. Nothing is
// resolved: a path with a link in it is refused later.
func beside(cwd, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return strings.TrimSuffix(cwd, "/") + "/" + file
}

// observeEdit makes the attempt to edit files.
func observeEdit(raw intercept.Raw, files []string) (elevation.Attempt, intercept.Real, error) {
	if len(files) == 0 || len(files) > maxEdits {
		return elevation.Attempt{}, intercept.Real{}, fmt.Errorf("%w: %d files at once", errEdit, len(files))
	}
	marks := []string{elevation.MarkEdit}
	for _, f := range files {
		if err := editable(f); err != nil {
			return elevation.Attempt{}, intercept.Real{}, err
		}
		if protected(f) && len(marks) == 1 {
			marks = append(marks, elevation.MarkProtected)
		}
	}
	raw.Command, raw.Args = editPath, files
	attempt, real, err := intercept.Observe(raw)
	if err != nil {
		return elevation.Attempt{}, intercept.Real{}, err
	}
	attempt.Subject.Path, attempt.Subject.Marks = editPath, marks
	return attempt, real, attempt.Valid()
}

// editable refuses paths with links, and files below folders in which somebody
// else than root could put another file. A file that is not there yet may be
// made.
func editable(path string) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s %s", errEdit, inert.Text(path), why) }
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return bad("is no plain path")
	}
	for _, dir := range []string{"/dev/", "/proc/", "/sys/", "/run/"} {
		if strings.HasPrefix(path, dir) {
			return bad("is no file that is kept")
		}
	}
	look := path
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		look = filepath.Dir(path)
	case err != nil:
		return bad("can not be looked at")
	case !info.Mode().IsRegular():
		return bad("is no ordinary file")
	}
	real, _, err := privilege.Resolve(look)
	if err != nil || real != look {
		return bad("leads somewhere else")
	}
	if only, err := privilege.RootOnly(look); err != nil || !only {
		return bad("can be changed by others than root, or swapped")
	}
	return nil
}

// protected are files that say who may do what, now or after the next log-in: a
// rule never approves changing them.
func protected(path string) bool {
	for _, p := range []string{"/etc/sudoers", "/etc/sudo.conf", "/etc/sudo_logsrvd.conf", "/etc/assent", "/var/lib/assent", "/usr/libexec/assent",
		"/etc/pam.", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/nsswitch.conf", "/etc/polkit-1", "/usr/share/polkit-1",
		"/etc/doas.conf", "/etc/ld.so.", "/etc/ssh", "/root", "/boot"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// matchesEdit compares the files that sudo is about to copy out, one by one. What
// stands before the mark is the person's editor, which gets no rights; an editor
// that brings a mark of its own would add files.
func (h *held) matchesEdit(q call) error {
	i := slices.Index(q.runArgv, "--")
	switch {
	case !isTrue(q.info, "sudoedit"):
		return errors.New("a program in place of an editor")
	case i < 0 || slices.Contains(q.runArgv[i+1:], "--"):
		return errors.New("another list of files")
	case value(q.info, "runas_uid") != strconv.FormatUint(uint64(h.runAs.UID), 10):
		return errors.New("another user to edit as")
	case value(q.info, "chroot") != "":
		return errors.New("another root folder")
	}
	files := q.runArgv[i+1:]
	if len(files) != len(h.ruleArgs) {
		return errors.New("another list of files")
	}
	for n, f := range files {
		if f != h.ruleArgs[n] {
			return errors.New("another file")
		}
		if err := editable(f); err != nil {
			return err
		}
	}
	if unchanged(h.real) != nil {
		return errors.New("sudo itself has changed")
	}
	return nil
}

// editHint offers sudoedit to who asks for an editor that runs as root.
func editHint(w wanted, real intercept.Real) string {
	if w.typed.edit || w.typed.shell || w.runAs.UID != 0 {
		return ""
	}
	editors := []string{"vi", "vim", "view", "nvim", "nano", "pico", "emacs", "ed", "joe", "jed", "mcedit", "micro", "helix", "kak", "ne", "editor"}
	if !slices.Contains(editors, strings.TrimPrefix(real.Called, "r")) && !slices.Contains(editors, real.Called) {
		return ""
	}
	file := ""
	for _, a := range w.args {
		switch {
		case strings.HasPrefix(a, "-") || strings.HasPrefix(a, "+"):
		case file != "":
			return ""
		default:
			file = a
		}
	}
	if file == "" || editable(beside(w.cwd, file)) != nil {
		return ""
	}
	return "An editor that runs as root can do anything. `sudoedit " + shown(file, 200) + "` asks for this file only (Ctrl-C first)."
}
