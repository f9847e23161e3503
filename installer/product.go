package main

import (
	"embed"
	"io/fs"
)

// assets are the files that packages hold or run as they are.
//
//go:embed deb rpm etc container
var assets embed.FS

// What an entry is to the package managers.
const (
	isFile   = "file"
	isConfig = "config" // kept when an administrator changed it
	isDir    = "dir"
)

// entry is one file or folder of a package; it belongs to root.
type entry struct {
	path string
	kind string
	mode fs.FileMode
	raw  []byte
	from string // a file of the checkout or of assets, where raw is nil
	only string // the one package format that has it, "" = all
}

// program is one program of a product.
type program struct {
	name    string
	folder  string // its main package
	section string // of the manual
	files   [][2]string
	// windowless: it belongs to a desktop, and has no console on Windows
	windowless bool
	// icon: on Linux it is linked with the libraries of the desktop
	icon bool
	// about: what Windows calls it
	about string
}

// product is one package, in all formats.
type product struct {
	name     string
	summary  string
	text     string
	programs []program
	shim     bool // the plugin of sudo and the program that asks PAM are part of it
	console  bool // the console is part of it
	still    bool // its packages run no scripts
	files    []entry
	suggests map[string][]string // by format: what it works with
	needs    map[string][]string
}

const (
	pluginPath = "/usr/libexec/assent/assent_sudo.so"
	pamPath    = "/usr/libexec/assent/assent_pam"
	unitDir    = "/usr/lib/systemd/system/"
	agentUnits = "agent/cmd/assent-agent/units/" // the same that `assent-agent install` writes
)

func products() []product {
	return []product{
		{
			name: "assent-agent", summary: "Elevation on request: the agent of an endpoint", shim: true,
			text: "People without administrator rights ask for one command, and run it once\nsomebody or a rule said yes. Installing it asks nothing and takes nobody's\n" +
				"rights away: an endpoint begins in the mode observe.",
			programs: []program{
				{name: "assent", folder: "agent/cmd/assent", section: "1", files: [][2]string{{"/run/assent/agent.sock", "the agent of this machine"}}},
				{name: "assent-agent", folder: "agent/cmd/assent-agent", section: "8", files: [][2]string{
					{"/etc/assent/agent.toml", "the configuration"},
					{"/etc/assent/enroll", "ASSENT_CONTROLLER_URL=… and ASSENT_ENROLL_TOKEN=…, mode 0600: read once when the package is installed, then removed"},
					{"/var/lib/assent", "the identity of this endpoint and what is in force"},
					{"/run/assent", "the sockets"},
					{"/etc/pam.d/assent", "how a password of a directory's account is checked"},
					{pluginPath, "the plugin that sudo loads while the agent runs"}}},
			},
			files: []entry{
				{path: "/etc/assent", kind: isDir, mode: 0o755},
				{path: "/etc/assent/agent.toml", kind: isConfig, mode: 0o644, from: "etc/agent.toml"},
				{path: "/etc/pam.d/assent", kind: isConfig, mode: 0o644, from: "etc/assent.pam.deb", only: "deb"},
				{path: "/etc/pam.d/assent", kind: isConfig, mode: 0o644, from: "etc/assent.pam.rpm", only: "rpm"},
				{path: "/etc/xdg/autostart/assent-desktop.desktop", kind: isConfig, mode: 0o644, from: "agent/cmd/assent-agent/autostart/assent-desktop.desktop"},
				{path: "/usr/libexec/assent", kind: isDir, mode: 0o755},
				{path: "/usr/lib/tmpfiles.d/assent-agent.conf", kind: isFile, mode: 0o644, from: "etc/assent-agent.tmpfiles"},
				{path: unitDir + "assent-agent.service", kind: isFile, mode: 0o644, from: agentUnits + "assent-agent.service"},
				{path: unitDir + "assent-reap.service", kind: isFile, mode: 0o644, from: agentUnits + "assent-reap.service"},
				{path: unitDir + "assent-reap-due.service", kind: isFile, mode: 0o644, from: agentUnits + "assent-reap-due.service"},
				{path: unitDir + "assent-reap-due.timer", kind: isFile, mode: 0o644, from: agentUnits + "assent-reap-due.timer"},
			},
			suggests: map[string][]string{"deb": {"sudo (>= 1.9.2)"}, "rpm": {"sudo >= 1.9.2"}},
		},
		desktop(),
		{
			name: "assent-controller", summary: "Elevation on request: controller and command line", console: true,
			text: "The queue of requests, rules, the console and the door of the agents, with\none database of its own, and assentctl for approvers and administrators.",
			programs: []program{
				{name: "assent-controller", folder: "controller/cmd/assent-controller", section: "8", files: [][2]string{
					{"/etc/assent/controller.toml", "the configuration"},
					{"/var/lib/assent-controller", "database and keys; back it up with assent-controller backup"}}},
				{name: "assentctl", folder: "controller/cmd/assentctl", section: "1", files: [][2]string{{"~/.config/assent/ctl.json", "what assentctl login stored"}}},
			},
			files: []entry{
				{path: "/etc/assent", kind: isDir, mode: 0o755},
				{path: "/etc/assent/controller.toml", kind: isConfig, mode: 0o644, from: "etc/controller.toml"},
				{path: unitDir + "assent-controller.service", kind: isFile, mode: 0o644, from: "etc/assent-controller.service"},
			},
			needs:    map[string][]string{"deb": {"passwd"}, "rpm": {"shadow-utils"}},
			suggests: map[string][]string{"deb": {"ca-certificates"}, "rpm": {"ca-certificates"}},
		},
	}
}

// desktop is the program of the desktop. Servers have none, so it is a package of its
// own, with the libraries of the desktop that it is linked with.
func desktop() product {
	const folder = "agent/cmd/assent-tray/autostart/"
	return product{
		name: "assent-tray", summary: "Elevation on request: the icon beside the clock", still: true,
		text: "A menu with what you asked for and how it stands, notices, and a form that\nasks for access. It has no rights of its own.",
		programs: []program{{name: "assent-tray", folder: "agent/cmd/assent-tray", section: "1", icon: true,
			files: [][2]string{{"/run/assent/agent.sock", "the agent of this machine"}, {"/etc/xdg/autostart/assent-tray.desktop", "what starts it at log-in"}}}},
		files: []entry{
			{path: "/etc/xdg/autostart/assent-tray.desktop", kind: isConfig, mode: 0o644, from: folder + "assent-tray.desktop"},
			{path: "/usr/share/applications/assent-request.desktop", kind: isFile, mode: 0o644, from: folder + "assent-request.desktop"},
			{path: "/usr/share/icons/hicolor/scalable/apps/assent.svg", kind: isFile, mode: 0o644, from: "agent/tray/page/icon.svg"},
		},
		needs: map[string][]string{
			"deb": {"assent-agent (= {{version}})", "libayatana-appindicator3-1", "libgtk-3-0 | libgtk-3-0t64"},
			"rpm": {"assent-agent = {{version}}", "libayatana-appindicator3.so.1()(64bit)", "libgtk-3.so.0()(64bit)"}},
		suggests: map[string][]string{"deb": {"xdg-utils", "zenity"}, "rpm": {"xdg-utils", "zenity"}},
	}
}
