// Package assent holds no code: its tests keep the habits of this repository.
//
// Each test reads every Go file of the tree and fails with the sentence that
// explains the rule. What is allowed where stands in the tables of this file;
// DESIGN decisions that it guards are told in ARCHITECTURE.md. Exceptions are
// entries in these tables with their reason, never comments that switch it off.
package assent

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/assent-epm/assent/"

// layer says what the packages under a folder may import of this module. The
// first layer whose folder holds a package is the one that counts. A folder
// ending in "/..." means everything below it.
type layer struct {
	folder string
	may    string
	why    string
}

func layers() []layer {
	const shared = " shared/durable shared/elevation shared/inert shared/delegation shared/rules shared/sign shared/wire shared/version "
	const base = shared + " controller/audit controller/auth controller/keys "
	return []layer{
		{"shared/elevation", "", "the model is pure and stands alone, so that every program can trust it"},
		{"shared/office", "shared/elevation", "an invented office is of the model's words alone"},
		{"shared/version", "", "the build stamp stands alone"},
		{"shared/durable", "", "writing files stands alone, so that both sides and tools can use it"},
		{"shared/complete", "", "a verb that every program has knows no program"},
		{"shared/inert", "", "showing text stands alone, so that every program can use it"},
		{"shared/delegation", "shared/elevation", "who may answer follows from the model alone"},
		{"shared/rules/cel", "shared/elevation shared/rules", "conditions extend rules, not the other way round"},
		{"shared/rules", "shared/elevation", "rules follow from the model alone, and the agent does not link CEL"},
		{"shared/sign", "shared/elevation", "signed bodies are the model's types"},
		{"shared/wire", "shared/elevation shared/sign", "the protocol carries the model and signed bodies"},

		{"controller/cmd/assentctl", "controller/client controller/audit shared/rules/cel" + shared, "assentctl is a client: it talks REST, and checks rules and audit logs offline"},
		{"controller/cmd/webbuild", "", "the bundler is a build tool"},
		{"controller/cmd/pysdk", "controller/apidoc", "what writes code from the OpenAPI document reads nothing else"},
		{"controller/cmd/tstypes", "controller/apidoc", "what writes code from the OpenAPI document reads nothing else"},
		{"controller/apidoc", "", "reading the OpenAPI document stands alone"},
		{"controller/cmd", "controller controller/auth shared/complete" + shared, "a program turns flags into a Config and runs it"},
		{"controller/client", shared, "the REST types stand below the API, so that clients need nothing of the server"},
		{"controller/egress", "", "calling out knows nothing of what is said"},
		{"controller/audit", shared, "the audit log stands at the bottom of the controller"},
		{"controller/auth", shared + "controller/audit", "auth declares the small store that it needs, store implements it"},
		{"controller/keys", shared, "keys stand at the bottom of the controller"},
		{"controller/store", base, "store implements what audit and auth declare, and knows nothing above it"},
		{"controller/queue", base + "controller/store", "the flow writes requests and grants; the API calls it and admin apart"},
		{"controller/admin", base + "controller/store shared/rules/packs", "admin and queue do not call each other: the API does"},
		{"controller/insight", base + "controller/store", "insight only reads"},
		{"controller/directory", base + "controller/store controller/egress", "directory keeps accounts in step with a company's own; the API serves it"},
		{"controller/notify", base + "controller/store controller/egress", "notify tells others what the log says; what it shall send is a row that it picks up"},
		{"controller/demo", base + "controller/store controller/queue controller/admin shared/office", "a past is made by the flow itself"},
		{"controller/api", base + "controller/store controller/queue controller/admin controller/insight controller/directory controller/client shared/rules/packs", "a door calls the domain, never another door"},
		{"controller/gateway", base + "controller/store controller/queue", "a door calls the domain, never another door"},
		{"controller/console", base, "the console is a page over REST"},
		{"controller", "controller/... shared/...", "the controller builds its parts"},

		{"agent/cmd/assent", "agent/harden agent/local agent/desktop agent/words shared/complete shared/elevation shared/inert shared/wire shared/version", "the user's program talks to the local agent and to nothing else"},
		{"agent/cmd/assent-tray", "agent/harden agent/tray agent/local agent/desktop agent/mactool agent/words agent/publisher shared/complete shared/inert shared/wire shared/version", "the program beside the clock talks to the local agent and to nothing else"},
		{"agent/cmd/agentsim", "agent/sim shared/...", "the simulated fleet needs link and shared only"},
		{"agent/cmd", "agent agent/... shared/...", "a program turns flags into a Config and runs it"},
		{"agent/sim", "agent/link shared/...", "the simulated fleet needs link and shared only"},
		{"agent/link", "agent/keep agent/mactool" + shared, "the link knows the protocol, not what it carries"},
		{"agent/keep", "agent/acl shared/durable shared/sign", "a file with its checksum is kept for every part of the agent"},
		{"agent/accounts", "", "the files of groups are changed by who knows why, elsewhere"},
		{"agent/mactool", "", "the programs of macOS are run for whoever knows why, elsewhere"},
		{"agent/authright", "agent/keep agent/mactool shared/durable shared/elevation", "who may use a right of macOS is set by what administrators wrote, and knows nothing of attempts"},
		{"agent/localgroup", "agent/mactool", "who is in a group is changed by who knows why, elsewhere"},
		{"agent/standing", "agent/keep agent/accounts agent/localgroup" + shared, "standing rights are the machine's own files, and know nothing of attempts"},
		{"agent/harden", "", "every program may harden itself"},
		{"agent/companion", "", "keeping a program running knows nothing of what it shows"},
		{"agent/consent", "", "a hint knows nothing of what is done with it"},
		{"agent/acl", "", "access lists are judged by who needs to know, elsewhere"},
		{"agent/privilege", "agent/acl agent/intercept agent/accounts agent/localgroup agent/mactool" + shared, "applying and taking back stand at the bottom of the agent"},
		{"agent/tamper", "agent/localgroup" + shared, "what an administrator has changed is looked at by itself"},
		{"agent/grants", "agent/privilege" + shared, "what is in force knows only how to take it back"},
		{"agent/offline", "agent/grants agent/keep" + shared, "what is allowed without the controller is told from what the controller signed"},
		{"agent/intercept", "agent/intercept agent/grants agent/mactool agent/privilege agent/publisher agent/words" + shared, "seeing and holding does not know who answers"},
		{"agent/words", "shared/elevation shared/inert", "what people read knows nothing of what it tells"},
		{"agent/local/pipe", "", "the pipe knows who is at its ends, and nothing of what is said"},
		{"agent/local", "agent/local/pipe agent/intercept agent/privilege agent/words" + shared, "the users' door declares the flow that it needs"},
		{"agent/desktop", "agent/local agent/intercept agent/words" + shared, "a person's desktop shows what the users' door tells"},
		{"agent/tray", "agent/local agent/desktop agent/intercept agent/words" + shared, "what a person sees beside the clock follows from what the users' door tells"},
		{"agent", "agent/... shared/...", "the agent builds its parts and never links the controller"},

		{"bench/floor", "", "the floor is what we are measured against, so it uses none of our code"},
		{"bench", "e2e/... shared/... agent/... controller/...", "a bench measures whole systems"},
		{"e2e/testgroup", "", "every test may ask what this machine has"},
		{"e2e/helptext", "", "the text of any program's help is kept, and nothing of the program is known"},
		{"e2e/servers", "", "the other ends of channels know nothing of who calls them"},
		{"e2e/browser", "e2e/testgroup controller/console", "a browser knows nothing of what is tested in it"},
		{"e2e/machine", "e2e/testgroup", "machines know nothing of what is tested on them"},
		{"e2e/wine", "e2e/testgroup e2e/machine", "a lab knows nothing of what is tested in it"},
		{"e2e", "e2e/... agent agent/... controller controller/... shared/...", "whole-system tests see both sides"},
		{"installer", "installer/... agent/tray shared/...", "an installer puts programs in place"},
	}
}

