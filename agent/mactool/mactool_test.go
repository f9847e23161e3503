package mactool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain is the programs of these tests as well.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "dscl":
		os.Stdout.WriteString(strings.Join(os.Environ(), " ") + "|" + strings.Join(os.Args[1:], " "))
		os.Exit(3)
	case "ioreg":
		chunk := []byte(strings.Repeat("x", 1<<16))
		for n := 0; n <= MaxSaid; n += len(chunk) {
			_, _ = os.Stdout.Write(chunk)
		}
		os.Exit(0)
	case "launchctl":
		<-time.After(time.Minute)
	}
	os.Exit(m.Run())
}

func tools(t *testing.T) System {
	t.Helper()
	root := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []Tool{Dscl, Ioreg, Launchctl} {
		path := filepath.Join(root, string(tool))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(exe, path)); err != nil {
			t.Fatal(err)
		}
	}
	return System{Root: root}
}

func TestRun(t *testing.T) {
	t.Setenv("DYLD_INSERT_LIBRARIES", "/tmp/evil.dylib")
	s := tools(t)
	res, err := s.Run(t.Context(), Dscl, nil, "a", "-b")
	if err != nil || res.Code != 3 || strings.Contains(string(res.Out), "DYLD") || !strings.HasSuffix(string(res.Out), "|a -b") {
		t.Errorf("%+v, %v", res, err)
	}
	if raw, err := Answer(t.Context(), s, Dscl, nil); err == nil || raw != nil || !strings.Contains(err.Error(), "ended with 3") {
		t.Errorf("a failure is no answer: %q, %v", raw, err)
	}
	if _, err := s.Run(t.Context(), Ioreg, nil); !errors.Is(err, ErrTool) {
		t.Errorf("too much: %v", err)
	}
	if _, err := s.Run(t.Context(), Codesign, nil); !errors.Is(err, ErrTool) {
		t.Errorf("no program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Run(ctx, Launchctl, nil); !errors.Is(err, ErrTool) {
		t.Errorf("no end: %v", err)
	}
}

func TestPlain(t *testing.T) {
	for word, good := range map[string]bool{"alice": true, "a.b_c": true, "": false, "-a": false, "a b": false, "a/b": false, "a\nb": false, "../x": false, strings.Repeat("x", 256): false} {
		if err := Plain(word); (err == nil) != good {
			t.Errorf("%q: %v", word, err)
		}
	}
}

func TestPlist(t *testing.T) {
	value := map[string]any{"a": []any{"x <&>", int64(7), 1.5, true, false, []byte("\x00\x01")}, "empty": map[string]any{}, "none": []any{}}
	raw, err := WritePlist(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Plist(raw)
	if err != nil || !reflect.DeepEqual(got, value) {
		t.Errorf("%v, %v", got, err)
	}
	if list := Strings(got.(map[string]any)["a"]); !reflect.DeepEqual(list, []string{"x <&>"}) {
		t.Errorf("%q", list)
	}
	deep := "<plist>" + strings.Repeat("<array>", maxDepth+2) + strings.Repeat("</array>", maxDepth+2) + "</plist>"
	for _, bad := range []string{"", "text", "<a/>", "<plist></plist>", "<plist><dict><key>a</key></dict></plist>", "<plist><dict><string>a</string></dict></plist>",
		"<plist><dict><key>a</key><true/><key>a</key><false/></dict></plist>", "<plist><integer>x</integer></plist>", "<plist><odd/></plist>", "<plist><string>a<b/></string></plist>", "<plist><array>", deep} {
		if got, err := Plist([]byte(bad)); !errors.Is(err, ErrPlist) || got != nil {
			t.Errorf("%.60q: %v, %v", bad, got, err)
		}
	}
	if _, err := Dict([]byte("<plist><array/></plist>")); !errors.Is(err, ErrPlist) {
		t.Error(err)
	}
	if _, err := WritePlist(strconv.NumError{}); !errors.Is(err, ErrPlist) {
		t.Error(err)
	}
}
