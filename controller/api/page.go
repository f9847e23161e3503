package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// paged serves a list that fits into memory a page at a time; see [paginate].
func paged[T, U any](all func(context.Context, auth.Actor) ([]T, error), name string, id func(T) string, out func(T) U) func(context.Context, auth.Actor, *PageInput) (client.List[U], error) {
	return func(ctx context.Context, a auth.Actor, in *PageInput) (client.List[U], error) {
		items, err := all(ctx, a)
		if err != nil {
			return client.List[U]{}, err
		}
		return paginate(items, in, name, id, out)
	}
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