// only says which folders may import a library of others.
func only() []layer {
	return []layer{
		{"gorm.io", "controller/store", "no type of the database leaves the store"},
		{"modernc.org/sqlite", "controller/store bench/floor", "no type of the database leaves the store"},
		{"github.com/kardianos/service", "agent/cmd/assent-agent controller/cmd/assent-controller", "only service commands know the service manager"},
		{"github.com/getlantern/systray", "agent/cmd/assent-tray", "the tray library needs cgo and stays in one file"},
		{"cel.dev/cel-go", "shared/rules/cel", "CEL is linked only where a condition is evaluated"},
		{"github.com/evanw/esbuild", "controller/cmd/webbuild", "the bundler is a build tool"},
		{"github.com/tdewolff", "controller/cmd/webbuild", "what shortens the bundle is a build tool"},
		{"github.com/spf13/cobra", "cmd shared/complete e2e/helptext", "commands stand in programs"},
	}
}

// exceptions are single places where a rule does not hold, with the reason.
func exceptions() map[string]string {
	return map[string]string{
		"shared/sign/sign.go panic": "the options of the codec are constants of that file; a wrong one is found by any test",
	}
}

// source is one parsed file.
type source struct {
	path    string // from the root, with slashes
	folder  string
	file    *ast.File
	text    string
	isTest  bool
	program bool // below a folder cmd, or a main package of benches
}

