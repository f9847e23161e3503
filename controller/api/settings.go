package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

type settingsInput struct{ Body client.SettingsPatch }

func (s *server) addSettings() {
	handle(s, route{method: http.MethodGet, path: "/settings", id: "settings-view", tag: "settings", summary: "See the settings"},
		func(ctx context.Context, a auth.Actor, _ *struct{}) (client.Settings, error) {
			set, err := s.cfg.Admin.Settings(ctx, a)
			return settingsOf(set), err
		})
	handle(s, route{method: http.MethodPut, path: "/settings", id: "settings-edit", tag: "settings",
		summary: "Change settings; what is left out stays"},
		func(ctx context.Context, a auth.Actor, in *settingsInput) (client.Settings, error) {
			set, err := s.cfg.Admin.EditSettings(ctx, a, func(set *store.Settings) { patch(set, in.Body) })
			return settingsOf(set), err
		})
}

func whole(d time.Duration) int64 { return int64(d / time.Second) }

func settingsOf(s store.Settings) client.Settings {
	return client.Settings{PendingTTLSeconds: whole(s.PendingTTL), UseWithinSeconds: whole(s.UseWithin), HoldSeconds: whole(s.Hold),
		HeadStartSeconds: client.HeadStarts{Low: whole(s.HeadStart[elevation.Low]), Normal: whole(s.HeadStart[elevation.Normal]),
			High: whole(s.HeadStart[elevation.High]), Urgent: whole(s.HeadStart[elevation.Urgent])},
		MaxRequesterPriority: string(s.MaxRequesterPriority), UndoSeconds: whole(s.Undo),
		Quota: client.Quota{PendingPerUser: int64(s.Quota.PendingPerUser), PendingPerEndpoint: int64(s.Quota.PendingPerEndpoint),
			CooldownSeconds: whole(s.Quota.Cooldown)},
		HistoryDays: int64(s.HistoryDays), MinDurationSeconds: whole(s.MinDuration)}
}

// patch writes the values that are there. It changes no map of the old settings,
// which others read.
func patch(s *store.Settings, p client.SettingsPatch) {
	span := func(to *time.Duration, n *int64) {
		if n != nil {
			*to = time.Duration(*n) * time.Second
		}
	}
	count := func(to *int, n *int64) {
		if n != nil {
			*to = int(*n)
		}
	}
	span(&s.PendingTTL, p.PendingTTLSeconds)
	span(&s.UseWithin, p.UseWithinSeconds)
	span(&s.Hold, p.HoldSeconds)
	span(&s.Undo, p.UndoSeconds)
	span(&s.MinDuration, p.MinDurationSeconds)
	count(&s.HistoryDays, p.HistoryDays)
	if p.MaxRequesterPriority != nil {
		s.MaxRequesterPriority = elevation.Priority(*p.MaxRequesterPriority)
	}
	if q := p.Quota; q != nil {
		count(&s.Quota.PendingPerUser, q.PendingPerUser)
		count(&s.Quota.PendingPerEndpoint, q.PendingPerEndpoint)
		span(&s.Quota.Cooldown, q.CooldownSeconds)
	}
	if h := p.HeadStartSeconds; h != nil {
		starts := elevation.HeadStarts{}
		for k, v := range s.HeadStart {
			starts[k] = v
		}
		for k, n := range map[elevation.Priority]*int64{elevation.Low: h.Low, elevation.Normal: h.Normal, elevation.High: h.High, elevation.Urgent: h.Urgent} {
			if n != nil {
				starts[k] = time.Duration(*n) * time.Second
			}
		}
		s.HeadStart = starts
	}
}

// undoSeconds is how long an answer of a browser's session can be undone.
func (s *server) undoSeconds() int64 { return whole(s.cfg.Store.Settings().Undo) }
