package api

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

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
