package assent

import (
	"flag"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/mutate"
)

var updateRows = flag.Bool("update-rows", false, "write the names of the desk's tests into ARCHITECTURE.md")

// writeRows puts the tests that there are into the table of rows.
func writeRows(t *testing.T, text string, found map[string]bool) string {
	t.Helper()
	byRow := map[string][]string{}
	for name := range found {
		byRow[rowOf(name)] = append(byRow[rowOf(name)], "`"+name+"`")
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "|")
		if len(cells) == 5 && slices.Contains(deskRows(), strings.TrimSpace(cells[1])) {
			tests := byRow[strings.TrimSpace(cells[1])]
			slices.Sort(tests)
			cells[3] = " " + strings.Join(tests, ", ") + " "
			lines[i] = strings.Join(cells, "|")
		}
	}
	text = strings.Join(lines, "\n")
	if err := os.WriteFile("ARCHITECTURE.md", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return text
}

// deskRows are the rows of the list of features that the request desk owns.
func deskRows() []string {
	var out []string
	for prefix, numbers := range map[string][]int{"R": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		"A": {1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, "U": {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12}, "T": {5},
		"N": {1, 2, 3, 4, 5, 6}, "C": {1, 2, 3, 4, 5, 6}, "D": {9, 10, 11}, "E": {17}} {
		for _, n := range numbers {
			out = append(out, prefix+strconv.Itoa(n))
		}
	}
	return out
}

// Every row of the desk is tested where people meet it, and the table of
// ARCHITECTURE.md says by which tests.
func TestEveryRowOfTheDeskIsTested(t *testing.T) {
	const rule = "each row of the desk has an end-to-end test through REST or assentctl, named in ARCHITECTURE.md"
	found := deskTests(t)
	raw, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if *updateRows {
		text = writeRows(t, text, found)
	}
	_, table, _ := strings.Cut(text, "<!-- rows -->")
	table, _, whole := strings.Cut(table, "<!-- end of rows -->")
	if !whole {
		t.Fatal("ARCHITECTURE.md has no table of rows between its two marks")
	}
	named := map[string]bool{}
	rows := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			complain(t, "ARCHITECTURE.md", "has the line "+line, rule)
			continue
		}
		row := strings.TrimSpace(cells[1])
		if row == "row" || strings.HasPrefix(row, "---") {
			continue
		}
		rows[row] = true
		tests := regexp.MustCompile("`(Test[^`]*)`").FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 {
			complain(t, "ARCHITECTURE.md", "names no test of row "+row, rule)
		}
		for _, m := range tests {
			named[m[1]] = true
			door, exists := found[m[1]]
			switch {
			case !exists:
				complain(t, "ARCHITECTURE.md", "names "+m[1]+", which is not in e2e/desk, e2e/doors or e2e/console", rule)
			case !door:
				complain(t, "e2e/desk", m[1]+" goes through no public door", rule)
			case rowOf(m[1]) != row:
				complain(t, "ARCHITECTURE.md", "names "+m[1]+" for row "+row, rule)
			}
		}
	}
	for _, row := range deskRows() {
		if !rows[row] {
			complain(t, "ARCHITECTURE.md", "has no row "+row, rule)
		}
	}
	for name := range found {
		if row := rowOf(name); row != "" && !named[name] {
			complain(t, "ARCHITECTURE.md", "does not name "+name+" for row "+row+"; run: go test . -run EveryRow -update-rows", rule)
		}
	}
}

// rowOf is the row in the name of a test, "" when it has none.
func rowOf(test string) string {
	m := regexp.MustCompile(`^Test([RAUTNCDE]\d+)[A-Z]`).FindStringSubmatch(test)
	if m == nil {
		return ""
	}
	return m[1]
}

// deskTests are the tests of the desk, and whether each goes through a public
// door, REST, assentctl or the page, by itself or by a helper that it calls.
func deskTests(t *testing.T) map[string]bool {
	t.Helper()
	doors := []string{"Ctl", "CtlWith", "Works", "Raw", "Do", "Does", "Refused", "See", "Act", "Call", "Request", "Download", "python", "SignIn", "Login", "ClickText"}
	all, _ := sources(t)
	direct, calls := map[string]bool{}, map[string][]string{}
	for _, s := range all {
		if !slices.Contains([]string{"e2e/desk", "e2e/doors", "e2e/console"}, s.folder) || !s.isTest {
			continue
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.Name.Name
			direct[name] = direct[name] || false
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					on, _ := n.X.(*ast.Ident)
					client := on != nil && on.Name == "client" && slices.Contains([]string{"Get", "Post", "All"}, n.Sel.Name)
					direct[name] = direct[name] || client || slices.Contains(doors, n.Sel.Name)
					calls[name] = append(calls[name], n.Sel.Name)
				case *ast.Ident:
					calls[name] = append(calls[name], n.Name)
				}
				return true
			})
		}
	}
	var through func(name string, depth int) bool
	through = func(name string, depth int) bool {
		return direct[name] || depth > 0 && slices.ContainsFunc(calls[name], func(c string) bool {
			_, ours := direct[c]
			return ours && through(c, depth-1)
		})
	}
	out := map[string]bool{}
	for name := range direct {
		if strings.HasPrefix(name, "Test") && name != "TestMain" {
			out[name] = through(name, 3)
		}
	}
	return out
}

// What make mutate breaks is still there, each exactly once.
func TestMutationsFitTheTree(t *testing.T) {
	all, err := mutate.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 60 {
		t.Errorf("%d mutations, at least 60 are wanted", len(all))
	}
	for _, m := range all {
		if _, err := m.Apply("."); err != nil {
			complain(t, "e2e/mutate/mutations.txt", err.Error(), "make mutate breaks the guards as they are now; change its text with the code")
		}
	}
}
