package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bodyFlags gives a verb a flag for each simple field of its body that has none
// yet, named as the field with dashes; fields of objects inside carry the
// object's name before theirs. A field ending in _seconds is a flag with a
// duration, a list is a flag that may be repeated, and a secret is a flag with a
// file, since command lines are seen by others. The returned function puts into
// the body what was given.
func (a *app) bodyFlags(c *cobra.Command, body any) func() error {
	b := &bodyFields{app: a, cmd: c, body: reflect.ValueOf(body).Elem()}
	b.add(b.body.Type(), nil, "")
	return func() error {
		for _, put := range b.puts {
			if err := put(); err != nil {
				return err
			}
		}
		return nil
	}
}

type bodyFields struct {
	app  *app
	cmd  *cobra.Command
	body reflect.Value
	puts []func() error
}

func (b *bodyFields) add(t reflect.Type, path []int, prefix string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		at := append(append([]int{}, path...), i)
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		flag := prefix + strings.ReplaceAll(name, "_", "-")
		if kind.Kind() == reflect.Struct && kind.PkgPath() != "time" {
			if len(path) == 0 && b.cmd.Flags().Lookup("label") == nil && b.cmd.Flags().Lookup("start") == nil { // those say it in their own way
				b.add(kind, at, flag+"-")
			}
			continue
		}
		b.field(flag, secret(name), f, kind, at)
	}
}

// secret are fields that never stand on a command line.
func secret(name string) bool {
	return name == "secret" || name == "auth_token" || name == "routing_key" || strings.HasSuffix(name, "password") || strings.HasSuffix(name, "_secret")
}

func (b *bodyFields) field(flag string, hush bool, f reflect.StructField, kind reflect.Type, at []int) {
	flags, text := b.cmd.Flags(), f.Tag.Get("doc")
	if e := f.Tag.Get("enum"); e != "" {
		text = strings.TrimSpace(strings.ReplaceAll(e, ",", ", ") + ". " + text)
	}
	if text == "" && f.Tag.Get("example") != "" && kind.Kind() != reflect.Bool {
		text = "for example " + f.Tag.Get("example")
	}
	free := func(name string) bool { return flags.Lookup(name) == nil && !global(name) }
	put := func(name string, value func() (any, error)) {
		b.puts = append(b.puts, func() error {
			if !flags.Changed(name) {
				return nil
			}
			v, err := value()
			if err != nil {
				return err
			}
			b.set(at, v)
			return nil
		})
	}
	switch one := strings.TrimSuffix(flag, "s"); {
	case hush:
		if free(flag+"-file") && free(flag+"-stdin") {
			file := flags.String(flag+"-file", "", "file with it, - for standard input. "+text)
			put(flag+"-file", func() (any, error) { return b.app.secretFrom(*file) })
		}
	case kind.Kind() == reflect.String && free(flag), kind.Kind() == reflect.Interface && free(flag):
		v := flags.String(flag, "", text)
		put(flag, func() (any, error) { return *v, nil })
	case kind.Kind() == reflect.Bool && free(flag):
		v := flags.Bool(flag, false, text)
		put(flag, func() (any, error) { return *v, nil })
	case strings.HasSuffix(flag, "-seconds"):
		b.duration(flag, text, put)
	case kind.Kind() >= reflect.Int && kind.Kind() <= reflect.Int64 && free(flag):
		v := flags.Int64(flag, 0, text)
		put(flag, func() (any, error) { return *v, nil })
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.String && free(one):
		v := flags.StringSlice(one, nil, strings.TrimSpace(text+" May be repeated."))
		put(one, func() (any, error) { return *v, nil })
	case kind.Kind() == reflect.Map && kind.Elem().Kind() == reflect.String && free(one):
		v := flags.StringArray(one, nil, strings.TrimSpace("k=v; may be repeated. "+text))
		put(one, func() (any, error) { return labelsOf(*v) })
	}
}

// duration is a flag like 15m; the number of seconds is taken by the field's own name.
func (b *bodyFields) duration(flag, text string, put func(string, func() (any, error))) {
	flags, name := b.cmd.Flags(), strings.TrimSuffix(flag, "-seconds")
	if flags.Lookup(name) == nil && flags.Lookup("for") == nil {
		v := flags.String(name, "", strings.TrimSpace("a duration, for example 15m. "+text))
		put(name, func() (any, error) { return secondsOf("--"+name, *v) })
	}
	n := flags.Int64(flag, 0, text)
	_ = flags.MarkHidden(flag)
	put(flag, func() (any, error) { return *n, nil })
}

// global are flags of every verb.
func global(name string) bool {
	switch name {
	case "url", "format", "output", "columns", "quiet", "no-color", "help", "from":
		return true
	}
	return false
}

// set puts a value into a field, making the objects on the way.
func (b *bodyFields) set(at []int, v any) {
	where := b.body
	for _, i := range at {
		if where.Kind() == reflect.Pointer {
			if where.IsNil() {
				where.Set(reflect.New(where.Type().Elem()))
			}
			where = where.Elem()
		}
		where = where.Field(i)
	}
	if where.Kind() == reflect.Interface { // a field that takes a word or yes and no
		if text, ok := v.(string); ok {
			if yes, err := strconv.ParseBool(text); err == nil {
				v = yes
			}
		}
		where.Set(reflect.ValueOf(v))
		return
	}
	if where.Kind() == reflect.Pointer {
		where.Set(reflect.New(where.Type().Elem()))
		where = where.Elem()
	}
	where.Set(reflect.ValueOf(v).Convert(where.Type()))
}

// secretFrom reads a secret: the first line of a file or of standard input.
func (a *app) secretFrom(file string) (string, error) {
	if file == "-" {
		return a.password()
	}
	f, err := os.Open(file)
	if err != nil {
		return "", usage(err.Error())
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimRight(line, "\r"), nil
}

// givenWith says whether a flag that begins with prefix was given.
func givenWith(c *cobra.Command, prefix string) bool {
	given := false
	c.Flags().Visit(func(f *pflag.Flag) { given = given || strings.HasPrefix(f.Name, prefix) })
	return given
}
