package directory

import (
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
)

// checkUser wants a userName that can be a login, so that it names one person.
func checkUser(u store.SCIMUser) error {
	if u.UserName == "" {
		return fault("invalidValue", "userName is missing")
	}
	if err := auth.CheckLogin(u.UserName); err != nil {
		return &Fault{"invalidValue", err}
	}
	if len(u.Emails) > maxEmails {
		return fault("invalidValue", "a user has at most %d e-mail addresses", maxEmails)
	}
	return nil
}

// setUser sets all attributes of a body. What is not known is left alone.
func setUser(u *store.SCIMUser, body object) error {
	for attr, v := range body {
		if err := setAttribute(u, attr, v); err != nil {
			return err
		}
	}
	return nil
}

// setAttribute sets one attribute by its name in lower case.
func setAttribute(u *store.SCIMUser, attr string, v any) (err error) {
	attr, _ = cutSchema(attr, strings.ToLower(schemaUser))
	switch attr {
	case "username":
		u.UserName, err = text("userName", v, 256)
	case "externalid":
		u.ExternalID, err = text("externalId", v, 256)
	case "displayname":
		u.Display, err = text("displayName", v, 256)
	case "name.givenname":
		u.Given, err = text("givenName", v, 256)
	case "name.familyname":
		u.Family, err = text("familyName", v, 256)
	case "name.formatted":
		u.Formatted, err = text("formatted", v, 512)
	case "active":
		u.Active, err = flag("active", v)
	case "name":
		if v == nil {
			u.Given, u.Family, u.Formatted = "", "", ""
			return nil
		}
		parts, ok := v.(object)
		if !ok {
			return fault("invalidValue", "name is an object")
		}
		for part, x := range parts {
			if err := setAttribute(u, "name."+part, x); err != nil {
				return err
			}
		}
	case "emails":
		u.Emails, err = readEmails(v)
	}
	return err
}

func readEmails(v any) ([]store.SCIMEmail, error) {
	list, ok := v.([]any)
	if o, single := v.(object); single {
		list, ok = []any{o}, true
	}
	if !ok && v != nil || len(list) > maxEmails {
		return nil, fault("invalidValue", "emails is a list of at most %d", maxEmails)
	}
	var out []store.SCIMEmail
	for _, x := range list {
		o, ok := x.(object)
		if !ok {
			return nil, fault("invalidValue", "each of emails is an object")
		}
		var e store.SCIMEmail
		for part, x := range o {
			if err := setEmail(&e, part, x); err != nil {
				return nil, err
			}
		}
		if e.Value != "" {
			out = append(out, e)
		}
	}
	return out, nil
}

func setEmail(e *store.SCIMEmail, part string, v any) (err error) {
	switch part {
	case "value":
		if e.Value, err = text("e-mail address", v, 254); err == nil && e.Value != "" {
			if err := checkEmail(e.Value); err != nil {
				return &Fault{"invalidValue", err}
			}
		}
	case "type":
		e.Type, err = text("type", v, 64)
	case "primary":
		e.Primary, err = flag("primary", v)
	}
	return err
}

// patchUser does one operation on a user.
func patchUser(u *store.SCIMUser, op operation) error {
	if op.path.attr == "" {
		return patchAll(u, op)
	}
	if op.path.attr == "id" || op.path.attr == "schemas" || strings.HasPrefix(op.path.attr, "meta") || op.path.attr == "groups" {
		return fault("mutability", "%s can not be changed here", op.path.attr)
	}
	if op.path.attr == "emails" || op.path.attr == "emails.value" {
		return patchEmails(u, op)
	}
	if op.path.by != "" { // of an attribute that nobody here reads
		return nil
	}
	if op.op == "remove" || op.value == nil {
		if op.path.attr == "username" || op.path.attr == "active" {
			return fault("invalidValue", "a user always has %s", op.path.attr)
		}
		op.value = nil
	}
	return setAttribute(u, op.path.attr, op.value)
}

// patchAll does an operation without a path: each name of its value is one.
func patchAll(u *store.SCIMUser, op operation) error {
	body, _ := op.value.(object)
	for name, v := range body {
		p, err := readPath(name, strings.ToLower(schemaUser))
		if err != nil {
			return err
		}
		if slices.Contains([]string{"id", "schemas", "meta", "groups"}, p.attr) {
			continue // Okta sends the whole resource
		}
		if err := patchUser(u, operation{op: op.op, path: p, value: v}); err != nil {
			return err
		}
	}
	return nil
}

// patchEmails changes the e-mail addresses, or those that a condition names.
func patchEmails(u *store.SCIMUser, op operation) error {
	fits := func(e store.SCIMEmail) bool {
		switch op.path.by {
		case "type":
			want, _ := op.path.is.(string)
			return strings.EqualFold(e.Type, want)
		case "value":
			want, _ := op.path.is.(string)
			return strings.EqualFold(e.Value, want)
		case "primary":
			return e.Primary == op.path.is
		}
		return op.path.by == ""
	}
	part := op.path.sub
	if op.path.attr == "emails.value" {
		part = "value"
	}
	switch {
	case op.op == "remove" && (part == "" || part == "value"):
		u.Emails = slices.DeleteFunc(u.Emails, fits)
		return nil
	case op.op == "remove":
		return nil
	case part == "" && op.path.by == "":
		list, err := readEmails(op.value)
		if err == nil && op.op == "add" {
			list = append(slices.DeleteFunc(u.Emails, func(e store.SCIMEmail) bool {
				return slices.ContainsFunc(list, func(n store.SCIMEmail) bool { return strings.EqualFold(e.Value, n.Value) })
			}), list...)
		}
		if err == nil {
			u.Emails = list
		}
		return err
	case part == "":
		o, ok := op.value.(object)
		if !ok {
			return fault("invalidValue", "the value is an object with a part of the e-mail address")
		}
		return setEmails(u, op.path, fits, o)
	}
	return setEmails(u, op.path, fits, object{part: op.value})
}

// setEmails sets parts of the addresses that fit, or makes one that does.
func setEmails(u *store.SCIMUser, p path, fits func(store.SCIMEmail) bool, parts object) error {
	if !slices.ContainsFunc(u.Emails, fits) {
		e := store.SCIMEmail{}
		switch is := p.is.(type) {
		case string:
			if err := setEmail(&e, p.by, is); err != nil {
				return err
			}
		case bool:
			e.Primary = p.by == "primary" && is
		}
		u.Emails = append(u.Emails, e)
	}
	for i := range u.Emails {
		if !fits(u.Emails[i]) {
			continue
		}
		for part, v := range parts {
			if err := setEmail(&u.Emails[i], part, v); err != nil {
				return err
			}
		}
	}
	u.Emails = slices.DeleteFunc(u.Emails, func(e store.SCIMEmail) bool { return e.Value == "" })
	return nil
}
