package controller

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// metrics are the counters for monitoring. They name no person, endpoint or
// program.
func (c *Controller) metrics() http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	v := version.Get(wire.Version)
	gauge := func(name, help string, labels prometheus.Labels, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, f))
	}
	counter := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f))
	}
	gauge("assent_build_info", "The build, as labels.", prometheus.Labels{"version": v.Version, "commit": v.Commit}, func() float64 { return 1 })
	gauge("assent_agent_sessions", "Endpoints that are connected.", nil, func() float64 { return float64(c.gateway.Sessions()) })
	gauge("assent_requests_pending", "Requests that wait for an answer.", nil, func() float64 { return float64(c.pending()) })
	gauge("assent_audit_size", "Events covered by the newest signed checkpoint.", nil, func() float64 { return float64(c.audit.Checkpoint().Size) })
	counter("assent_store_commits_total", "Transactions committed since the start.", func() float64 { return float64(c.store.Stats().Commits) })
	counter("assent_store_calls_total", "Changes in these transactions.", func() float64 { return float64(c.store.Stats().Callers) })
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

func (c *Controller) pending() int {
	n := 0
	err := c.store.View(context.Background(), func(tx *store.Tx) error {
		counts, err := tx.Counts(store.RequestFilter{List: store.ListTeam})
		for s, have := range counts {
			if !s.Final() && (s == "pending" || s == "held") {
				n += have
			}
		}
		return err
	})
	if err != nil {
		return 0 // monitoring sees readyz
	}
	return n
}
