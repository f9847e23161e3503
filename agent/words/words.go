// Package words is what people at an endpoint read in their own language, and
// what their company wants to tell them beside it.
//
// English is the language of the source: each sentence stands where it is said,
// and [Tongue.Say] looks for it in the catalogue of the reader's language. One
// that a catalogue lacks is said in English, and a test of this package finds it.
// What scripts rely on (outcomes, ids, exit codes) is never translated.
package words

import (
	"fmt"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Tongue is a language that there is a catalogue for. The zero value is English.
type Tongue string

// The languages.
const (
	English Tongue = "en"
	German  Tongue = "de"
)

// For is the language of a reader: what the policy wants, else what their
// environment asks for (LC_ALL, LC_MESSAGES, LANG, in this order), else English.
func For(policy string, env func(name string) string) Tongue {
	if policy != "" {
		return tongue(policy)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			return tongue(v)
		}
	}
	return English
}

// tongue understands names such as de, de_AT.UTF-8 and C.
func tongue(name string) Tongue {
	lang, _, _ := strings.Cut(strings.ToLower(name), "_")
	lang, _, _ = strings.Cut(lang, ".")
	lang, _, _ = strings.Cut(lang, "-")
	if Tongue(lang) == German {
		return German
	}
	return English
}

// Say is an English sentence, with its arguments, in the reader's language.
func (t Tongue) Say(english string, args ...any) string {
	text := english
	if t == German {
		if german, ok := inGerman(english); ok {
			text = german
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Company are the lines that a company adds to a question or a refusal: its name
// is on the first of them, whom to call and where its policy stands follow.
func (t Tongue) Company(w elevation.Words) []string {
	var lines []string
	about := func(sentence, value string) {
		if value != "" {
			lines = append(lines, t.Say(sentence, inert.Clip(inert.Text(value), 200)))
		}
	}
	if w.Company != "" && (w.Help != "" || w.Link != "") {
		lines = append(lines, inert.Clip(inert.Text(w.Company), 200))
	}
	about("Help: %s", w.Help)
	about("Policy: %s", w.Link)
	return lines
}
