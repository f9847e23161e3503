package main

import (
	"fmt"
	"testing"

	"github.com/assent-epm/assent/installer/msi"
)

// TestShown: a program's own number is the one that the MSI says of it, else an
// upgrade would leave the older file, or none.
func TestShown(t *testing.T) {
	for version, want := range map[string]string{"1.2.3": "1.2.3.0", "1.2.3-4-gabc": "1.2.3.0", "10.20.30": "10.20.30.0", "0.0.0-dev": "0.0.0.0", "main": "0.0.0.0"} {
		v := testJob(t, version).shown(desktops(windows).programs[1])
		if got := fmt.Sprintf("%d.%d.%d.%d", v.Numbers[0], v.Numbers[1], v.Numbers[2], v.Numbers[3]); got != want || msi.FileVersion(version) != want {
			t.Errorf("%s: the program has %s, the package says %s, want %s", version, got, msi.FileVersion(version), want)
		}
		if v.Text != version || v.File != "assent-agent.exe" || v.Description == "" {
			t.Errorf("%+v", v)
		}
	}
	icon, err := pictures()
	if err != nil || icon[len(icon)-1].Side != 256 || len(icon[len(icon)-1].PNG) < 1000 {
		t.Errorf("the icon: %v", err)
	}
	for _, p := range icon[:len(icon)-1] {
		if _, _, _, opaque := p.Pixels.At(p.Side/2, p.Side/4).RGBA(); opaque == 0 {
			t.Errorf("the icon of %d pixels is empty", p.Side)
		}
	}
	for _, prog := range desktops(windows).programs {
		if prog.about == "" {
			t.Errorf("%s has no name", prog.name)
		}
	}
}
