package main

import (
	"encoding/xml"
	"strings"
)

// reapLabel is the job of launchd that takes back at the machine's start what was
// left, also without the daemon.
const reapLabel = "com.assent-epm.reap"

// reapPlist is the file of that job: it runs the reaper once when it is loaded.
func reapPlist(exe, data string) string {
	var b strings.Builder
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + reapLabel + `</string>
	<key>ProgramArguments</key>
	<array>
`)
	for _, arg := range append([]string{exe}, reapArgs(data)...) {
		b.WriteString("\t\t<string>")
		_ = xml.EscapeText(&b, []byte(arg)) // a builder takes everything
		b.WriteString("</string>\n")
	}
	b.WriteString(`	</array>
	<key>EnvironmentVariables</key>
	<dict>
		<key>PATH</key>
		<string>/usr/bin:/bin:/usr/sbin:/sbin</string>
	</dict>
	<key>RunAtLoad</key>
	<true/>
	<key>Umask</key>
	<integer>63</integer>
	<key>StandardErrorPath</key>
	<string>/private/var/log/assent-agent.log</string>
</dict>
</plist>
`)
	return b.String()
}
