package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// AlertInput names an alert in the path.
type AlertInput struct {
	ID string `path:"id" maxLength:"200" doc:"Id or name." example:"New requests"`
}

type newAlertInput struct{ Body client.NewAlert }

type editAlertInput struct {
	AlertInput
	Body client.EditAlert
}

func (s *server) addAlerts() {
	handle(s, route{method: http.MethodGet, path: "/alerts", id: "alert-list", tag: "alerts", summary: "List what is told to whom"},
		paged(s.cfg.Admin.Alerts, "alerts", func(x admin.Alert) string { return x.ID }, alertOf))
	handle(s, route{method: http.MethodPost, path: "/alerts", id: "alert-add", tag: "alerts", status: http.StatusCreated, summary: "Tell somebody of something"},
		func(ctx context.Context, a auth.Actor, in *newAlertInput) (client.Alert, error) {
			b := in.Body
			x, err := s.cfg.Admin.AddAlert(ctx, a, editAlertOf(client.EditAlert{Name: &b.Name, Events: &b.Events, Filter: b.Filter, Channels: &b.Channels,
				Recipients: b.Recipients, DigestSeconds: &b.DigestSeconds, Mandatory: &b.Mandatory, Enabled: b.Enabled}))
			return alertOf(x), err
		})
	handle(s, route{method: http.MethodGet, path: "/alerts/{id}", id: "alert-view", tag: "alerts", summary: "See one alert"},
		func(ctx context.Context, a auth.Actor, in *AlertInput) (client.Alert, error) {
			x, err := s.cfg.Admin.Alert(ctx, a, in.ID)
			return alertOf(x), err
		})
	handle(s, route{method: http.MethodPut, path: "/alerts/{id}", id: "alert-edit", tag: "alerts", summary: "Change an alert; what is left out stays"},
		func(ctx context.Context, a auth.Actor, in *editAlertInput) (client.Alert, error) {
			x, err := s.cfg.Admin.EditAlert(ctx, a, in.ID, editAlertOf(in.Body))
			return alertOf(x), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/alerts/{id}", id: "alert-delete", tag: "alerts", summary: "Delete an alert"},
		func(ctx context.Context, a auth.Actor, in *AlertInput) error {
			return s.cfg.Admin.DeleteAlert(ctx, a, in.ID)
		})
}

func editAlertOf(b client.EditAlert) admin.EditAlert {
	out := admin.EditAlert{Name: b.Name, Events: b.Events, Channels: b.Channels, Mandatory: b.Mandatory, Enabled: b.Enabled}
	if f := b.Filter; f != nil {
		out.Filter = &admin.AlertFilter{TeamName: f.Team, AlertFilter: store.AlertFilter{User: f.User, Labels: f.EndpointLabels,
			AccessType: elevation.AccessType(f.AccessType), Priority: elevation.Priority(f.PriorityAtLeast),
			Waiting: time.Duration(f.WaitingSeconds) * time.Second, Caution: f.Caution}}
	}
	if r := b.Recipients; r != nil {
		out.People = &admin.AlertPeople{Users: r.Users, Teams: r.Teams, Roles: r.Roles, Answerers: r.Answerers, Requester: r.Requester}
	}
	if b.DigestSeconds != nil {
		d := time.Duration(*b.DigestSeconds) * time.Second
		out.Digest = &d
	}
	return out
}

func alertOf(x admin.Alert) client.Alert {
	b := x.Body
	out := client.Alert{ID: x.ID, Name: x.Name, Events: []string{}, Channels: list(b.Channels), DigestSeconds: whole(b.Digest),
		Mandatory: b.Mandatory, Enabled: x.Enabled, MadeAt: x.MadeAt.UTC(),
		Filter: client.AlertFilter{Team: x.Filter.TeamName, User: b.Filter.User, EndpointLabels: b.Filter.Labels, AccessType: string(b.Filter.AccessType),
			PriorityAtLeast: string(b.Filter.Priority), WaitingSeconds: whole(b.Filter.Waiting), Caution: b.Filter.Caution},
		Recipients: client.AlertRecipients{Users: x.Users, Teams: x.Teams, Roles: b.To.Roles, Answerers: b.To.Answerers, Requester: b.To.Requester}}
	for _, k := range b.Kinds {
		out.Events = append(out.Events, k.String())
	}
	return out
}