// sources are all Go files of the tree; nobody changes what others read as well.
func sources(t *testing.T) ([]source, *token.FileSet) {
	t.Helper()
	tree, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return tree.all, tree.set
}

type tree struct {
	all []source
	set *token.FileSet
}

// parsed reads the tree once for all tests.
var parsed = sync.OnceValues(func() (tree, error) {
	var all []source
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "bin" || base == "dist" || base == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, name, raw, parser.ParseComments)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		all = append(all, source{
			path: name, folder: path.Dir(name), file: file, text: string(raw),
			isTest:  strings.HasSuffix(base, "_test.go"),
			program: strings.Contains("/"+name, "/cmd/") || strings.HasPrefix(name, "bench/") || strings.HasPrefix(name, "installer/"),
		})
		return nil
	})
	return tree{all, set}, err
})

// complain reports one violation. The rule is the sentence that explains it.
func complain(t *testing.T, where, what, rule string) {
	t.Helper()
	t.Errorf("%s: %s\n\t%s", where, what, rule)
}

func TestImports(t *testing.T) {
	all, _ := sources(t)
	for _, s := range all {
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, inside := strings.CutPrefix(imported, module); inside {
				checkOurs(t, s, ours)
				continue
			}
			for _, rule := range only() {
				if within(imported, rule.folder) && !allowedFor(s.folder, rule.may) && !s.isTest {
					complain(t, s.path, "imports "+imported, rule.why)
				}
			}
		}
	}
}

// allowedFor answers whether a folder is one of those named; "cmd" is any program.
func allowedFor(folder, may string) bool {
	for name := range strings.FieldsSeq(may) {
		if within(folder, name) || name == "cmd" && strings.Contains(folder+"/", "/cmd/") {
			return true
		}
	}
	return false
}

// checkOurs holds an import against the layers. Tests may use what stands beside
// them, but no test outside e2e joins both sides.
func checkOurs(t *testing.T, s source, imported string) {
	t.Helper()
	side, other := strings.Split(s.folder, "/")[0], strings.Split(imported, "/")[0]
	if side == "agent" && other == "controller" || side == "controller" && other == "agent" {
		complain(t, s.path, "imports "+imported, "agent and controller meet only over the wire; tests of both belong into e2e")
		return
	}
	if s.isTest && (side == other || other == "shared" || within(imported, "e2e") || side == "e2e") {
		return
	}
	for _, l := range layers() {
		if !within(s.folder, l.folder) {
			continue
		}
		if within(imported, l.folder) && l.folder != "controller" && l.folder != "agent" {
			return // a part of itself
		}
		for name := range strings.FieldsSeq(l.may) {
			below, all := strings.CutSuffix(name, "/...")
			if imported == name || all && within(imported, below) {
				return
			}
		}
		complain(t, s.path, "imports "+imported, l.why)
		return
	}
	complain(t, s.path, "stands in a folder without a layer", "every package has its place in the table of house_test.go")
}

