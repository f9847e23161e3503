package elevation

import (
	"strings"
	"testing"
)

func TestUnbounded(t *testing.T) {
	tests := []struct {
		path string
		want bool
	}{
		{"/usr/bin/bash", true},
		{"/usr/bin/dash", true},
		{"/bin/busybox", true},
		{"/usr/bin/python3", true},
		{"/usr/bin/python3.11", true},
		{"/usr/bin/perl5.36-x86_64-linux-gnu", true},
		{"/usr/bin/php-8.2", true},
		{"/usr/bin/vim.basic", true},
		{"/usr/bin/vim", true},
		{"/usr/bin/less", true},
		{"/usr/bin/env", true},
		{"/usr/bin/tee", true},
		{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", true},
		{"/lib/ld-musl-x86_64.so.1", true},
		{"/usr/bin/systemd-run", true},
		{"/usr/bin/find", true},
		{"/usr/bin/sudo", true},
		{`C:\Windows\System32\cmd.exe`, true},
		{`C:\Windows\System32\RunDLL32.EXE`, true},
		{`C:\Windows\System32\mmc.exe`, true},
		{`C:\Windows\regedit.exe`, true},
		{`C:\Windows\System32\schtasks.exe`, true},
		{`C:\Program Files\Tool\Setup.exe`, false},
		{`C:\Windows\System32\ipconfig.exe`, false},
		{"bash", true},
		{"/usr/bin/apt", false},
		{"/usr/bin/apt-get", false},
		{"/usr/bin/systemctl", false},
		{"/usr/bin/id", false},
		{"/usr/sbin/make-ssl-cert", false},
		{"/usr/bin/find-things", false},
		{"/usr/bin/shutdown", false},
		{"/opt/bash/tool", false},
		{"7", false},
		{"/usr/bin/[", false},
		{"", false},
		{"/", false},
		{strings.Repeat("a", 1<<20), false},
	}
	for _, tt := range tests {
		name := tt.path
		if len(name) > 60 {
			name = "1 MB"
		}
		t.Run(name, func(t *testing.T) {
			if got := Unbounded(tt.path); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTicketMatches(t *testing.T) {
	tests := []struct {
		name, pattern, ticket string
		want                  bool
	}{
		{"whole", `INC-\d+`, "INC-12", true},
		{"part at the start", `INC-\d+`, "INC-12x", false},
		{"part at the end", `INC-\d+`, "xINC-12", false},
		{"second line", `INC-\d+`, "INC-12\nrm -rf", false},
		{"multi-line flag does not help", `(?m)INC-\d+`, "x\nINC-12", false},
		{"alternatives stay inside", `A|B`, "Ax", false},
		{"unbalanced to break out", `a)|(?:.*`, "anything", false},
		{"nothing asked", "", "", true},
		{"nothing given", `INC-\d+`, "", false},
		{"bad pattern", `(`, "(", false},
		{"pattern too long", strings.Repeat("a", MaxTicketPattern+1), strings.Repeat("a", MaxTicketPattern+1), false},
		{"ticket too long", `.*`, strings.Repeat("a", 4*MaxTicket+1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := TicketMatches(tt.pattern, tt.ticket); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
