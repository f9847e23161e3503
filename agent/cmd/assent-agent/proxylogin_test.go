package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The password comes by standard input, is written down nowhere else, and can be
// forgotten.
func TestProxyLogin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	login := func(in string, args ...string) (string, error) {
		set := &settings{data: dir, runtime: dir}
		c := proxyLoginCommand(set)
		var out bytes.Buffer
		c.SetArgs(args)
		c.SetIn(strings.NewReader(in))
		c.SetOut(&out)
		c.SetErr(&out)
		err := c.Execute()
		return out.String(), err
	}
	said, err := login("geheim\r\n", "--proxy", "p.example:3128", "--name", "bo")
	if err != nil || strings.Contains(said, "geheim") {
		t.Fatalf("%q, %v", said, err)
	}
	file := filepath.Join(dir, "proxy-login")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := login("", "--proxy", "p.example:3128", "--name", "bo"); err == nil {
		t.Error("without a password")
	}
	if _, err := login("geheim", "--proxy", "p.example", "--name", "bo"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("without a port: %v", err)
	}
	if _, err := login("", "--forget"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("forgotten: %v", err)
	}
}
