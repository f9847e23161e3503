package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Scope is the labels of the endpoints that an account may see; none means all.
// It is written as {"env":"prod"} and also read in the form that teams have,
// {"labels":{"env":"prod"}}. A label that is called "labels" stays one, for its
// value is a text.
type Scope map[string]string

// UnmarshalJSON reads both forms; null leaves it as it is.
func (s *Scope) UnmarshalJSON(raw []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	if fields == nil { // null says nothing
		return nil
	}
	if inner := fields["labels"]; bytes.HasPrefix(inner, []byte("{")) {
		if len(fields) > 1 {
			return errors.New(`scope: nothing may stand beside "labels":{…}; put every label into it`)
		}
		fields = nil
		if err := json.Unmarshal(inner, &fields); err != nil {
			return fmt.Errorf("scope: %w", err)
		}
	}
	labels := Scope{}
	for name, value := range fields {
		var text *string
		if err := json.Unmarshal(value, &text); err != nil || text == nil {
			return fmt.Errorf("scope: the value of the label %q is not a text", name)
		}
		labels[name] = *text
	}
	*s = labels
	return nil
}
