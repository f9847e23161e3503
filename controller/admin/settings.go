package admin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// Settings are the settings in force.
func (a *Admin) Settings(_ context.Context, act auth.Actor) (store.Settings, error) {
	if err := act.Can(auth.SettingsRead); err != nil {
		return store.Settings{}, err
	}
	return a.cfg.Store.Settings(), nil
}

// EditSettings changes settings by edit, which gets the present ones, may run
// again and does nothing else. The result is refused with [elevation.ErrInvalid]
// where a value is out of bounds.
func (a *Admin) EditSettings(ctx context.Context, act auth.Actor, edit func(*store.Settings)) (store.Settings, error) {
	if err := a.may(ctx, act, auth.SettingsWrite, "settings.change"); err != nil {
		return store.Settings{}, err
	}
	if err := a.global(ctx, act, "settings.change"); err != nil {
		return store.Settings{}, err
	}
	var old, next store.Settings
	err := a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		old = tx.Settings()
		next = old
		next.HeadStart = elevation.HeadStarts{}
		for p, d := range old.HeadStart {
			next.HeadStart[p] = d
		}
		edit(&next)
		if err := checkSettings(next); err != nil {
			return audit.Event{}, err
		}
		data := settingChanges(old, next)
		if len(data) == 0 {
			return audit.Event{}, nil
		}
		if err := tx.PutSettings(next); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.SettingsChanged, data), nil
	})
	if err == nil {
		err = a.follow(ctx, old, next)
	}
	return next, err
}

// follow does what a change of settings brings with it.
func (a *Admin) follow(ctx context.Context, old, next store.Settings) error {
	if old.TimeZone != next.TimeZone {
		a.applying.Lock()
		defer a.applying.Unlock()
		if err := a.loadRules(ctx); err != nil { // hours without a zone have another one now
			return err
		}
	}
	if slices.Equal(old.MaskPatterns, next.MaskPatterns) {
		return nil
	}
	a.policing.Lock()
	defer a.policing.Unlock()
	return a.sendAll(ctx)
}

const year = 366 * 24 * time.Hour

func checkSettings(s store.Settings) error {
	within := func(what string, v, low, high int64) error {
		if v < low || v > high {
			return fmt.Errorf("%w: %s is %d, but must be from %d to %d", elevation.ErrInvalid, what, v, low, high)
		}
		return nil
	}
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	top := seconds(year)
	longest := seconds(elevation.DefaultTimes().RunCap)
	for _, err := range []error{
		within("pending_ttl_seconds", seconds(s.PendingTTL), 1, top),
		within("use_within_seconds", seconds(s.UseWithin), 1, top),
		within("hold_seconds", seconds(s.Hold), 0, top),
		within("undo_seconds", seconds(s.Undo), 0, 3600),
		within("quota.pending_per_user", int64(s.Quota.PendingPerUser), 0, 1_000_000),
		within("quota.pending_per_endpoint", int64(s.Quota.PendingPerEndpoint), 0, 1_000_000),
		within("quota.cooldown_seconds", seconds(s.Quota.Cooldown), 0, top),
		within("history_days", int64(s.HistoryDays), 1, 36_500),
		within("min_duration_seconds", seconds(s.MinDuration), 1, longest),
		within("run_cap_seconds", seconds(s.RunCap), seconds(s.MinDuration), longest),
		within("admin_cap_seconds", seconds(s.AdminCap), seconds(s.MinDuration), seconds(elevation.DefaultTimes().AdminCap)),
		within("admin_seconds", seconds(s.AdminTime), seconds(s.MinDuration), seconds(s.AdminCap)),
		within("session_seconds", seconds(s.SessionTime), seconds(s.MinDuration), seconds(s.AdminCap)),
	} {
		if err != nil {
			return err
		}
	}
	if len(s.HeadStart) != 4 {
		return fmt.Errorf("%w: head_start_seconds has low, normal, high and urgent", elevation.ErrInvalid)
	}
	for p, d := range s.HeadStart {
		if p.Rank() < 0 {
			return fmt.Errorf("%w: there is no priority %q", elevation.ErrInvalid, audit.Clip(string(p), 40))
		}
		if err := within("head_start_seconds."+string(p), seconds(d), 0, top); err != nil {
			return err
		}
	}
	if s.MaxRequesterPriority.Rank() < 0 {
		return fmt.Errorf("%w: max_requester_priority is low, normal, high or urgent", elevation.ErrInvalid)
	}
	return checkDesk(s, within)
}

