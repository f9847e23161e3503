package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// The schemas of SCIM 2.0 (RFC 7643 and 7644).
const (
	schemaUser  = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"
	schemaList  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	schemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// Fault is an error with the word that SCIM has for it.
type Fault struct {
	Type string // "invalidFilter", "uniqueness", …
	Err  error
}

// Error is the text.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

func fault(kind, format string, args ...any) error {
	return &Fault{kind, fmt.Errorf("%w: "+format, append([]any{elevation.ErrInvalid}, args...)...)}
}

// object is a JSON object whose names are in lower case: SCIM knows no casing.
type object map[string]any

// readObject reads a body. Its caller has refused names that are there twice.
func readObject(raw []byte) (object, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil || dec.Decode(new(any)) != io.EOF {
		return nil, fault("invalidSyntax", "the body is not one JSON object")
	}
	o, ok := lower(v).(object)
	if !ok {
		return nil, fault("invalidSyntax", "the body is not one JSON object")
	}
	return o, nil
}

func lower(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := object{}
		for k, x := range v {
			out[strings.ToLower(k)] = lower(x)
		}
		return out
	case []any:
		for i := range v {
			v[i] = lower(v[i])
		}
	}
	return v
}

// flag reads a boolean, also one that Entra sends as the text "False".
func flag(what string, v any) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, fault("invalidValue", "%s is true or false", what)
}

// text reads a text within its bounds; null is none.
func text(what string, v any, limit int) (string, error) {
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fault("invalidValue", "%s is a text", what)
	}
	if err := elevation.CheckLine(what, s, limit); err != nil {
		return "", &Fault{"invalidValue", err}
	}
	return strings.TrimSpace(s), nil
}

// path is what an operation names: an attribute, which of its values, and which
// part of them.
type path struct {
	attr string // lower case, without the schema of the resource
	by   string // attribute of the condition, "" = none
	is   any    // its value
	sub  string
}

func pathText() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z$][\w$:.-]*?)(?:\[\s*(\w+)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*"|(?i:true|false))\s*\])?(?:\.(\w+))?$`)
}

// readPath reads the path of an operation. The names of parts of plain
// attributes stay together: name.givenname.
func readPath(s, schema string) (path, error) {
	if len(s) > 1000 {
		return path{}, fault("invalidPath", "the path is too long")
	}
	if rest, ok := cutSchema(s, schema); ok {
		s = rest
	}
	if strings.HasPrefix(strings.ToLower(s), "urn:") {
		return path{attr: strings.ToLower(s)}, nil // an extension, which nobody here reads
	}
	m := pathText().FindStringSubmatch(s)
	if m == nil {
		return path{}, fault("invalidPath", "the path %q is not one that can be read", audit.Clip(s, 80))
	}
	p := path{attr: strings.ToLower(m[1]), by: strings.ToLower(m[2]), sub: strings.ToLower(m[4])}
	if p.by != "" {
		p.is = literal(m[3])
	} else if p.sub != "" {
		p.attr, p.sub = p.attr+"."+p.sub, ""
	}
	return p, nil
}

func cutSchema(s, schema string) (string, bool) {
	if len(s) > len(schema)+1 && strings.EqualFold(s[:len(schema)+1], schema+":") {
		return s[len(schema)+1:], true
	}
	return s, false
}

func literal(s string) any {
	var out any
	if json.Unmarshal([]byte(s), &out) != nil {
		out = strings.ToLower(s) == "true" // True, FALSE
	}
	return out
}

// operation is one change of a PATCH.
type operation struct {
	op    string // add, replace or remove
	path  path   // attr "" = the value names the attributes
	value any
}

const maxOperations = 1000

// readPatch reads the operations of a PATCH.
func readPatch(raw []byte, schema string) ([]operation, error) {
	o, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	list, ok := o["operations"].([]any)
	if schemas, _ := o["schemas"].([]any); !slices.ContainsFunc(schemas, func(s any) bool { t, _ := s.(string); return strings.EqualFold(t, schemaPatch) }) {
		return nil, fault("invalidSyntax", "schemas has to name %s", schemaPatch)
	}
	if !ok || len(list) == 0 || len(list) > maxOperations {
		return nil, fault("invalidSyntax", "give 1 to %d Operations", maxOperations)
	}
	var out []operation
	for _, x := range list {
		in, ok := x.(object)
		if !ok {
			return nil, fault("invalidSyntax", "an operation is an object")
		}
		name, _ := in["op"].(string)
		op := operation{op: strings.ToLower(name), value: in["value"]}
		if !slices.Contains([]string{"add", "replace", "remove"}, op.op) {
			return nil, fault("invalidSyntax", "there is no operation %q", audit.Clip(name, 40))
		}
		where, given := in["path"]
		if given && where != nil {
			s, ok := where.(string)
			if !ok {
				return nil, fault("invalidPath", "a path is a text")
			}
			if op.path, err = readPath(s, schema); err != nil {
				return nil, err
			}
		}
		if op.path.attr == "" && op.op == "remove" {
			return nil, fault("noTarget", "say with path what to remove")
		}
		if op.path.attr == "" {
			if _, ok := op.value.(object); !ok {
				return nil, fault("invalidValue", "without a path the value is an object with the attributes")
			}
		}
		out = append(out, op)
	}
	return out, nil
}

const maxConditions = 4

func filterText() *regexp.Regexp {
	return regexp.MustCompile(`^\s*([A-Za-z][\w$:.-]*(?:\[\s*type\s+(?i:eq)\s+"\w*"\s*\])?(?:\.\w+)?)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*"|(?i:true|false))\s*`)
}

func andText() *regexp.Regexp { return regexp.MustCompile(`^(?i:and)\s`) }

// readFilter reads conditions joined by and; names are the attributes that may be
// asked for, with the columns of the store.
func readFilter(s, schema string, names map[string]string) ([]store.SCIMMatch, error) {
	var out []store.SCIMMatch
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if len(s) > 2000 {
		return nil, fault("invalidFilter", "the filter is too long")
	}
	one, and := filterText(), andText()
	for rest := s; ; {
		m := one.FindStringSubmatch(rest)
		if m == nil {
			return nil, fault("invalidFilter", "a filter is ATTRIBUTE eq \"VALUE\", joined by and")
		}
		attr, _ := cutSchema(m[1], schema)
		attr = strings.ToLower(attr)
		if i := strings.IndexByte(attr, '['); i > 0 {
			attr = attr[:i]
		}
		column, ok := names[attr]
		if !ok {
			return nil, fault("invalidFilter", "there is no filter by %q", audit.Clip(m[1], 80))
		}
		value := fmt.Sprint(literal(m[2]))
		if len(out) == maxConditions {
			return nil, fault("invalidFilter", "a filter has at most %d conditions", maxConditions)
		}
		out = append(out, store.SCIMMatch{Column: column, Value: value})
		if rest = rest[len(m[0]):]; rest == "" {
			return out, nil
		}
		m = and.FindStringSubmatch(rest)
		if m == nil {
			return nil, fault("invalidFilter", "a filter is ATTRIBUTE eq \"VALUE\", joined by and")
		}
		rest = rest[len(m[0]):]
	}
}
