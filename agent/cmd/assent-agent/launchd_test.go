package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// The job of launchd is one program with fixed arguments, whatever a folder is
// called.
func TestReapPlist(t *testing.T) {
	plist := reapPlist("/Library/Assent/bin/assent-agent", `/Library/a <b> & "c"`)
	d := xml.NewDecoder(strings.NewReader(plist))
	var texts []string
	inString := false
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			inString = e.Name.Local == "string"
		case xml.EndElement:
			inString = false
		case xml.CharData:
			if inString {
				texts = append(texts, string(e))
			}
		}
	}
	want := `com.assent-epm.reap|/Library/Assent/bin/assent-agent|reap|--boot|--data|/Library/a <b> & "c"|/usr/bin:/bin:/usr/sbin:/sbin|/private/var/log/assent-agent.log`
	if got := strings.Join(texts, "|"); got != want {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(plist, "<key>RunAtLoad</key>\n\t<true/>") || strings.Contains(plist, "KeepAlive") {
		t.Error("it runs once, with the machine")
	}
}

func TestLabelsThatAreLeft(t *testing.T) {
	labels := leftover{label: "ring=1, site=north;role=kiosk"}.labels()
	if len(labels) != 3 || labels["ring"] != "1" || labels["site"] != "north" || labels["role"] != "kiosk" {
		t.Errorf("%v", labels)
	}
	if got := (leftover{label: "none, =x,"}).labels(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestTheServiceKeepsItsFolders(t *testing.T) {
	set := &settings{data: defaultData(), runtime: defaultRuntime()}
	if got := set.ownFolders(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	set = &settings{data: "/srv/a", runtime: "/run/b"}
	if got := strings.Join(set.ownFolders(), " "); got != "--data /srv/a --runtime /run/b" {
		t.Errorf("%v", got)
	}
}