// checkDesk looks at the settings of the request desk.
func checkDesk(s store.Settings, within func(what string, v, low, high int64) error) error {
	if z, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" || z == nil {
		return fmt.Errorf("%w: time_zone %q is not known: write a name like Europe/Berlin or UTC", elevation.ErrInvalid, audit.Clip(s.TimeZone, 64))
	}
	for _, r := range s.Emergency.Roles {
		if !auth.Role(r).Valid() {
			return fmt.Errorf("%w: emergency.roles: there is no role %q", elevation.ErrInvalid, audit.Clip(r, 40))
		}
	}
	for _, r := range s.RequireSecondFactor {
		if !auth.Role(r).Valid() {
			return fmt.Errorf("%w: require_second_factor: there is no role %q", elevation.ErrInvalid, audit.Clip(r, 40))
		}
	}
	if u := s.TicketValidator.URL; u != "" {
		at, err := url.Parse(u)
		if err != nil || len(u) > 2000 || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil {
			return fmt.Errorf("%w: ticket_validator.url must be http(s)://host/path without a password in it", elevation.ErrInvalid)
		}
	}
	if err := checkMasks("mask_patterns", s.MaskPatterns); err != nil {
		return err
	}
	if err := checkCanned(s.Canned); err != nil {
		return err
	}
	second := int64(time.Second)
	for _, err := range []error{
		within("emergency.daily_quota", int64(s.Emergency.DailyQuota), 0, 1000),
		within("ticket_validator.timeout_seconds", int64(s.TicketValidator.Timeout)/second, 1, 30),
		within("retention.arguments_days", int64(s.Retention.ArgumentsDays), 0, 36_500),
		within("retention.reasons_days", int64(s.Retention.ReasonsDays), 0, 36_500),
		within("nudge.every_seconds", int64(s.Nudge.Every)/second, 0, int64(year)/second),
		within("nudge.most", int64(s.Nudge.Most), 0, 1000),
		within("unlinked_risky_approvers", int64(s.UnlinkedRiskyApprovers), 1, 5),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// Bounds of the patterns of secrets.
const (
	maxMasks = 64
	maxMask  = 500 // bytes of one
)

// checkMasks refuses patterns that endpoints could not use: too many, too long,
// not RE2, or matching the empty text, which would hide everything.
func checkMasks(what string, patterns []string) error {
	if len(patterns) > maxMasks {
		return fmt.Errorf("%w: %s has %d patterns, but may have %d", elevation.ErrInvalid, what, len(patterns), maxMasks)
	}
	for i, p := range patterns {
		re, err := rules.Regexp(p)
		switch {
		case p == "" || len(p) > maxMask:
			return fmt.Errorf("%w: %s, number %d: a pattern has 1 to %d bytes", elevation.ErrInvalid, what, i+1, maxMask)
		case err != nil:
			return fmt.Errorf("%w: %s, number %d: %w", elevation.ErrInvalid, what, i+1, err)
		case re.MatchString(""):
			return fmt.Errorf("%w: %s, number %d matches nothing at all too, and so would hide every argument", elevation.ErrInvalid, what, i+1)
		}
	}
	return nil
}

// settingChanges names every value that differs, as "old → new".
func settingChanges(old, next store.Settings) map[string]string {
	data := map[string]string{}
	was, is := settingValues(old), settingValues(next)
	for k, v := range is {
		if was[k] != v {
			data[k] = was[k] + " → " + v
		}
	}
	return data
}

func settingValues(s store.Settings) map[string]string {
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	out := map[string]string{
		"pending_ttl_seconds":        seconds(s.PendingTTL),
		"use_within_seconds":         seconds(s.UseWithin),
		"hold_seconds":               seconds(s.Hold),
		"undo_seconds":               seconds(s.Undo),
		"max_requester_priority":     string(s.MaxRequesterPriority),
		"quota.pending_per_user":     strconv.Itoa(s.Quota.PendingPerUser),
		"quota.pending_per_endpoint": strconv.Itoa(s.Quota.PendingPerEndpoint),
		"quota.cooldown_seconds":     seconds(s.Quota.Cooldown),
		"history_days":               strconv.Itoa(s.HistoryDays),
		"min_duration_seconds":       seconds(s.MinDuration),
		"run_cap_seconds":            seconds(s.RunCap),
		"session_seconds":            seconds(s.SessionTime),
		"admin_seconds":              seconds(s.AdminTime),
		"admin_cap_seconds":          seconds(s.AdminCap),

		"time_zone":                        s.TimeZone,
		"emergency.enabled":                strconv.FormatBool(s.Emergency.Enabled),
		"emergency.roles":                  strings.Join(s.Emergency.Roles, " "),
		"emergency.daily_quota":            strconv.Itoa(s.Emergency.DailyQuota),
		"ticket_validator.url":             audit.Clip(s.TicketValidator.URL, 500),
		"ticket_validator.timeout_seconds": seconds(s.TicketValidator.Timeout),
		"retention.arguments_days":         strconv.Itoa(s.Retention.ArgumentsDays),
		"retention.reasons_days":           strconv.Itoa(s.Retention.ReasonsDays),
		"require_second_factor":            strings.Join(s.RequireSecondFactor, " "),
		"step_up_risky":                    strconv.FormatBool(s.StepUpRisky),
		"canned":                           cannedSum(s.Canned),
		"four_eyes_accounts":               strconv.FormatBool(s.FourEyesAccounts),
		"four_eyes_rules":                  strconv.FormatBool(s.FourEyesRules),
		"beneficiary_check":                strconv.FormatBool(s.BeneficiaryCheck),
		"mask_patterns":                    audit.Clip(strings.Join(s.MaskPatterns, " "), 400),
		"show_approvers":                   strconv.FormatBool(s.ShowApprovers),
		"nudge.every_seconds":              seconds(s.Nudge.Every),
		"nudge.most":                       strconv.Itoa(s.Nudge.Most),
		"unlinked_risky_approvers":         strconv.Itoa(s.UnlinkedRiskyApprovers),
	}
	for p, d := range s.HeadStart {
		out["head_start_seconds."+string(p)] = seconds(d)
	}
	return out
}
