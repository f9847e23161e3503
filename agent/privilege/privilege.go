// Package privilege applies elevation and takes it back: it runs one program
// as another user ([Trees.Start]) and keeps everything that an elevation started
// in one place that can be ended as a whole ([Trees]).
//
// It never decides whether something may run: it is given a verified permit's
// content and either does exactly that or returns an error and leaves nothing
// behind. It keeps no state of its own; what must outlive this process is the
// [TreeRef], plain data for the ledger in package grants.
//
// Read trees.go for containment, then start.go, program_linux.go (which bytes
// run) and environ.go (what the program sees); of Windows winstart.go.
package privilege

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// TreeKind says what holds a tree of processes together. The zero value holds
// nothing and every operation on it is refused.
type TreeKind string

// The kinds of trees, best first.
const (
	TreeScope    TreeKind = "scope"   // a transient systemd scope below the user's slice
	TreeCgroup2  TreeKind = "cgroup2" // a folder of a cgroup v2 hierarchy
	TreeCgroup1  TreeKind = "cgroup1" // a folder of a cgroup v1 freezer or pids hierarchy
	TreeSessions TreeKind = "session" // process groups and sessions: children that hide can be missed
	TreeJob      TreeKind = "job"     // a named job object of Windows
)

// TreeRef names a tree of processes so that any process of this machine that
// runs as root can find it, watch it and end it, also after the agent was
// killed. It is made by [Trees.Plan] before there is a tree, and completed by
// [Trees.Put] or [Trees.Start].
type TreeRef struct {
	Kind    TreeKind `cbor:"kind"`
	Name    string   `cbor:"name"`    // "assent-<realm>-<uuid of the grant>"
	Dir     string   `cbor:"dir"`     // cgroup folder, "" where there is none
	PID     int      `cbor:"pid"`     // first process, 0 = planned only
	Started uint64   `cbor:"started"` // its start (Linux: clock ticks since boot, Windows: file time): pids are reused
	Front   bool     `cbor:"front"`   // PID is a front end such as sudo: it is told last, to restore the terminal
}

// Planned reports whether r names a tree at all.
func (r TreeRef) Planned() bool { return r.Kind != "" && r.Name != "" }

// Config is what [NewTrees] needs.
type Config struct {
	// Realm keeps the trees of several agents on one machine apart: 1 to 16
	// lower-case letters and digits, see [Realm].
	Realm string
	// Kinds are the kinds that may be used, nil for all that work here.
	Kinds []TreeKind
	// CgroupRoot is where hierarchies are mounted, "" for /sys/fs/cgroup.
	CgroupRoot string
	Log        *slog.Logger

	// Administrators are those of this machine where they are one group of the
	// system, and Identify is the SID of one of its users; nil is the real thing.
	Administrators localgroup.Group
	Identify       func(user string) (sid string, err error)
}

// Account is a user of this machine, as the kernel will know the program: by
// UID and GID on Unix, by SID on Windows. What a system does not have stays zero.
type Account struct {
	Name    string
	UID     uint32
	GID     uint32
	Groups  []uint32 // supplementary
	Home    string
	Shell   string
	SID     string // Windows: "S-1-5-21-…"
	Session uint32 // Windows: the session in which they sit, 0 = none, where no person sits
}

// Spec is one program to run. Everything in it has been checked against the
// grant by the caller, except what [Trees.Start] checks itself: the file's bytes
// against SHA256, the folder against the requester's rights, and the identity
// of the child against RunAs.
type Spec struct {
	Grant   elevation.GrantID
	Request elevation.RequestID

	Path   string   // absolute, symlinks resolved, as in the grant
	SHA256 string   // lower-case hex, as in the grant
	Args   []string // real arguments without argv[0]
	// Called is the name that the program is told to have, for programs that
	// are several in one file. It must be part of what was approved. "" and the
	// base name of Path give Path.
	Called string

	// Own says that the program runs as the requester, with the whole of Env: it
	// has no rights that what they start themselves has not, but for a group.
	Own bool
	// Caller is the process that asks, 0 = not known.
	Caller int

	Cwd       string
	Requester Account // who asked; only UID, GID, Groups, Name, SID and Session are used
	RunAs     Account
	Env       []string // the requester's environment; only safe names are taken from it

	// Files are the requester's standard descriptors. A terminal among them is
	// never given to the program: it gets a pseudo terminal of its own in its
	// place and Running.Master is set. Start closes them in every case.
	Files      [3]*os.File
	Rows, Cols uint16

	TTL time.Duration // the tree may live this long; enforced by systemd where there is one
	// Alone keeps the program, and all that comes of it, from ever becoming or
	// starting another one.
	Alone bool
	// Follow wants to be told what the program starts, on systems that tell; what
	// can not be followed there does not start.
	Follow bool
	// Contained, if set, is called once the process is in its tree and before it
	// becomes the program; after an error nothing of the program runs.
	Contained func() error
	StageDir  string // folder that only root can write, for copies of scripts; "" = refuse them
}

// Errors of this package. All of them mean that nothing runs.
var (
	// ErrNotContained: the process could not be put into a tree, or is not in it.
	ErrNotContained = errors.New("the process can not be contained")
	// ErrStillAlive: the tree could not be ended; the caller reports it as abandoned.
	ErrStillAlive = errors.New("processes are still running")
	// ErrChanged: the file is not the one that was approved.
	ErrChanged = errors.New("the program has changed since it was approved")
	// ErrUnsafe: the program can not be run without trusting files that users can write.
	ErrUnsafe = errors.New("the program depends on files that users can write")
	// ErrIdentity: the child is not exactly who it should be.
	ErrIdentity = errors.New("the identity of the new process is wrong")
	// ErrArguments: an argument that can not be passed on unchanged.
	ErrArguments = errors.New("the arguments can not be passed on")
	// ErrFolder: the requester can not enter the working folder.
	ErrFolder = errors.New("the working folder can not be entered")
)
