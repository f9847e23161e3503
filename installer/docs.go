package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// docs are manual pages and completion of a product, taken from the programs
// themselves: what they say of their verbs is what they do.
func (j *job) docs(p product) ([]entry, error) {
	var all []entry
	for _, prog := range p.programs {
		if _, err := j.compile(prog, linux, runtime.GOARCH); err != nil {
			return nil, err
		}
		ask := func(args ...string) (string, error) {
			cmd := exec.Command(j.programPath(prog.name, linux, runtime.GOARCH), args...)
			cmd.Env = []string{"HOME=/nonexistent", "LC_ALL=C", "NO_COLOR=1"}
			out, err := cmd.Output()
			if err != nil {
				return "", fmt.Errorf("%s %s: %w", prog.name, strings.Join(args, " "), err)
			}
			return string(out), nil
		}
		text, err := manual(prog, j.date, j.version, ask)
		if err != nil {
			return nil, err
		}
		page, err := squeeze([]byte(text))
		if err != nil {
			return nil, err
		}
		all = append(all, entry{path: "/usr/share/man/man" + prog.section + "/" + prog.name + "." + prog.section + ".gz", kind: isFile, mode: 0o644, raw: page})
		for shell, path := range map[string]string{
			"bash": "/usr/share/bash-completion/completions/" + prog.name,
			"zsh":  "/usr/share/zsh/site-functions/_" + prog.name,
			"fish": "/usr/share/fish/vendor_completions.d/" + prog.name + ".fish",
		} {
			script, err := ask("completion", shell)
			if err != nil {
				return nil, err
			}
			all = append(all, entry{path: path, kind: isFile, mode: 0o644, raw: []byte(script)})
		}
	}
	return all, nil
}

func squeeze(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// help is what a program prints about one of its verbs.
type help struct {
	text     string // before the first section
	sections map[string][]string
}

// parseHelp takes apart what `--help` prints: a text, and sections whose title
// begins a line and ends in a colon.
func parseHelp(text string) help {
	h := help{sections: map[string][]string{}}
	var about []string
	title := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		name, isTitle := strings.CutSuffix(line, ":")
		known := name == "Usage" || name == "Aliases" || name == "Examples" || name == "Flags" || name == "Global Flags" || strings.HasSuffix(name, "Commands")
		switch {
		case isTitle && known:
			title = name
		case strings.HasPrefix(line, "Use \"") && title != "":
			title = "end"
		case title == "":
			about = append(about, line)
		case line != "":
			h.sections[title] = append(h.sections[title], line)
		}
	}
	h.text = strings.TrimSpace(strings.Join(about, "\n"))
	return h
}

// verbs are the names under the sections of commands, in their order.
func (h help) verbs(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		title, isTitle := strings.CutSuffix(strings.TrimRight(line, " \n"), ":")
		if !isTitle || !strings.HasSuffix(title, "Commands") {
			continue
		}
		for _, l := range h.sections[title] {
			name := strings.Fields(l)[0]
			if name != "help" && name != "completion" {
				names = append(names, name)
			}
		}
	}
	return names
}

// manual is the page of a program in the language of man.
func manual(prog program, date time.Time, version string, ask func(...string) (string, error)) (string, error) {
	top, err := ask("--help")
	if err != nil {
		return "", err
	}
	h := parseHelp(top)
	var b strings.Builder
	short, _, _ := strings.Cut(h.text, "\n")
	fmt.Fprintf(&b, ".TH %s %s %s %s %s\n", strings.ToUpper(prog.name), prog.section, quoted(date.Format("2006-01-02")), quoted("Assent "+version), quoted("Assent"))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", roff(prog.name), roff(strings.TrimSuffix(short, ".")))
	block(&b, h.sections["Usage"])
	fmt.Fprintf(&b, ".SH DESCRIPTION\n")
	paragraphs(&b, h.text)
	if len(h.sections["Examples"]) > 0 {
		b.WriteString(".SH EXAMPLES\n")
		block(&b, h.sections["Examples"])
	}
	flags(&b, ".SH OPTIONS", append(h.sections["Flags"], h.sections["Global Flags"]...))
	b.WriteString(".SH COMMANDS\n")
	if err := commands(&b, prog.name, nil, top, ask); err != nil {
		return "", err
	}
	b.WriteString(".SH FILES\n")
	for _, f := range prog.files {
		fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(f[0]), roff(f[1]))
	}
	return b.String(), nil
}

// commands writes the verbs below path, each before those below it.
func commands(b *strings.Builder, name string, path []string, text string, ask func(...string) (string, error)) error {
	for _, verb := range parseHelp(text).verbs(text) {
		at := append(append([]string{}, path...), verb)
		below, err := ask(append(at, "--help")...)
		if err != nil {
			return err
		}
		h := parseHelp(below)
		fmt.Fprintf(b, ".SS %s\n", quoted(name+" "+strings.Join(at, " ")))
		paragraphs(b, h.text)
		b.WriteString(".PP\n")
		block(b, append(h.sections["Usage"], h.sections["Examples"]...))
		flags(b, "", h.sections["Flags"])
		if err := commands(b, name, at, below, ask); err != nil {
			return err
		}
	}
	return nil
}

// block writes lines as they are.
func block(b *strings.Builder, lines []string) {
	b.WriteString(".nf\n")
	for _, l := range lines {
		b.WriteString(roff(strings.TrimSpace(l)) + "\n")
	}
	b.WriteString(".fi\n")
}

func paragraphs(b *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(roff(line) + "\n")
	}
}

// flags writes options, which stand two blanks or more before their text.
func flags(b *strings.Builder, title string, lines []string) {
	if title != "" && len(lines) > 0 {
		b.WriteString(title + "\n")
	}
	for _, l := range lines {
		name, text, _ := strings.Cut(strings.TrimSpace(l), "   ")
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(strings.TrimSpace(text)))
	}
}

// roff protects a text: nothing in it is a request of the formatter.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

func quoted(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }
