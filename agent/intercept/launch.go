package intercept

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// programNamed is the program of Windows at a path: what it is is told by its name,
// whose ending may be left away.
func programNamed(file string, look func(string) (os.FileInfo, error)) (string, bool) {
	for _, p := range []string{file, file + ".exe"} {
		info, err := look(p)
		if err == nil && info.Mode().IsRegular() && strings.EqualFold(filepath.Ext(p), ".exe") {
			return filepath.Clean(p), true
		}
	}
	return "", false
}

// What Windows says of an open file: its kind, and marks of it.
const (
	ofDisk   = 0x1   // FILE_TYPE_DISK
	isFolder = 0x10  // FILE_ATTRIBUTE_DIRECTORY
	isLink   = 0x400 // FILE_ATTRIBUTE_REPARSE_POINT: a link, or a file that is not here
)

// isFile refuses what is open unless it is a file of a disk: no pipe or device, no
// folder, and no link.
func isFile(kind, marks uint32) error {
	if kind != ofDisk || marks&(isFolder|isLink) != 0 {
		return errors.New("not a regular file")
	}
	return nil
}

// about is what Windows says of an open file.
type about struct {
	kind, marks uint32
	volume      uint32
	index       uint64 // of the file on its volume
	size        int64
}

// holding is what Windows does with a program that is looked at.
type holding interface {
	// hold opens what is at a path, a last link itself. Until it is closed nobody writes
	// to it, removes it or gives it another name.
	hold(path string) (*os.File, error)
	about(*os.File) (about, error)
	rootOnly(path string) (bool, error) // see [privilege.RootOnly]
}

// openHeld opens a regular file and holds it. It is looked at once it is held: what
// is found out stays true.
func openHeld(sys holding, path string) (*os.File, Identity, error) {
	f, err := sys.hold(path)
	if err != nil {
		return nil, Identity{}, err
	}
	id, err := heldIdentity(sys, f, path)
	if err != nil {
		return nil, Identity{}, errors.Join(err, f.Close())
	}
	return f, id, nil
}

func heldIdentity(sys holding, f *os.File, path string) (Identity, error) {
	is, err := sys.about(f)
	if err == nil {
		err = isFile(is.kind, is.marks)
	}
	if err != nil {
		return Identity{}, err
	}
	only, err := sys.rootOnly(path)
	return Identity{Dev: uint64(is.volume), Ino: is.index, Size: is.size, rootOnly: only}, err
}

// opener is the program of Windows by which a file is opened that is no program
// itself, and what it is told, as the menu of a file manager does. root is the
// folder of Windows. ok is false for everything else: a program is started as it
// is, and a document is opened by nobody with rights.
func opener(file, root string) (program string, args []string, ok bool) {
	system := strings.TrimRight(root, `\`) + `\System32\`
	switch strings.ToLower(path.Ext(strings.ReplaceAll(file, `\`, "/"))) {
	case ".msi":
		return system + "msiexec.exe", []string{"/i", file}, true
	case ".msp":
		return system + "msiexec.exe", []string{"/p", file}, true
	case ".msc":
		return system + "mmc.exe", []string{file}, true
	case ".cpl":
		return system + "control.exe", []string{file}, true
	case ".ps1": // without what the person's profile says; the company's policy of scripts counts
		return system + `WindowsPowerShell\v1.0\powershell.exe`, []string{"-NoProfile", "-File", file}, true
	case ".bat", ".cmd":
		if strings.ContainsAny(file, unquotable) {
			return "", nil, false // its name would be read as more commands
		}
		return system + "cmd.exe", []string{"/d", "/c", file}, true
	}
	return "", nil, false
}

// unquotable are the characters that cmd.exe obeys also inside of quotes, or that
// end them.
const unquotable = "%!\"&|<>^\r\n"

// launched is an attempt to open a file as the attempt to run what opens it. The
// file is then an argument, whose content is bound by the digest of the arguments,
// see [Feed]. Where cmd.exe reads the rest, no arguments are passed on.
func launched(raw Raw, root string) Raw {
	file := raw.Command
	if strings.ContainsAny(file, `\/`) {
		file = inFolder(raw.Cwd, file)
	}
	program, args, ok := opener(file, root)
	if !ok || len(raw.Args) > 0 && slices.Contains(args, "/c") {
		return raw
	}
	raw.Command, raw.Args = program, append(args, raw.Args...)
	return raw
}
