package client

import "context"

// ByCode names a request by the short code that its requester reads out.
type ByCode struct {
	Code string `json:"code" minLength:"8" maxLength:"32" doc:"As typed: small letters and spaces do no harm." example:"7K2Q-M9XD"`
}

// ByCode finds the request that waits and has this code. The code gives no
// right: who may not see the request gets not_found.
func (c *Client) ByCode(ctx context.Context, code string) (Request, error) {
	return Post[Request](ctx, c, "/requests/by-code", ByCode{Code: code})
}
