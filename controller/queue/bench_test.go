package queue

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// BenchmarkDraft measures attempt → approved by a rule, one durable commit, and
// in the same run the floor: one commit of one row, synchronous=FULL.
func BenchmarkDraft(b *testing.B) {
	bed := newBed(b, approveID).people()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE t(id TEXT PRIMARY KEY, body BLOB)"); err != nil {
		b.Fatal(err)
	}
	ins, err := db.Prepare("INSERT INTO t VALUES (?,?)")
	if err != nil {
		b.Fatal(err)
	}
	blob := make([]byte, 1500)
	var floor, ours []time.Duration
	for b.Loop() {
		in := attempt("x")
		start := time.Now()
		if _, err := ins.Exec(string(in.Request), blob); err != nil {
			b.Fatal(err)
		}
		floor = append(floor, time.Since(start))
		start = time.Now()
		if a, err := bed.Draft(context.Background(), ep, in); err != nil || !a.Decided {
			b.Fatal(a, err)
		}
		ours = append(ours, time.Since(start))
	}
	slices.Sort(floor)
	slices.Sort(ours)
	b.ReportMetric(float64(floor[len(floor)/2].Microseconds()), "floor-p50-us")
	b.ReportMetric(float64(ours[len(ours)/2].Microseconds()), "draft-p50-us")
	b.ReportMetric(float64(ours[len(ours)/2])/float64(floor[len(floor)/2]), "ratio")
}

// BenchmarkDraftParallel measures how callers share commits.
func BenchmarkDraftParallel(b *testing.B) {
	bed := newBed(b, approveID).people()
	var n atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			in := attempt("x")
			in.Request = elevation.NewRequestID(day.Add(time.Duration(n.Add(1)) * time.Millisecond))
			if a, err := bed.Draft(context.Background(), ep, in); err != nil || !a.Decided {
				b.Error(a, err)
				return
			}
		}
	})
	s := bed.store.Stats()
	b.ReportMetric(float64(s.Callers)/float64(s.Commits), "callers/commit")
}
