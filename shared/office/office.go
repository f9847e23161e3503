// Package office is an invented company for demonstrations: its people, their
// machines, and what they ask for. The simulated fleet raises requests from it
// and a demonstration's controller gets a past of it, so that both are of one
// place. Nothing in it is real.
package office

import (
	"fmt"
	"slices"

	"github.com/assent-epm/assent/shared/elevation"
)

// Visitor is who sits at the simulated computer that is for whoever looks at a
// demonstration; there is an account of the same name.
const Visitor = "you"

// Task is something that people ask for, with what they say about it.
type Task struct {
	Argv     []string
	Reasons  []string
	Priority elevation.Priority // "" = they ask for none
	Doubt    string             // why some approvers deny it; "" = nobody does
}

// Tasks are all tasks.
func Tasks() []Task {
	return []Task{
		{[]string{"/usr/bin/apt", "install", "wireshark"}, []string{"Packet capture for INC-4821, the VPN drops every few minutes", "The provider wants a trace of the calls that break off"}, elevation.High, ""},
		{[]string{"/usr/bin/apt", "upgrade", "-y"}, []string{"Monthly updates before the audit on Thursday", "Security update for OpenSSL that was announced today"}, "", ""},
		{[]string{"/usr/bin/systemctl", "restart", "nginx"}, []string{"New certificate is in place, nginx has to load it", "Restart after the change of the proxy, CHG-1187"}, elevation.High, ""},
		{[]string{"/usr/bin/systemctl", "restart", "cups"}, []string{"The label printer in the warehouse hangs again", "Print queue is stuck since this morning"}, "", ""},
		{[]string{"/usr/bin/snap", "install", "slack"}, []string{"New laptop, I need the chat of my team", "Moved to the support team, they use it all day"}, elevation.Low, ""},
		{[]string{"/usr/bin/apt", "install", "docker.io"}, []string{"Building the images for release 4.2 on this machine", "Local test environment of the payments team"}, "", "Please use podman, it needs no rights."},
		{[]string{"/usr/sbin/modprobe", "evdi"}, []string{"New dock, the second display stays black without it"}, "", ""},
		{[]string{"/usr/bin/mount", "-t", "cifs", "//files/finance", "/mnt/finance"}, []string{"Copying the year-end files to the new share, FIN-209"}, "", "Use the share that is there already."},
		{[]string{"/usr/bin/bash"}, []string{"The backup job filled the disk, I have to look around and clean up", "Not sure yet what is wrong with the database host, need a shell"}, elevation.High, ""},
		{[]string{"/usr/sbin/ufw", "allow", "8443/tcp"}, []string{"Open the port for the test with the customer at two o'clock"}, "", "The customer can use port 443, it is open."},
		{[]string{"/usr/bin/journalctl", "-u", "postgresql", "-n", "500"}, []string{"Slow queries since the last deployment, reading the log"}, "", ""},
		{[]string{"/usr/bin/tee", "-a", "/etc/hosts"}, []string{"Point the staging name at the new machine for a test"}, "", ""},
		{[]string{"/usr/bin/timedatectl", "set-timezone", "Europe/Lisbon"}, []string{"I work from the Lisbon office this month"}, elevation.Low, ""},
		{[]string{"/usr/sbin/smartctl", "-a", "/dev/nvme0n1"}, []string{"Disk makes errors, the vendor wants the report"}, "", ""},
		{[]string{"/usr/bin/dpkg", "-i", "/opt/packages/zoom_6.4_amd64.deb"}, []string{"Meeting with a customer in half an hour, the old version is refused", "Zoom asks for its update"}, elevation.Urgent, ""},
		{[]string{"/usr/bin/nmcli", "connection", "import", "type", "wireguard", "file", "/etc/wireguard/site.conf"}, []string{"Access to the plant network for the maintenance window"}, "", ""},
		{[]string{"/usr/bin/vim", "/etc/nginx/sites-enabled/shop.conf"}, []string{"Fix the redirect that loops since yesterday, BUG-3310"}, elevation.High, "Not by hand: change it in the repository, please."},
		{[]string{"/usr/bin/fwupdmgr", "update"}, []string{"Firmware update that the vendor asks for before the warranty case"}, elevation.Low, ""},
	}
}

// People are the logins of everybody in the office.
func People() []string {
	return []string{"dina.osei", "hiro.sato", "gwen.tran", "carl.meyer", "ana.silva", "farid.karimi", "eve.novak", "bianca.rossi", "noor.haddad", "luis.ortega",
		"yuki.mori", "tom.baker", "ines.costa", "pavel.horak", "sara.lind", "omar.farah", "julia.weber", "kofi.mensah", "mei.chen", "ravi.nair",
		"lena.vogel", "ivan.petrov", "aoife.byrne", "marta.nowak", "jonas.berg", "chloe.martin", "diego.ruiz", "hana.kim", "peter.hall", "zofia.wojcik"}
}

// Seat names the nth machine of the office, its system and whose it is.
func Seat(n int) (host, system, owner string) {
	all := People()
	owner = all[(n*7)%len(all)]
	switch n % 5 {
	case 0:
		return fmt.Sprintf("web-%04d", 100+n), "Debian GNU/Linux 12", owner
	case 1:
		return fmt.Sprintf("ubu-%04d", 800+n), "Ubuntu 24.04 LTS", owner
	case 2:
		return fmt.Sprintf("dev-%04d", 300+n), "Fedora Linux 43", owner
	case 3:
		return fmt.Sprintf("ubu-%04d", 1600+n), "Ubuntu 22.04 LTS", owner
	}
	return fmt.Sprintf("db-%04d", 20+n), "Debian GNU/Linux 13", owner
}

// UID is the local number of somebody of the office on every machine.
func UID(login string) string { return fmt.Sprint(1001 + slices.Index(People(), login)) }
