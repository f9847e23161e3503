package sudo

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

const fuzzRule = "/etc/sudoers.d/zz-assent-61501-fuzz"

// againstSudo puts the rule for args into force and asks the real visudo and
// sudo: exactly args are allowed, and others only when they are the same once
// joined by blanks, which the comparison before the start tells apart.
func againstSudo(t *testing.T, args []string, others ...[]string) {
	t.Helper()
	line, err := sudoRule{UID: alice, NotAfter: time.Now().Add(time.Hour), Path: "/usr/local/bin/show", Args: args}.Text()
	if err != nil {
		return
	}
	if err := writeDropin(context.Background(), fuzzRule, line); err != nil {
		t.Errorf("%q: %v\n%s", args, err, line)
		return
	}
	defer removeDropin(fuzzRule)
	allowed := func(args []string) bool {
		cmd := exec.Command(sudoPath, append([]string{"-n", "-l", "-U", "alice", "--", "/usr/local/bin/show"}, args...)...)
		cmd.Env = []string{}
		return cmd.Run() == nil
	}
	if !allowed(args) {
		t.Errorf("%q is not allowed by its own rule %s", args, line)
	}
	for _, o := range others {
		same := strings.Join(o, " ") == strings.Join(args, " ") && (len(o) == 0) == (len(args) == 0)
		if allowed(o) && !same {
			t.Errorf("%q is allowed by the rule for %q: %s", o, args, line)
		}
	}
}

// pieces are what is special to one of the readers of a rule.
func pieces() []string {
	return []string{"a", "Z", "0", "-", "--x", "^", "^a$", "$", ".", "..", "/", ",", ":", "=", `\`, `\\`, "*", "?", "[", "]", "!", "(", ")",
		"#", " ", "  ", "\t", `"`, `""`, "'", "`", ";", "|", "&", "<", ">", "~", "%", "@", "+", "{", "}", "é", "日本", "\xff", "\xc3", "😀",
		"[a-z]", "[!a]", "[[:alpha:]]", "ALL", "NOPASSWD:", "sudoedit", `\*`, `\x41`, "a=b", `\ `, "#1000", "x,y", "\u00a0", "\u202e", "%s", "\n", ""}
}

func randomArgs(r *rand.Rand) []string {
	args := make([]string, r.IntN(4))
	for i := range args {
		for range r.IntN(4) {
			args[i] += pieces()[r.IntN(len(pieces()))]
		}
	}
	return args
}

// mutated are argument lists that are near args.
func mutated(r *rand.Rand, args []string) [][]string {
	p := func() string { return pieces()[r.IntN(len(pieces()))] }
	list := [][]string{append(slices.Clone(args), p()), {strings.Join(args, " ")}}
	if len(args) == 0 {
		return list
	}
	i := r.IntN(len(args))
	change := func(s string) { c := slices.Clone(args); c[i] = s; list = append(list, c) }
	list = append(list, args[:len(args)-1])
	change(args[i] + p())
	change(p() + args[i])
	change(strings.NewReplacer("*", "zz", "?", "q", "[", "x", `\`, "", "!", "").Replace(args[i])) // what a wildcard would match
	return list
}

func TestRuleAgainstSudo(t *testing.T) {
	if !inside(t) {
		return
	}
	r := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		args := randomArgs(r)
		againstSudo(t, args, mutated(r, args)...)
	}
	for _, p := range pieces() {
		againstSudo(t, []string{p}, []string{p + p}, nil, []string{"q"})
		againstSudo(t, []string{p, "x", p}, []string{p, p})
	}
}

// TestSudoGetsWhatWasTyped runs nasty arguments through everything.
func TestSudoGetsWhatWasTyped(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	serve(t, approveAll)
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		args := randomArgs(r)
		if _, err := testRule(args...).Text(); err != nil {
			continue
		}
		want := ""
		for _, a := range args {
			want += "<" + a + ">\n"
		}
		got := sudo(t, alice, append([]string{"--", "show"}, args...)...)
		if _, tail, _ := strings.Cut(got.out, "\n"); got.code != 37 || tail != want {
			t.Errorf("%q: %v", args, got)
		}
	}
}

// FuzzRuleAgainstSudo needs `-parallel 1`: there is one sudoers.d.
func FuzzRuleAgainstSudo(f *testing.F) {
	testgroup.Need(f, "sudo")
	worker := flag.Lookup("test.fuzzworker").Value.String() == "true"
	if os.Getenv(insideEnv) == "" {
		self, err := os.Executable()
		if err != nil {
			f.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run=^FuzzRuleAgainstSudo$", "-test.parallel=1")
		for _, name := range []string{"fuzz", "fuzztime", "fuzzcachedir"} {
			if v := flag.Lookup("test." + name).Value.String(); v != "" && v != "0s" {
				cmd.Args = append(cmd.Args, "-test."+name+"="+v)
			}
		}
		cmd.Env = append(os.Environ(), insideEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			f.Fatalf("inside: %v\n%s", err, out)
		}
		if flag.Lookup("test.fuzz").Value.String() != "" {
			f.Skip("all of it was done inside")
		}
		f.Fuzz(func(*testing.T, string, string, uint8) {}) // the seeds were tried inside
		return
	}
	if _, err := os.Stat(filepath.Dir(testSocket)); !worker || err != nil {
		privateMachine(f)
	}
	for _, s := range pieces() {
		f.Add(s, "x", uint8(2))
		f.Add("x", s, uint8(1))
	}
	f.Add("", "", uint8(0))
	f.Fuzz(func(t *testing.T, a, b string, n uint8) {
		if strings.ContainsRune(a+b, 0) {
			return // no program can be called so
		}
		args := []string{a, b}[:n%3]
		againstSudo(t, args, []string{a + b}, []string{b, a}, []string{a, b, ""}, []string{a + " " + b})
	})
}
