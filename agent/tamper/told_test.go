package tamper

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/wire"
)

// office is a machine of memory that tells.
type office struct {
	members  []localgroup.Member
	users    []account
	runs     []service
	registry []value
	folder   string
	silent   string // what can not be listed
}

func (o *office) fails(what string) error {
	if o.silent == what {
		return errors.New("no answer")
	}
	return nil
}

func (o *office) administrators() (string, []localgroup.Member, error) {
	return "Administratoren", o.members, o.fails("administrators")
}
func (o *office) accounts() ([]account, error) { return o.users, o.fails("accounts") }
func (o *office) services() ([]service, error) { return o.runs, o.fails("services") }
func (o *office) values(key string) (out []value, err error) {
	for _, v := range o.registry {
		if v.key == key {
			out = append(out, v)
		}
	}
	return out, o.fails(key)
}
func (o *office) tasks() string { return o.folder }

func (o *office) take() Snapshot {
	l := &look{ctx: context.Background(), s: Snapshot{Things: map[string]Thing{}}}
	l.ask(o)
	return l.s
}

func (o *office) task(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(o.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// wide is a text as Windows writes its tasks.
func wide(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func newOffice(t *testing.T) *office {
	o := &office{folder: t.TempDir(), members: []localgroup.Member{{SID: "S-1-5-21-1-2-3-500", Name: `PC7\Administrator`}}, users: []account{{name: "alice"}, {name: "guest", off: true}},
		runs: []service{{name: "Spooler", runs: `C:\Windows\System32\spoolsv.exe`, as: "LocalSystem", start: 2}}, registry: []value{{key: runKey, name: "Tray", text: `C:\tray.exe`}}}
	o.task(t, "Microsoft/Update", wide("<Task><Exec><Command>C:\\update.exe</Command></Exec></Task>"))
	return o
}

func TestWhatWasChangedOnWindows(t *testing.T) {
	for name, row := range map[string]struct {
		change func(t *testing.T, o *office)
		want   []wire.Change
	}{
		"nothing": {func(*testing.T, *office) {}, nil},
		"an administrator": {func(_ *testing.T, o *office) {
			o.members = append(o.members, localgroup.Member{SID: "S-1-5-21-1-2-3-1001", Name: `PC7\bob`})
		}, []wire.Change{{What: AdminGroup, Name: "Administratoren:S-1-5-21-1-2-3-1001", How: "added", Text: `PC7\bob is in the group Administratoren`}}},
		"an account":          {func(_ *testing.T, o *office) { o.users = append(o.users, account{name: "helper"}) }, []wire.Change{{What: Account, Name: "helper", How: "added", Text: "can log on"}}},
		"an account set free": {func(_ *testing.T, o *office) { o.users[1].off = false }, []wire.Change{{What: Account, Name: "guest", How: "changed", Text: "was is switched off, is can log on"}}},
		"a service": {func(_ *testing.T, o *office) {
			o.runs = append(o.runs, service{name: "x", runs: `C:\Users\bob\x.exe`, as: "LocalSystem", start: 2})
		}, []wire.Change{{What: Service, Name: "x", How: "added", Text: `C:\Users\bob\x.exe as LocalSystem, at the start of the machine`}}},
		"what a service runs": {func(_ *testing.T, o *office) { o.runs[0].runs = `C:\x.exe` }, []wire.Change{{What: Service, Name: "Spooler", How: "changed",
			Text: `was C:\Windows\System32\spoolsv.exe as LocalSystem, at the start of the machine, is C:\x.exe as LocalSystem, at the start of the machine`}}},
		"what is started": {func(_ *testing.T, o *office) { o.registry = nil }, []wire.Change{{What: Autostart, Name: runKey + `\Tray`, How: "removed", Text: `C:\tray.exe`}}},
		"a task": {func(t *testing.T, o *office) {
			o.task(t, "evil", wide("<Task><Exec><Command>powershell.exe</Command><Arguments>-enc AA==</Arguments></Exec></Task>"))
		}, []wire.Change{{What: Task, Name: "/evil", How: "added", Text: "powershell.exe -enc AA=="}}},
		"a task that can not be read as one": {func(t *testing.T, o *office) { o.task(t, "odd", "<Command>") }, []wire.Change{{What: Task, Name: "/odd", How: "added"}}},
		"nobody says who the administrators are": {func(_ *testing.T, o *office) { o.silent = "administrators" }, []wire.Change{
			{What: AdminGroup, Name: "Administratoren:S-1-5-21-1-2-3-500", How: "removed", Text: `PC7\Administrator is in the group Administratoren`},
			{What: Unknown, How: "changed", Text: "the administrators can not be listed"}}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			before := o.take()
			row.change(t, o)
			if got := Compare(before, o.take()); !slices.Equal(got, row.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

const runKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`

// tellerContract is what every machine with a registry does. set writes a value.
func tellerContract(t *testing.T, from teller, set func(t *testing.T, key, name, text string)) {
	t.Helper()
	const key = `SOFTWARE\AssentTamperTest`
	if list, err := from.values(key); len(list) != 0 || err != nil {
		t.Errorf("a key that is not there: %+v, %v", list, err)
	}
	want := []value{{key: key, name: "Shell", text: "explorer.exe"}, {key: key, name: "other", text: "x"}}
	for _, v := range want {
		set(t, v.key, v.name, v.text)
	}
	list, err := from.values(key)
	slices.SortFunc(list, func(a, b value) int { return strings.Compare(a.name, b.name) })
	if err != nil || !slices.Equal(list, want) {
		t.Errorf("%+v, %v", list, err)
	}
	services, err := from.services()
	if err != nil || len(services) == 0 || slices.ContainsFunc(services, func(s service) bool { return s.name == "" || (s.runs == "") != s.unread }) {
		t.Errorf("services %+v, %v", services, err)
	}
}

func TestOffice(t *testing.T) {
	o := newOffice(t)
	tellerContract(t, o, func(_ *testing.T, key, name, text string) {
		o.registry = append(o.registry, value{key: key, name: name, text: text})
	})
}

// Of keys that have many values those are told that name what runs or is loaded, and
// a key that can not be read is a fault.
func TestWhatRunsIsTold(t *testing.T) {
	const lsa, logon, once = `SYSTEM\CurrentControlSet\Control\Lsa`, `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`, runKey + "Once"
	o := &office{registry: []value{{key: runKey, name: "Anything", text: "a.exe"}, {key: once, name: "shell", text: "b.exe"}, {key: logon, name: "Shell", text: "c.exe"}, {key: logon, name: "AutoRestartShell", text: "1"},
		{key: logon, name: "hell", text: "d"}, {key: lsa, name: "Security Packages", text: "e"}, {key: lsa, name: "Packages", text: "f"}, {key: lsa, name: "Bounds", text: "g"}, {key: `SOFTWARE\Other`, name: "Shell", text: "h"}}}
	var got []string
	for _, thing := range o.take().Things {
		got = append(got, thing.Text)
	}
	slices.Sort(got)
	if want := []string{"a.exe", "b.exe", "c.exe", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	o.registry = []value{{key: runKey, name: "odd", unread: true}}
	o.runs = []service{{name: "odd", unread: true}, {name: "later", runs: "x", as: "y", start: 3}, {name: "off", runs: "x", as: "y", start: 4}}
	for name, text := range map[string]string{runKey + `\odd`: unreadable, "odd": unreadable + " as , ", "later": "x as y, when it is called for", "off": "x as y, never"} {
		if !slices.ContainsFunc(slices.Collect(maps.Values(o.take().Things)), func(thing Thing) bool { return thing.Name == name && thing.Text == text }) {
			t.Errorf("%s: %+v", name, o.take().Things)
		}
	}
	o.runs = nil
	o.silent = lsa
	if s := o.take(); len(s.Things) != 0 || !slices.Contains(s.Faults, "what is started at log-on can not be listed") {
		t.Errorf("%+v, faults %q", s.Things, s.Faults)
	}
}

// A link in the scheduler's folder leads to nothing outside of it, and folders below
// each other have an end.
func TestTasksAreBounded(t *testing.T) {
	o := newOffice(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("<Command>secret</Command>"), 0o600), os.Symlink(secret, filepath.Join(o.folder, "link"))); err != nil {
		t.Fatal(err)
	}
	o.task(t, strings.Repeat("d/", maxTaskDepth+3)+"deep", "x")
	s := o.take()
	for name := range s.Things {
		if strings.Contains(name, "link") || strings.Contains(name, "deep") {
			t.Errorf("it looked at %s", name)
		}
	}
	if !slices.ContainsFunc(s.Faults, func(f string) bool { return strings.Contains(f, "are not looked at") }) {
		t.Errorf("faults %q", s.Faults)
	}
	o.folder = filepath.Join(o.folder, "not there")
	if s := o.take(); len(s.Faults) > 0 {
		t.Errorf("a scheduler without tasks: %q", s.Faults)
	}
}
