package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

// listing is one page of requests, or of groups of them.
type listing struct {
	Items             []listItem `json:"items" nullable:"false"`
	NextCursor        string     `json:"next_cursor,omitempty" example:"eyJrIjoxfQ" doc:"Absent on the last page."`
	Total             int64      `json:"total" example:"1"`
	TotalIsLowerBound bool       `json:"total_is_lower_bound"`
}

// listItem is either a request or a group.
type listItem struct {
	request *client.Request
	group   *client.RequestGroup
}

// MarshalJSON writes the one that is there.
func (i listItem) MarshalJSON() ([]byte, error) {
	if i.group != nil {
		return json.Marshal(i.group)
	}
	return json.Marshal(i.request)
}

// Schema says that an item is one of two things.
func (listItem) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(typeOf[client.Request](), true, "Request"),
		r.Schema(typeOf[client.RequestGroup](), true, "RequestGroup")}}
}

func (s *server) listGroups(ctx context.Context, a auth.Actor, f queue.Filter, by string) (listing, error) {
	out := listing{Items: []listItem{}}
	if f.Sort != "" {
		return out, fmt.Errorf("%w: groups come in their own order, the largest first", elevation.ErrInvalid)
	}
	groups, next, err := s.cfg.Queue.Groups(ctx, a, f, by)
	if err != nil {
		return out, err
	}
	names := s.names(ctx)
	for _, g := range groups {
		out.Items = append(out.Items, listItem{group: &client.RequestGroup{By: g.By, Key: g.Key, Name: g.Name, Count: int64(g.Count),
			OldestAt: g.Sample.Request.SubmittedAt.UTC(), Sample: s.requestOf(g.Sample, names)}})
	}
	out.NextCursor, out.Total, out.TotalIsLowerBound = next, int64(len(groups)), next != "" || f.Cursor != ""
	return out, nil
}
