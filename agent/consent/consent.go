// Package consent sees that Windows asks somebody for an administrator (UAC), as a
// hint: so that they can be offered to ask here instead.
//
// It holds nothing and allows nothing; what it says may be wrong or late, and
// nothing is decided by it. It looks at the list of processes once a second while
// somebody could be told. Which program Windows asks about stands in memory of
// Windows' own service, in a form that is documented nowhere: it is read with
// bounds, and where no program is found in it the hint has none.
//
// Read block.go for how that is read; consent_windows.go has the calls.
package consent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Process is one line of the system's list.
type Process struct {
	PID, Parent int
	Name        string // of its file, without the folder
}

// Facts are what the system says of one process.
type Facts struct {
	Image   string // the whole path of its file
	Session uint32
	Started int64 // differs between two processes of one number
	Line    string
}

// System is Windows, as far as it is needed here.
type System interface {
	// Folder is where the programs of Windows are: C:\Windows\System32.
	Folder() (string, error)
	Processes() ([]Process, error)
	Look(pid int) (Facts, error)
	// Memory reads n bytes of a process.
	Memory(pid int, at uint64, n int) ([]byte, error)
	// Split parts a command line as programs do.
	Split(line string) ([]string, error)
	// Person is who sits in a session.
	Person(session uint32) (sid string, err error)
}

// Prompt says that Windows asks somebody.
type Prompt struct {
	Person  string // SID
	Program string // "" = it is not known which
	Args    []string
}

// Limits of what is looked at and told.
const (
	every      = time.Second
	idle       = 5 * time.Second // while nobody could be told
	maxList    = 32768           // processes
	maxAtOnce  = 16              // prompts of one look
	perPerson  = 6               // hints in a while
	while      = 10 * time.Minute
	maxPersons = 256
	maxBlock   = 64 << 10 // bytes of the service's memory
)

// The programs of Windows that are part of it.
const (
	prompter = "consent.exe"
	servants = "svchost.exe" // the service that starts it lives in one
)

// Watcher looks for prompts.
type Watcher struct {
	System System
	// Wanted reports whether somebody could be told.
	Wanted func() bool
	Tell   func(Prompt)
	Log    *slog.Logger
	Now    func() time.Time

	seen map[string]bool // prompts that are there, by number and start
	told map[string][]time.Time
}

// Watch looks until ctx ends. What can not be seen is no error: it is a hint.
func (w *Watcher) Watch(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		next := idle
		if w.Wanted() {
			next = every
			if err := w.Look(); err != nil && err.Error() != said { // the same is said once
				said = err.Error()
				w.Log.Info("it can not be seen when Windows asks for an administrator", "error", err)
			}
		}
		timer.Reset(next)
	}
}

// Look tells of the prompts that are new since the last look.
func (w *Watcher) Look() error {
	list, err := w.System.Processes()
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	if len(list) > maxList {
		return errors.New("list processes: there are too many")
	}
	there := map[string]bool{}
	for _, p := range list {
		if !strings.EqualFold(p.Name, prompter) || len(there) >= maxAtOnce {
			continue
		}
		key, prompt, err := w.examine(p)
		if err != nil {
			w.Log.Debug("a program called as the one of Windows is not looked at", "pid", p.PID, "error", err)
			continue
		}
		there[key] = true
		if !w.seen[key] && w.may(prompt.Person) {
			w.Tell(prompt)
		}
	}
	w.seen = there
	return nil
}

// may bounds how often one person is told.
func (w *Watcher) may(person string) bool {
	now := w.Now()
	var recent []time.Time
	for _, at := range w.told[person] {
		if now.Sub(at) < while && !now.Before(at) {
			recent = append(recent, at)
		}
	}
	if len(recent) >= perPerson {
		return false
	}
	if w.told == nil || len(w.told) >= maxPersons {
		w.told = map[string][]time.Time{}
	}
	w.told[person] = append(recent, now)
	return true
}

var errOther = errors.New("it is another program")

// examine makes sure that a process is the one of Windows, and says what it asks.
// Its own session is that of the person: it is started for them.
func (w *Watcher) examine(p Process) (key string, prompt Prompt, err error) {
	dir, err := w.System.Folder()
	if err != nil {
		return "", Prompt{}, err
	}
	is, err := w.System.Look(p.PID)
	if err != nil {
		return "", Prompt{}, err
	}
	if !strings.EqualFold(is.Image, dir+`\`+prompter) || is.Session == 0 {
		return "", Prompt{}, errOther
	}
	key = fmt.Sprintf("%d %d", p.PID, is.Started)
	if w.seen[key] {
		return key, Prompt{}, nil
	}
	if prompt.Person, err = w.System.Person(is.Session); err != nil {
		return "", Prompt{}, err
	}
	prompt.Program, prompt.Args, err = w.about(p, is, dir)
	if err != nil {
		w.Log.Debug("what Windows asks about is not known", "error", err)
	}
	return key, prompt, nil
}

// about is which program Windows asks about. The arguments of its prompt are the
// number of the service's process, and where in it and how long the question is.
func (w *Watcher) about(p Process, is Facts, dir string) (program string, args []string, err error) {
	argv, err := w.System.Split(is.Line)
	if err != nil {
		return "", nil, err
	}
	if len(argv) != 4 {
		return "", nil, fmt.Errorf("its arguments are others than expected: %d", len(argv))
	}
	pid, err1 := strconv.ParseUint(argv[1], 10, 31)
	size, err2 := strconv.ParseUint(argv[2], 10, 31)
	at, err3 := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(argv[3]), "0x"), 16, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", nil, fmt.Errorf("its arguments are others than expected: %w", err)
	}
	if int(pid) != p.Parent || size < 16 || size > maxBlock || at == 0 {
		return "", nil, errors.New("its arguments are others than expected")
	}
	service, err := w.System.Look(int(pid))
	if err != nil {
		return "", nil, err
	}
	if service.Session != 0 || service.Started > is.Started || !strings.EqualFold(service.Image, dir+`\`+servants) {
		return "", nil, errOther
	}
	raw, err := w.System.Memory(int(pid), at, int(size))
	if err != nil {
		return "", nil, err
	}
	program, rest := inBlock(raw)
	if program == "" {
		return "", nil, errors.New("there is no program in what the service keeps")
	}
	if rest == "" {
		return program, nil, nil
	}
	argv, err = w.System.Split(rest)
	if err != nil || len(argv) == 0 || len(argv) > maxArgs {
		return "", nil, errors.New("its command line can not be read")
	}
	return program, argv[1:], nil
}
