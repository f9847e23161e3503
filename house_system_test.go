package assent

import (
	"go/ast"
	"go/build/constraint"
	"go/printer"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// translations are the functions of the files of Windows and macOS that ask for more
// than whether a call was answered, with what they translate.
func translations() map[string]string {
	const p, tray = "agent/privilege/", "agent/cmd/assent-tray/"
	return map[string]string{
		"agent/grants/clock_windows.go claim": "who has made the key",
		tray + "dialogs_native.go Ask":        "a hidden text has a dialog of its own",
		tray + "dialogs_native.go Show":       "what is a question is decided in package desktop",
		tray + "dialogs_native.go ask":        "there is a third button, or none",
		p + "births_windows.go hear":          "no time is for ever",
		p + "logins_windows.go occupant":      "an answer that is too short is none",
		p + "objects_windows.go names":        "of all kinds of objects, jobs",
		p + "place_windows.go finalPath":      "the room grows until the answer fits",
		p + "seat_windows.go look":            "a process that has ended and is held by somebody is none",
		p + "start_windows.go create":         "files are handles to inherit, and a text of rights is a guard that comes with mitigations",
		p + "trees_windows.go members":        "the room grows until the answer fits",
	}
}

// What Windows and macOS are called for stands in files that no test on Linux runs.
// They ask whether a call was answered and turn the answer into our words; whoever
// may do what, in which order, what is refused and how often it is tried is decided in
// files that Linux builds, and tested with a working fake. This test knows comparisons
// and waits; the order of calls is for who reads the change.
func TestFilesOfSystemsDecideNothing(t *testing.T) {
	left := translations()
	used := map[string]bool{}
	all, set := sources(t)
	above := map[string]map[string]bool{} // by folder: functions that every system builds
	for _, s := range all {
		if above[s.folder] == nil {
			above[s.folder] = map[string]bool{}
		}
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && !s.isTest && !ofOneSystem(s) {
				above[s.folder][f.Name.Name] = true
			}
		}
	}
	for _, s := range all {
		if s.isTest || !ofOneSystem(s) {
			continue
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := s.path + " " + f.Name.Name
			for _, asked := range conditions(f) {
				if asksForAnswer(asked) || asksAbove(asked, above[s.folder]) {
					continue
				}
				if used[name] = true; left[name] == "" {
					var text strings.Builder
					if err := printer.Fprint(&text, set, asked); err != nil {
						t.Fatal(err)
					}
					complain(t, set.Position(asked.Pos()).String(), "decides by "+text.String(), "a file of one system has calls and translations only: decide above it, where Linux tests it, or say in translations() what it translates")
				}
			}
		}
	}
	for name := range left {
		if !used[name] {
			complain(t, name, "translates nothing", "an entry of translations() goes with its function")
		}
	}
}

// ofOneSystem reports whether a file is never built on Linux.
func ofOneSystem(s source) bool {
	for _, system := range []string{"windows", "darwin"} {
		if strings.HasSuffix(s.path, "_"+system+".go") {
			return true
		}
	}
	for _, group := range s.file.Comments {
		for _, line := range group.List {
			if wanted, err := constraint.Parse(line.Text); err == nil && line.Pos() < s.file.Package {
				return !wanted.Eval(func(tag string) bool { return tag != "windows" && tag != "darwin" }) &&
					!wanted.Eval(func(tag string) bool { return tag == "linux" || tag == "unix" })
			}
		}
	}
	return false
}

// asksAbove reports whether a condition is one function's answer that is decided
// above the calls.
func asksAbove(e ast.Expr, above map[string]bool) bool {
	if not, ok := e.(*ast.UnaryExpr); ok && not.Op == token.NOT {
		e = not.X
	}
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	return above[called(call)]
}

// conditions are all that a function asks for, compares or waits for.
func conditions(f *ast.FuncDecl) (all []ast.Expr) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			all = append(all, n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				all = append(all, n.Cond)
			}
		case *ast.CaseClause:
			all = append(all, n.List...)
		case *ast.BinaryExpr:
			if slices.Contains(asking, n.Op) && !partOf(n, all) {
				all = append(all, n)
			}
		case *ast.CallExpr:
			if name := called(n); name == "time.Sleep" || name == "time.After" {
				all = append(all, n)
			}
		}
		return true
	})
	return all
}

// asksForAnswer reports whether a condition is about the answer of a call: that it
// failed, that there is something, or that it is one of the system's own constants.
func asksForAnswer(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return asksForAnswer(e.X)
	case *ast.UnaryExpr:
		return e.Op == token.NOT && asksForAnswer(e.X)
	case *ast.Ident:
		return e.Name == "ok"
	case *ast.CallExpr:
		return slices.Contains([]string{"errors.Is", "errors.As"}, called(e))
	case *ast.SelectorExpr:
		return ofSystem(e)
	case *ast.BinaryExpr:
		if e.Op == token.LAND || e.Op == token.LOR {
			return asksForAnswer(e.X) && asksForAnswer(e.Y)
		}
		return (e.Op == token.EQL || e.Op == token.NEQ) && (bare(e.X, e.Y) || bare(e.Y, e.X))
	}
	return false
}

// bare is what an answer is compared with: nothing, or a constant of the system. A
// user is no answer: whether one is root is decided.
func bare(e, answer ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "nil"
	case *ast.BasicLit:
		_, asks := answer.(*ast.CallExpr)
		return e.Value == "0" && !asks && !strings.Contains(strings.ToLower(lastTwo(answer)), "uid")
	case *ast.SelectorExpr:
		return ofSystem(e)
	case *ast.CallExpr: // uint32(windows.X)
		of, plain := e.Fun.(*ast.Ident)
		return plain && types.Universe.Lookup(of.Name) != nil && len(e.Args) == 1 && bare(e.Args[0], answer)
	}
	return false
}

func ofSystem(e *ast.SelectorExpr) bool {
	on, ok := e.X.(*ast.Ident)
	return ok && slices.Contains([]string{"windows", "unix", "syscall", "svc", "registry"}, on.Name)
}

// asking are the operators of conditions.
var asking = []token.Token{token.LAND, token.LOR, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}

// partOf reports whether an expression is a part of one of the others.
func partOf(e ast.Expr, all []ast.Expr) bool {
	return slices.ContainsFunc(all, func(o ast.Expr) bool { return o.Pos() <= e.Pos() && e.End() <= o.End() })
}
