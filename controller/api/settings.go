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

// whole is a duration as this door writes it, in whole seconds.
func whole(d time.Duration) int64 { return int64(d / time.Second) }

func settingsOf(s store.Settings) client.Settings {
	return client.Settings{PendingTTLSeconds: whole(s.PendingTTL), UseWithinSeconds: whole(s.UseWithin), HoldSeconds: whole(s.Hold),
		HeadStartSeconds: client.HeadStarts{Low: whole(s.HeadStart[elevation.Low]), Normal: whole(s.HeadStart[elevation.Normal]),
			High: whole(s.HeadStart[elevation.High]), Urgent: whole(s.HeadStart[elevation.Urgent])},
		MaxRequesterPriority: string(s.MaxRequesterPriority), UndoSeconds: whole(s.Undo),
		Quota: client.Quota{PendingPerUser: int64(s.Quota.PendingPerUser), PendingPerEndpoint: int64(s.Quota.PendingPerEndpoint),
			CooldownSeconds: whole(s.Quota.Cooldown)},
		HistoryDays: int64(s.HistoryDays), MinDurationSeconds: whole(s.MinDuration),
		RunCapSeconds: whole(s.RunCap), SessionSeconds: whole(s.SessionTime), AdminSeconds: whole(s.AdminTime), AdminCapSeconds: whole(s.AdminCap),
		TimeZone: s.TimeZone, FourEyesAccounts: s.FourEyesAccounts, FourEyesRules: s.FourEyesRules, BeneficiaryCheck: s.BeneficiaryCheck, MaskPatterns: list(s.MaskPatterns),
		ShowApprovers:   s.ShowApprovers,
		Emergency:       client.Emergency{Enabled: s.Emergency.Enabled, Roles: list(s.Emergency.Roles), DailyQuota: int64(s.Emergency.DailyQuota)},
		TicketValidator: client.TicketValidator{URL: s.TicketValidator.URL, TimeoutSeconds: whole(s.TicketValidator.Timeout)},
		Retention:       client.Retention{ArgumentsDays: int64(s.Retention.ArgumentsDays), ReasonsDays: int64(s.Retention.ReasonsDays)},
		StepUpRisky:     s.StepUpRisky, RequireSecondFactor: list(s.RequireSecondFactor), UnlinkedRiskyApprovers: int64(s.UnlinkedRiskyApprovers), Canned: cannedOf(s.Canned),
		Nudge: client.Nudge{EverySeconds: whole(s.Nudge.Every), Most: int64(s.Nudge.Most)}}
}

// patch writes the values that are there. It changes no map of the old settings,
// which others read.
func patch(s *store.Settings, p client.SettingsPatch) {
	span(&s.PendingTTL, p.PendingTTLSeconds)
	span(&s.UseWithin, p.UseWithinSeconds)
	span(&s.Hold, p.HoldSeconds)
	span(&s.Undo, p.UndoSeconds)
	span(&s.MinDuration, p.MinDurationSeconds)
	span(&s.RunCap, p.RunCapSeconds)
	span(&s.SessionTime, p.SessionSeconds)
	span(&s.AdminTime, p.AdminSeconds)
	span(&s.AdminCap, p.AdminCapSeconds)
	count(&s.HistoryDays, p.HistoryDays)
	if p.MaxRequesterPriority != nil {
		s.MaxRequesterPriority = elevation.Priority(*p.MaxRequesterPriority)
	}
	patchDesk(s, p)
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

// patchDesk writes the values of the request desk that are there.
func patchDesk(s *store.Settings, p client.SettingsPatch) {
	put(&s.TimeZone, p.TimeZone)
	put(&s.FourEyesAccounts, p.FourEyesAccounts)
	put(&s.FourEyesRules, p.FourEyesRules)
	put(&s.BeneficiaryCheck, p.BeneficiaryCheck)
	put(&s.MaskPatterns, p.MaskPatterns)
	put(&s.ShowApprovers, p.ShowApprovers)
	put(&s.StepUpRisky, p.StepUpRisky)
	put(&s.RequireSecondFactor, p.RequireSecondFactor)
	count(&s.UnlinkedRiskyApprovers, p.UnlinkedRiskyApprovers)
	if p.Canned != nil {
		s.Canned = nil
		for _, c := range *p.Canned {
			s.Canned = append(s.Canned, store.Canned{Team: c.Team, Questions: c.Questions, Denials: c.Denials})
		}
	}
	if e := p.Emergency; e != nil {
		put(&s.Emergency.Enabled, e.Enabled)
		put(&s.Emergency.Roles, e.Roles)
		count(&s.Emergency.DailyQuota, e.DailyQuota)
	}
	if v := p.TicketValidator; v != nil {
		put(&s.TicketValidator.URL, v.URL)
		span(&s.TicketValidator.Timeout, v.TimeoutSeconds)
	}
	if r := p.Retention; r != nil {
		count(&s.Retention.ArgumentsDays, r.ArgumentsDays)
		count(&s.Retention.ReasonsDays, r.ReasonsDays)
	}
	if n := p.Nudge; n != nil {
		span(&s.Nudge.Every, n.EverySeconds)
		count(&s.Nudge.Most, n.Most)
	}
}

func cannedOf(all []store.Canned) []client.Canned {
	out := []client.Canned{}
	for _, c := range all {
		out = append(out, client.Canned{Team: c.Team, Questions: list(c.Questions), Denials: list(c.Denials)})
	}
	return out
}

// put writes a value that is there.
func put[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

func span(to *time.Duration, n *int64) {
	if n != nil {
		*to = time.Duration(*n) * time.Second
	}
}

func count(to *int, n *int64) {
	if n != nil {
		*to = int(*n)
	}
}

// undoSeconds is how long an answer of a browser's session can be undone.
func (s *server) undoSeconds() int64 { return whole(s.cfg.Store.Settings().Undo) }
