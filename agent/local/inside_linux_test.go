package local

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// house is a flow in which a session is open for whoever asks.
type house struct {
	*desk
	way     privilege.AdminWay
	inside  elevation.GrantID
	refused error
	admits  int
	started int // windows
}

func (h *house) MayBecome(context.Context, string) error { return nil }
func (h *house) AdminWay() privilege.AdminWay            { return h.way }

func (h *house) OpenSession(context.Context, intercept.Permit, Caller) (Opened, error) {
	return Opened{}, errors.ErrUnsupported
}

func (h *house) Admin(context.Context, intercept.Permit, Caller, privilege.Spec, func(string)) (*privilege.Running, error) {
	h.started++
	return nil, errors.ErrUnsupported
}

func (h *house) AdminHere(context.Context, intercept.Permit, Caller) (Opened, error) {
	h.started++
	return Opened{}, errors.ErrUnsupported
}

func (h *house) SessionOf(user string, pid int, started uint64) elevation.GrantID {
	if user == "" || pid == 0 || started == 0 {
		return ""
	}
	return h.inside
}

func (h *house) Admit(_ context.Context, id elevation.GrantID, _ elevation.Attempt) (intercept.Permit, error) {
	h.admits++
	if id != h.inside || h.refused != nil {
		return intercept.Permit{}, h.refused
	}
	return intercept.Permit{Grant: elevation.Grant{ID: elevation.NewGrantID(time.Now())}}, nil
}

// Inside of a session assent run asks nobody, a denial holds, and where that is not
// served every command asks.
func TestRunInsideASession(t *testing.T) {
	for name, row := range map[string]struct {
		served  bool
		inside  elevation.GrantID
		refused error
		asks    int
		exit    int
	}{
		"in none":     {true, "", nil, 1, 7},
		"in one":      {true, elevation.NewGrantID(time.Now()), nil, 0, 7},
		"denied":      {true, elevation.NewGrantID(time.Now()), &intercept.Refused{By: "a rule", Rule: true}, 0, 77},
		"by sudo":     {false, elevation.NewGrantID(time.Now()), nil, 1, 7},
		"not in time": {true, elevation.NewGrantID(time.Now()), &intercept.Refused{By: "Assent", Rule: true, Text: "the session is over"}, 0, 77},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{desk: &desk{}, inside: row.inside, refused: row.refused}
			path := openWith(t, h.desk, nil, func(c *Config) { c.Sessions, c.Inside = h, row.served })
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			out := Client{Path: path}.Run(t.Context(), RunOptions{Command: "sh", Args: []string{"-c", "exit 7"}}, Streams{In: null, Out: null, Err: null})
			h.mu.Lock()
			asks := len(h.asks)
			h.mu.Unlock()
			if out.Exit != row.exit || asks != row.asks {
				t.Errorf("exit %d, asked %d times: %+v", out.Exit, asks, out)
			}
		})
	}
}

// Where an administrator gets a window, no files are asked for; where they need a
// terminal, who has none is told so before anybody is asked.
func TestAdminByEachWay(t *testing.T) {
	for way, says := range map[privilege.AdminWay]string{privilege.AdminConsole: "unsupported", privilege.AdminHere: "not there any more"} {
		t.Run(string(way), func(t *testing.T) {
			h := &house{desk: &desk{}, way: way}
			s := serverAt(nil, Config{Elevator: h, Runner: h.desk, Sessions: h, Salt: bytes.Repeat([]byte("s"), 32)})
			ours, theirs := net.Pipe()
			served := make(chan error, 1)
			go func() {
				f := frame{Kind: kAdmin}
				var err error
				if f.Body, err = sign.Encode(runAsk{Version: Version, Cwd: []byte("/")}); err == nil {
					err = s.whole(t.Context(), &conn{c: ours}, peer{user: "65534", pid: os.Getpid(), from: Caller{PID: os.Getpid(), User: "65534"}}, f)
				}
				served <- err
			}()
			f, _, err := (&conn{c: theirs}).read(time.Minute, 0)
			var e ended
			if err == nil {
				err = f.into(&e)
			}
			if err != nil || f.Kind != kEnded || !strings.Contains(e.Text, says) || h.started > 0 {
				t.Errorf("%s: %+v, %v, started %d", f.Kind, e, err, h.started)
			}
			if asked := len(h.asks); asked != 0 && way == privilege.AdminHere {
				t.Errorf("asked %d times", asked)
			}
			_ = theirs.Close()
			<-served
		})
	}
}

// A program of Windows is found as it is typed, and never in the present folder.
func TestFindTyped(t *testing.T) {
	dir, here := t.TempDir(), t.TempDir()
	for _, name := range []string{filepath.Join(dir, "tool.exe"), filepath.Join(dir, "script.cmd"), filepath.Join(dir, "letter.docx"), filepath.Join(here, "near.exe")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const endings = ".exe;.cmd"
	for typed, want := range map[string]string{
		"tool": filepath.Join(dir, "tool.exe"), "tool.exe": filepath.Join(dir, "tool.exe"), "script": filepath.Join(dir, "script.cmd"),
		"letter.docx": "", "letter": "", "near": "", "./near": filepath.Join(here, "near.exe"), filepath.Join(dir, "tool"): filepath.Join(dir, "tool.exe"), "": "", "nothing": "",
	} {
		got, err := findTyped(typed, here, "relative:"+dir, endings)
		if want == "" && !errors.Is(err, intercept.ErrNoProgram) || got != want {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}
