package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// sample is a series of durations in nanoseconds.
type sample []float64

// at is the value below which the share q of the sample lies.
func (s sample) at(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (s sample) median() float64 { return s.at(0.5) }

// pairs are interleaved measurements: base[i] and ours[i] were taken together.
type pairs struct{ base, ours sample }

func (p pairs) differences() sample {
	out := make(sample, len(p.base))
	for i := range p.base {
		out[i] = p.ours[i] - p.base[i]
	}
	return out
}

// extra is the median difference with its two-sided 90 % bounds, the upper of
// which is the one-sided 95 % bound, by bootstrap over the pairs.
func (p pairs) extra() (median, low, high float64) {
	const resamples = 2000
	differences := p.differences()
	random := rand.New(rand.NewPCG(1, 2)) // the same data gives the same bounds
	medians := make(sample, resamples)
	again := make(sample, len(differences))
	for i := range medians {
		for j := range again {
			again[j] = differences[random.IntN(len(differences))]
		}
		medians[i] = again.median()
	}
	return differences.median(), medians.at(0.05), medians.at(0.95)
}

func micros(ns float64) string {
	d := time.Duration(ns)
	switch {
	case d.Abs() >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d.Abs() >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}