func within(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// The agent is small because of what it does not link.
func TestAgentLinksLittle(t *testing.T) {
	for _, program := range []string{"agent/cmd/assent-agent", "agent/cmd/assent", "agent/cmd/agentsim"} {
		if _, err := os.Stat(program); err != nil {
			continue
		}
		out, err := exec.Command("go", "list", "-deps", "./"+program).Output()
		if err != nil {
			t.Errorf("list what %s links: %v", program, err)
			continue
		}
		for linked := range strings.FieldsSeq(string(out)) {
			for _, heavy := range []string{"gorm.io", "modernc.org", "cel.dev", "github.com/danielgtaylor/huma", "github.com/evanw/esbuild", module + "controller", module + "e2e"} {
				if within(linked, heavy) {
					complain(t, program, "links "+linked, "endpoints carry only what they need")
				}
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	all, set := sources(t)
	comments := map[string][]string{}
	for _, s := range all {
		if s.isTest && s.folder != "." {
			continue
		}
		if _, seen := comments[s.folder]; !seen {
			comments[s.folder] = nil
		}
		if s.file.Doc == nil {
			continue
		}
		comments[s.folder] = append(comments[s.folder], s.path)
		lines := set.Position(s.file.Doc.End()).Line - set.Position(s.file.Doc.Pos()).Line + 1
		if lines < 3 || lines > 12 {
			complain(t, s.path, "has a package comment of "+strconv.Itoa(lines)+" lines", "a package comment has 3 to 12 lines: what it is for, what it never does, where to read next")
		}
		if !strings.HasPrefix(s.file.Doc.Text(), "Package "+s.file.Name.Name) && !strings.HasPrefix(s.file.Doc.Text(), "Command ") {
			complain(t, s.path, "has a package comment that does not begin with its name", "tools show the first sentence")
		}
	}
	for folder, files := range comments {
		if len(files) != 1 {
			complain(t, folder, "has "+strconv.Itoa(len(files))+" package comments "+strings.Join(files, " "), "each package says once what it is for")
		}
	}
}

// A long file or function is split, or says above it why it is long.
func TestSizes(t *testing.T) {
	const fileLines, funcLines = 500, 60
	all, set := sources(t)
	for _, s := range all {
		if s.isTest {
			continue
		}
		if lines := strings.Count(s.text, "\n"); lines > fileLines && !saysWhy(s.file.Doc) {
			complain(t, s.path, strconv.Itoa(lines)+" lines", "a file has at most 500 lines, or its comment says why it is long")
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
			if lines > funcLines && !saysWhy(f.Doc) {
				complain(t, s.path, f.Name.Name+" has "+strconv.Itoa(lines)+" lines", "a function has at most 60 lines, or its comment says why it is long")
			}
		}
	}
}

func saysWhy(doc *ast.CommentGroup) bool {
	return doc != nil && regexp.MustCompile(`(?i)\blong\b`).MatchString(doc.Text())
}

// called is the name of a call, such as "os.Exit" or "panic".
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if on, ok := f.X.(*ast.Ident); ok {
			return on.Name + "." + f.Sel.Name
		}
	}
	return ""
}

func TestForbiddenCalls(t *testing.T) {
	all, set := sources(t)
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					complain(t, s.path, "has an init function", "what runs is called by somebody who can be found")
				}
			case *ast.GoStmt:
				if within(s.folder, "shared/elevation") && !s.isTest {
					complain(t, set.Position(n.Pos()).String(), "starts a goroutine", "the model is pure")
				}
			case *ast.CallExpr:
				if rule := forbidden(s, called(n), n); rule != "" {
					complain(t, set.Position(n.Pos()).String(), "calls "+called(n), rule)
				}
			}
			return true
		})
	}
}

func forbidden(s source, name string, call *ast.CallExpr) string {
	switch {
	case strings.HasPrefix(name, "log.Fatal") || strings.HasPrefix(name, "log.Panic"):
		return "errors are returned, and main says them"
	case exceptions()[s.path+" "+name] != "":
		return ""
	case (name == "os.Exit" || name == "panic") && !s.program && !s.isTest:
		return "only a program ends itself"
	case name == "time.Sleep" && s.isTest && !imports(s, "testing/synctest"):
		return "a test waits for what it tests; time is made by testing/synctest"
	case name == "time.Now" && !s.isTest && (within(s.folder, "shared") || within(s.folder, "controller/queue")):
		return "deciding functions are given the time"
	case name == "exec.LookPath" && !s.isTest && !developerTool(s):
		return "external programs are named by absolute path, never searched for"
	case (name == "exec.Command" || name == "exec.CommandContext") && !s.isTest:
		if shell(call) {
			return "no shell: arguments are passed one by one"
		}
		if literalProgram(name, call) && !developerTool(s) {
			return "external programs are constants with an absolute path, one table per package and OS"
		}
	}
	return ""
}

func imports(s source, name string) bool {
	return slices.ContainsFunc(s.file.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == strconv.Quote(name) })
}

// developerTool reports whether a file belongs to a tool that runs what the
// developer has, and never ships.
func developerTool(s source) bool {
	return allowedFor(s.folder, "e2e bench installer controller/cmd/webbuild")
}

