package sudo

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

// holding approves what is typed, with children as given, and of what is started
// inside only programs of that name.
func holding(children elevation.Children, inner string) func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
	return func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
		if ask.RulesOnly {
			if ask.Attempt.Subject.Path != inner {
				return intercept.Permit{}, intercept.ErrNeedsPerson
			}
			return approve(ask), nil
		}
		p := approve(ask)
		p.Grant.Children = children
		return p, nil
	}
}

// static is a program without shared libraries that starts another one.
func static(t *testing.T) string {
	t.Helper()
	const source = "#include <unistd.h>\n#include <sys/wait.h>\nint main(int n, char **v) { if (fork() == 0) { execv(v[1], v + 1); _exit(99); } int s; wait(&s); return WEXITSTATUS(s); }\n"
	write(t, "/run/static.c", 0o644, source)
	if out, err := exec.Command("/usr/bin/cc", "-static", "-o", "/usr/local/bin/starter", "/run/static.c").CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	return "/usr/local/bin/starter"
}

// Deny: nothing is started inside, also not by programs that no library watches.
func TestChildrenDenied(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	starter := static(t)
	m := serve(t, holding(elevation.ChildrenDeny, "/usr/bin/touch"))
	sudo(t, alice, "id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, "show", "a").expect(t, 37, "<a>") // its own interpreter is no child; id inside is refused
	for _, args := range [][]string{
		{"sh", "-c", "touch /run/ran"}, {starter, "/usr/bin/touch", "/run/ran"}, {starter, "/bin/sh", "-c", "touch /run/ran"},
		{"env", "touch", "/run/ran"}, {"find", "/usr/local/bin/show", "-exec", "touch", "/run/ran", ";"},
		{"python3", "-c", "import os; os.execv('/usr/bin/touch', ['touch', '/run/ran'])"},
		{"vim", "-es", "-u", "NONE", "-c", ":!touch /run/ran", "-c", ":q!"},
		{"/lib64/ld-linux-x86-64.so.2", starter, "/usr/bin/touch", "/run/ran"},
	} {
		if args[0][0] != '/' {
			if _, err := exec.LookPath(args[0]); err != nil {
				continue
			}
		} else if _, err := os.Stat(args[0]); err != nil {
			continue
		}
		sudo(t, alice, args...)
		if _, err := os.Stat("/run/ran"); err == nil {
			t.Errorf("%v started another program", args)
			os.Remove("/run/ran")
		}
	}
	if slices.ContainsFunc(m.effects.list(), func(s string) bool { return strings.HasPrefix(s, "nested") }) {
		t.Errorf("effects: %v", m.effects.list())
	}
}

// Contain: each program inside asks the rules.
func TestChildrenContained(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	starter := static(t)
	m := serve(t, holding(elevation.ChildrenContain, "/usr/bin/id"))
	sudo(t, alice, "sh", "-c", "id -u; touch /run/ran; id -g").expect(t, 0, "0\n0\n", "/usr/bin/touch was not started: no rule approves it")
	sudo(t, alice, starter, "/usr/bin/id", "-u").expect(t, 0, "0\n")
	sudo(t, alice, starter, "/usr/bin/touch", "/run/ran").expect(t, 99, "was not started")
	sudo(t, alice, "sh", "-c", "sh -c 'touch /run/ran'").expect(t, 126, "was not started") // not even a shell
	if _, err := os.Stat("/run/ran"); err == nil {
		t.Error("it ran")
	}
	nested, refused := 0, 0
	for _, e := range m.effects.list() {
		if e == "nested /usr/bin/id" {
			nested++
		}
		if strings.HasPrefix(e, "listed /usr/bin/touch: no rule") {
			refused++
		}
	}
	if nested != 3 || refused < 2 {
		t.Errorf("effects: %q", m.effects.list())
	}
	// The wide line was for that sudo only: what is typed beside it is asked for.
	sudo(t, bob, "-n", "touch", "/run/ran").expect(t, 1, "a person must approve this")
	sudo(t, carol, "sh", "-c", "id -u").expect(t, 0, "0\n") // who has rights is not held
	waitFor(t, "the sudos to be forgotten", m.forgotten)
	for _, children := range []elevation.Children{"", elevation.ChildrenContain} {
		var times []time.Duration
		before := len(m.effects.list())
		m.elevator.answers(holding(children, "/usr/bin/true"))
		for range 7 {
			times = append(times, sudo(t, alice, "sh", "-c", strings.Repeat("/usr/bin/true;", 20)+":").took)
		}
		slices.Sort(times)
		if n, want := len(m.effects.list())-before, map[bool]int{true: 14, false: 154}[children == ""]; n != want {
			t.Errorf("%d effects, want %d", n, want)
		}
		t.Logf("20 programs inside, children %q: median %v, least %v", children, times[3], times[0])
	}
}

// One command can not fill the disk or the controller by what it starts.
func TestChildrenAreBounded(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, holding(elevation.ChildrenContain, "/usr/bin/true"), func(c *Config) { c.Nested = 3 })
	sudo(t, alice, "sh", "-c", strings.Repeat("/usr/bin/true || echo no; ", 5)).expect(t, 0, "no\nno\n", "has started 3 programs already")
	waitFor(t, "both refusals", func() bool { return strings.Count(strings.Join(m.effects.list(), "\n"), "listed ") == 2 }) // told after the answer
	m.effects.forget()
	sudo(t, alice, "sh", "-c", "i=0; while [ $i -lt 205 ]; do /usr/bin/touch /run/ran; i=$((i+1)); done").expect(t, 0)
	listed := func() int { return strings.Count(strings.Join(m.effects.list(), "\n"), "listed ") }
	waitFor(t, "as many refusals as are told, and no more", func() bool { return m.forgotten() && listed() == maxRefused })
}

// While the wide rule of a contained sudo is in force, another sudo of the same
// user follows it to the check and not further.
func TestContainedRuleHelpsNobodyElse(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, func(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
		if ask.Attempt.Subject.Path != "/usr/local/bin/show" {
			return intercept.Permit{}, &intercept.Refused{By: "bo"}
		}
		p := approve(ask)
		p.Grant.Children = elevation.ChildrenContain
		return p, nil
	})
	results := make(chan result, 3)
	m.effects.atArm(func(string, int) {
		for _, args := range [][]string{{"touch", "/run/ran"}, {"-n", "sh", "-c", "touch /run/ran"}, {"-E", "touch", "/run/ran"}} {
			go func() { results <- sudo(t, alice, args...) }()
		}
	})
	sudo(t, alice, "show", "a").expect(t, 37, "<a>")
	for range 3 {
		if r := <-results; r.code != 1 {
			t.Errorf("%v", r)
		}
	}
	if _, err := os.Stat("/run/ran"); err == nil {
		t.Error("it ran")
	}
	rule, err := sudoRule{UID: alice, NotAfter: time.Now().Add(time.Hour), Until: time.Now().Add(time.Hour), Path: "/usr/local/bin/show",
		Args: []string{"c"}, Children: elevation.ChildrenContain}.Text()
	must(t, err)
	write(t, "/etc/sudoers.d/zz-assent-61501-left", 0o440, rule) // however it came there
	for _, args := range [][]string{{"touch", "/run/ran"}, {"LD_PRELOAD=/home/alice/x.so", "true"}, {"-n", "-s"}} {
		if r := sudo(t, alice, args...); r.code != 1 {
			t.Errorf("%v: %v", args, r)
		}
	}
	_, err = CleanDropins(sudoersDir)
	must(t, err)
}
