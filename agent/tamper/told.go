package tamper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/assent-epm/assent/agent/localgroup"
)

// This file has what is made of what systems tell that have no files for it. It
// runs everywhere; look_windows.go and look_darwin.go have the calls.

// account is one user of the machine.
type account struct {
	name  string
	off   bool // nobody can log on with it
	extra string
}

// service is a program that the system starts by itself.
type service struct {
	name, runs, as string
	start          uint32 // when (SERVICE_…_START)
	unread         bool   // the system does not tell what it is
}

// value is one of the registry.
type value struct {
	key, name, text string
	unread          bool
}

// groupTeller is a system that tells who its administrators are.
type groupTeller interface {
	administrators() (group string, members []localgroup.Member, err error)
}

// teller is a system that tells.
type teller interface {
	groupTeller
	accounts() ([]account, error)
	services() ([]service, error)
	// values are all of a key of the machine's registry, none when it is not there.
	values(key string) ([]value, error)
	// tasks is the folder in which the scheduler keeps its tasks, "" = there is none.
	tasks() string
}

// unreadable stands for what a system does not tell of one thing.
const unreadable = "what it is can not be read"

// startWord is when a service starts, in words.
func startWord(start uint32) string {
	return map[uint32]string{2: "at the start of the machine", 3: "when it is called for", 4: "never"}[start]
}

// autostartKeys are the places of the machine's registry that name what is started
// at each log-on, or loaded into what is.
func autostartKeys() []string {
	return []string{
		`SOFTWARE\Microsoft\Windows\CurrentVersion\Run`,
		`SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce`,
		`SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run`,
		`SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce`,
		`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`,
		`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows`,
		`SYSTEM\CurrentControlSet\Control\Lsa`,
	}
}

// runs reports whether a value of such a key says what is run or loaded. All of Run
// and RunOnce do; the others have many that do not.
func (v value) runs() bool {
	if strings.Contains(v.key, `\Run`) {
		return true
	}
	switch strings.ToLower(v.name) {
	case "shell", "userinit", "taskman", "appinit_dlls", "loadappinit_dlls", "security packages", "authentication packages", "notification packages":
		return true
	}
	return false
}

// autostart is what the machine's registry has started or loaded.
func autostart(from teller) (out []value, err error) {
	for _, key := range autostartKeys() {
		list, err := from.values(key)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			if v.runs() {
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// ask looks at everything that a system tells.
func (l *look) ask(from teller) {
	l.admins(from)
	if list, err := from.accounts(); err != nil {
		l.fault("the accounts can not be listed")
	} else {
		for _, a := range list {
			state := "can log on"
			if a.off {
				state = "is switched off"
			}
			l.add(Account, a.name, state+" "+a.extra, state)
		}
	}
	if list, err := from.services(); err != nil {
		l.fault("the services can not be listed")
	} else {
		for _, s := range list {
			start := startWord(s.start)
			if s.unread {
				s.runs = unreadable
			}
			l.add(Service, s.name, strings.Join([]string{s.runs, s.as, start}, "\x00"), fmt.Sprintf("%s as %s, %s", s.runs, s.as, start))
		}
	}
	if list, err := autostart(from); err != nil {
		l.fault("what is started at log-on can not be listed")
	} else {
		for _, v := range list {
			if v.unread {
				v.text = unreadable
			}
			l.add(Autostart, v.key+`\`+v.name, v.text, v.text)
		}
	}
	if dir := from.tasks(); dir != "" {
		l.taskFiles(dir)
	}
}

func (l *look) admins(from groupTeller) {
	group, members, err := from.administrators()
	if err != nil {
		l.fault("the administrators can not be listed")
		return
	}
	for _, m := range members {
		l.add(AdminGroup, group+":"+m.SID, "", m.Name+" is in the group "+group)
	}
}

const maxTaskDepth = 12

// taskFiles looks at every task below the scheduler's folder. Nothing outside of it
// is read, whatever a link says.
func (l *look) taskFiles(dir string) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.fault("the tasks can not be looked at")
		return
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case l.ctx.Err() != nil:
			return l.ctx.Err()
		case err != nil:
			l.fault("the task " + name + " can not be looked at")
			return nil
		case e.IsDir() && strings.Count(name, "/") > maxTaskDepth:
			l.fault("the tasks below " + name + " are not looked at")
			return fs.SkipDir
		case e.Type().IsRegular():
			l.task(root, name)
		}
		return nil
	})
	if err != nil {
		l.fault("the tasks can not be looked at")
	}
}

func (l *look) task(root *os.Root, name string) {
	if l.files++; l.files > maxFiles {
		l.fault("there are more tasks than are looked at")
		return
	}
	f, err := root.Open(name)
	if err != nil {
		l.fault("the task " + name + " can not be read")
		return
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxContent))
	if err != nil {
		l.fault("the task " + name + " can not be read")
		return
	}
	sum := sha256.Sum256(raw)
	l.add(Task, path.Clean("/"+name), hex.EncodeToString(sum[:]), commandOf(raw))
}

// commandOf is what a task runs, for people: tasks are XML, as a rule of two bytes a
// character.
func commandOf(raw []byte) string {
	text := strings.ReplaceAll(string(raw), "\x00", "")
	said := ""
	for _, tag := range []string{"Command", "Arguments"} {
		_, rest, ok := strings.Cut(text, "<"+tag+">")
		if inner, _, ends := strings.Cut(rest, "</"+tag+">"); ok && ends {
			said = strings.TrimSpace(said + " " + strings.TrimSpace(inner))
		}
	}
	return said
}
