package notify

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/assent-epm/assent/shared/inert"
)

// mailItem is one thing that a mail tells.
type mailItem struct {
	At    string
	Title string
	Lines []string
	Link  string
}

type mailPage struct {
	Title string
	Items []mailItem
	More  int
}

// mailItems are what a message tells, each line inert by itself.
func mailItems(m Message) (items []mailItem, more int) {
	list := m.Items
	if len(list) == 0 {
		list = []Message{m}
	}
	for _, x := range list[:min(len(list), maxMailList)] {
		item := mailItem{Title: inert.Text(x.Title), Lines: lines(x.Text, maxMailText), Link: x.Link}
		if !x.At.IsZero() {
			item.At = x.At.UTC().Format("2006-01-02 15:04 MST")
		}
		items = append(items, item)
	}
	return items, len(list) - len(items)
}

// lines are the lines of a text, at most so many characters, each inert.
func lines(text string, limit int) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = inert.Text(strings.TrimRight(line, "\r\n")); line == "" {
			continue
		}
		line = inert.Clip(line, max(limit, 1))
		out = append(out, line)
		if limit -= len([]rune(line)); limit <= 0 {
			break
		}
	}
	return out
}

// footer says why somebody got a mail.
const footer = "Answer in the console. This mail only tells you; nothing is decided by opening the link or by answering this mail."

// mailBody is a message as plain text and as HTML.
func mailBody(m Message) (text, page string, err error) {
	items, more := mailItems(m)
	var b strings.Builder
	if len(m.Items) > 0 {
		b.WriteString(inert.Text(m.Title) + "\n\n")
	}
	for _, x := range items {
		b.WriteString(x.Title + "\n")
		if x.At != "" {
			b.WriteString(x.At + "\n")
		}
		for _, line := range x.Lines {
			b.WriteString("  " + line + "\n")
		}
		if x.Link != "" {
			b.WriteString("\n  " + x.Link + "\n")
		}
		b.WriteString("\n")
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n\n", more)
	}
	b.WriteString("-- \n" + footer + "\n")
	shape, err := template.New("mail").Parse(mailHTML)
	if err != nil {
		return "", "", fmt.Errorf("read the form of mails: %w", err)
	}
	var h strings.Builder
	if err := shape.Execute(&h, struct {
		mailPage
		Digest bool
		Footer string
	}{mailPage{Title: inert.Text(m.Title), Items: items, More: more}, len(m.Items) > 0, footer}); err != nil {
		return "", "", fmt.Errorf("write a mail: %w", err)
	}
	return b.String(), h.String(), nil
}

// mailHTML has no picture, no style sheet and no address but the console's, so
// that nobody learns that a mail was opened.
const mailHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title></head>
<body style="font-family:sans-serif;line-height:1.5;max-width:40em">
{{if .Digest}}<h1 style="font-size:1.2em">{{.Title}}</h1>
{{end}}{{range .Items}}<h2 style="font-size:1.1em">{{.Title}}</h2>
{{if .At}}<p style="color:#555">{{.At}}</p>
{{end}}{{if .Lines}}<p>{{range $i, $line := .Lines}}{{if $i}}<br>
{{end}}{{$line}}{{end}}</p>
{{end}}{{if .Link}}<p><a href="{{.Link}}">Open in the console</a></p>
{{end}}{{end}}{{if .More}}<p>and {{.More}} more</p>
{{end}}<hr><p style="color:#555">{{.Footer}}</p>
</body></html>
`
