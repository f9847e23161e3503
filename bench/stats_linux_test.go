package main

import (
	"strings"
	"testing"
)

func TestPairs(t *testing.T) {
	var p pairs
	for i := range 200 {
		noise := float64((i * 7919) % 101) // hits both sides of a pair
		p.base = append(p.base, 1000+noise)
		p.ours = append(p.ours, 1020+noise)
	}
	median, low, high := p.extra()
	if median != 20 || low != 20 || high != 20 {
		t.Errorf("a constant difference: got %v (%v to %v), want 20", median, low, high)
	}
	p.ours[0] = 1e9
	if median, _, high := p.extra(); median != 20 || high != 20 {
		t.Errorf("one outlier must not move the result: got %v, upper bound %v", median, high)
	}
}

func TestQuantiles(t *testing.T) {
	s := sample{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := s.at(q); got != want {
			t.Errorf("at %v: got %v, want %v", q, got, want)
		}
	}
	if got := (sample{}).median(); got != 0 {
		t.Errorf("an empty sample: got %v", got)
	}
}

func TestTableSaysByHowMuch(t *testing.T) {
	text := &table{}
	text.add(row{what: "a", goal: "≤ 5 ms more", missed: within(4e6, 5e6, micros)})
	text.add(row{what: "b", goal: "≤ 5 ms more", missed: within(7e6, 5e6, micros)})
	got := text.String()
	if !strings.Contains(got, "holds") || !strings.Contains(got, "missed by 2ms") {
		t.Errorf("got\n%s", got)
	}
}
