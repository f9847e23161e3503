package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// ChannelInput names a channel in the path.
type ChannelInput struct {
	ID string `path:"id" maxLength:"200" doc:"Id or name." example:"Operations"`
}

// DeliveryInput names a delivery in the path.
type DeliveryInput struct {
	ID string `path:"id" maxLength:"64" example:"dlv_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
}

type newChannelInput struct{ Body client.NewChannel }

type editChannelInput struct {
	ChannelInput
	Body client.EditChannel
}

type deliveriesInput struct {
	PageInput
	Channel string `query:"channel" maxLength:"200" doc:"Id or name."`
	State   string `query:"state" enum:"waiting,sent,failed,dropped"`
	Request string `query:"request" maxLength:"64" doc:"Id of a request."`
}

func (s *server) addChannels() {
	handle(s, route{method: http.MethodGet, path: "/channels", id: "channel-list", tag: "alerts", summary: "List ways to tell people and systems"},
		paged(s.cfg.Admin.Channels, "channels", func(c admin.Channel) string { return c.ID }, channelOf))
	handle(s, route{method: http.MethodPost, path: "/channels", id: "channel-add", tag: "alerts", status: http.StatusCreated, summary: "Make a channel",
		example: client.NewChannel{Name: "Operations", Kind: "webhook", Config: client.ChannelConfig{URL: new("https://example.org/hook")}},
		hint:    hint{secret: true}}, s.addChannel)
	handle(s, route{method: http.MethodGet, path: "/channels/{id}", id: "channel-view", tag: "alerts", summary: "See one channel, without its secrets"},
		func(ctx context.Context, a auth.Actor, in *ChannelInput) (client.Channel, error) {
			c, err := s.cfg.Admin.Channel(ctx, a, in.ID)
			return channelOf(c), err
		})
	handle(s, route{method: http.MethodPut, path: "/channels/{id}", id: "channel-edit", tag: "alerts", summary: "Change a channel; what is left out stays",
		example: client.EditChannel{Config: &client.ChannelConfig{URL: new("https://example.org/hook")}},
		hint:    hint{secret: true}}, s.editChannel)
	handleEmpty(s, route{method: http.MethodDelete, path: "/channels/{id}", id: "channel-delete", tag: "alerts",
		summary: "Delete a channel that no alert names"},
		func(ctx context.Context, a auth.Actor, in *ChannelInput) error {
			return s.cfg.Admin.DeleteChannel(ctx, a, in.ID)
		})
	handle(s, route{method: http.MethodPost, path: "/channels/{id}/test", id: "channel-test", tag: "alerts", summary: "Send a message through a channel now"},
		func(ctx context.Context, a auth.Actor, in *ChannelInput) (client.ChannelTest, error) {
			t, err := s.cfg.Admin.TestChannel(ctx, a, in.ID)
			return client.ChannelTest{OK: t.OK, Status: int64(t.Status), Error: t.Error, TookMS: t.Took.Milliseconds()}, err
		})
	handle(s, route{method: http.MethodGet, path: "/deliveries", id: "delivery-list", tag: "alerts",
		summary: "List what was told or waits to be told, the newest first"}, s.deliveries)
	handle(s, route{method: http.MethodPost, path: "/deliveries/{id}/retry", id: "delivery-retry", tag: "alerts", summary: "Try a delivery again now"},
		func(ctx context.Context, a auth.Actor, in *DeliveryInput) (client.Delivery, error) {
			d, err := s.cfg.Admin.RetryDelivery(ctx, a, in.ID)
			return deliveryOf(d), err
		})
}

func (s *server) addChannel(ctx context.Context, a auth.Actor, in *newChannelInput) (client.Channel, error) {
	b := in.Body
	config, err := json.Marshal(b.Config)
	if err != nil {
		return client.Channel{}, fmt.Errorf("%w: the configuration can not be read", elevation.ErrInvalid)
	}
	c, err := s.cfg.Admin.AddChannel(ctx, a, admin.EditChannel{Name: &b.Name, Kind: &b.Kind, Config: config, Enabled: b.Enabled})
	return channelOf(c), err
}

func (s *server) editChannel(ctx context.Context, a auth.Actor, in *editChannelInput) (client.Channel, error) {
	b := in.Body
	edit := admin.EditChannel{Name: b.Name, Kind: b.Kind, Enabled: b.Enabled}
	if b.Config != nil {
		var err error
		if edit.Config, err = json.Marshal(b.Config); err != nil {
			return client.Channel{}, fmt.Errorf("%w: the configuration can not be read", elevation.ErrInvalid)
		}
	}
	c, err := s.cfg.Admin.EditChannel(ctx, a, in.ID, edit)
	return channelOf(c), err
}

func channelOf(c admin.Channel) client.Channel {
	out := client.Channel{ID: c.ID, Name: c.Name, Kind: c.Kind, SecretSet: c.SecretSet, Secret: c.Made, Enabled: c.DisabledAt.IsZero(),
		DisabledWhy: c.DisabledWhy, MadeAt: c.MadeAt.UTC()}
	if x := c.Stream; x != nil {
		out.Stream = &client.ChannelStream{Seq: x.Seq, Behind: x.Behind, Error: x.Error}
	}
	if len(c.Shown) > 0 {
		_ = json.Unmarshal(c.Shown, &out.Config) // it was written from this type
	}
	return out
}

func (s *server) deliveries(ctx context.Context, a auth.Actor, in *deliveriesInput) (client.List[client.Delivery], error) {
	page := client.List[client.Delivery]{Items: []client.Delivery{}}
	query := strings.Join([]string{"deliveries", in.Channel, in.State, in.Request, ""}, "\n")
	f := store.DeliveryFilter{Channel: in.Channel, State: in.State, Request: elevation.RequestID(in.Request), Limit: in.Limit}
	if in.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		before, ok := strings.CutPrefix(string(raw), query)
		if err != nil || !ok || before == "" {
			return page, fmt.Errorf("%w: the cursor does not belong to this list", elevation.ErrInvalid)
		}
		f.Before = before
	}
	all, err := s.cfg.Admin.Deliveries(ctx, a, f)
	if err != nil {
		return page, err
	}
	for _, d := range all {
		page.Items = append(page.Items, deliveryOf(d))
	}
	page.Total = int64(len(all))
	if len(all) == in.Limit {
		page.TotalIsLowerBound = true
		page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(query + all[len(all)-1].ID))
	}
	return page, nil
}

func deliveryOf(d admin.Delivery) client.Delivery {
	out := client.Delivery{ID: d.ID, Alert: d.Alert, AlertName: d.AlertName, Channel: d.Channel, ChannelName: d.ChannelName, Recipient: d.Recipient,
		Kind: d.Kind, Request: string(d.Request), State: d.State, Tries: int64(d.Tries), LastError: d.Error, Message: d.Batch,
		CreatedAt: d.CreatedAt.UTC(), SentAt: moment(d.SentAt)}
	if d.State == store.DeliveryWaiting {
		out.NextAt = moment(d.Next)
	}
	return out
}

type mySettingsInput struct{ Body client.EditMySettings }

func (s *server) addPreferences() {
	handle(s, route{method: http.MethodGet, path: "/me/settings", id: "my-settings", tag: "people", summary: "See one's own settings"},
		func(ctx context.Context, a auth.Actor, _ *struct{}) (client.MySettings, error) {
			p, err := s.cfg.Admin.Preferences(ctx, a)
			return mySettings(p), err
		})
	handle(s, route{method: http.MethodPut, path: "/me/settings", id: "my-settings-edit", tag: "people",
		summary: "Change one's own settings; what is left out stays"},
		func(ctx context.Context, a auth.Actor, in *mySettingsInput) (client.MySettings, error) {
			p, err := s.cfg.Admin.EditPreferences(ctx, a, editMySettings(in.Body))
			return mySettings(p), err
		})
}

func editMySettings(b client.EditMySettings) admin.EditPreferences {
	out := admin.EditPreferences{Buttons: b.Buttons, Columns: b.Columns, Density: b.Density, Keys: b.Keys}
	if b.Views != nil {
		views := []store.SavedView{}
		for _, v := range *b.Views {
			views = append(views, store.SavedView{Name: v.Name, Query: v.Query})
		}
		out.Views = &views
	}
	if n := b.Notify; n != nil {
		out.Channels, out.Default, out.Quiet, out.Zone, out.Phone = n.Channels, n.AsAlertsSay, n.QuietHours, n.TimeZone, n.Phone
		if n.DigestSeconds != nil {
			d := time.Duration(*n.DigestSeconds) * time.Second
			out.Digest = &d
		}
	}
	return out
}

func mySettings(p admin.OwnSettings) client.MySettings {
	out := client.MySettings{OfferedChannels: list(p.Offered), Buttons: list(p.Buttons), Columns: p.Columns, Views: []client.MyView{}, Density: first(p.Density, "comfortable"), Keys: object(p.Keys),
		Notify: client.MyNotify{QuietHours: p.Notify.Quiet, TimeZone: p.Notify.Zone, DigestSeconds: whole(p.Notify.Digest), Phone: p.Notify.Phone}}
	if out.Columns == nil {
		out.Columns = map[string][]string{}
	}
	if p.Notify.Chosen {
		chosen := list(p.Notify.Channels)
		out.Notify.Channels = &chosen
	}
	for _, v := range p.Views {
		out.Views = append(out.Views, client.MyView{Name: v.Name, Query: v.Query})
	}
	return out
}
