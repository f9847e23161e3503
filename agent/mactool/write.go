package mactool

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

const plistHead = xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n<plist version=\"1.0\">\n"

// WritePlist is a value of [Plist] as a property list; equal values give the same
// bytes.
func WritePlist(value any) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(plistHead)
	if err := writeValue(&out, value, 0); err != nil {
		return nil, fmt.Errorf("write a property list: %w", err)
	}
	out.WriteString("</plist>\n")
	return out.Bytes(), nil
}

func writeValue(out *bytes.Buffer, value any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: its values stand too deep in each other", ErrPlist)
	}
	element := func(kind, text string) error {
		out.WriteString("<" + kind + ">")
		if err := xml.EscapeText(out, []byte(text)); err != nil {
			return err
		}
		out.WriteString("</" + kind + ">\n")
		return nil
	}
	switch value := value.(type) {
	case string:
		return element("string", value)
	case int64:
		return element("integer", strconv.FormatInt(value, 10))
	case float64:
		return element("real", strconv.FormatFloat(value, 'g', -1, 64))
	case bool:
		fmt.Fprintf(out, "<%t/>\n", value)
		return nil
	case []byte:
		return element("data", base64.StdEncoding.EncodeToString(value))
	case []any:
		out.WriteString("<array>\n")
		for _, one := range value {
			if err := writeValue(out, one, depth+1); err != nil {
				return err
			}
		}
		out.WriteString("</array>\n")
		return nil
	case map[string]any:
		out.WriteString("<dict>\n")
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if err := element("key", key); err != nil {
				return err
			}
			if err := writeValue(out, value[key], depth+1); err != nil {
				return err
			}
		}
		out.WriteString("</dict>\n")
		return nil
	}
	return fmt.Errorf("%w: there is no form for a %T", ErrPlist, value)
}
