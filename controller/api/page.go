package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// ListInput asks for one page of a list that fits into memory.
type ListInput struct {
	PageInput
	Q    string `query:"q" maxLength:"200" doc:"Text in what an item says, in any case, or an ending of its id."`
	Sort string `query:"sort" enum:"newest" doc:"The newest first; without it each list has an order of its own."`
}

// OrderedInput asks for a list whose order means something and which is read as
// a whole, as rules are: all of it, unless a limit is given.
type OrderedInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"Without it all of them."`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before."`
	Q      string `query:"q" maxLength:"200" doc:"Text in what an item says, in any case."`
}

// ordered narrows such a list to a text, and gives as much of it as was asked for.
func ordered[T any](all []T, in *OrderedInput, name string, id func(T) string) (client.List[T], error) {
	narrow := ListInput{PageInput: PageInput{Limit: in.Limit, Cursor: in.Cursor}, Q: in.Q}
	if in.Limit == 0 {
		narrow.Limit = len(all)
	}
	return listed(all, &narrow, name, id, func(item T) T { return item })
}

// paged serves a list that fits into memory a page at a time; see [paginate].
func paged[T, U any](all func(context.Context, auth.Actor) ([]T, error), name string, id func(T) string, out func(T) U) func(context.Context, auth.Actor, *ListInput) (client.List[U], error) {
	return func(ctx context.Context, a auth.Actor, in *ListInput) (client.List[U], error) {
		items, err := all(ctx, a)
		if err != nil {
			return client.List[U]{}, err
		}
		return listed(items, in, name, id, out)
	}
}

// listed narrows a list to the items in which the caller can read a text, and
// gives one page of it. Ids carry the time at which they were made.
func listed[T, U any](all []T, in *ListInput, name string, id func(T) string, out func(T) U) (client.List[U], error) {
	if in.Q != "" {
		q := strings.ToLower(in.Q)
		all = slices.DeleteFunc(slices.Clone(all), func(item T) bool {
			return !(len(q) >= 6 && strings.HasSuffix(id(item), q)) && !says(reflect.ValueOf(out(item)), q)
		})
	}
	if in.Sort != "" {
		all = slices.SortedStableFunc(slices.Values(all), func(a, b T) int { return strings.Compare(id(b), id(a)) })
	}
	return paginate(all, &in.PageInput, fmt.Sprintf("%s %s %q", name, in.Sort, in.Q), id, out)
}

// says reports whether a text in small letters is in what an item says. The ids
// in it are no words.
func says(v reflect.Value, q string) bool {
	switch v.Kind() {
	case reflect.String:
		prefix, _, _ := strings.Cut(v.String(), "_")
		return strings.Contains(strings.ToLower(v.String()), q) && elevation.CheckID(prefix+"_", v.String()) != nil
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && says(v.Elem(), q)
	case reflect.Slice:
		for i := range v.Len() {
			if says(v.Index(i), q) {
				return true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if says(key, q) || says(v.MapIndex(key), q) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && says(v.Field(i), q) {
				return true
			}
		}
	}
	return false
}

// paginate cuts one page out of a list that fits into memory. The cursor names
// the list and the last item of the page before, so it does not fit another.
func paginate[T, U any](all []T, in *PageInput, name string, id func(T) string, out func(T) U) (client.List[U], error) {
	page := client.List[U]{Items: []U{}, Total: int64(len(all))}
	from := 0
	if in.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		last, ok := strings.CutPrefix(string(raw), name+"\n")
		if err != nil || !ok {
			return page, fmt.Errorf("%w: the cursor does not belong to this list", elevation.ErrInvalid)
		}
		from = -1
		for i, item := range all {
			if id(item) == last {
				from = i + 1
			}
		}
		if from < 0 {
			return page, fmt.Errorf("%w: the cursor's place is gone; begin anew", elevation.ErrInvalid)
		}
	}
	to := min(len(all), from+in.Limit)
	for _, item := range all[from:to] {
		page.Items = append(page.Items, out(item))
	}
	if to < len(all) {
		page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(name + "\n" + id(all[to-1])))
	}
	return page, nil
}
