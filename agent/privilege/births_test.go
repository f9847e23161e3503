//go:build linux || windows

package privilege

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// nursery is a tree whose first program runs and starts others; a fake, or a job.
type nursery interface {
	births(t *testing.T) *Births
	stay(t *testing.T, program string)  // starts one that goes on
	brief(t *testing.T, program string) // starts one that is gone
	programs() [3]string                // what can be started
}

// follow has b tell; over ends that and gives what was not read of it.
func follow(t *testing.T, b *Births) (lines <-chan string, over func() []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, done := make(chan string, 1000), make(chan error, 1)
	go func() {
		done <- b.Each(ctx, func(program string) {
			if !strings.HasSuffix(program, `\conhost.exe`) { // Windows starts it beside programs that have a console
				out <- program
			}
		})
	}()
	return out, func() (rest []string) {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(out)
		for line := range out {
			rest = append(rest, line)
		}
		return rest
	}
}

// contractOfBirths is what is told of a tree, whoever tells it.
func contractOfBirths(t *testing.T, n nursery) {
	is := func(what, got, want string) {
		t.Helper()
		if !strings.EqualFold(got, want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
	}
	all := n.programs()
	births := n.births(t)
	n.stay(t, all[0]) // before anybody listens
	lines, over := follow(t, births)
	is("the first child", <-lines, all[0])
	n.stay(t, all[0])
	n.stay(t, all[1])
	is("another one, after one told already", <-lines, all[1])
	n.stay(t, all[2])
	if rest := over(); len(rest) != 1 || !strings.EqualFold(rest[0], all[2]) {
		t.Errorf("told at the end: %q, want %q", rest, all[2])
	}
}

// contractOfGone: a program that is gone is not named after anything else.
func contractOfGone(t *testing.T, n nursery) {
	births := n.births(t)
	n.brief(t, n.programs()[0])
	n.brief(t, n.programs()[1])
	_, over := follow(t, births)
	rest := over()
	for _, line := range rest {
		if all := n.programs(); line != BornUnnamed && !strings.EqualFold(line, all[0]) && !strings.EqualFold(line, all[1]) {
			t.Errorf("told %q", line) // a system may know a program for a while after its end
		}
	}
	if len(rest) == 0 {
		t.Error("nothing is told")
	}
}

// contractOfRestart: somebody else is told from then on, also of what still runs.
func contractOfRestart(t *testing.T, n nursery) {
	n.births(t)
	n.stay(t, n.programs()[0])
	lines, over := follow(t, n.births(t))
	if got := <-lines; !strings.EqualFold(got, n.programs()[0]) {
		t.Errorf("what runs: told %q", got)
	}
	n.stay(t, n.programs()[1])
	if got := <-lines; !strings.EqualFold(got, n.programs()[1]) {
		t.Errorf("what began since: told %q", got)
	}
	if rest := over(); len(rest) > 0 {
		t.Errorf("and %q", rest)
	}
}

// fakeNursery is a nursery in a village.
type fakeNursery struct {
	*village
	first TreeRef
	last  *int // number that was given
}

func newFake(t *testing.T) fakeNursery {
	t.Helper()
	f := fakeNursery{newVillage(), TreeRef{Kind: TreeJob, Name: "fake", PID: 100}, new(100)}
	f.beginsIn(nil, 100, 10, windowsAlice, 2, `C:\installer.exe`)
	var err error
	if f.first, err = (jobTrees{f}).put(t.Context(), f.first, 0, time.Minute); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f fakeNursery) births(t *testing.T) *Births {
	t.Helper()
	news, err := jobTrees{f}.births(f.first)
	if err != nil {
		t.Fatal(err)
	}
	return &Births{os: news, first: f.first}
}

func (f fakeNursery) begin(path string) (pid int) {
	*f.last++
	f.beginsIn(f.jobs[f.first.Name], *f.last, 100, windowsAlice, 2, path)
	return *f.last
}

// again gives the number of a process that has ended to another one.
func (f fakeNursery) again(pid int, path string) {
	f.ends(pid)
	f.beginsIn(f.jobs[f.first.Name], pid, 100, windowsAlice, 2, path)
}

func (f fakeNursery) stay(_ *testing.T, program string)  { f.begin(program) }
func (f fakeNursery) brief(_ *testing.T, program string) { f.ends(f.begin(program)) }
func (f fakeNursery) programs() [3]string {
	return [3]string{`C:\a.exe`, `C:\b.exe`, `C:\c.exe`}
}

func TestContractOfBirthsByTheFake(t *testing.T) {
	t.Run("births", func(t *testing.T) { contractOfBirths(t, newFake(t)) })
	t.Run("gone", func(t *testing.T) { contractOfGone(t, newFake(t)) })
	t.Run("restart", func(t *testing.T) { contractOfRestart(t, newFake(t)) })
}

// What is gone is told once, as what it is: not known. What is not made up yet is
// named as soon as it is.
func TestGoneAndEarly(t *testing.T) {
	f := newFake(t)
	births := f.births(t)
	f.brief(t, `C:\gone.exe`)
	f.brief(t, `C:\gone too.exe`)
	f.all[f.begin(`C:\slow.exe`)].early = 3
	f.begin(`C:\quick.exe`)
	_, over := follow(t, births)
	if rest := over(); !slices.Equal(rest, []string{`C:\quick.exe`, `C:\slow.exe`, BornUnnamed}) {
		t.Errorf("told %q", rest)
	}
}

// A job tells of ends, too: they are no births.
func TestEndsAreNoBirths(t *testing.T) {
	f := newFake(t)
	lines, over := follow(t, f.births(t))
	pid := f.begin(`C:\a.exe`)
	if got := <-lines; got != `C:\a.exe` {
		t.Errorf("told %q", got)
	}
	f.ends(pid)
	if rest := over(); len(rest) > 0 {
		t.Errorf("told %q", rest)
	}
}

// After 200 programs one line stands for all the others.
func TestBirthsAreBounded(t *testing.T) {
	f := newFake(t)
	_, over := follow(t, f.births(t))
	for i := range bornMost + 50 {
		f.begin(fmt.Sprintf(`C:\%d.exe`, i))
	}
	rest := over()
	if len(rest) != bornMost+1 || rest[bornMost-1] != `C:\199.exe` || rest[bornMost] != BornMore {
		t.Errorf("%d lines, the last %q", len(rest), rest[max(0, len(rest)-2):])
	}
}

// A program is one, however its name is written.
func TestOneProgramIsToldOnce(t *testing.T) {
	f := newFake(t)
	_, over := follow(t, f.births(t))
	for _, path := range []string{`C:\A.exe`, `c:\a.EXE`, `C:\A.exe`} {
		f.begin(path)
	}
	if rest := over(); !slices.Equal(rest, []string{`C:\A.exe`}) {
		t.Errorf("told %q", rest)
	}
}

// A number that went to another process does not name the one before, and the
// first program's number, given again, hides nobody.
func TestNumbersThatAreGivenAgain(t *testing.T) {
	f := newFake(t)
	births := f.births(t)
	f.again(f.begin(`C:\short.exe`), `C:\long.exe`)
	f.again(f.first.PID, `C:\late.exe`)
	_, over := follow(t, births)
	if rest := over(); !slices.Contains(rest, `C:\long.exe`) || !slices.Contains(rest, `C:\late.exe`) || !slices.Contains(rest, BornUnnamed) || slices.Contains(rest, `C:\short.exe`) {
		t.Errorf("told %q", rest)
	}
}

// Where it is not told any more that is an error, and nothing is no births.
func TestBirthsEnd(t *testing.T) {
	if err := (&Births{os: deaf{}}).Each(t.Context(), func(string) {}); !errors.Is(err, errDeaf) {
		t.Error(err)
	}
	var none *Births
	none.Close()
}

var errDeaf = errors.New("nothing is heard")

type deaf struct{}

func (deaf) next(time.Duration) (int, error) { return 0, errDeaf }
func (deaf) look(int) (newcomer, error)      { return newcomer{}, errDeaf }
func (deaf) stop()                           {}
func (deaf) close()                          {}
