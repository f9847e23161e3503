package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a body may nest.
const maxDepth = 32

// checkJSON refuses what encoding/json would take: text that is not UTF-8, NUL
// characters, an object with one name twice (in any casing), deep nesting, and
// more than one value.
func checkJSON(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("the body is not UTF-8 text")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := checkValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body has more than one JSON value")
	}
	return nil
}

func checkValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	switch v := t.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return errors.New("the body has a NUL character")
		}
	case json.Delim:
		if depth == maxDepth {
			return fmt.Errorf("the body nests deeper than %d levels", maxDepth)
		}
		return checkInside(dec, v, depth+1)
	}
	return nil
}

func checkInside(dec *json.Decoder, open json.Delim, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			t, err := dec.Token()
			if err != nil {
				return fmt.Errorf("the body is not JSON: %w", err)
			}
			name, _ := t.(string)
			if strings.ContainsRune(name, 0) {
				return errors.New("the body has a NUL character")
			}
			if key := strings.ToLower(name); seen[key] {
				return fmt.Errorf("the body has %q twice", name)
			} else {
				seen[key] = true
			}
		}
		if err := checkValue(dec, depth); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return nil
}

// checkURL refuses paths and queries with text that is not UTF-8 or has NUL
// characters, and a parameter that is given twice.
func checkURL(u *url.URL) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the query is not well formed")
	}
	texts := []string{u.Path}
	for k, vs := range q {
		if len(vs) > 1 {
			return fmt.Errorf("the parameter %q is given twice", k)
		}
		texts = append(texts, k, vs[0])
	}
	for _, t := range texts {
		if !utf8.ValidString(t) || strings.ContainsRune(t, 0) {
			return errors.New("the address has characters that are not text")
		}
	}
	return nil
}