// literalProgram reports whether a call names its program in place.
func literalProgram(name string, call *ast.CallExpr) bool {
	at := 0
	if name == "exec.CommandContext" {
		at = 1
	}
	if len(call.Args) <= at {
		return false
	}
	_, literal := call.Args[at].(*ast.BasicLit)
	return literal
}

// The constants that name programs of the system stand together.
func TestProgramsStandInOneTable(t *testing.T) {
	programPath := regexp.MustCompile(`(?m)^(?:const)?\s*\w+Path\s*=\s*"/(usr/)?s?bin/`)
	all, _ := sources(t)
	tables := map[string][]string{}
	for _, s := range all {
		if !s.isTest && programPath.MatchString(s.text) {
			tables[s.folder] = append(tables[s.folder], s.path)
		}
	}
	for folder, files := range tables {
		systems := map[string]int{}
		for _, file := range files {
			_, system, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".go"), "_")
			systems[system]++
		}
		for _, count := range systems {
			if count > 1 {
				complain(t, folder, "names programs in "+strings.Join(files, ", "), "external programs stand in one table per package and OS")
			}
		}
	}
}

func shell(call *ast.CallExpr) bool {
	literals := ""
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok {
			literals += " " + lit.Value
		}
	}
	return regexp.MustCompile(`"(/\S*/)?(ba|da|z)?sh" "-c"`).MatchString(literals)
}

// Package variables are tables and sentinels; what changes belongs to somebody.
func TestPackageVariablesDoNotChange(t *testing.T) {
	all, set := sources(t)
	names, specs := map[string]bool{}, map[any]bool{}
	for _, s := range all {
		for _, decl := range s.file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				specs[spec] = true
				for _, name := range spec.(*ast.ValueSpec).Names {
					names[s.folder+" "+name.Name] = name.Name != "_"
				}
			}
		}
	}
	for _, s := range all {
		if s.isTest {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			for _, target := range assigned(n) {
				name := root(target)
				if name == nil || !names[s.folder+" "+name.Name] {
					continue
				}
				// An object is nil when the name is declared in another file.
				if obj := name.Obj; obj == nil || specs[obj.Decl] {
					complain(t, set.Position(n.Pos()).String(), "changes the package variable "+name.Name, "state belongs to a value that somebody owns")
				}
			}
			return true
		})
	}
}

func assigned(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	}
	return nil
}

// root is the variable that an assignment reaches into.
func root(target ast.Expr) *ast.Ident {
	for {
		switch x := target.(type) {
		case *ast.IndexExpr:
			target = x.X
		case *ast.SelectorExpr:
			target = x.X
		case *ast.Ident:
			return x
		default:
			return nil
		}
	}
}

func TestLogKeys(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	all, set := sources(t)
	for _, s := range all {
		if s.isTest {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 || !regexp.MustCompile(`(?i)log(ger)?\.(Debug|Info|Warn|Error)$`).MatchString(lastTwo(call.Fun)) {
				return true
			}
			for _, arg := range call.Args[1:] {
				if key, ok := arg.(*ast.BasicLit); ok && key.Kind == token.STRING {
					if text, err := strconv.Unquote(key.Value); err == nil && (text == "err" || !snake.MatchString(text)) {
						complain(t, set.Position(key.Pos()).String(), "logs with the key or value "+key.Value, "log keys are snake_case, an error is \"error\", and values are not literals")
					}
				}
			}
			return true
		})
	}
}

// lastTwo is the end of a selector, such as "log.Info" of "g.cfg.log.Info".
func lastTwo(fun ast.Expr) string {
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	switch on := sel.X.(type) {
	case *ast.Ident:
		return on.Name + "." + sel.Sel.Name
	case *ast.SelectorExpr:
		return on.Sel.Name + "." + sel.Sel.Name
	}
	return ""
}

// What is not finished stands in an issue.
func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != "." && (base == ".git" || base == "node_modules" || base == "bin" || base == "dist" || base == ".run") {
			return fs.SkipDir
		}
		if entry.IsDir() || !slices.Contains([]string{".go", ".c", ".h", ".ts", ".tsx", ".css", ".md", ".yaml"}, path.Ext(base)) {
			return nil
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(raw), "\n") {
			if word := later.FindString(line); word != "" {
				complain(t, name+":"+strconv.Itoa(i+1), "says "+word, "what is not finished stands in an issue")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
