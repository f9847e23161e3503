// Package acl judges the access lists of Windows: whether only the system and
// administrators can change a file, and whether the agent's own folder is its own.
//
// What is decided runs everywhere and is tested with lists that stand in memory;
// entry.go reads the lists of Windows, system_windows.go has the calls. It is not used on other systems, where owners
// and modes say the same, see package privilege. It never makes a list wider.
package acl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Secret is the access list of everything that the agent keeps: the system and
// administrators alone, inherited by what is inside and from nowhere.
const Secret = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

// ErrForeign: the folder, or something in it, belongs to somebody who could have put
// anything there.
var ErrForeign = errors.New("it was made by somebody who is no administrator")

// Entry is one part of a list that allows something.
type Entry struct {
	SID  string
	Mask uint32
}

// List is who owns something and what is allowed. Missing means that there is no
// list, which allows everybody everything.
type List struct {
	Owner     string
	Missing   bool
	Protected bool // nothing comes from the folder above
	Allow     []Entry
}

// Rights by which a file, a folder or what is in it is changed: write, append,
// extended attributes, delete a child, attributes, delete, the list, the owner, all,
// write.
const changes = 0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x10000 | 0x40000 | 0x80000 | 0x10000000 | 0x40000000

// makesFiles are the rights to put something new into a folder: users have them on
// C:\ and C:\ProgramData, and what they make there does not change what is there.
const makesFiles = 0x2 | 0x4 | 0x10 | 0x100

// Well-known SIDs.
const (
	system         = "S-1-5-18"
	administrators = "S-1-5-32-544"
	installer      = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464" // NT SERVICE\TrustedInstaller
	creatorOwner   = "S-1-3-0"                                                        // whoever makes something inside; that is judged where it is
	ownerRights    = "S-1-3-4"                                                        // of the owner, who is judged by name
)

func privileged(sid string) bool {
	return slices.Contains([]string{system, administrators, installer, creatorOwner, ownerRights}, sid)
}

// OnlyPrivileged reports whether nobody but the system, the installer of Windows
// and administrators can change what has the list. above says that it is a folder
// further up, in which only that one entry counts that leads on: it must not be
// removed or get another name, but others may come beside it. The folder that a
// program lies in is none of these: what is put there may be loaded.
func (l List) OnlyPrivileged(above bool) bool {
	if l.Missing || !slices.Contains([]string{system, administrators, installer}, l.Owner) {
		return false
	}
	for _, e := range l.Allow {
		mask := e.Mask
		if above {
			mask &^= makesFiles
		}
		if mask&changes != 0 && !privileged(e.SID) {
			return false
		}
	}
	return true
}

// For is the list as an agent sees it that runs as self: what is its own is as safe
// as what is the system's. The service is the system, for which that changes
// nothing; it is for whoever runs an agent in the foreground, who can do with it
// what they like anyway.
func (l List) For(self string) List {
	mine := func(sid string) string {
		if sid == self && self != "" { // nobody is nobody's
			return system
		}
		return sid
	}
	is := List{Owner: mine(l.Owner), Missing: l.Missing, Protected: l.Protected}
	for _, e := range l.Allow {
		is.Allow = append(is.Allow, Entry{SID: mine(e.SID), Mask: e.Mask})
	}
	return is
}

// secret reports whether the list is as tight as [Secret].
func (l List) secret() bool {
	return l.Protected && l.OnlyPrivileged(false) && !slices.ContainsFunc(l.Allow, func(e Entry) bool {
		return e.SID != system && e.SID != administrators
	})
}

// Guarded is the access list of a process with rights, of its threads and of what it
// makes: the system and administrators alone. Its owner may read the list and no
// more, whoever that is, so that the same person's other programs can not open it.
const Guarded = "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;RC;;;OW)"

// readList is the right to read a list, which does no harm.
const readList = 0x20000

// Exclusive reports whether nobody but the system and administrators can do
// anything with what has the list. An owner may change a list, unless it says what
// owners may.
func (l List) Exclusive() bool {
	bound := slices.ContainsFunc(l.Allow, func(e Entry) bool { return e.SID == ownerRights })
	if l.Missing || !bound && l.Owner != system && l.Owner != administrators {
		return false
	}
	return !slices.ContainsFunc(l.Allow, func(e Entry) bool {
		return e.SID != system && e.SID != administrators && !(e.SID == ownerRights && e.Mask&^readList == 0)
	})
}

// System is what [Claim] needs of a machine, beside its folders and files.
type System interface {
	// Make makes a folder with the list Secret. An error that is fs.ErrExist means
	// that something is there.
	Make(path string) error
	// List tells whose a file or folder is, and its list.
	List(path string) (List, error)
	// Set gives one the list Secret and the administrators as owner. Where it is not
	// protected, what the folder above lets through comes to it.
	Set(path string, protected bool) error
	// Self is who this process is.
	Self() string
}

// Claim makes sure that a folder is the agent's alone. One that was there and
// belongs to somebody else is refused ([ErrForeign]): whoever made it may hold it
// open and may have put files into it that would be believed. One that belongs to
// the administrators and can be read or changed by others gets its list back, unless
// something in it is somebody else's: whoever makes a folder by hand below ProgramData
// lets everybody put files into it.
func Claim(sys System, path string) error {
	err := sys.Make(path)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look what %s is: %w", path, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", path)
	}
	list, err := owned(sys, path)
	if err != nil || list.secret() {
		return err
	}
	if err := reset(sys, path); err != nil {
		return fmt.Errorf("take others' rights off %s: %w", path, err)
	}
	return nil
}

// owned is the list of what belongs to the system, the administrators or who runs
// this; what is somebody else's is refused.
func owned(sys System, path string) (List, error) {
	list, err := sys.List(path)
	if err != nil {
		return List{}, fmt.Errorf("look whose %s is: %w", path, err)
	}
	if !slices.Contains([]string{system, administrators, sys.Self()}, list.Owner) || list.Owner == "" {
		return List{}, fmt.Errorf("%s: %w (%s): look into it and remove it", path, ErrForeign, list.Owner)
	}
	return list, nil
}

// reset gives the folder and everything in it the list and its owner. The folder
// comes first, so that nothing is put into it meanwhile. After an error it is one
// that is to be reset again, at the next start.
func reset(sys System, path string) error {
	err := filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return fmt.Errorf("%s leads elsewhere", at)
		}
		if _, err := owned(sys, at); err != nil {
			return err
		}
		return sys.Set(at, true)
	})
	if err != nil {
		return errors.Join(err, sys.Set(path, false))
	}
	return nil
}
