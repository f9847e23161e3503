package client

import (
	"context"
	"net/url"
)

// OfflineCode is what an approver was told by somebody whose machine can not reach
// the controller. Of a request that never arrived it says what was asked for.
type OfflineCode struct {
	Code            string `json:"code" minLength:"8" maxLength:"32" doc:"The challenge as it was read out; small letters and spaces do no harm." example:"7K2Q-M9XD"`
	Comment         string `json:"comment,omitempty" maxLength:"2000" example:"called back on the known number"`
	DurationSeconds int64  `json:"duration_seconds,omitempty" minimum:"1" maximum:"900" example:"300" doc:"A code gives five or fifteen minutes; without it fifteen."`
	Endpoint        string `json:"endpoint,omitempty" maxLength:"255" example:"laptop-17" doc:"Id or name; of a request that never arrived."`
	User            string `json:"user,omitempty" maxLength:"255" example:"dina" doc:"Name on that endpoint; of a request that never arrived."`
	Command         string `json:"command,omitempty" maxLength:"1000" example:"/usr/bin/systemctl restart NetworkManager" doc:"With the whole path of the program; of a request that never arrived."`
}

// OfflineCodeTold is the request with the code for it, which is shown only here.
type OfflineCodeTold struct {
	Request
	OfflineCode string `json:"offline_code" example:"7K2Q-M9XD-0ABC" doc:"To read to the person at the endpoint. It is good once."`
}

// OfflineCode approves a request by a code. id "new" is one that never arrived.
func (c *Client) OfflineCode(ctx context.Context, id string, in OfflineCode) (OfflineCodeTold, error) {
	return Post[OfflineCodeTold](ctx, c, "/requests/"+url.PathEscape(id)+"/offline-code", in)
}
