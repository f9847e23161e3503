package demo

import (
	"context"

	"github.com/assent-epm/assent/controller/admin"
)

// ruleText is what the office's rule author put in force after some days, so that
// the past has requests that rules answered beside those that people did.
const ruleText = `rules:
  - name: updates
    match: {path: /usr/bin/apt, args: [upgrade, "-y"]}
    then: approve
    limits: {duration: 1h}
    message: {en: "Updates are approved for everybody."}
  - name: time-zone
    match: {path: /usr/bin/timedatectl, args: [set-timezone, {any: true}]}
    then: approve
  - name: printer
    match: {path: /usr/bin/systemctl, args: [restart, cups], access_type: [run]}
    then: approve
  - name: disk-report
    match: {path: /usr/sbin/smartctl, args: ["-a", {regex: "/dev/nvme[0-9]n1"}]}
    then: approve
  - name: names-belong-into-dns
    match: {path: /usr/bin/tee, args: ["-a", /etc/hosts]}
    then: deny
    message: {en: "Names belong into the DNS of the office: ask the network team."}
  - name: firmware
    match: {path: /usr/bin/fwupdmgr, args: [update], endpoint: {labels: {role: workstation}}}
    then: approve
    mode: observe
`

// rules puts the rules of the office in force.
func (m *maker) rules(ctx context.Context) error {
	_, _, err := m.Admin.ApplyRules(ctx, m.author, admin.ApplyRules{YAML: ruleText, Comment: "What everybody needs, and what nobody should do."})
	return err
}
