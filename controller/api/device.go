package api

import (
	"context"
	"net/http"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
)

type newDeviceInput struct{ Body client.NewDevice }

type deviceClaimInput struct{ Body client.DeviceClaim }

// DeviceInput names a device by the code that it shows.
type DeviceInput struct {
	Code string `path:"user_code" maxLength:"32" example:"WDJB-MJHT"`
}

type deviceAnswerInput struct {
	DeviceInput
	Body client.DeviceAnswer
}

// addDevices adds how a program without a browser gets a token: it shows a code,
// its user allows it in the console.
func (s *server) addDevices() {
	open := hint{public: true, secret: true, limit: 4 << 10}
	handle(s, route{method: http.MethodPost, path: "/sessions/device", id: "device-ask", tag: "sessions", summary: "Begin the sign-in of a device", hint: open},
		func(ctx context.Context, _ auth.Actor, in *newDeviceInput) (client.DeviceCodes, error) {
			n, err := s.cfg.Directory.AskDevice(ctx, in.Body.Name, callerOf(ctx).address)
			return client.DeviceCodes{DeviceCode: n.DeviceCode, UserCode: n.UserCode, VerificationURI: n.Page, VerificationURIComplete: n.Whole,
				IntervalSeconds: whole(n.Poll), ExpiresInSeconds: whole(n.For)}, err
		})
	handle(s, route{method: http.MethodPost, path: "/sessions/device/token", id: "device-claim", tag: "sessions",
		summary: "Ask whether the device was allowed; its token, once", hint: open},
		func(ctx context.Context, _ auth.Actor, in *deviceClaimInput) (client.DeviceToken, error) {
			t, text, owner, err := s.cfg.Directory.RedeemDevice(ctx, in.Body.DeviceCode, callerOf(ctx).address)
			if err != nil {
				return client.DeviceToken{}, err
			}
			return client.DeviceToken{Token: text, ExpiresAt: t.ExpiresAt.UTC(), Login: owner.Login}, nil
		})
	handle(s, route{method: http.MethodGet, path: "/sessions/device/{user_code}", id: "device-view", tag: "sessions", summary: "See the device that waits with a code"},
		func(ctx context.Context, a auth.Actor, in *DeviceInput) (client.DeviceAsked, error) {
			d, err := s.cfg.Directory.Device(ctx, a, in.Code)
			return client.DeviceAsked{Name: d.Name, Address: d.Address, CreatedAt: d.MadeAt.UTC()}, err
		})
	handleEmpty(s, route{method: http.MethodPost, path: "/sessions/device/{user_code}", id: "device-answer", tag: "sessions",
		summary: "Allow or deny a device: it acts for whoever allows it"},
		func(ctx context.Context, a auth.Actor, in *deviceAnswerInput) error {
			return s.cfg.Directory.AnswerDevice(ctx, a, in.Code, in.Body.Allow)
		})
}
