package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/shared/elevation"
)

type offlineCodeInput struct {
	RequestInput
	Body client.OfflineCode
}

// addOffline adds the code for an endpoint that can not be reached.
func (s *server) addOffline() {
	handle(s, route{method: http.MethodPost, path: "/requests/{id}/offline-code", id: "request-offline-code", tag: "requests",
		summary: "Approve by a code that is read to somebody whose machine can not reach the controller; id new for a request that never arrived",
		hint:    hint{secret: true}, example: client.OfflineCode{Code: "7K2Q-M9XD", Comment: "called back on the known number", DurationSeconds: 300}},
		func(ctx context.Context, a auth.Actor, in *offlineCodeInput) (out client.OfflineCodeTold, err error) {
			id := elevation.RequestID(in.ID)
			if in.ID == "new" {
				id = ""
			}
			b := in.Body
			v, code, err := s.cfg.Queue.OfflineCode(ctx, a, id, queue.OfflineCodeIn{Challenge: b.Code, Comment: b.Comment,
				Duration: time.Duration(b.DurationSeconds) * time.Second, Endpoint: b.Endpoint, User: b.User, Command: b.Command})
			if err != nil {
				return out, err
			}
			return client.OfflineCodeTold{Request: s.requestOf(v, s.names(ctx)), OfflineCode: code}, nil
		})
}
