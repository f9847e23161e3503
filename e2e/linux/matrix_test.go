package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// matrix is a table that is filled in by tests that run side by side. Every cell
// must be filled: run here, or by the name of the test that runs it.
type matrix struct {
	rows, columns []string

	mu    sync.Mutex // guards the field below
	cells map[[2]string]string
}

func newMatrix(rows, columns []string) *matrix {
	return &matrix{rows: rows, columns: columns, cells: map[[2]string]string{}}
}

func (m *matrix) set(row, column, result string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells[[2]string{row, column}] = result
}

// cell runs one cell as a test of its own.
func (m *matrix) cell(s *scene, row, column string, do func(*scene)) {
	s.t.Run(row+"/"+column, func(t *testing.T) {
		inner := *s
		inner.t = t
		result := "FAILED"
		defer func() {
			if t.Failed() {
				result = "FAILED"
			}
			m.set(row, column, result)
		}()
		do(&inner)
		result = "ok"
	})
}

// by names the test that runs a cell.
func (m *matrix) by(t *testing.T, row, column, test string) {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "e2e/linux/*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(f string) bool {
		raw, err := os.ReadFile(f)
		return err == nil && strings.Contains(string(raw), "func "+test+"(t *testing.T)")
	}) {
		t.Errorf("%s × %s: there is no test %s", row, column, test)
	}
	m.set(row, column, "by "+test)
}

// told prints the table and fails for each cell that nobody filled in.
func (m *matrix) told(t *testing.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out strings.Builder
	for _, row := range m.rows {
		for _, column := range m.columns {
			result := m.cells[[2]string{row, column}]
			if result == "" {
				t.Errorf("nothing runs %s × %s", row, column)
				result = "MISSING"
			}
			fmt.Fprintf(&out, "%-12s %-20s %s\n", row, column, result)
		}
	}
	if n := len(m.rows) * len(m.columns); len(m.cells) > n {
		t.Errorf("%d cells are filled in, the table has %d", len(m.cells), n)
	}
	t.Logf("\n%s", out.String())
}

// TestMatrixOfEnds: each way of ending takes each kind of grant back.
func TestMatrixOfEnds(t *testing.T) {
	testgroup.Need(t, "nspawn")
	testgroup.Need(t, "shim")
	t.Parallel()
	var kinds, ways []string
	for _, k := range grantKinds() {
		kinds = append(kinds, k.name)
	}
	for _, w := range append(quietEnds(), hardEnds()...) {
		ways = append(ways, w.name)
	}
	m := newMatrix(ways, kinds)
	t.Cleanup(func() { m.told(t) })
	t.Run("quiet", func(t *testing.T) { endAll(t, m, "matrix-a", quietEnds()) })
	t.Run("hard", func(t *testing.T) { endAll(t, m, "matrix-b", hardEnds()) })
}

// TestMatrixOfOutcomes: each mechanism does what each outcome says.
func TestMatrixOfOutcomes(t *testing.T) {
	testgroup.Need(t, "nspawn")
	testgroup.Need(t, "shim")
	t.Parallel()
	var names, outcomes []string
	for _, w := range mechanisms() {
		names = append(names, w.name)
	}
	for _, o := range outcomesOfAll() {
		outcomes = append(outcomes, o.name)
	}
	m := newMatrix(outcomes, names)
	t.Cleanup(func() { m.told(t) })
	t.Run("all", func(t *testing.T) { decideAll(t, m, "matrix-c") })
}
