package words

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestEverySentenceHasItsGerman reads the agent's sources: each sentence that is
// said through a Tongue stands in the catalogue, with the same verbs in the same
// order, and the catalogue holds no other.
func TestEverySentenceHasItsGerman(t *testing.T) {
	said := map[string]string{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && (e.Name() == "sim" || e.Name() == "fakemac") {
			return fs.SkipDir // nobody reads there
		}
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			if id, ok := call.Fun.(*ast.Ident); ok && (id.Name == "say" || id.Name == "about") {
				// a Tongue's Say under a shorter name
			} else if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Say" {
				return true
			} else if x, ok := sel.X.(*ast.Ident); ok && x.Name == "p" { // a Person's Say takes what is ready
				return true
			}
			if lit, ok := call.Args[0].(*ast.BasicLit); ok {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					said[s] = path
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%[a-z]`)
	for s, path := range said {
		german, ok := inGerman(s)
		if !ok {
			t.Errorf("%s: no German for %q", path, s)
			continue
		}
		if a, b := verb.FindAllString(s, -1), verb.FindAllString(german, -1); !slices.Equal(a, b) {
			t.Errorf("%q and its German take different arguments: %q", s, german)
		}
	}
	for s := range catalogue() {
		if said[s] == "" {
			t.Errorf("the catalogue has %q, which nobody says", s)
		}
	}
}

func TestFor(t *testing.T) {
	for _, row := range []struct {
		policy string
		env    string
		want   Tongue
	}{
		{"", "", English}, {"", "LANG=C", English}, {"", "LANG=de_AT.UTF-8", German}, {"", "LANG=en_US.UTF-8 LC_MESSAGES=de", German},
		{"", "LC_ALL=C LANG=de_DE", English}, {"de", "LANG=en_US", German}, {"en", "LANG=de_DE", English}, {"fr", "LANG=de_DE", English}, {"", "LANG=denmark", English},
	} {
		env := map[string]string{}
		for pair := range strings.FieldsSeq(row.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		if got := For(row.policy, func(n string) string { return env[n] }); got != row.want {
			t.Errorf("%q %q: got %s", row.policy, row.env, got)
		}
	}
}

func TestCompany(t *testing.T) {
	w := elevation.Words{Company: "Example\x1b[31m AG", Help: "call 4711", Link: "https://intranet.example/admin"}
	got := strings.Join(German.Company(w), "|")
	if got != "Example\\x1b[31m AG|Hilfe: call 4711|Richtlinie: https://intranet.example/admin" {
		t.Errorf("got %q", got)
	}
	if lines := English.Company(elevation.Words{Company: "alone"}); len(lines) != 0 {
		t.Errorf("a name alone tells nobody anything: %q", lines)
	}
}

func TestReasons(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var r Reasons
	if r.Again("1", "a", now) != "" || len(r.Recent("1")) != 0 {
		t.Error("something is remembered of nothing")
	}
	for i, s := range []string{"one", "two", "three", "two", "four", ""} {
		r.Remember("1", "pts/1", s, now.Add(time.Duration(i)*time.Minute))
	}
	if got := strings.Join(r.Recent("1"), " "); got != "four two three" {
		t.Errorf("recent: %s", got)
	}
	last := now.Add(4 * time.Minute)
	for _, row := range []struct {
		user string
		tty  string
		at   time.Duration
		want string
	}{{"1", "pts/1", 0, "four"}, {"1", "pts/1", 30 * time.Minute, "four"}, {"1", "pts/1", 30*time.Minute + 1, ""}, {"1", "pts/1", -time.Second, ""}, {"1", "pts/2", 0, ""}, {"2", "pts/1", 0, ""}, {"1", "", 0, ""}} {
		if got := r.Again(row.user, row.tty, last.Add(row.at)); got != row.want {
			t.Errorf("%+v: got %q", row, got)
		}
	}
	r.Remember("9", "", "no terminal", now)
	if r.Again("9", "", now) != "" {
		t.Error("no terminal is everybody's terminal")
	}
	for i := range 3 * reasonUsers {
		r.Remember(fmt.Sprint(i), fmt.Sprint(i), "x", now)
	}
	if len(r.users) > reasonUsers || len(r.terminals) > reasonUsers {
		t.Errorf("%d users, %d terminals are kept", len(r.users), len(r.terminals))
	}
}

func TestWeak(t *testing.T) {
	for reason, weak := range map[string]bool{
		"installing wireshark for INC-4821": false, "asdfasdf": true, "aaaaaaaaaa": true, "because": true, "12345 67890 !!!": false, "!!!!????....": true,
		"INC-4821": false, "printer driver": false, "nginx1 logs rotate": false, "Druckertreiber für Büro": false, "update": true,
	} {
		if got := English.Weak(reason) != ""; got != weak {
			t.Errorf("%q: %q", reason, English.Weak(reason))
		}
	}
}
