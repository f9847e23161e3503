package store

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// older makes a database of an older program.
func older(t *testing.T, path string, schema int) {
	t.Helper()
	if err := makeFile(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, step := range append(migrations()[:schema:schema], fmt.Sprintf("PRAGMA user_version=%d", schema),
		`INSERT INTO enroll_tokens VALUES('etk_old', x'01', 1, 1, 0, x'', x'', 'ask', x'', 1, 0)`) {
		if _, err := db.Exec(step); err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
}

func tokensOf(t *testing.T, path string) (n, schema int) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, into := range map[string]*int{"SELECT count(*) FROM enroll_tokens WHERE id = 'etk_old'": &n, "PRAGMA user_version": &schema} {
		if err := db.QueryRow(query).Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	return n, schema
}

// TestD5OlderSchema: a database of an earlier program is brought up in one
// transaction, and a copy of what it was stays beside it.
func TestD5OlderSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assent.db")
	from, now := len(migrations())-3, len(migrations())
	older(t, path, from)
	if err := os.WriteFile(path+".schema-1", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(t.Context(), Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n, schema := tokensOf(t, path); n != 1 || schema != now {
		t.Errorf("%d rows in schema %d, want 1 in %d", n, schema, now)
	}
	kept := fmt.Sprintf("%s.schema-%d", path, from)
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v %v", info, err)
	}
	if n, schema := tokensOf(t, kept); n != 1 || schema != from {
		t.Errorf("the copy has %d rows in schema %d", n, schema)
	}
	if _, err := os.Stat(path + ".schema-1"); err == nil {
		t.Error("the copy of the change before is still there")
	}
}

// TestD5NewerSchema: a database of a newer program is refused and not touched.
func TestD5NewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assent.db")
	older(t, path, len(migrations()))
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf("PRAGMA user_version=%d", len(migrations())+1)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(t.Context(), Config{Path: path}); err == nil || !strings.Contains(err.Error(), "use a newer one") {
		t.Errorf("opened: %v", err)
	}
	if _, err := Check(t.Context(), path); err == nil || !strings.Contains(err.Error(), "use a newer one") {
		t.Errorf("checked: %v", err)
	}
	if _, schema := tokensOf(t, path); schema != len(migrations())+1 {
		t.Errorf("it has schema %d now", schema)
	}
}

// TestD5FailedStep: a step that fails leaves the database as it was.
func TestD5FailedStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assent.db")
	makes := regexp.MustCompile(`CREATE TABLE (\w+)`)
	last := len(migrations()) - 1
	for makes.FindStringSubmatch(migrations()[last]) == nil {
		last--
	}
	from := last - 2 // two steps succeed before the one that fails
	older(t, path, from)
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := tokensOf(t, path)
	table := makes.FindStringSubmatch(migrations()[last])[1]
	if _, err := db.Exec("CREATE TABLE " + table + "(x)"); err != nil { // what is there already makes the step fail
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(t.Context(), Config{Path: path}); err == nil || !strings.Contains(err.Error(), table) {
		t.Fatalf("opened: %v", err)
	}
	if n, schema := tokensOf(t, path); n != before || schema != from {
		t.Errorf("%d rows in schema %d", n, schema)
	}
}
