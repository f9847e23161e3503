package local

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// TestBLeavesTheRequest: one key at the waiting line ends the client and nothing
// else; the terminal is as it was.
func TestBLeavesTheRequest(t *testing.T) {
	d, why := waitingDesk()
	master, cmd := terminal(t, open(t, d, book{}), "echo", "ran")
	until(t, master, "b leaves it waiting, Ctrl-C withdraws it\r\n")
	if _, err := master.WriteString("b"); err != nil {
		t.Fatal(err)
	}
	if err := <-why; errors.Is(err, intercept.ErrWithdrawn) {
		t.Error("the request was withdrawn")
	}
	if code := exitCode(t, cmd, cmd.Wait()); code != Kept.ExitCode() {
		t.Errorf("exit %d", code)
	}
	mode, err := unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	if err != nil || mode.Lflag&unix.ICANON == 0 || mode.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal is left in another mode: %+v %v", mode, err)
	}
}

// TestKeysAreToldOfLast: what is told of the code stands above the hint of the keys,
// also when the code comes a moment later than the request's id.
func TestKeysAreToldOfLast(t *testing.T) {
	coded := make(chan struct{})
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest, Since: time.Now()})
		<-coded
		p.Say("assent: somebody beside you can answer")
		p.Waiting(intercept.Waiting{Request: someRequest, Since: time.Now(), Code: "7K2Q-M9XD", Position: 1})
		<-ctx.Done()
		return context.Cause(ctx)
	}}
	master, cmd := terminal(t, open(t, d, book{}), "id")
	text := until(t, master, "waiting for approval")
	close(coded)
	if text += until(t, master, "b leaves it waiting, Ctrl-C withdraws it\r\n"); !strings.Contains(text, "somebody beside you can answer\r\n") {
		t.Errorf("the keys come first: %q", text)
	}
	if _, err := master.WriteString("b"); err != nil {
		t.Fatal(err)
	}
	exitCode(t, cmd, cmd.Wait())
}

// TestTypedAheadReachesTheCommand: what is typed while somebody waits is the
// command's, as on any terminal; a b in it leaves nothing.
func TestTypedAheadReachesTheCommand(t *testing.T) {
	approve := make(chan struct{})
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest, Since: time.Now()})
		<-approve
		return nil
	}}
	master, cmd := terminal(t, open(t, d, book{}), "sh", "-c", "read x; echo got=$x")
	until(t, master, "b leaves it waiting, Ctrl-C withdraws it\r\n")
	if _, err := master.WriteString("abba\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "waiting for approval") // drawn again: a second has passed
	close(approve)
	until(t, master, "got=abba\r\n")
	if code := exitCode(t, cmd, cmd.Wait()); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// TestReasonsAreOfferedAgain: what was given before can be taken by its number,
// and in the same terminal by Enter alone; in another one only by its number.
func TestReasonsAreOfferedAgain(t *testing.T) {
	got := make(chan string, 1)
	d := &desk{reasons: &words.Reasons{}, elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		why, _, err := p.Ask(ctx, wire.Need{ReasonMin: 8, Presets: []string{"Planned maintenance"}})
		got <- why
		return errors.Join(err, &intercept.Refused{By: "the test"})
	}}
	path := open(t, d, book{})
	ask := func(types, offered string) string {
		t.Helper()
		master, cmd := terminal(t, path, "id")
		if text := until(t, master, "Reason: "); !strings.Contains(text, offered) || strings.Contains(text, "Enter alone") {
			t.Errorf("the prompt says %q", text)
		}
		if _, err := master.WriteString(types); err != nil {
			t.Fatal(err)
		}
		why := <-got
		exitCode(t, cmd, cmd.Wait())
		return why
	}
	if why := ask("rotate the certificates\n", "  1  Planned maintenance"); why != "rotate the certificates" {
		t.Errorf("got %q", why)
	}
	if why := ask("2\n", "  2  rotate the certificates"); why != "rotate the certificates" {
		t.Errorf("got %q", why)
	}
}

// TestCompanyWordsInGerman: the policy's language wins over the caller's, and the
// company's lines stand at the question and at the refusal.
func TestCompanyWordsInGerman(t *testing.T) {
	d := &desk{words: elevation.Words{Company: "Example AG", Help: "4711", Language: "de"}, elevate: func(ctx context.Context, ask intercept.Ask, p intercept.Person) error {
		if ask.Tongue != words.German {
			t.Errorf("the flow speaks %q", ask.Tongue)
		}
		if _, _, err := p.Ask(ctx, wire.Need{ReasonMin: 4}); err != nil {
			return err
		}
		return &intercept.Refused{By: "bo", Text: "nicht heute"}
	}}
	master, cmd := terminal(t, open(t, d, book{}), "id")
	if text := until(t, master, "Grund: "); !strings.Contains(text, "Das braucht eine Freigabe") || !strings.Contains(text, "Hilfe: 4711") {
		t.Errorf("got %q", text)
	}
	if _, err := master.WriteString("Drucker einrichten\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "abgelehnt von bo: nicht heute")
	if code := exitCode(t, cmd, cmd.Wait()); code != 77 {
		t.Errorf("exit %d", code)
	}
}

// everybody may become administrator, but nobody is made one here.
type everybody struct{ Sessions }

func (everybody) MayBecome(context.Context, string) error { return nil }
func (everybody) AdminWay() privilege.AdminWay            { return privilege.AdminShell }

// TestAdminIsSpokenWithAlike: who asks to be administrator is asked in their
// language and offered their reasons, as for a program. Root may not ask, so the
// conversation is held without a door.
func TestAdminIsSpokenWithAlike(t *testing.T) {
	d := &desk{elevate: func(ctx context.Context, ask intercept.Ask, p intercept.Person) error {
		if ask.Tongue != words.German {
			t.Errorf("the flow speaks %q", ask.Tongue)
		}
		_, _, err := p.Ask(ctx, wire.Need{ReasonMin: 8})
		return errors.Join(err, &intercept.Refused{By: "bo"})
	}}
	voice := intercept.Voice{Reasons: &words.Reasons{}, Words: func() elevation.Words { return elevation.Words{Language: "de", Company: "Example AG", Help: "4711"} }}
	s := serverAt(nil, Config{Elevator: d, Runner: d, Sessions: everybody{}, Salt: make([]byte, 32), Voice: voice})
	for _, offered := range []string{"Hilfe: 4711", "  1  die Platte tauschen"} {
		ours, theirs := net.Pipe()
		served := make(chan error, 1)
		go func() {
			f := frame{Kind: kAdmin}
			var err error
			if f.Body, err = sign.Encode(runAsk{Version: Version, Cwd: []byte("/"), Terminal: true}); err == nil {
				err = s.whole(t.Context(), &conn{c: ours}, peer{user: "65534", pid: os.Getpid()}, f)
			}
			served <- err
		}()
		client := conn{c: theirs}
		var n need
		if f, _, err := client.read(time.Minute, 0); err != nil || f.Kind != kNeed || f.into(&n) != nil || !slices.Contains(n.Intro.Lines, offered) {
			t.Fatalf("%v %s %q", err, f.Kind, n.Intro.Lines)
		}
		if err := client.write(kReason, reason{Justification: "die Platte tauschen"}); err != nil {
			t.Fatal(err)
		}
		var e ended
		if f, _, err := client.read(time.Minute, 0); err != nil || f.into(&e) != nil || e.Text != "abgelehnt von bo" {
			t.Errorf("%v %+v", err, e)
		}
		if err := errors.Join(<-served, theirs.Close()); err != nil {
			t.Error(err)
		}
	}
}
