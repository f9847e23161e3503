package tray

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is what a desktop entry of Linux starts, if a person could choose it. find
// gives the path of a program that is named without one, "" = there is none.
func Entry(text, language string, find func(name string) string) (Program, bool) {
	var p Program
	local, exec, within := "", "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			within = line == "[Desktop Entry]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || !within {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case key == "Name":
			p.Name = value
		case key == "Name["+language+"]":
			local = value
		case key == "Exec":
			exec = value
		case (key == "NoDisplay" || key == "Hidden" || key == "Terminal") && value == "true", key == "Type" && value != "Application":
			return Program{}, false
		}
	}
	words := strings.Fields(strings.ReplaceAll(exec, `"`, ""))
	for len(words) > 0 && (words[0] == "env" || words[0] == "pkexec" || words[0] == "sudo" || strings.Contains(words[0], "=")) {
		words = words[1:]
	}
	if len(words) == 0 || p.Name == "" {
		return Program{}, false
	}
	if p.Path = words[0]; !filepath.IsAbs(p.Path) {
		p.Path = find(p.Path)
	}
	for _, a := range words[1:] {
		if !strings.HasPrefix(a, "%") { // what a file manager would fill in
			p.Args = append(p.Args, a)
		}
	}
	p.Name = cmp.Or(local, p.Name)
	return p, p.Path != ""
}

// Sorted are programs as a person looks for them, each once.
func Sorted(all []Program) []Program {
	slices.SortStableFunc(all, func(a, b Program) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(p Program) bool {
		id := p.Path + "\x00" + strings.Join(p.Args, "\x00")
		was := seen[id]
		seen[id] = true
		return was
	})
}
