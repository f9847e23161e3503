package mactool

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrPlist: the text is no property list of the XML form.
var ErrPlist = errors.New("not a property list")

// maxDepth is how deep values stand in each other.
const maxDepth = 32

// Plist reads a property list: map[string]any, []any, string, int64, float64, bool
// and []byte. Dates stay text. A key that comes twice is an error.
func Plist(raw []byte) (any, error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlist, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != "plist" {
			return nil, fmt.Errorf("%w: it begins with %s", ErrPlist, start.Name.Local)
		}
		value, err := plistNext(d, 0)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlist, err)
		}
		return value, nil
	}
}

// errOver: the element around has ended.
var errOver = errors.New("there is no value")

// plistNext reads the next value.
func plistNext(d *xml.Decoder, depth int) (any, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return plistValue(d, token.Name.Local, depth)
		case xml.EndElement:
			return nil, errOver
		}
	}
}

func plistValue(d *xml.Decoder, kind string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("its values stand too deep in each other")
	}
	switch kind {
	case "dict":
		return plistDict(d, depth)
	case "array":
		list := []any{}
		for {
			value, err := plistNext(d, depth+1)
			if errors.Is(err, errOver) {
				return list, nil
			}
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
	}
	text, err := plistText(d)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "string", "date":
		return text, nil
	case "integer":
		return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	case "real":
		return strconv.ParseFloat(strings.TrimSpace(text), 64)
	case "true", "false":
		return kind == "true", nil
	case "data":
		return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	}
	return nil, fmt.Errorf("there is no kind of value %s", kind)
}

func plistDict(d *xml.Decoder, depth int) (any, error) {
	dict := map[string]any{}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.EndElement:
			return dict, nil
		case xml.StartElement:
			if token.Name.Local != "key" {
				return nil, fmt.Errorf("there is a %s without a key", token.Name.Local)
			}
			key, err := plistText(d)
			if err != nil {
				return nil, err
			}
			if _, twice := dict[key]; twice {
				return nil, fmt.Errorf("the key %q comes twice", key)
			}
			if dict[key], err = plistNext(d, depth+1); err != nil {
				return nil, err
			}
		}
	}
}

// plistText is the text up to the end of the element.
func plistText(d *xml.Decoder) (string, error) {
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			return "", fmt.Errorf("there is a %s inside of text", token.Name.Local)
		case xml.EndElement:
			return text.String(), nil
		}
	}
}

// Dict is the property list of a program that answers one dictionary.
func Dict(raw []byte) (map[string]any, error) {
	value, err := Plist(raw)
	if err != nil {
		return nil, err
	}
	dict, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: no dictionary", ErrPlist)
	}
	return dict, nil
}

// Strings is a value as a list of texts: an array of them, or one alone.
func Strings(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var out []string
		for _, one := range value {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}
